//! Tables in the guide's form: capital headings, columns padded with spaces, two spaces between.

/// One column: its heading, and the least width the guide gives it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    heading: &'static str,
    least_width: usize,
}

/// A column that is as wide as its widest cell.
pub(crate) const fn column(heading: &'static str) -> Column {
    wide_column(heading, 0)
}

/// A column that is at least `least_width` characters wide.
pub(crate) const fn wide_column(heading: &'static str, least_width: usize) -> Column {
    Column {
        heading,
        least_width,
    }
}

/// The lines of a table, heading first, without trailing spaces.
pub(crate) fn table(columns: &[Column], rows: &[Vec<String>]) -> Vec<String> {
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            rows.iter()
                .filter_map(|row| row.get(at))
                .map(|cell| cell.chars().count())
                .chain([column.heading.len(), column.least_width])
                .max()
                .unwrap_or_default()
        })
        .collect();
    let heading: Vec<&str> = columns.iter().map(|column| column.heading).collect();
    let mut lines = vec![row_line(&heading, &widths)];
    for row in rows {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        lines.push(row_line(&cells, &widths));
    }
    lines
}

fn row_line(cells: &[&str], widths: &[usize]) -> String {
    let padded: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell:width$}"))
        .collect();
    padded.join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_grow_with_their_cells_and_lines_end_without_spaces() {
        let rows = vec![
            vec!["a".to_owned(), "long cell".to_owned(), String::new()],
            vec!["bbb".to_owned(), "x".to_owned(), "1m".to_owned()],
        ];
        assert_eq!(
            table(
                &[column("N"), column("MIDDLE"), wide_column("AGE", 5)],
                &rows
            ),
            [
                "N    MIDDLE     AGE",
                "a    long cell",
                "bbb  x          1m",
            ]
        );
    }
}

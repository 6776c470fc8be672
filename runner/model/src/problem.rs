//! What is wrong with a user's file, and where.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Location;

/// One thing that is wrong with a file.
///
/// Problems sort by place. Their `Display` is the whole block for people: message, place, the line
/// with a caret, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Where it is.
    pub location: Location,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it, in one line.
    pub help: Option<String>,
    /// The line of the file with a caret below the place; empty where there is no such line.
    pub snippet: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        write!(f, "  --> {}", self.location)?;
        if !self.snippet.is_empty() {
            write!(f, "\n{}", self.snippet)?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n   = help: {help}")?;
        }
        Ok(())
    }
}

/// How much of a line a snippet shows, in characters. Longer lines are cut around the caret.
const SNIPPET_WIDTH: usize = 100;

/// The line of `text` at `line` with a caret at `column`, both counted from 1; empty without such a line.
pub(crate) fn snippet(text: &str, line: u32, column: u32) -> String {
    let Some(source) = line
        .checked_sub(1)
        .and_then(|above| text.lines().nth(above as usize))
    else {
        return String::new();
    };
    let characters: Vec<char> = source
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let caret = (column.max(1) as usize - 1).min(characters.len());
    let start = caret.saturating_sub(SNIPPET_WIDTH / 2);
    let end = characters.len().min(start + SNIPPET_WIDTH);
    let shown: String = characters[start..end].iter().collect();
    let marked = characters[caret..end]
        .iter()
        .take_while(|c| !matches!(c, ' ' | ':' | ',' | '}' | ']'))
        .count()
        .max(1);
    let marked = match characters.get(caret) {
        Some('{' | '[') => 1,
        _ => marked,
    };
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    format!(
        "{gutter} |\n{number} | {}\n{gutter} | {}{}",
        shown.trim_end(),
        " ".repeat(caret - start),
        "^".repeat(marked)
    )
}

#[cfg(test)]
mod tests {
    use super::snippet;

    #[test]
    fn the_caret_stands_below_the_word() {
        assert_eq!(
            snippet("a: 1\nactorz: 2\n", 2, 1),
            "  |\n2 | actorz: 2\n  | ^^^^^^"
        );
    }

    #[test]
    fn a_place_beyond_the_text_is_shown_as_far_as_it_goes() {
        assert_eq!(snippet("ab\n", 1, 90), "  |\n1 | ab\n  |   ^");
        assert_eq!(snippet("ab\n", 9, 1), "");
        assert_eq!(snippet("ab\n", 0, 0), "");
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let text = format!("{}here{}", "x ".repeat(300), " y".repeat(300));
        let shown = snippet(&text, 1, 601);
        assert!(shown.lines().all(|line| line.chars().count() <= 110));
        assert!(shown.ends_with("^^^^"), "{shown}");
    }
}

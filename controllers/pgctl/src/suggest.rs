//! The nearest valid name to a name that is not valid.

/// Nearer than this (0 to 1, Jaro-Winkler) two names look like one name mistyped.
const ALIKE: f64 = 0.75;

/// The candidate that `typed` was most likely meant to be, if one is near enough.
pub(crate) fn nearest<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(typed, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_finds_its_neighbour_and_a_strange_one_finds_none() {
        let names = ["cluster1", "cluster2", "dr-cluster"];
        assert_eq!(nearest("clutser2", names), Some("cluster2"));
        assert_eq!(nearest("zzz", names), None);
    }
}

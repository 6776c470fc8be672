//! The record as JSON: the machine's report, and the source of every other.

use sitedrill_model::record::RunRecord;

/// The record of a run, indented, with a line end at the end.
pub fn json(record: &RunRecord) -> String {
    let mut text = serde_json::to_string_pretty(record)
        .expect("a record holds only text keys and numbers that JSON knows");
    text.push('\n');
    text
}

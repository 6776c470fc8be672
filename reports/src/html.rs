//! One self-contained HTML file (in work).
use sitedrill_model::record::RunRecord;

/// The record of a run as one HTML file.
pub fn html(record: &RunRecord) -> String {
    let _ = record;
    String::new()
}

//! The reports of the sample run are those in `samples/`, byte for byte.
//!
//! With `SITEDRILL_BLESS=1` the files are written instead; `cargo xtask bless` does that. Then read the diff.

use sitedrill_reports::{Look, html, json, junit, summary};

use crate::support::{events, record, samples};

#[test]
fn the_record_is_the_golden_one() {
    compare("record.json", &json(&record()));
}

#[test]
fn the_junit_report_is_the_golden_one() {
    compare("junit.xml", &junit(&record()));
}

#[test]
fn the_html_report_is_the_golden_one() {
    compare("index.html", &html(&record()));
}

#[test]
fn the_terminal_summary_is_the_golden_one() {
    compare("terminal.txt", &summary(&record(), Look::default()));
}

#[test]
fn the_record_can_be_read_back_and_renders_the_same() {
    let record = record();
    let again = serde_json::from_str(&json(&record)).expect("a record reads back");
    assert_eq!(record, again);
    assert_eq!(junit(&record), junit(&again));
}

#[test]
fn the_sample_shows_every_verdict_that_a_finished_run_has() {
    use sitedrill_model::Verdict::{Failed, Inconclusive, Passed, Skipped};
    let verdicts: Vec<_> = record().drills.iter().map(|drill| drill.verdict).collect();
    assert_eq!(verdicts, [Passed, Failed, Inconclusive, Skipped]);
    assert!(events().len() > 80, "the sample is a whole run");
}

#[test]
fn a_report_that_differs_from_its_golden_file_is_told_apart() {
    assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(
        first_difference("a\nb\n", "a\nc\n").as_deref(),
        Some("line 2:\n- b\n+ c")
    );
    assert_eq!(
        first_difference("a\n", "a\nb\n").as_deref(),
        Some("line 2:\n- \n+ b")
    );
}

fn compare(file: &str, actual: &str) {
    let path = samples().join(file);
    let bless = std::env::var_os("SITEDRILL_BLESS").is_some_and(|value| value == "1");
    if bless && std::env::var_os("CI").is_none() {
        std::fs::write(&path, actual).expect("the folder of the samples can be written to");
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some(difference) = first_difference(&golden, actual) {
        panic!(
            "reports/samples/{file} is not what the sample renders to, from {difference}\n\
             If the change is wanted: cargo xtask bless, then read the diff."
        );
    }
}

/// The first line that differs, `-` golden and `+` actual.
fn first_difference(golden: &str, actual: &str) -> Option<String> {
    if golden == actual {
        return None;
    }
    let (mut old, mut new) = (golden.lines(), actual.lines());
    for number in 1.. {
        match (old.next(), new.next()) {
            (Some(a), Some(b)) if a == b => {}
            (None, None) => break,
            (a, b) => {
                let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
                return Some(format!("line {number}:\n- {a}\n+ {b}"));
            }
        }
    }
    Some("the line ends".to_owned())
}

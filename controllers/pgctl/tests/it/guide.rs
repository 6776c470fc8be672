//! The texts of these tests against the guide itself, where it lies beside the project.
//!
//! The other modules hold the guide's lines as literals, so that they need no file. Here the literals
//! are looked up in the guide, which keeps a typing mistake from becoming a requirement.

use std::path::Path;

use crate::refusals::{LOCK_HELD, SAFETY_CHECK};

const LISTING: &str = "\
NAME                      PROTECTION-GROUP  TARGET     PHASE      AGE
failover-pg-a-1730400000  pg-a              cluster2   Succeeded  2m
";

#[test]
fn every_expected_text_stands_in_the_guide_byte_for_byte() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/spec/operations-api.txt");
    let Ok(guide) = std::fs::read_to_string(path) else {
        eprintln!("the guide is not beside the project; its lines are not compared with it");
        return;
    };
    let lines = crate::failover::SCENARIO_1
        .replace("failover-pg-a-1730345600", "failover-pg-a-<timestamp>");
    for text in [
        &lines,
        LOCK_HELD,
        SAFETY_CHECK,
        crate::failover::SCENARIO_4,
        LISTING,
    ] {
        assert!(guide.contains(text), "not in the guide:\n{text}");
    }
}

#[test]
fn the_two_warning_signs_and_the_dash_are_the_guides_characters() {
    assert!(SAFETY_CHECK.starts_with("\u{26a0} S"));
    assert!(crate::failover::SCENARIO_4.starts_with("\u{26a0}\u{fe0f}  W"));
    assert!(LOCK_HELD.contains("aborted \u{2014} another"));
}

//! The stages and what is said of them.

use std::time::Duration;

use xtask::stages::{Counts, End, StageResult, summary};

fn stage(name: &'static str, end: End, seconds: u64) -> StageResult {
    StageResult {
        name,
        end,
        took: Duration::from_secs(seconds),
    }
}

#[test]
fn tests_are_counted_over_all_test_programs() {
    let mut counts = Counts::default();
    for line in [
        "running 3 tests",
        "test a ... ok",
        "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        "test result: FAILED. 4 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.25s",
    ] {
        counts.add(line);
    }
    let expected = Counts {
        passed: 6,
        failed: 3,
        ignored: 1,
    };
    assert_eq!(counts, expected);
}

#[test]
fn the_summary_names_every_stage_with_its_time() {
    let results = [
        stage("format", End::Passed, 1),
        stage("clippy", End::Failed, 75),
        stage("tests", End::NotRun, 0),
    ];
    assert_eq!(
        summary(&results, Counts::default()),
        "\n\
         ok       format                1.0 s\n\
         FAILED   clippy               75.0 s\n\
         not run  tests\n\
         0 tests passed, 0 failed, 0 ignored; NOT all is well"
    );
}

#[test]
fn all_is_well_only_when_every_stage_passed() {
    let well = summary(&[stage("tests", End::Passed, 1)], Counts::default());
    assert!(well.ends_with("; all is well"), "{well}");
}

//! Exit codes and messages of the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{guide, scenarios};

/// How a run of the program ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn run(args: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_sitedrill"))
        .args(args)
        // Snapshots are never written by these tests.
        .env("CI", "true")
        .output()
        .expect("the program starts");
    Ended {
        code: output.status.code().expect("the program was not killed"),
        stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("output is UTF-8"),
    }
}

/// A copy of the baseline drill with one text replaced by another, in a folder of its own.
fn changed(folder: &Path, from: &str, to: &str) -> PathBuf {
    let original = scenarios().join("guide/1-baseline-failover.yaml");
    let text = fs::read_to_string(original).expect("the drill can be read");
    assert!(text.contains(from), "the drill no longer says {from}");
    // Snapshots stand beside the original, so the copy goes without.
    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.contains("snapshot:"))
        .collect();
    let file = folder.join("changed.yaml");
    fs::write(&file, lines.join("\n").replace(from, to)).expect("the copy can be written");
    file
}

fn run_file(file: &Path, out: &Path) -> Ended {
    run(&[
        "run",
        &file.display().to_string(),
        "--out",
        &out.display().to_string(),
    ])
}

#[test]
fn a_run_of_many_drills_passes_and_leaves_its_reports() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let ended = run_file(&guide(), &out);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    for report in ["junit.xml", "record.json", "events.jsonl", "index.html"] {
        assert!(out.join(report).is_file(), "{report} is missing");
    }
    let junit = fs::read_to_string(out.join("junit.xml")).unwrap();
    assert!(junit.matches("<testcase ").count() >= 7, "{junit}");
    assert!(
        !junit.contains("<failure") && !junit.contains("<error"),
        "{junit}"
    );
    for case in junit.lines().filter(|line| line.contains("<testcase ")) {
        for attribute in ["time=", "classname=", "file="] {
            assert!(case.contains(attribute), "{case} lacks {attribute}");
        }
    }
}

#[test]
fn a_wrong_expectation_fails_with_its_place_what_was_expected_and_what_was_seen() {
    let folder = tempfile::tempdir().unwrap();
    let file = changed(
        folder.path(),
        "sequence: [running, mixed, stopped]",
        "sequence: [running, stopped]",
    );
    let ended = run_file(&file, &folder.path().join("run"));
    assert_eq!(ended.code, 1, "{}", ended.stdout);
    let text = format!("{}{}", ended.stdout, ended.stderr);
    assert!(text.contains("changed.yaml:"), "{text}");
    assert!(
        text.contains("running, stopped"),
        "what was expected: {text}"
    );
    assert!(text.contains("mixed"), "what was seen on the way: {text}");
}

#[test]
fn a_misspelt_key_is_a_usage_error_with_its_place_and_the_nearest_valid_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = changed(folder.path(), "\nactors:", "\nactorz:");
    let out = folder.path().join("run");
    let ended = run_file(&file, &out);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("changed.yaml:") && ended.stderr.contains("`actors`"),
        "{}",
        ended.stderr
    );
    assert!(!out.exists(), "nothing was started");
}

#[test]
fn an_empty_folder_is_nothing_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(&["run", &folder.path().display().to_string()]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
}

#[test]
fn a_filter_that_matches_nothing_is_nothing_to_run() {
    let scenarios = scenarios().display().to_string();
    let ended = run(&["run", &scenarios, "--filter", "no-such-drill"]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
}

#[test]
fn a_missing_file_and_an_unknown_argument_are_usage_errors() {
    assert_eq!(run(&["run", "no/such/file.yaml"]).code, 2);
    assert_eq!(run(&["run", "--no-such-flag"]).code, 2);
    assert_eq!(run(&["fly"]).code, 2);
}

#[test]
fn a_folder_that_holds_a_run_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let file = scenarios().join("guide/5-desired-state.yaml");
    assert_eq!(run_file(&file, &out).code, 0);
    let again = run_file(&file, &out);
    assert_eq!(again.code, 2, "a usage error: {}", again.stderr);
    assert!(again.stderr.contains("--out"), "{}", again.stderr);
}

#[test]
fn an_old_run_can_be_rendered_again_from_its_events_alone() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    assert_eq!(
        run_file(&scenarios().join("guide/5-desired-state.yaml"), &out).code,
        0
    );
    let junit = fs::read_to_string(out.join("junit.xml")).unwrap();
    fs::remove_file(out.join("record.json")).unwrap();
    let again = run(&["report", &out.display().to_string(), "--format", "junit"]);
    assert_eq!((again.code, again.stdout), (0, junit));
}

#[test]
fn list_names_every_drill_and_its_file() {
    let ended = run(&["list", &scenarios().display().to_string()]);
    assert_eq!(ended.code, 0);
    for name in ["lock-contention", "safety-check", "operations-api"] {
        assert!(ended.stdout.contains(name), "{}", ended.stdout);
    }
}

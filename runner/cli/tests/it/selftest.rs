//! `sitedrill selftest`: mutations that are killed, and one that survives.

use crate::program::run;
use crate::scenarios;

fn selftest(file: &str, mutations: &[&str]) -> crate::program::Ended {
    let file = scenarios().join(file).display().to_string();
    let mut args = vec!["selftest", &file];
    for mutation in mutations {
        args.extend(["--mutation", mutation]);
    }
    run(&args)
}

#[test]
fn the_baseline_drill_kills_what_it_looks_at() {
    let kills = [
        "audit-object-deleted",
        "status-never-updated",
        "phase-rewritten",
        "output-line-changed",
        "rto-exceeded",
        "replica-not-written",
    ];
    let ended = selftest("guide/1-baseline-failover.yaml", &kills);
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    assert!(
        ended.stdout.contains("6 of 6 mutations killed"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_mutation_that_no_drill_looks_at_survives_and_fails_the_selftest() {
    let ended = selftest("guide/5-desired-state.yaml", &["force-ignored"]);
    assert_eq!(ended.code, 1, "{}", ended.stdout);
    assert!(
        ended.stdout.contains("survived: force-ignored"),
        "{}",
        ended.stdout
    );
}

#[test]
fn an_unknown_mutation_is_a_usage_error() {
    let ended = selftest("guide/5-desired-state.yaml", &["nonsense"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("lock-ignored"), "{}", ended.stderr);
}

//! One race under many seeds.

use std::collections::BTreeSet;

use sitedrill_model::record::RunRecord;

use crate::program::run;
use crate::scenarios;

/// Enough seeds for both to win, few enough for a debug build. `--repeat 200` is as quick in a release build.
const SEEDS: u64 = 12;

#[test]
fn under_many_seeds_each_of_two_failovers_wins_the_lock_and_never_both() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run").display().to_string();
    let file = scenarios().join("lock/race.yaml").display().to_string();
    let ended = run(&["run", &file, "--repeat", &SEEDS.to_string(), "--out", &out]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let text = std::fs::read_to_string(format!("{out}/record.json")).unwrap();
    let record: RunRecord = serde_json::from_str(&text).unwrap();
    let seeds: BTreeSet<u64> = record.drills.iter().map(|drill| drill.info.seed).collect();
    assert_eq!(seeds.len() as u64, SEEDS, "each run has a seed of its own");
    let won = |terminal: &str, phase: &str| {
        let tally = record.tallies.iter().find(|it| it.name == terminal);
        let counts = &tally.expect("both are measured").counts;
        counts.get(phase).copied().unwrap_or_default()
    };
    let (one, two) = (
        won("terminal-1", "Succeeded"),
        won("terminal-2", "Succeeded"),
    );
    assert_eq!(one + two, SEEDS, "exactly one winner each time");
    assert_eq!(
        (won("terminal-1", "Failed"), won("terminal-2", "Failed")),
        (two, one)
    );
    assert!(one > 0 && two > 0, "both orders: {one} and {two}");
    let said = format!("lock-race: terminal-1 was Failed {two} time");
    assert!(ended.stdout.contains(&said), "{}", ended.stdout);
}

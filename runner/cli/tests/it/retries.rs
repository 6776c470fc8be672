//! Drills that are tried again: what passes then is flaky, what never passes has failed, and every try is kept.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sitedrill::testing;
use sitedrill_model::record::{DrillRecord, RunRecord};
use sitedrill_model::{Verdict, try_seed};

use crate::program::{Ended, run};
use crate::scenarios;

/// A drill that fails when it is run for the first time beside its file, and passes from then on.
const SECOND_TIME: &str = "\
apiVersion: sitedrill/v1
kind: Scenario
metadata: {name: second-time, summary: Passes when it is run for the second time.}
sites: [primary, dr, quorum]
given: {groups: {pg-a: {vms: 1, at: primary}}}
actors:
  operator:
    - shell: test -e once || { touch once; echo not yet; exit 1; }
      within: 1m
";

/// A drill that never passes.
const NEVER: &str = "\
apiVersion: sitedrill/v1
kind: Scenario
metadata: {name: never, summary: Never passes.}
sites: [primary, dr, quorum]
given: {groups: {pg-a: {vms: 1, at: primary}}}
actors:
  operator:
    - expect: {site: dr, object: pg/pg-a, matches: {status: {currentState: running}}}
";

fn run_in(folder: &Path, out: &Path, more: &[&str]) -> Ended {
    let (path, out) = (folder.display().to_string(), out.display().to_string());
    run(&[&["run", &path, "--out", &out], more].concat())
}

fn record(out: &Path) -> RunRecord {
    let text = fs::read_to_string(out.join("record.json")).expect("a run leaves its record");
    serde_json::from_str(&text).expect("a record is JSON")
}

fn seeds(drill: &DrillRecord) -> BTreeSet<u64> {
    let tries = drill.attempts.iter().chain([drill]);
    tries.map(|it| it.info.seed).collect()
}

#[test]
fn a_pass_at_the_second_try_is_a_pass_that_every_report_calls_flaky() {
    let folder = tempfile::tempdir().unwrap();
    let drills = folder.path().join("drills");
    fs::create_dir(&drills).unwrap();
    fs::write(drills.join("1.yaml"), SECOND_TIME).unwrap();
    let later = SECOND_TIME.replace("second-time", "later");
    fs::write(drills.join("2.yaml"), later).unwrap();
    let out = folder.path().join("run");
    let flags = [
        "--time",
        "real",
        "--retries",
        "2",
        "--fail-fast",
        "--jobs",
        "1",
    ];
    let ended = run_in(&drills, &out, &flags);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.stderr.contains("RETRY  second-time  try 1: "),
        "{}",
        ended.stderr
    );
    for said in [
        "FLAKY  second-time",
        "passed on try 2, after OutcomeDiffers",
        "try 1 failed",
        "PASS   later",
        "2 drills: 2 passed (1 flaky)",
    ] {
        assert!(ended.stdout.contains(said), "{said} in {}", ended.stdout);
    }
    let record = record(&out);
    let drill = &record.drills[0];
    assert_eq!(
        (drill.verdict, drill.flaky, drill.attempt),
        (Verdict::Passed, true, 2)
    );
    assert_eq!(drill.attempts.len(), 1);
    assert_eq!(drill.attempts[0].verdict, Verdict::Failed);
    assert_eq!(seeds(drill).len(), 2, "each try has a seed of its own");
    let run_info = record.run.as_ref().unwrap();
    assert!(
        run_info.command.ends_with("--retries 2"),
        "{}",
        run_info.command
    );
    let junit = fs::read_to_string(out.join("junit.xml")).unwrap();
    assert!(
        junit.contains("<flakyFailure ") && !junit.contains("<failure"),
        "{junit}"
    );
    assert!(junit.contains("failures=\"0\" errors=\"0\""), "{junit}");
    let html = fs::read_to_string(out.join("index.html")).unwrap();
    assert!(html.contains("badge flaky"), "{html}");
    fs::remove_file(out.join("record.json")).unwrap();
    let again = run(&["report", &out.display().to_string(), "--format", "junit"]);
    assert_eq!(
        (again.code, again.stdout),
        (0, junit),
        "from the events alone"
    );
}

#[test]
fn without_retries_a_drill_is_tried_once() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("1.yaml"), SECOND_TIME).unwrap();
    let out = folder.path().join("run");
    let ended = run_in(&folder.path().join("1.yaml"), &out, &["--time", "real"]);
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    let record = fs::read_to_string(out.join("record.json")).unwrap();
    assert!(
        !record.contains("attempt") && !record.contains("flaky"),
        "{record}"
    );
}

#[test]
fn what_never_passes_has_failed_with_all_its_tries_and_the_seeds_repeat_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("never.yaml");
    fs::write(&file, NEVER).unwrap();
    let out = folder.path().join("run");
    let ended = run_in(&file, &out, &["--retries", "2", "--seed", "5"]);
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    for said in ["never", "ExpectationNotMet, 3 tries", "1 drill: 1 failed"] {
        assert!(ended.stdout.contains(said), "{said} in {}", ended.stdout);
    }
    let record = record(&out);
    let drill = &record.drills[0];
    assert_eq!(
        (drill.verdict, drill.flaky, drill.attempt),
        (Verdict::Failed, false, 1)
    );
    let others: Vec<u32> = drill.attempts.iter().map(|it| it.attempt).collect();
    assert_eq!(others, [2, 3]);
    assert_eq!(seeds(drill).len(), 3);
    let junit = fs::read_to_string(out.join("junit.xml")).unwrap();
    assert_eq!(junit.matches("<failure ").count(), 1, "{junit}");
    assert_eq!(junit.matches("<rerunFailure ").count(), 2, "{junit}");

    let seed = try_seed(5, 3).to_string();
    let repeat = format!("sitedrill run {} --seed {seed}", file.display());
    assert!(
        ended.stdout.contains(&repeat),
        "{repeat} in {}",
        ended.stdout
    );
    let out = folder.path().join("again");
    assert_eq!(run_in(&file, &out, &["--seed", &seed]).code, 1);
    let again = self::record(&out);
    assert_eq!(again.drills[0].info.seed, drill.attempts[1].info.seed);
    assert_eq!(again.drills[0].chapters, drill.attempts[1].chapters);
}

/// Two operators, one group, and a drill that is content with one winner only.
fn race() -> String {
    let text = fs::read_to_string(scenarios().join("lock/race.yaml")).expect("the race is there");
    let end =
        text.find("  - expect: {site: quorum, kind: failover, matches: {status: {phase: Running}}");
    let mut race = text[..end.expect("the race waits for its winner")].to_owned();
    race.push_str(
        "  - expect: {site: quorum, object: failover/failover-pg-a-one, matches: {status: {phase: Succeeded}}}
    within: 10m
always:
  - return: pg-a to primary
    within: 20m
",
    );
    race
}

#[test]
fn in_virtual_time_too_another_try_may_end_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("race.yaml");
    fs::write(&file, race()).unwrap();
    let drills = testing::load(folder.path()).unwrap();
    let drill = drills.named("lock-race").unwrap();
    let under = |seed: u64| drill.clone().with_seed(seed).record().0;
    let seed = (1..100)
        .find(|seed| {
            under(*seed).verdict == Verdict::Failed
                && under(try_seed(*seed, 2)).verdict == Verdict::Passed
        })
        .expect("one of a hundred seeds loses the race and wins it when tried again");
    let out = folder.path().join("run");
    let ended = run_in(
        &file,
        &out,
        &["--retries", "1", "--seed", &seed.to_string()],
    );
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let record = record(&out);
    let (passed, failed) = (&record.drills[0], &record.drills[0].attempts[0]);
    assert!(passed.flaky);
    assert_eq!(passed.chapters, under(try_seed(seed, 2)).chapters);
    assert_eq!(failed.chapters, under(seed).chapters);
}

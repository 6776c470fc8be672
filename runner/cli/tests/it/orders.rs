//! Failovers as objects: what their steps say where something is wrong.

use sitedrill_model::{Failure, FailureKind, Verdict};
use siterecovery_decide::Sabotage;

use crate::program::run;
use crate::scenarios;
use crate::turns_red::{failures, sabotaged};

#[test]
fn the_lock_drill_of_objects_fails_when_the_lock_is_ignored() {
    let record = sabotaged("lock-created-while-held", Sabotage::IgnoreLock);
    assert_eq!(record.verdict, Verdict::Failed);
    let failures = failures(&record);
    let expected = |failure: &&Failure| {
        failure.kind == FailureKind::OutcomeDiffers
            && failure.message.starts_with(
                "failover/failover-pg-a-late on quorum ended otherwise: expected refused: LockHeld",
            )
    };
    assert!(failures.iter().any(expected), "{failures:#?}");
}

#[test]
fn a_failover_step_with_a_wrong_expectation_says_what_the_object_says() {
    let folder = tempfile::tempdir().unwrap();
    let original = scenarios().join("failover/refused-as-objects.yaml");
    let text = std::fs::read_to_string(original).unwrap();
    let wrong = text.replacen("{refused: NoSuchGroup}", "{failed: split-brain}", 1);
    let file = folder.path().join("wrong.yaml");
    std::fs::write(&file, wrong).unwrap();
    let out = folder.path().join("run").display().to_string();
    let ended = run(&["run", &file.display().to_string(), "--out", &out]);
    assert_eq!(ended.code, 1, "{}", ended.stdout);
    for said in [
        "wrong.yaml:16:",
        "OutcomeDiffers: failover/failover-pg-z on quorum ended otherwise: expected failed with `split-brain`, was \
         refused: NoSuchGroup: there is no ProtectionGroup pg-z on dr",
    ] {
        assert!(ended.stdout.contains(said), "{said} in {}", ended.stdout);
    }
}

//! A drill that cannot fail shows nothing: with a rule of the controllers switched off, its drill turns red.

use sitedrill::testing;
use sitedrill_model::record::DrillRecord;
use sitedrill_model::{Failure, FailureKind, Verdict};
use siterecovery_decide::Sabotage;

use crate::program::run;
use crate::scenarios;

fn sabotaged(name: &str, how: Sabotage) -> DrillRecord {
    let drills = testing::load(&scenarios()).expect("the drills of this repository are valid");
    let drill = drills.named(name).expect("the drill exists");
    drill.clone().sabotaged(how).record().0
}

fn failures(record: &DrillRecord) -> Vec<&Failure> {
    let chapters = record.chapters.iter();
    let steps = chapters.clone().flat_map(|chapter| &chapter.steps);
    let of_steps = steps.filter_map(|step| step.outcome.as_ref()?.failure.as_ref());
    let of_chapters = chapters.flat_map(|chapter| &chapter.failures);
    record
        .failure
        .iter()
        .chain(of_steps)
        .chain(of_chapters)
        .collect()
}

#[test]
fn the_safety_drill_fails_when_the_safety_check_is_skipped() {
    let record = sabotaged("safety-check", Sabotage::SkipSafetyCheck);
    assert_eq!(record.verdict, Verdict::Failed);
    let failures = failures(&record);
    let expected = |failure: &&&Failure| {
        failure.kind == FailureKind::OutcomeDiffers
            && failure
                .expected
                .as_deref()
                .is_some_and(|text| text.contains("SafetyCheck"))
    };
    assert!(
        failures.iter().any(|failure| expected(&failure)),
        "{failures:#?}"
    );
}

#[test]
fn the_lock_drill_fails_when_the_lock_is_ignored() {
    let record = sabotaged("lock-contention", Sabotage::IgnoreLock);
    assert_eq!(record.verdict, Verdict::Failed);
    let failures = failures(&record);
    let expected = |failure: &&&Failure| {
        failure.kind == FailureKind::OutcomeDiffers
            && failure
                .expected
                .as_deref()
                .is_some_and(|text| text.contains("LockHeld"))
    };
    assert!(
        failures.iter().any(|failure| expected(&failure)),
        "{failures:#?}"
    );
}

#[test]
fn starting_the_target_before_the_source_has_stopped_breaks_single_primary_or_the_storage() {
    let record = sabotaged("baseline-failover", Sabotage::StartBeforeRelease);
    assert_eq!(record.verdict, Verdict::Failed, "{:#?}", failures(&record));
}

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

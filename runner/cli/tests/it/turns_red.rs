//! A drill that cannot fail shows nothing: with a rule of the controllers switched off, its drill turns red.

use std::fs;

use sitedrill::testing;
use sitedrill_model::record::DrillRecord;
use sitedrill_model::{Failure, FailureKind, Verdict};
use siterecovery_decide::Sabotage;

use crate::scenarios;

pub(crate) fn sabotaged(name: &str, how: Sabotage) -> DrillRecord {
    let drills = testing::load(&scenarios()).expect("the drills of this repository are valid");
    let drill = drills.named(name).expect("the drill exists");
    drill.clone().sabotaged(how).record().0
}

/// A drill of this repository with something else in a place.
fn rewritten(file: &str, from: &str, to: &str) -> DrillRecord {
    let text = fs::read_to_string(scenarios().join(file)).expect("the drill exists");
    assert!(text.contains(from), "{file} does not say {from}");
    let folder = tempfile::tempdir().expect("there is room for one drill");
    let path = folder.path().join("rewritten.yaml");
    fs::write(path, text.replace(from, to)).expect("there is room for one drill");
    let drills = testing::load(folder.path()).expect("it is still valid");
    drills.tests()[0].record().0
}

pub(crate) fn failures(record: &DrillRecord) -> Vec<&Failure> {
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
fn data_lost_with_a_source_whose_link_was_cut_misses_an_objective_that_does_not_allow_for_it() {
    let record = rewritten("two-site/link-lost.yaml", "rpo: 2m", "rpo: 30s");
    assert_eq!(record.verdict, Verdict::Failed);
    let failures = failures(&record);
    assert_eq!(failures.len(), 1, "{failures:#?}");
    let failure = failures[0];
    assert_eq!(failure.kind, FailureKind::ObjectiveMissed);
    for part in [
        "lost 59s (59 markers)",
        "of pg-a-vm-",
        "the objective is 30s",
        "on primary-",
    ] {
        assert!(failure.message.contains(part), "{}", failure.message);
    }
    let line = failure.location.as_ref().map(|place| place.line);
    assert_eq!(line, Some(11), "where the objectives stand");
}

//! A drill that cannot fail shows nothing: with a rule of the controllers switched off, its drill turns red.

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

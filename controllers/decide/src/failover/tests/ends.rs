//! How failovers end: rollback or none, the lock given back, and what is owed afterwards.

use siterecovery_api::{DesiredState, FailoverPhase, FailoverStatus, StepName};

use super::builder::{ME, UID, at, group, lease, other, policy};
use crate::conditions::{self, Truth};
use crate::decision::Decision;
use crate::effect::Effect;
use crate::failover::{Observed, decide};

fn decided(seen: &Observed, second: i64) -> Decision<FailoverStatus> {
    decide(seen, &policy(), at(second))
}

fn verbs(decision: &Decision<FailoverStatus>) -> Vec<&'static str> {
    decision.effects.iter().map(Effect::verb).collect()
}

/// Stores the decision's status and looks again.
fn next(
    seen: &mut Observed,
    decision: Decision<FailoverStatus>,
    second: i64,
) -> Decision<FailoverStatus> {
    seen.failover.status = decision.status;
    decided(seen, second)
}

#[test]
fn a_stop_that_takes_too_long_is_rolled_back_and_the_lock_given_back() {
    let mut seen = Observed::calm()
        .in_step(StepName::StopSource)
        .with_lock(lease(UID, ME, at(290)))
        .with_group("primary", |group| {
            group.desired = DesiredState::Stopped;
            group.generation = 2;
        });
    let verdict = decided(&seen, 300);
    assert!(
        verdict.effects.is_empty(),
        "the verdict is stored before anything follows from it"
    );
    assert_eq!(verdict.status.phase, Some(FailoverPhase::Running));
    let end = next(&mut seen, verdict, 300);
    assert_eq!(verbs(&end), ["SetDesiredState", "ReleaseLock"]);
    insta::assert_yaml_snapshot!(end);
}

#[test]
fn a_source_that_was_never_asked_to_stop_needs_no_rollback() {
    let mut seen = Observed::calm()
        .with_taint(siterecovery_api::names::TAINT_LOST_QUORUM)
        .in_step(StepName::ClearTaints);
    let verdict = decided(&seen, 60);
    let end = next(&mut seen, verdict, 60);
    assert_eq!(verbs(&end), ["ReleaseLock"]);
    assert_eq!(end.status.phase, Some(FailoverPhase::Failed));
}

#[test]
fn a_source_that_did_not_run_before_is_not_started_by_a_rollback() {
    let mut seen = Observed::calm()
        .source_stopped()
        .with_volumes(|all| *all = super::builder::volumes(Some("primary")))
        .in_step(StepName::ReleaseStorage);
    seen.failover.status.source_desired_state = Some(DesiredState::Stopped);
    let verdict = decided(&seen, 120);
    let end = next(&mut seen, verdict, 120);
    assert_eq!(verbs(&end), ["ReleaseLock"]);
}

#[test]
fn after_the_target_was_started_nothing_is_rolled_back_and_the_message_says_what_runs_where() {
    let mut seen = Observed::calm()
        .source_stopped()
        .with_site("dr", |facts| {
            facts.group = Some(group("dr", DesiredState::Running));
        })
        .in_step(StepName::StartTarget)
        .with_lock(lease(UID, ME, at(590)));
    let verdict = decided(&seen, 600);
    let end = next(&mut seen, verdict, 600);
    assert_eq!(verbs(&end), ["ReleaseLock"]);
    let message = end.status.message.unwrap();
    assert!(message.contains("nothing was rolled back"), "{message}");
    assert!(message.contains("on primary runs nothing"), "{message}");
}

#[test]
fn a_rollback_never_makes_a_second_copy() {
    let mut seen = Observed::calm()
        .source_stopped()
        .in_step(StepName::ReleaseStorage);
    seen = seen.with_volumes(|all| *all = super::builder::volumes(Some("primary")));
    let verdict = decided(&seen, 120);
    // Meanwhile someone has started the target by hand.
    let mut seen = seen.target_running();
    let end = next(&mut seen, verdict, 120);
    assert_eq!(verbs(&end), ["ReleaseLock"]);
    let rolled = end
        .status
        .condition(conditions::ROLLED_BACK)
        .unwrap()
        .clone();
    assert_eq!(rolled.status, "False");
    assert!(
        end.status
            .message
            .unwrap()
            .contains("virtual machines live on dr")
    );
}

#[test]
fn a_rollback_towards_a_site_that_is_gone_is_told_and_not_waited_for() {
    let seen = Observed::calm()
        .source_stopped()
        .with_volumes(|all| *all = super::builder::volumes(Some("primary")))
        .in_step(StepName::ReleaseStorage);
    let verdict = decided(&seen, 120);
    let mut seen = seen.with_site_lost("primary", at(119));
    let end = next(&mut seen, verdict, 120);
    assert_eq!(end.status.phase, Some(FailoverPhase::Failed));
    assert!(
        end.status
            .message
            .unwrap()
            .contains("primary is unreachable")
    );
}

#[test]
fn a_lock_that_cannot_be_deleted_does_not_keep_the_failover_running() {
    let mut seen = Observed::calm()
        .source_stopped()
        .target_running()
        .in_step(StepName::StartTarget);
    let verdict = decided(&seen, 10);
    seen.failover.status = verdict.status;
    assert_eq!(verbs(&decided(&seen, 11)), ["ReleaseLock"]);
    // Every try has failed for a minute.
    let end = decided(&seen, 70);
    assert_eq!(end.status.phase, Some(FailoverPhase::Succeeded));
    assert!(end.effects.is_empty());
}

#[test]
fn success_is_told_in_the_guides_words() {
    for (force, words) in [
        (false, "Failover of pg-a to cluster2 completed successfully"),
        (true, "Failover of pg-a to cluster2 completed (force mode)"),
    ] {
        let mut seen = Observed::calm()
            .source_stopped()
            .target_running()
            .with_spec(|spec| spec.force = force)
            .in_step(StepName::StartTarget);
        let verdict = decided(&seen, 10);
        let end = next(&mut seen, verdict, 10);
        assert_eq!(end.status.message.as_deref(), Some(words));
        seen.failover.status = end.status;
        seen.site("quorum").lock = None;
        let after = decided(&seen, 20);
        assert!(after.effects.is_empty() && !after.persist && after.events.is_empty());
    }
}

/// A failover that ended well although its source could not be seen.
fn unfenced() -> Observed {
    let mut seen = Observed::calm()
        .target_running()
        .in_step(StepName::StartTarget);
    let status = &mut seen.failover.status;
    crate::conditions::set_condition(
        &mut status.conditions,
        crate::conditions::NewCondition {
            kind: conditions::SOURCE_FENCED,
            truth: Truth::False,
            reason: siterecovery_api::reasons::SOURCE_NOT_FENCED,
            message: "not confirmed".to_owned(),
            generation: Some(1),
        },
        at(0),
    );
    seen.site("quorum").lock = None;
    seen.failover.status.phase = Some(FailoverPhase::Succeeded);
    seen.failover.status.message = Some("done".to_owned());
    seen
}

#[test]
fn a_source_that_returns_is_stopped_first_and_then_called_fenced() {
    let mut seen = unfenced();
    let back = decided(&seen, 100);
    assert_eq!(verbs(&back), ["SetDesiredState"]);
    assert!(!back.persist);
    seen = seen.source_stopped();
    let fenced = decided(&seen, 130);
    assert!(fenced.effects.is_empty());
    assert_eq!(fenced.status.phase, Some(FailoverPhase::Succeeded));
    assert_eq!(fenced.status.message.as_deref(), Some("done"));
    let list = &fenced.status.conditions;
    assert!(conditions::holds(list, conditions::SOURCE_FENCED, Truth::True).is_some());
}

#[test]
fn a_source_that_stays_away_is_looked_for_and_nothing_changes() {
    let seen = unfenced().with_site_lost("primary", at(0));
    let decision = decided(&seen, 100);
    assert!(decision.effects.is_empty() && !decision.persist);
}

#[test]
fn fencing_gives_way_to_a_later_failover_back_to_that_site() {
    let mut later = other("failover-pg-a-2", "pg-a");
    later.created = Some(at(50));
    later.target = Some("primary".to_owned());
    later.phase = FailoverPhase::Succeeded;
    let decision = decided(&unfenced().with_other(later), 100);
    assert!(decision.effects.is_empty());
    let list = &decision.status.conditions;
    assert!(conditions::holds(list, conditions::SOURCE_FENCED, Truth::Unknown).is_some());
}

#[test]
fn a_lock_that_cannot_be_written_again_does_not_keep_the_failover_running() {
    let mut seen = Observed::calm().in_step(StepName::StopSource);
    seen.site("quorum").lock = None;
    assert_eq!(verbs(&decided(&seen, 359)), ["TakeLock"]);
    let end = decided(&seen, 360);
    assert!(
        end.effects.is_empty(),
        "nothing is changed without the lock, not even back"
    );
    assert_eq!(end.status.phase, Some(FailoverPhase::Failed));
}

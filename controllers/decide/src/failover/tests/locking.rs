//! The lock: taken, resumed, renewed, lost, and asked about at the front door.

use siterecovery_api::{FailoverPhase, SiteDirectory, StepName, reasons};

use super::builder::{UID, at, lease, other, policy};
use crate::conditions::{self};
use crate::decision::{Decision, LookAgain};
use crate::effect::Effect;
use crate::failover::{Observed, decide, front_door};
use siterecovery_api::FailoverStatus;

fn decided(seen: &Observed, second: i64) -> Decision<FailoverStatus> {
    decide(seen, &policy(), at(second))
}

/// The reason the failover ends with in this pass.
fn refused(decision: &Decision<FailoverStatus>) -> Option<&str> {
    let verdict = decision.status.condition(conditions::SUCCEEDED)?;
    (verdict.status == "False").then_some(verdict.reason.as_str())
}

fn verbs(decision: &Decision<FailoverStatus>) -> Vec<&'static str> {
    decision.effects.iter().map(Effect::verb).collect()
}

#[test]
fn an_announced_failover_takes_the_lock() {
    let mut seen = Observed::calm();
    seen.failover.status = decided(&seen, 0).status;
    let decision = decided(&seen, 1);
    insta::assert_yaml_snapshot!(decision.effects);
    assert_eq!(decision.status.phase, Some(FailoverPhase::Pending));
}

#[test]
fn a_lock_that_someone_holds_refuses_at_once_and_names_the_holder() {
    let seen = Observed::calm().with_lock(lease("uid-else", "failover-controller-777", at(-10)));
    let decision = decided(&seen, 0);
    assert_eq!(refused(&decision), Some(reasons::LOCK_HELD));
    assert_eq!(decision.status.phase, Some(FailoverPhase::Failed));
    assert_eq!(
        decision.status.lock.unwrap().holder,
        "failover-controller-777"
    );
    assert_eq!(
        decision.status.refusal.unwrap().holder.unwrap(),
        "failover-controller-777"
    );
    assert!(
        decision
            .status
            .message
            .unwrap()
            .starts_with("Failed to acquire failover lock for pg-a")
    );
    assert!(decision.effects.is_empty());
}

#[test]
fn an_expired_lock_is_taken_over_only_by_comparing_its_version() {
    let mut seen = Observed::calm().with_lock(lease("uid-else", "dead", at(-400)));
    seen.failover.status = decided(&seen, 0).status;
    let decision = decided(&seen, 0);
    let [Effect::TakeOverLock { claim, version }] = decision.effects.as_slice() else {
        panic!("{:?}", decision.effects)
    };
    assert_eq!(claim.transitions, 1);
    assert_eq!(version.uid, "lease");
    assert_eq!(version.resource_version, "1");
}

#[test]
fn a_restarted_controller_resumes_its_own_lock_at_once_and_writes_its_name_on_it_first() {
    let seen = Observed::calm()
        .in_step(StepName::StopSource)
        .with_lock(lease(UID, "failover-controller-before", at(-290)));
    let decision = decided(&seen, 5);
    assert_eq!(verbs(&decision), ["RenewLock"]);
    assert_eq!(decision.look_again, LookAgain::At(at(5)));
}

#[test]
fn two_processes_that_overlap_do_not_race_for_the_name_on_the_lock_nor_for_the_status() {
    let other = lease(UID, "failover-controller-other", at(5));
    let seen = Observed::calm()
        .in_step(StepName::StopSource)
        .with_lock(other);
    let decision = decided(&seen, 5);
    assert!(decision.effects.is_empty(), "{:?}", decision.effects);
    assert!(!decision.persist, "not even a word about the wait");
    assert_eq!(decision.look_again, LookAgain::At(at(6)));
    assert_eq!(verbs(&decided(&seen, 6)), ["RenewLock"]);
    // A name that was written by a clock that goes ahead must not hold up the one that took over.
    assert_eq!(verbs(&decided(&seen, 3)), ["RenewLock"]);
}

#[test]
fn a_lock_is_renewed_while_the_work_goes_on() {
    let seen = Observed::calm().in_step(StepName::StopSource);
    assert_eq!(verbs(&decided(&seen, 99)), ["SetDesiredState"]);
    assert_eq!(
        verbs(&decided(&seen, 100)),
        ["RenewLock", "SetDesiredState"]
    );
    // Too old to act under: only the renewal.
    assert_eq!(verbs(&decided(&seen, 285)), ["RenewLock"]);
}

#[test]
fn a_lost_lock_stops_everything_and_rolls_nothing_back() {
    for step in [
        StepName::StopSource,
        StepName::ReleaseStorage,
        StepName::StartTarget,
    ] {
        let seen = Observed::calm()
            .source_stopped()
            .in_step(step)
            .with_lock(lease("uid-else", "thief", at(10)));
        let decision = decided(&seen, 20);
        assert_eq!(refused(&decision), Some(reasons::LOCK_LOST));
        assert!(decision.effects.is_empty());
        assert_eq!(decision.status.phase, Some(FailoverPhase::Failed));
        assert!(decision.status.condition(conditions::ROLLED_BACK).is_none());
    }
}

#[test]
fn a_lock_deleted_by_hand_is_taken_again_before_anything_else() {
    let mut seen = Observed::calm().in_step(StepName::StopSource);
    seen.site("quorum").lock = None;
    assert_eq!(verbs(&decided(&seen, 5)), ["TakeLock"]);
}

#[test]
fn without_a_quorum_site_the_lock_is_taken_on_every_workload_site_by_name() {
    let directory = SiteDirectory::drbd_operator(false);
    let mut seen = Observed::calm_in(directory);
    seen.failover.home = "dr".to_owned();
    seen.failover.status = decided(&seen, 0).status;
    let both = decided(&seen, 0);
    let sites: Vec<_> = both.effects.iter().map(Effect::site).collect();
    assert_eq!(sites, ["dr", "primary"]);
    let lost = seen.with_site_lost("primary", at(-100));
    let one = decided(&lost, 0);
    assert_eq!(
        one.effects.iter().map(Effect::site).collect::<Vec<_>>(),
        ["dr"]
    );
}

#[test]
fn the_front_door_says_what_the_controller_would_say_and_changes_nothing() {
    let mut planned = Observed::calm();
    planned.failover.version.uid = String::new();
    let door = |seen: &Observed| front_door(seen, &policy(), at(1)).map(|refusal| refusal.reason());
    assert_eq!(door(&planned), None);
    let held = planned
        .clone()
        .with_lock(lease("uid-else", "someone", at(0)));
    assert_eq!(door(&held), Some(reasons::LOCK_HELD));
    let moving = planned.clone().with_other(other("failover-pg-b-1", "pg-b"));
    assert_eq!(door(&moving), Some(reasons::SAFETY_CHECK));
    assert_eq!(door(&moving.with_spec(|spec| spec.force = true)), None);
    let held_and_forced = held.with_spec(|spec| spec.force = true);
    assert_eq!(door(&held_and_forced), Some(reasons::LOCK_HELD));
    let nowhere = planned.with_spec(|spec| spec.target_cluster = "mars".to_owned());
    assert_eq!(door(&nowhere), Some(reasons::NO_SUCH_SITE));
}

//! Invariants, each with a history that breaks it.

use serde_json::Value;
use serde_json::json;
use sitedrill_model::scenario::{InvariantKind, ObjectKind};

use super::*;
use crate::objects::Key;
use crate::testing::*;

fn in_force(kind: InvariantKind) -> InForce {
    InForce::new(&Invariant {
        kind,
        location: location(4),
    })
}

fn vm(site: &str) -> Key {
    key(site, ObjectKind::VirtualMachineInstance, "pg-a-vm-1")
}

fn lock(site: &str) -> Key {
    key(site, ObjectKind::Lease, "failover-lock-pg-a")
}

fn operation(name: &str) -> Key {
    key("quorum", ObjectKind::Failover, name)
}

fn observe(it: &mut InForce, change: &Change) -> Option<String> {
    it.observe(change).map(|failure| {
        assert_eq!(failure.kind, FailureKind::InvariantViolated);
        assert_eq!(failure.location, Some(location(4)));
        assert!(!failure.seen.is_empty(), "a violation shows what led to it");
        failure.message
    })
}

#[test]
fn two_live_copies_of_a_machine_are_a_violation_with_its_timeline() {
    let mut it = in_force(InvariantKind::SinglePrimary);
    assert_eq!(
        observe(&mut it, &appeared(0, &vm("primary"), vmi("Running"))),
        None
    );
    let target = appeared(1, &vm("dr"), vmi("Scheduling"));
    assert_eq!(observe(&mut it, &target), None, "it has no node yet");
    let failure = it
        .observe(&then(&target, 2, Some(vmi("Scheduled"))))
        .unwrap();
    assert_eq!(
        failure.message,
        "single-primary: pg-a-vm-1 is live on dr and primary at once"
    );
    let timeline: Vec<String> = failure.seen.iter().map(|it| it.value.clone()).collect();
    assert_eq!(
        timeline,
        [
            "primary: virtualmachineinstance/pg-a-vm-1 phase Running",
            "dr: virtualmachineinstance/pg-a-vm-1 phase Scheduling",
            "dr: virtualmachineinstance/pg-a-vm-1 phase Scheduled",
        ]
    );
    assert_eq!(it.record().observations, 3);
    assert_eq!(it.record().violation, Some(failure));
}

#[test]
fn a_copy_that_is_being_deleted_is_live_until_it_is_gone() {
    let mut it = in_force(InvariantKind::SinglePrimary);
    let source = appeared(0, &vm("primary"), vmi("Running"));
    assert_eq!(observe(&mut it, &source), None);
    let mut dying = vmi("Running");
    dying["metadata"] = json!({"deletionTimestamp": "2024-10-31T16:00:01Z"});
    let dying = then(&source, 1, Some(dying));
    assert_eq!(observe(&mut it, &dying), None);
    assert!(observe(&mut it, &appeared(2, &vm("dr"), vmi("Running"))).is_some());

    let mut it = in_force(InvariantKind::SinglePrimary);
    assert_eq!(observe(&mut it, &source), None);
    assert_eq!(observe(&mut it, &dying), None);
    assert_eq!(observe(&mut it, &then(&dying, 2, None)), None);
    assert_eq!(
        observe(&mut it, &appeared(3, &vm("dr"), vmi("Running"))),
        None
    );
}

#[test]
fn machines_of_different_names_do_not_hinder_each_other() {
    let mut it = in_force(InvariantKind::SinglePrimary);
    let other = key("dr", ObjectKind::VirtualMachineInstance, "pg-a-vm-2");
    assert_eq!(
        observe(&mut it, &appeared(0, &vm("primary"), vmi("Running"))),
        None
    );
    assert_eq!(observe(&mut it, &appeared(0, &other, vmi("Running"))), None);
    assert_eq!(
        observe(&mut it, &appeared(1, &vm("dr"), vmi("Succeeded"))),
        None
    );
}

#[test]
fn a_lock_that_passes_on_without_release_is_a_violation() {
    let mut it = in_force(InvariantKind::OneLockHolder);
    let first = appeared(0, &lock("quorum"), lease("fc-1", "fo-1", 0));
    assert_eq!(observe(&mut it, &first), None);
    let second = then(&first, 10, Some(lease("fc-1", "fo-2", 10)));
    assert_eq!(
        observe(&mut it, &second).unwrap(),
        "one-lock-holder: the lock of pg-a on quorum passed from fc-1 for fo-1 to fc-1 for fo-2 \
         without release or expiry"
    );
}

#[test]
fn a_lock_may_be_released_expire_or_be_resumed_by_the_same_failover() {
    let mut it = in_force(InvariantKind::OneLockHolder);
    let first = appeared(0, &lock("quorum"), lease("fc-1", "fo-1", 0));
    assert_eq!(observe(&mut it, &first), None);
    let resumed = then(&first, 20, Some(lease("fc-2", "fo-1", 20)));
    assert_eq!(observe(&mut it, &resumed), None);
    let expired = then(&resumed, 320, Some(lease("fc-3", "fo-2", 320)));
    assert_eq!(observe(&mut it, &expired), None);
    let released = then(&expired, 330, None);
    assert_eq!(observe(&mut it, &released), None);
    let again = appeared(331, &lock("quorum"), lease("fc-4", "fo-3", 331));
    assert_eq!(observe(&mut it, &again), None);
    assert_eq!(it.record().observations, 5);
}

#[test]
fn a_lock_taken_before_it_expired_is_a_violation_even_if_it_is_seen_later() {
    let mut it = in_force(InvariantKind::OneLockHolder);
    let first = appeared(0, &lock("quorum"), lease("fc-1", "fo-1", 0));
    assert_eq!(observe(&mut it, &first), None);
    assert!(
        observe(
            &mut it,
            &then(&first, 400, Some(lease("fc-2", "fo-2", 299)))
        )
        .is_some()
    );
}

#[test]
fn two_sites_with_locks_for_different_failovers_are_a_violation() {
    let mut it = in_force(InvariantKind::OneLockHolder);
    let dr = appeared(0, &lock("dr"), lease("fc-1", "fo-1", 0));
    let primary = appeared(1, &lock("primary"), lease("fc-1", "fo-1", 1));
    assert_eq!(observe(&mut it, &dr), None);
    assert_eq!(observe(&mut it, &primary), None);
    assert_eq!(observe(&mut it, &then(&primary, 2, None)), None);
    let other = appeared(3, &lock("primary"), lease("fc-2", "fo-2", 3));
    assert_eq!(
        observe(&mut it, &other).unwrap(),
        "one-lock-holder: the lock of pg-a is held by fo-1 on dr and fo-2 on primary at once"
    );
}

#[test]
fn two_running_failovers_of_one_group_are_a_violation_without_any_lock() {
    let mut it = in_force(InvariantKind::OneLockHolder);
    let pending = appeared(0, &operation("fo-1"), failover("Pending"));
    assert_eq!(observe(&mut it, &pending), None);
    assert_eq!(
        it.record().observations,
        0,
        "a waiting failover holds nothing"
    );
    assert_eq!(
        observe(&mut it, &then(&pending, 1, Some(failover("Running")))),
        None
    );
    let second = appeared(2, &operation("fo-2"), failover("Running"));
    assert_eq!(
        observe(&mut it, &second).unwrap(),
        "one-lock-holder: failovers quorum/fo-1 and quorum/fo-2 of one group run at once"
    );
}

#[test]
fn an_outcome_that_changes_is_a_violation() {
    let changed = [
        (
            "phase",
            json!("Running"),
            "status.phase changed from `Failed` to `Running`",
        ),
        (
            "message",
            json!("x"),
            "status.message changed from `as it should be` to `x`",
        ),
        (
            "completionTime",
            json!("t"),
            "status.completionTime changed from `<none>` to `t`",
        ),
    ];
    for (field, value, expected) in changed {
        let mut it = in_force(InvariantKind::AuditAppendOnly);
        let ended = appeared(0, &operation("fo-1"), failover("Failed"));
        assert_eq!(observe(&mut it, &ended), None);
        let mut after = failover("Failed");
        after["status"][field] = value;
        let message = observe(&mut it, &then(&ended, 1, Some(after))).unwrap();
        assert!(message.ends_with(expected), "{message}");
    }
}

#[test]
fn an_audit_object_that_vanishes_is_a_violation_and_one_that_gains_a_condition_is_not() {
    let mut it = in_force(InvariantKind::AuditAppendOnly);
    let running = appeared(0, &operation("fo-1"), failover("Running"));
    assert_eq!(observe(&mut it, &running), None);
    assert_eq!(it.record().observations, 0, "it has no outcome yet");
    let ended = then(&running, 1, Some(failover("Succeeded")));
    assert_eq!(observe(&mut it, &ended), None);
    let mut fenced = failover("Succeeded");
    fenced["status"]["conditions"] = json!([{"type": "SourceFenced", "status": "True"}]);
    let fenced = then(&ended, 2, Some(fenced));
    assert_eq!(observe(&mut it, &fenced), None);
    let message = observe(&mut it, &then(&fenced, 3, None)).unwrap();
    assert_eq!(message, "audit-append-only: fo-1 had ended and is gone");
}

#[test]
fn a_failover_that_runs_beyond_its_deadlines_is_a_violation_by_time_alone() {
    let mut it = in_force(InvariantKind::FailoverDeadline);
    let pending = appeared(0, &operation("fo-1"), failover("Pending"));
    assert_eq!(observe(&mut it, &pending), None);
    assert_eq!(it.next_tick(), None);
    let running = then(&pending, 0, Some(failover("Running")));
    assert_eq!(observe(&mut it, &running), None);
    let tick = it.next_tick().unwrap();
    // 60 + 300 + 120 + 600 and the allowance of 60 seconds.
    assert!(tick > at(1140) && tick < at(1141), "{tick}");
    assert_eq!(it.tick(at(1140)), None);
    let failure = it.tick(tick).unwrap();
    assert!(
        failure.message.contains("longer than the 19m"),
        "{}",
        failure.message
    );
    assert_eq!(it.tick(at(2000)), None, "only the first violation is told");
    assert_eq!(it.next_tick(), None);
}

#[test]
fn the_deadlines_that_a_failover_names_itself_count_and_one_that_ends_in_time_passes() {
    let mut it = in_force(InvariantKind::FailoverDeadline);
    let mut running = failover("Running");
    running["spec"]["timeouts"] = json!({"startTargetSeconds": 10});
    running["status"]["startTime"] = json!(at(0));
    let running = appeared(5, &operation("fo-1"), running);
    assert_eq!(observe(&mut it, &running), None);
    assert!(it.next_tick().unwrap() < at(551));
    assert_eq!(
        observe(&mut it, &then(&running, 550, Some(failover("Succeeded")))),
        None
    );
    assert_eq!(it.tick(at(5000)), None);
    assert_eq!(it.record().observations, 2);
}

#[test]
fn an_invariant_that_saw_nothing_is_never_checked_and_says_so() {
    let other = appeared(0, &key("dr", ObjectKind::Node, "dr-1"), Value::Null);
    for kind in InvariantKind::ALL {
        let mut it = in_force(kind);
        assert_eq!(observe(&mut it, &other), None);
        let failure = it.never_checked().unwrap();
        assert_eq!(failure.kind, FailureKind::NeverChecked);
        assert!(failure.message.starts_with(kind.name()));
    }
}

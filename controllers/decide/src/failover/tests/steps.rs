//! Each step: what it asks for, what it waits for, what it refuses, and when it gives up.

use siterecovery_api::{CurrentState, DesiredState, FailoverPhase, StepName, names, reasons};

use super::builder::{ME, UID, at, group, lease, machines, other, policy};
use crate::conditions::{self, Truth};
use crate::decision::{Decision, LookAgain};
use crate::effect::Effect;
use crate::failover::{Observed, StorageView, decide};
use siterecovery_api::FailoverStatus;

fn decided(seen: &Observed, second: i64) -> Decision<FailoverStatus> {
    decide(seen, &policy(), at(second))
}

/// The reason the failover ends with in this pass.
fn refused(decision: &Decision<FailoverStatus>) -> Option<&str> {
    let verdict = decision.status.condition(conditions::SUCCEEDED)?;
    (verdict.status == "False").then_some(verdict.reason.as_str())
}

fn waits(decision: &Decision<FailoverStatus>) -> Option<&'static str> {
    decision
        .waiting
        .as_ref()
        .map(crate::waiting::WaitingOn::reason)
}

fn verbs(decision: &Decision<FailoverStatus>) -> Vec<&'static str> {
    decision.effects.iter().map(Effect::verb).collect()
}

#[test]
fn a_new_failover_announces_itself_before_it_touches_anything() {
    insta::assert_yaml_snapshot!(decided(&Observed::calm(), 0));
}

#[test]
fn a_failover_with_its_lock_runs_and_stores_that_it_will_stop_the_source_before_it_does() {
    let mut seen = Observed::calm();
    seen.failover.status = decided(&seen, 0).status;
    let mut seen = seen.with_lock(lease(UID, ME, at(1)));
    let decision = decided(&seen, 1);
    assert!(decision.effects.is_empty());
    insta::assert_yaml_snapshot!(decision.status);
    seen.failover.status = decision.status;
    let act = decided(&seen, 1);
    assert_eq!(verbs(&act), ["SetDesiredState"]);
    assert!(!act.persist, "it has said already what it will wait for");
}

#[test]
fn requests_that_make_no_sense_end_at_once_with_a_remedy() {
    let cases = [
        (
            Observed::calm().with_spec(|s| s.target_cluster = "cluster9".to_owned()),
            reasons::NO_SUCH_SITE,
        ),
        (
            Observed::calm().with_spec(|s| s.target_cluster = "quorum".to_owned()),
            reasons::NOT_A_WORKLOAD_SITE,
        ),
        (
            Observed::calm().with_site("dr", |f| f.group = None),
            reasons::NO_SUCH_GROUP,
        ),
        (
            Observed::calm().with_site("dr", |f| f.machines.clear()),
            reasons::NO_MEMBERS,
        ),
        (
            Observed::calm().with_volumes(|all| all[0].replicas.retain(|r| r.node != "dr-1")),
            reasons::STORAGE_NOT_PROMOTABLE,
        ),
    ];
    for (seen, reason) in cases {
        let decision = decided(&seen, 0);
        assert_eq!(refused(&decision), Some(reason));
        assert_eq!(decision.status.phase, Some(FailoverPhase::Failed));
        assert!(decision.effects.is_empty());
        assert_eq!(decision.look_again, LookAgain::OnChange);
        let told = decision
            .events
            .iter()
            .filter(|e| e.reason == reason && e.on.kind == "Failover");
        assert_eq!(told.count(), 1);
    }
}

#[test]
fn what_may_still_mend_is_waited_for_and_then_refused() {
    let cases = [
        (
            Observed::calm().with_volumes(|all| {
                all[0].replicas[0].disk_state = Some("Inconsistent".to_owned());
            }),
            reasons::WAITING_FOR_REPLICATION,
            reasons::STORAGE_NOT_PROMOTABLE,
        ),
        (
            Observed {
                storage: StorageView::Unknown {
                    error: "503".to_owned(),
                },
                ..Observed::calm()
            },
            reasons::WAITING_FOR_STORAGE_VIEW,
            reasons::STORAGE_UNKNOWN,
        ),
        (
            Observed::calm().with_site_lost("dr", at(-100)),
            reasons::WAITING_FOR_SITE,
            reasons::TARGET_UNREACHABLE,
        ),
    ];
    for (mut seen, waiting, reason) in cases {
        let decision = decided(&seen, 0);
        assert_eq!(waits(&decision), Some(waiting));
        seen.failover.status = decision.status;
        assert_eq!(waits(&decided(&seen, 59)), Some(waiting));
        assert_eq!(refused(&decided(&seen, 60)), Some(reason));
    }
}

#[test]
fn a_group_on_both_sites_is_split_brain_and_force_changes_nothing() {
    for force in [false, true] {
        for step in [StepName::LocateGroup, StepName::StopSource] {
            let seen = Observed::calm()
                .with_site("dr", |facts| facts.machines = machines(true))
                .with_spec(|spec| spec.force = force)
                .in_step(step);
            let decision = decided(&seen, 1);
            assert_eq!(refused(&decision), Some(reasons::SPLIT_BRAIN));
            assert!(decision.effects.is_empty());
            let message = decision.status.message.unwrap();
            assert!(message.contains("split-brain detected"), "{message}");
            assert!(
                message.contains("pg-a-vm-1 on dr, pg-a-vm-1 on primary"),
                "{message}"
            );
            assert!(
                decision
                    .status
                    .conditions
                    .iter()
                    .all(|c| c.type_ != conditions::ROLLED_BACK)
            );
        }
    }
}

#[test]
fn a_group_that_runs_on_the_target_is_left_there() {
    let seen = Observed::calm()
        .source_stopped()
        .target_running()
        .in_step(StepName::LocateGroup);
    let decision = decided(&seen, 1);
    let verdict = decision.status.condition(conditions::SUCCEEDED).unwrap();
    assert_eq!(
        (verdict.status.as_str(), verdict.reason.as_str()),
        ("True", reasons::ALREADY_THERE)
    );
    assert!(verdict.message.contains("already running"));
}

#[test]
fn a_group_that_runs_nowhere_is_started_cold_after_its_source_is_told_to_stay_stopped() {
    let seen = Observed::calm()
        .with_site("primary", |facts| facts.machines = machines(false))
        .with_volumes(|all| *all = super::builder::volumes(None))
        .in_step(StepName::StopSource);
    assert_eq!(verbs(&decided(&seen, 1)), ["SetDesiredState"]);
    let stopped = seen.source_stopped();
    let decision = decided(&stopped, 1);
    assert!(decision.status.step(StepName::StartTarget).is_some());
    assert!(decision.effects.is_empty());
}

#[test]
fn the_safety_check_refuses_without_force_and_only_then() {
    let tainted = || {
        Observed::calm()
            .with_taint(names::TAINT_LOST_QUORUM)
            .with_neighbour("pg-b", CurrentState::Running, true)
            .in_step(StepName::SafetyCheck)
    };
    let decision = decided(&tainted(), 1);
    assert_eq!(refused(&decision), Some(reasons::SAFETY_CHECK));
    assert_eq!(decision.status.refusal.unwrap().blockers, ["pg-b"]);
    let forced = decided(&tainted().with_spec(|spec| spec.force = true), 1);
    assert_eq!(refused(&forced), None);
    assert!(
        forced
            .events
            .iter()
            .any(|event| event.reason == reasons::FORCED && event.warning)
    );
    let clean = Observed::calm().with_neighbour("pg-b", CurrentState::Running, true);
    assert_eq!(
        refused(&decided(&clean.in_step(StepName::SafetyCheck), 1)),
        None
    );
}

#[test]
fn of_two_failovers_that_meet_exactly_one_passes() {
    // The rival is younger and undecided: it will see us and be refused, so we wait for that.
    let mut younger = other("failover-pg-b-1", "pg-b");
    younger.created = Some(at(5));
    younger.passed_safety = false;
    let seen = Observed::calm()
        .with_other(younger.clone())
        .in_step(StepName::SafetyCheck);
    assert_eq!(
        waits(&decided(&seen, 6)),
        Some(reasons::WAITING_FOR_OTHER_FAILOVER)
    );
    // Seen from the younger, the older one is in the way.
    let mut older = younger;
    older.created = Some(at(-5));
    let seen = Observed::calm()
        .with_other(older)
        .in_step(StepName::SafetyCheck);
    assert_eq!(refused(&decided(&seen, 6)), Some(reasons::SAFETY_CHECK));
}

#[test]
fn taints_are_removed_until_they_stay_away() {
    let key = names::TAINT_FORCE_IO_ERROR;
    let mut seen = Observed::calm()
        .with_taint("keep-me")
        .with_taint(key)
        .in_step(StepName::ClearTaints);
    let first = decided(&seen, 1);
    insta::assert_yaml_snapshot!(first.effects);
    seen.failover.status = first.status;
    // Back at once: not removed again in the same second, and called by its name later.
    assert!(decided(&seen, 1).effects.is_empty());
    let again = decided(&seen, 2);
    assert_eq!(verbs(&again), ["RemoveTaints"]);
    assert!(
        again
            .status
            .message
            .unwrap()
            .contains("put back after they were removed")
    );
    // Clear, but not for long enough.
    let clear = Observed {
        failover: seen.failover.clone(),
        ..Observed::calm()
    }
    .with_lock(lease(UID, ME, at(0)));
    let settling = decided(&clear, 10);
    assert_eq!(waits(&settling), Some(reasons::WAITING_FOR_TAINTS));
    assert_eq!(settling.look_again, LookAgain::At(at(15)));
    let mut clear = clear;
    clear.failover.status = settling.status;
    assert!(
        decided(&clear, 15)
            .status
            .step(StepName::StopSource)
            .is_some()
    );
    // For ever: the deadline says so.
    assert_eq!(
        refused(&decided(&seen, 60)),
        Some(reasons::TAINTS_NOT_CLEARED)
    );
}

#[test]
fn the_source_is_asked_once_and_then_waited_for() {
    let asked = Observed::calm().in_step(StepName::StopSource);
    insta::assert_yaml_snapshot!(decided(&asked, 1));
    let stopping = asked.with_group("primary", |group| {
        group.desired = DesiredState::Stopped;
        group.generation = 2;
    });
    let decision = decided(&stopping, 2);
    assert!(decision.effects.is_empty());
    let message = decision.waiting.unwrap().to_string();
    assert_eq!(
        message,
        "waiting for pg-a on primary to stop: pg-a-vm-1, pg-a-vm-2"
    );
}

#[test]
fn a_status_of_an_older_spec_does_not_count_as_stopped() {
    let seen = Observed::calm()
        .source_stopped()
        .in_step(StepName::StopSource);
    let stale = seen.with_group("primary", |group| group.generation = 2);
    assert_eq!(waits(&decided(&stale, 1)), Some(reasons::WAITING_FOR_STOP));
}

#[test]
fn a_stopped_status_does_not_count_while_an_instance_lives() {
    let seen = Observed::calm()
        .source_stopped()
        .in_step(StepName::StopSource);
    let alive = seen.with_site("primary", |facts| facts.machines = machines(true));
    assert_eq!(waits(&decided(&alive, 1)), Some(reasons::WAITING_FOR_STOP));
}

#[test]
fn storage_in_use_on_the_source_holds_everything_up() {
    let held = Observed::calm()
        .source_stopped()
        .with_volumes(|all| *all = super::builder::volumes(Some("primary")))
        .in_step(StepName::ReleaseStorage);
    let decision = decided(&held, 1);
    assert_eq!(waits(&decision), Some(reasons::WAITING_FOR_STORAGE_RELEASE));
    assert!(decision.effects.is_empty());
    assert_eq!(
        refused(&decided(&held, 120)),
        Some(reasons::STORAGE_NOT_RELEASED)
    );
}

#[test]
fn the_target_is_started_only_after_that_is_stored() {
    let released = Observed::calm()
        .source_stopped()
        .in_step(StepName::ReleaseStorage);
    let intent = decided(&released, 1);
    assert!(intent.effects.is_empty());
    assert!(intent.status.step(StepName::StartTarget).is_some());
    let stored = Observed::calm()
        .source_stopped()
        .in_step(StepName::StartTarget);
    insta::assert_yaml_snapshot!(decided(&stored, 1).effects);
}

#[test]
fn a_source_that_comes_to_life_again_keeps_the_target_from_being_started() {
    let seen = Observed::calm()
        .source_stopped()
        .in_step(StepName::StartTarget);
    let alive = seen.with_site("primary", |facts| facts.machines = machines(true));
    let decision = decided(&alive, 1);
    assert!(decision.effects.is_empty());
    assert_eq!(waits(&decision), Some(reasons::WAITING_FOR_STOP));
}

#[test]
fn a_machine_that_will_not_start_is_named_in_the_end() {
    let seen = Observed::calm()
        .source_stopped()
        .in_step(StepName::StartTarget)
        .with_site("dr", |facts| {
            let mut starting = group("dr", DesiredState::Running);
            starting.current = CurrentState::Mixed;
            facts.group = Some(starting);
            facts.machines[0] = super::builder::machine(1, true);
        })
        .with_lock(lease(UID, ME, at(590)));
    let decision = decided(&seen, 600);
    assert_eq!(refused(&decision), Some(reasons::TARGET_NOT_STARTED));
    assert!(
        decision
            .status
            .message
            .unwrap()
            .contains("to start: pg-a-vm-2")
    );
    assert!(
        decision
            .status
            .conditions
            .iter()
            .all(|c| c.type_ != conditions::ROLLED_BACK)
    );
}

#[test]
fn timeouts_of_the_request_replace_the_defaults() {
    let seen = Observed::calm()
        .in_step(StepName::StopSource)
        .with_spec(|spec| {
            spec.timeouts = Some(siterecovery_api::FailoverTimeouts {
                stop_source_seconds: Some(7),
                ..Default::default()
            });
        });
    assert_eq!(refused(&decided(&seen, 6)), None);
    assert_eq!(
        refused(&decided(&seen, 7)),
        Some(reasons::SOURCE_NOT_STOPPED)
    );
}

#[test]
fn an_edited_spec_ends_the_failover() {
    let mut seen = Observed::calm().in_step(StepName::StopSource);
    seen.failover.generation = 2;
    assert_eq!(refused(&decided(&seen, 1)), Some(reasons::SPEC_CHANGED));
}

#[test]
fn a_lost_source_needs_proof_from_storage() {
    let lost = |seen: Observed| {
        seen.with_site_lost("primary", at(-100))
            .in_step(StepName::LocateGroup)
    };
    let connected = lost(Observed::calm());
    assert_eq!(
        waits(&decided(&connected, 1)),
        Some(reasons::WAITING_FOR_SITE)
    );
    assert_eq!(
        refused(&decided(&connected, 60)),
        Some(reasons::SOURCE_UNREACHABLE)
    );
    let proven = lost(Observed::calm().with_volumes(|all| {
        for volume in &mut *all {
            volume.replicas[0].may_promote = Some(true);
            volume.replicas[0]
                .connections
                .insert("primary-1".to_owned(), false);
            volume.replicas[1].in_use = None;
        }
    }));
    let decision = decided(&proven, 1);
    assert!(decision.status.step(StepName::StartTarget).is_some());
    let stored = &decision.status.conditions;
    assert!(conditions::holds(stored, conditions::SOURCE_FENCED, Truth::False).is_some());
    // A blip is not a loss.
    let blip = proven.with_site_lost("primary", at(-5));
    assert_eq!(waits(&decided(&blip, 1)), Some(reasons::WAITING_FOR_SITE));
}

#[test]
fn a_move_back_waits_until_the_earlier_failover_has_fenced_its_source() {
    let mut earlier = other("failover-pg-a-0", "pg-a");
    earlier.phase = FailoverPhase::Succeeded;
    earlier.owes_fencing = true;
    earlier.source = Some("dr".to_owned());
    let seen = Observed::calm()
        .with_other(earlier)
        .in_step(StepName::LocateGroup);
    assert_eq!(
        waits(&decided(&seen, 1)),
        Some(reasons::WAITING_FOR_FENCING)
    );
}

#[test]
fn another_group_on_its_way_blocks_until_it_has_arrived() {
    let moving = Observed::calm()
        .with_other(other("failover-pg-b-1", "pg-b"))
        .in_step(StepName::SafetyCheck);
    assert_eq!(refused(&decided(&moving, 1)), Some(reasons::SAFETY_CHECK));
    let mut arrived = other("failover-pg-b-1", "pg-b");
    arrived.phase = FailoverPhase::Succeeded;
    let seen = Observed::calm()
        .with_other(arrived)
        .with_neighbour("pg-b", CurrentState::Running, true)
        .in_step(StepName::SafetyCheck);
    assert_eq!(refused(&decided(&seen, 1)), None);
}

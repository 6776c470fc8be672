//! What a group does and says, in tables.

use jiff::Timestamp;
use siterecovery_api::{CurrentState, DesiredState, ProtectionGroupStatus};

use super::*;
use crate::facts::{GroupFacts, InstanceFacts, ObjectVersion};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

fn instance(phase: &str, ready: bool, deleting: bool) -> InstanceFacts {
    InstanceFacts {
        uid: "vmi".to_owned(),
        phase: phase.to_owned(),
        ready,
        node: Some("primary-1".to_owned()),
        deleting,
    }
}

fn member(name: &str, strategy: &str, instance: Option<InstanceFacts>) -> Member {
    Member {
        namespace: "site-recovery".to_owned(),
        name: name.to_owned(),
        machine: Some(Machine {
            version: ObjectVersion {
                uid: format!("vm-{name}"),
                resource_version: "7".to_owned(),
            },
            deleting: false,
            run_strategy: Some(strategy.to_owned()),
            running: None,
            original_strategy: None,
            printable_status: None,
            problem: None,
        }),
        instance,
        rivals: Vec::new(),
    }
}

fn observed(desired: DesiredState, members: Vec<Member>) -> Observed {
    Observed {
        site: "primary".to_owned(),
        group: GroupFacts {
            namespace: "site-recovery".to_owned(),
            name: "pg-a".to_owned(),
            version: ObjectVersion {
                uid: "group".to_owned(),
                resource_version: "1".to_owned(),
            },
            generation: 2,
            created: Some(at(0)),
            desired,
            current: CurrentState::Unknown,
            observed_generation: None,
            last_observed: None,
            reports: Vec::new(),
        },
        status: ProtectionGroupStatus::default(),
        members: Members::Read(members),
    }
}

fn decided(observed: &Observed) -> Decision<ProtectionGroupStatus> {
    decide(observed, &Policy::new("pgc"), at(60))
}

#[test]
fn the_state_is_told_from_instances_only() {
    let up = || Some(instance("Running", true, false));
    let cases = [
        ([up(), up()], CurrentState::Running, "2/2"),
        (
            [up(), Some(instance("Running", false, false))],
            CurrentState::Mixed,
            "1/2",
        ),
        (
            [up(), Some(instance("Running", true, true))],
            CurrentState::Mixed,
            "1/2",
        ),
        (
            [up(), Some(instance("Scheduling", false, false))],
            CurrentState::Mixed,
            "1/2",
        ),
        ([up(), None], CurrentState::Mixed, "1/2"),
        (
            [None, Some(instance("Failed", false, false))],
            CurrentState::Stopped,
            "0/2",
        ),
        (
            [None, Some(instance("Succeeded", false, true))],
            CurrentState::Stopped,
            "0/2",
        ),
        ([None, None], CurrentState::Stopped, "0/2"),
    ];
    for ([one, two], state, ready) in cases {
        let members = vec![member("one", "Always", one), member("two", "Always", two)];
        let status = decided(&observed(DesiredState::Running, members)).status;
        assert_eq!(status.current_state, Some(state));
        assert_eq!(status.ready.as_deref(), Some(ready));
        assert_eq!(status.observed_generation, Some(2));
    }
}

#[test]
fn a_group_that_should_stop_halts_its_machines_and_remembers_how_they_ran() {
    let up = || Some(instance("Running", true, false));
    let members = vec![
        member("one", "Always", up()),
        member("two", "RerunOnFailure", up()),
    ];
    insta::assert_yaml_snapshot!(decided(&observed(DesiredState::Stopped, members)));
}

#[test]
fn a_group_that_is_where_it_should_be_has_no_effects_and_writes_only_when_its_look_ages() {
    let up = || Some(instance("Running", true, false));
    let mut seen = observed(DesiredState::Running, vec![member("one", "Always", up())]);
    let first = decided(&seen);
    assert!(first.effects.is_empty());
    assert!(first.persist);
    seen.status = first.status;
    let second = decide(&seen, &Policy::new("pgc"), at(61));
    assert!(!second.persist && second.events.is_empty());
    assert_eq!(second.look_again, LookAgain::At(at(90)));
    assert!(decide(&seen, &Policy::new("pgc"), at(90)).persist);
}

#[test]
fn a_missing_member_makes_the_group_unknown_and_the_others_are_still_driven() {
    let mut gone = member("gone", "Always", None);
    gone.machine = None;
    let seen = observed(
        DesiredState::Running,
        vec![gone, member("one", "Halted", None)],
    );
    let decision = decided(&seen);
    assert_eq!(decision.status.current_state, Some(CurrentState::Unknown));
    assert_eq!(decision.effects.len(), 1);
    let found = decision
        .status
        .conditions
        .iter()
        .find(|c| c.type_ == conditions::MEMBERS_FOUND);
    assert_eq!(found.unwrap().reason, reasons::MEMBER_MISSING);
}

#[test]
fn an_api_that_fails_makes_the_group_unknown_and_touches_nothing() {
    let mut seen = observed(DesiredState::Running, Vec::new());
    seen.status.current_state = Some(CurrentState::Running);
    seen.members = Members::Failed {
        error: "503".to_owned(),
    };
    let decision = decided(&seen);
    assert!(decision.effects.is_empty());
    assert_eq!(decision.status.current_state, Some(CurrentState::Unknown));
}

#[test]
fn a_member_that_cannot_start_is_named_with_the_reason_and_wanted_on_and_on() {
    let up = || Some(instance("Running", true, false));
    let mut stuck = member(
        "stuck",
        "Always",
        Some(instance("Scheduling", false, false)),
    );
    let machine = stuck.machine.as_mut().unwrap();
    machine.printable_status = Some("ErrorUnschedulable".to_owned());
    machine.problem = Some("Unschedulable: 0/2 nodes are available".to_owned());
    let decision = decided(&observed(
        DesiredState::Running,
        vec![member("one", "Always", up()), stuck],
    ));
    assert_eq!(decision.status.current_state, Some(CurrentState::Mixed));
    assert!(
        decision
            .events
            .iter()
            .any(|e| e.reason == reasons::MEMBER_STUCK && e.warning)
    );
    let waiting = decision.waiting.unwrap().to_string();
    assert_eq!(waiting, "waiting for pg-a on primary to start: stuck");
    insta::assert_yaml_snapshot!(decision.status.virtual_machines);
}

#[test]
fn of_two_groups_that_claim_a_machine_only_the_older_drives_it_and_both_say_so() {
    for (rival_created, drives) in [(at(-10), false), (at(10), true)] {
        let mut contested = member("one", "Halted", None);
        contested.rivals = vec![Rival {
            created: Some(rival_created),
            group: "site-recovery/pg-z".to_owned(),
        }];
        let decision = decided(&observed(DesiredState::Running, vec![contested]));
        assert_eq!(!decision.effects.is_empty(), drives);
        let claims = decision.status.conditions.iter();
        let mut claims = claims.filter(|c| c.type_ == conditions::CLAIMS_EXCLUSIVE);
        assert_eq!(claims.next().unwrap().status, "False");
    }
}

#[test]
fn a_group_without_members_is_unknown_not_running() {
    let decision = decided(&observed(DesiredState::Running, Vec::new()));
    assert_eq!(decision.status.current_state, Some(CurrentState::Unknown));
    assert_eq!(decision.status.ready.as_deref(), Some("0/0"));
}

#[test]
fn a_machine_that_is_being_deleted_is_left_alone() {
    let mut going = member("one", "Halted", None);
    going.machine.as_mut().unwrap().deleting = true;
    assert!(
        decided(&observed(DesiredState::Running, vec![going]))
            .effects
            .is_empty()
    );
}

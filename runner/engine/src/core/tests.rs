//! The judge, driven without a runtime.

use serde_json::json;
use sitedrill_model::scenario::Bound;

use super::*;
use crate::conditions::Judgement;
use crate::testing::*;

fn source(site: &str, kind: ObjectKind) -> Source {
    Source {
        site: site.to_owned(),
        kind,
        namespace: NAMESPACE.to_owned(),
    }
}

fn core() -> Core {
    let mut core = Core::new(NAMESPACE, &[("primary".to_owned(), vec![])]);
    core.begin(0, &scenario(vec![]), at(0));
    core
}

fn pg(current: &str, version: u64) -> Value {
    served(group("stopped", current), "pg-a", version)
}

fn applied(core: &mut Core, object: Value, seconds: i64) -> Vec<EventKind> {
    let source = &source("primary", ObjectKind::ProtectionGroup);
    core.handle(Input::Applied { source, object }, at(seconds))
}

#[test]
fn a_state_that_held_for_one_change_only_is_not_missed_by_who_waits_for_it() {
    let mut core = core();
    let _ = applied(&mut core, pg("running", 1), 0);
    let mixed = json!({"status": {"currentState": "mixed"}});
    let condition = matches("primary", ObjectKind::ProtectionGroup, "pg-a", mixed);
    let id = core.wait(&condition, at(0));
    assert!(core.waited(id).end.is_none());
    let _ = applied(&mut core, pg("mixed", 2), 1);
    let _ = applied(&mut core, pg("stopped", 3), 1);
    let waited = core.waited(id);
    assert!(matches!(waited.end, Some(Judgement::Holds { .. })));
    assert_eq!(waited.changes, 1);
}

#[test]
fn a_repeated_event_is_no_change() {
    let mut core = core();
    assert_eq!(applied(&mut core, pg("running", 1), 0).len(), 2);
    assert_eq!(applied(&mut core, pg("running", 1), 1), vec![]);
    assert_eq!(
        core.history()
            .of(&key("primary", ObjectKind::ProtectionGroup, "pg-a"))
            .count(),
        1
    );
}

#[test]
fn a_second_list_is_a_gap_and_its_changes_are_still_told() {
    let mut core = core();
    let source = source("primary", ObjectKind::VirtualMachineInstance);
    let listed = vec![
        served(vmi("Running"), "a", 1),
        served(vmi("Running"), "b", 2),
    ];
    let first = Input::Listed {
        source: &source,
        objects: listed,
    };
    assert_eq!(core.handle(first, at(0)), vec![]);
    let again = Input::ListedAgain {
        source: &source,
        objects: vec![served(vmi("Failed"), "b", 7)],
        unseen_since: at(1),
        why: "too old resource version".to_owned(),
    };
    let events = core.handle(again, at(5));
    let EventKind::ChapterFailure(failure) = &events[0] else {
        panic!("{events:?}");
    };
    assert_eq!(failure.kind, FailureKind::ObservationGap);
    assert_eq!(
        failure.message,
        "changes of virtualmachineinstances on primary were not observed \
         from 2024-10-31T16:00:01Z to 2024-10-31T16:00:05Z: too old resource version"
    );
    let told: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            EventKind::Observed(it) => Some(it.what.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["gone", "phase Running -> Failed"]);
    let (_, verdict) = core.end(at(6));
    assert_eq!(verdict, Verdict::Inconclusive);
}

#[test]
fn a_chapter_in_which_nothing_was_expected_is_never_checked() {
    let mut core = core();
    let (events, verdict) = core.end(at(1));
    assert_eq!(verdict, Verdict::Failed);
    assert!(matches!(&events[0],
        EventKind::ChapterFailure(it) if it.kind == FailureKind::NeverChecked));
    core.begin(1, &scenario(vec![]), at(2));
    let _ = core.handle(Input::Checked, at(2));
    assert_eq!(core.end(at(3)), (vec![], Verdict::Passed));
}

#[test]
fn what_was_stopped_is_not_blamed_for_what_it_never_checked() {
    let mut core = core();
    let stopped = Failure::new(FailureKind::Aborted, "stopped");
    let _ = core.handle(Input::Failed(stopped), at(0));
    assert_eq!(core.end(at(1)), (vec![], Verdict::Aborted));
}

#[test]
fn changes_are_told_in_the_words_of_people() {
    let mut core = core();
    let mut tell = |kind, name: &str, object: Option<Value>, version| {
        let source = &source("primary", kind);
        let object_of = |it| served(it, name, version);
        let input = match object {
            Some(it) => Input::Applied {
                source,
                object: object_of(it),
            },
            None => Input::Deleted {
                source,
                object: object_of(json!({})),
            },
        };
        let events = core.handle(input, at(0)).into_iter();
        let told = events.map(|event| match event {
            EventKind::Observed(it) => format!("{} {}", it.object, it.what),
            other => panic!("{other:?}"),
        });
        told.collect::<Vec<_>>().join("; ")
    };
    let lock = "failover-lock-pg-a";
    let (lease_kind, fo) = (ObjectKind::Lease, ObjectKind::Failover);
    assert_eq!(
        tell(lease_kind, lock, Some(lease("fc-1", "fo-1", 0)), 1),
        "lease/failover-lock-pg-a lock taken by fc-1 for fo-1"
    );
    assert_eq!(
        tell(lease_kind, lock, Some(lease("fc-1", "fo-1", 9)), 2),
        "",
        "a renewal"
    );
    assert_eq!(
        tell(lease_kind, lock, None, 3),
        "lease/failover-lock-pg-a lock released by fc-1 for fo-1"
    );
    assert_eq!(
        tell(fo, "fo-1", Some(failover("Running")), 4),
        "failover/fo-1 created: pg-a to cluster2; failover/fo-1 phase Running"
    );
    assert_eq!(
        tell(fo, "fo-1", Some(failover("Failed")), 5),
        "failover/fo-1 phase Running -> Failed: as it should be"
    );
    let tainted =
        json!({"spec": {"taints": [{"key": "drbd.linbit.com/lost-quorum"}, {"key": "x"}]}});
    assert_eq!(
        tell(ObjectKind::Node, "n", Some(tainted), 6),
        "node/n taint drbd.linbit.com/lost-quorum put on"
    );
    assert_eq!(
        tell(ObjectKind::Node, "n", Some(json!({})), 7),
        "node/n taint drbd.linbit.com/lost-quorum taken off"
    );
}

#[test]
fn a_kind_that_a_site_does_not_have_is_said_not_to_be_served() {
    let mut core = core();
    let _ = core.handle(
        Input::Unserved(&source("primary", ObjectKind::VirtualMachine)),
        at(0),
    );
    let condition = matches("primary", ObjectKind::VirtualMachine, "a", json!({"x": 1}));
    let judgement = crate::conditions::judge(&condition, &core.facts(at(0)));
    assert_eq!(
        judgement.seen(),
        "(absent: the site does not serve this kind)"
    );
}

#[test]
fn a_count_is_judged_on_changes_of_its_kind_only() {
    let mut core = core();
    let condition = Condition::Count {
        site: "primary".to_owned(),
        kind: ObjectKind::ProtectionGroup,
        namespace: Some(NAMESPACE.to_owned()),
        name_prefix: None,
        matches: Value::Null,
        count: Bound { min: 1, max: None },
    };
    let id = core.wait(&condition, at(0));
    let instances = &source("primary", ObjectKind::VirtualMachineInstance);
    let object = served(vmi("Running"), "a", 1);
    let other = Input::Applied {
        source: instances,
        object,
    };
    let _ = core.handle(other, at(1));
    assert_eq!(
        (core.waited(id).changes, core.waited(id).end.is_none()),
        (0, true)
    );
    let _ = applied(&mut core, pg("running", 2), 2);
    assert!(core.waited(id).end.is_some());
}

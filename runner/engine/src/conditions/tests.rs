//! Conditions, each in the case in which it holds and the one in which it does not.

use serde_json::json;
use sitedrill_model::event::StepId;
use sitedrill_model::scenario::{Expression, Reading};

use super::*;
use crate::core::{Core, Input, Source};
use crate::testing::*;

const SITES: [&str; 2] = ["primary", "quorum"];

fn core_with(objects: Vec<(Key, Value)>) -> Core {
    let sites = SITES.map(|site| (site.to_owned(), Vec::new()));
    let mut core = Core::new(NAMESPACE, &sites);
    for (key, object) in objects {
        let source = Source {
            site: key.site.clone(),
            kind: key.kind,
            namespace: key.namespace.clone(),
        };
        let objects = vec![served(object, &key.name, 1)];
        let source = &source;
        let events = core.handle(Input::Listed { source, objects }, at(0));
        assert!(events.is_empty(), "a first list is no change");
    }
    core
}

fn mismatch(judgement: Judgement) -> Mismatch {
    match judgement {
        Judgement::Fails(mismatch) => mismatch,
        Judgement::Holds { seen } => panic!("held: {seen}"),
    }
}

fn holds(condition: &Condition, core: &Core) -> bool {
    matches!(
        judge(condition, &core.facts(at(0))),
        Judgement::Holds { .. }
    )
}

#[test]
fn a_mismatch_shows_what_was_seen_and_the_difference() {
    let pg = key("primary", ObjectKind::ProtectionGroup, "pg-a");
    let core = core_with(vec![(pg, group("running", "mixed"))]);
    let running = json!({"status": {"currentState": "running"}});
    let condition = matches("primary", ObjectKind::ProtectionGroup, "pg-a", running);
    let mismatch = mismatch(judge(&condition, &core.facts(at(0))));
    assert_eq!(mismatch.seen, "status.currentState: mixed");
    assert_eq!(
        mismatch.diff,
        "- status.currentState: running\n+ status.currentState: mixed"
    );
    assert_eq!(
        describe(&condition),
        "protectiongroup/pg-a on primary with status.currentState: running"
    );
}

#[test]
fn an_object_that_is_not_there_never_matches() {
    let core = core_with(vec![]);
    let null = json!({"status": null});
    let condition = matches("primary", ObjectKind::ProtectionGroup, "pg-a", null);
    assert!(!holds(&condition, &core));
    let absent = Condition::Absent {
        object: object_ref("primary", ObjectKind::ProtectionGroup, "pg-a"),
    };
    assert!(holds(&absent, &core));
}

#[test]
fn an_object_that_is_there_is_not_absent() {
    let vmi_key = key("primary", ObjectKind::VirtualMachineInstance, "vm");
    let core = core_with(vec![(vmi_key, vmi("Running"))]);
    let absent = Condition::Absent {
        object: object_ref("primary", ObjectKind::VirtualMachineInstance, "vm"),
    };
    let mismatch = mismatch(judge(&absent, &core.facts(at(0))));
    assert_eq!(mismatch.diff, "- (absent)\n+ (present, phase Running)");
}

#[test]
fn a_count_knows_its_kind_its_prefix_its_pattern_and_its_bounds() {
    let kind = ObjectKind::VirtualMachineInstance;
    let core = core_with(vec![
        (key("primary", kind, "pg-a-vm-1"), vmi("Running")),
        (key("primary", kind, "pg-a-vm-2"), vmi("Pending")),
        (key("primary", kind, "pg-b-vm-1"), vmi("Running")),
        (key("quorum", kind, "pg-a-vm-1"), vmi("Running")),
    ]);
    let count = |prefix: Option<&str>, matches: Value, min, max| Condition::Count {
        site: "primary".to_owned(),
        kind,
        namespace: Some(NAMESPACE.to_owned()),
        name_prefix: prefix.map(str::to_owned),
        matches,
        count: Bound { min, max },
    };
    assert!(holds(&count(None, json!({}), 3, Some(3)), &core));
    assert!(holds(&count(Some("pg-a-"), Value::Null, 2, Some(2)), &core));
    let running = json!({"status": {"phase": "Running"}});
    assert!(holds(
        &count(Some("pg-a-"), running.clone(), 1, None),
        &core
    ));
    let none = count(Some("pg-a-"), running, 0, Some(0));
    let mismatch = mismatch(judge(&none, &core.facts(at(0))));
    assert_eq!(mismatch.diff, "- count: exactly 0\n+ count: 1: pg-a-vm-1");
}

#[test]
fn a_lock_is_held_until_it_expires() {
    let lock = key("quorum", ObjectKind::Lease, "failover-lock-pg-a");
    let core = core_with(vec![(lock, lease("fc-1", "fo-1", 0))]);
    let of = |is| Condition::Lock {
        group: "pg-a".to_owned(),
        is,
    };
    let judged = |is, seconds| judge(&of(is), &core.facts(at(seconds)));
    assert_eq!(
        judged(LockIs::Held, 299).seen(),
        "held by fc-1 for fo-1 on quorum"
    );
    let not_free = mismatch(judged(LockIs::Free, 299));
    assert_eq!(not_free.again, Some(at(300)), "time alone frees it");
    assert!(matches!(judged(LockIs::Free, 300), Judgement::Holds { .. }));
    assert!(matches!(judged(LockIs::Held, 300), Judgement::Fails(_)));
}

#[test]
fn a_sequence_is_exact_and_knows_when_it_is_lost() {
    let recording = |values: &[&str]| {
        let mut core = core_with(vec![]);
        let source = Source {
            site: "primary".to_owned(),
            kind: ObjectKind::ProtectionGroup,
            namespace: NAMESPACE.to_owned(),
        };
        core.begin(0, &scenario(vec![]), at(0));
        let observe = sitedrill_model::scenario::Observe {
            name: "states".to_owned(),
            object: object_ref("primary", ObjectKind::ProtectionGroup, "pg-a"),
            fields: vec!["status.currentState".to_owned()],
        };
        for (index, value) in values.iter().enumerate() {
            let object = served(group("stopped", value), "pg-a", index as u64);
            let source = &source;
            let _ = core.handle(Input::Applied { source, object }, at(0));
            if index == 0 {
                let _ = core.handle(Input::Record(&observe), at(0));
            }
        }
        core
    };
    let sequence = |values: &[&str]| Condition::Sequence {
        observed: "states".to_owned(),
        values: values.iter().map(|it| (*it).to_owned()).collect(),
    };
    let expected = sequence(&["running", "mixed", "stopped"]);
    assert!(holds(
        &expected,
        &recording(&["running", "mixed", "mixed", "stopped"])
    ));
    let on_the_way = judge(&expected, &recording(&["running", "mixed"]).facts(at(0)));
    assert_eq!(mismatch(on_the_way).never, None);
    for lost in [
        &["running", "stopped"][..],
        &["running", "mixed", "stopped", "mixed"],
    ] {
        let judgement = judge(&expected, &recording(lost).facts(at(0)));
        assert!(mismatch(judgement).never.is_some(), "{lost:?}");
    }
    let unknown = judge(&expected, &core_with(vec![]).facts(at(0)));
    assert_eq!(mismatch(unknown).seen, "(not recorded)");
}

#[test]
fn an_actor_that_stopped_will_never_be_done() {
    let sleep = || {
        step(sitedrill_model::scenario::Action::Sleep(
            sitedrill_model::scenario::Sleep {
                duration: std::time::Duration::ZERO,
                because: "a test".to_owned(),
            },
        ))
    };
    let mut named = sleep();
    named.name = Some("first".to_owned());
    let scenario = scenario(vec![("a", vec![named, sleep()])]);
    let mut core = core_with(vec![]);
    core.begin(0, &scenario, at(0));
    let done = |step: Option<&str>| Condition::Actor {
        actor: "a".to_owned(),
        step: step.map(str::to_owned),
    };
    assert!(!holds(&done(Some("first")), &core));
    let id = |index| StepId {
        actor: "a".to_owned(),
        index,
    };
    let outcome = crate::steps::passed(String::new());
    let _ = core.handle(
        Input::StepFinished {
            id: &id(0),
            outcome,
        },
        at(1),
    );
    assert!(holds(&done(Some("first")), &core));
    let under_way = mismatch(judge(&done(None), &core.facts(at(1))));
    assert_eq!(
        (under_way.seen.as_str(), under_way.never),
        ("1 of 2 steps done", None)
    );
    let failure = sitedrill_model::Failure::new(sitedrill_model::FailureKind::WriteRefused, "no");
    let outcome = crate::steps::failed(failure);
    let _ = core.handle(
        Input::StepFinished {
            id: &id(1),
            outcome,
        },
        at(2),
    );
    assert!(holds(&done(Some("first")), &core));
    let lost = mismatch(judge(&done(None), &core.facts(at(2))));
    assert_eq!(
        lost.never.as_deref(),
        Some("a stopped at its step 2: a step")
    );
}

#[test]
fn an_expression_is_judged_on_the_objects_of_all_sites_that_it_names() {
    let expression = |text: &str| {
        let kinds = [("primary", "vmi"), ("quorum", "lease")];
        let reads = kinds.map(|(site, called)| Reading {
            called: site.to_owned(),
            site: site.to_owned(),
            kind_called: called.to_owned(),
            kind: match called {
                "vmi" => ObjectKind::VirtualMachineInstance,
                _ => ObjectKind::Lease,
            },
            namespace: Some(NAMESPACE.to_owned()),
        });
        Condition::Cel(Expression {
            text: text.to_owned().into(),
            reads: reads.to_vec(),
        })
    };
    let vmi = key("primary", ObjectKind::VirtualMachineInstance, "vm-1");
    let lease = key("quorum", ObjectKind::Lease, "lock");
    let running = json!({"metadata": {"name": "vm-1"}, "status": {"phase": "Running"}});
    let core = core_with(vec![
        (vmi.clone(), running),
        (lease.clone(), json!({"spec": {"holderIdentity": "vm-1"}})),
    ]);
    let met = "sites.primary.vmi.exists(v, sites.quorum.lease.exists(l, l.spec.holderIdentity == v.metadata.name))";
    assert!(holds(&expression(met), &core));
    assert!(concerns(&expression(met), &vmi) && concerns(&expression(met), &lease));
    let elsewhere = key("quorum", ObjectKind::VirtualMachineInstance, "vm-1");
    assert!(!concerns(&expression(met), &elsewhere));

    let judged = |text: &str| mismatch(judge(&expression(text), &core.facts(at(0))));
    let unmet = judged("sites.primary.vmi.size() == 2");
    assert_eq!(
        (unmet.seen.as_str(), unmet.never),
        ("false, with primary.vmi: vm-1; quorum.lease: lock", None)
    );
    assert_eq!(
        unmet.diff,
        "- sites.primary.vmi.size() == 2\n+ false, with primary.vmi: vm-1; quorum.lease: lock"
    );
    let missing = judged("sites.primary.vmi.all(v, v.status.ready)");
    assert!(
        missing.seen.starts_with("no such key: ready, with"),
        "{}",
        missing.seen
    );
    assert_eq!(missing.never, None, "the field may come");
    let number = judged("sites.primary.vmi.size()");
    assert_eq!(
        number.never.as_deref(),
        Some("its value is of type int, not true or false")
    );
}

//! `failover` steps: what is created, how its end is judged, and what is said where there is none.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sitedrill_model::event::{EventKind, FailoverMeasurement};
use sitedrill_model::scenario::{
    Action, Condition, ExpectedOutcome, FailoverOrder, ObjectKind, Save, Step, StepTimeouts,
};
use sitedrill_model::{FailureKind, Verdict};

use crate::script::{fail_over, failover_step, lab};
use crate::stage::*;

fn order(name: Option<&str>, expect: ExpectedOutcome) -> FailoverOrder {
    FailoverOrder {
        site: "quorum".to_owned(),
        namespace: NAMESPACE.to_owned(),
        name: name.map(str::to_owned),
        group: "pg-a".to_owned(),
        to: "cluster2".to_owned(),
        force: false,
        timeouts: StepTimeouts::default(),
        expect,
    }
}

fn ordered(name: &str, expect: ExpectedOutcome) -> Step {
    within(60, step(Action::Failover(order(Some(name), expect))))
}

fn failed(message: &str) -> ExpectedOutcome {
    ExpectedOutcome::Failed {
        message: message.to_owned(),
    }
}

fn refused(reason: &str) -> ExpectedOutcome {
    ExpectedOutcome::Refused {
        reason: reason.to_owned(),
        holder: None,
    }
}

/// An actor that plays the controller: it does what the lab's command does once the Failover is there.
fn controller(name: &str) -> (&'static str, Vec<Step>) {
    let there = Condition::Matches {
        object: object("quorum", ObjectKind::Failover, name),
        matches: json!({}),
    };
    let sees = within(30, step(Action::Await(there)));
    ("controller", vec![sees, failover_step()])
}

/// A lab whose controller ends the Failover `failover-1` at once, with this status.
fn ending_with(status: &Value) -> Lab {
    let status = status.clone();
    Lab::new().on_command(move |lab| {
        let mut failover = failover("Failed");
        failover["status"] = status.clone();
        async move { lab.quorum.put(FAILOVERS, "failover-1", failover) }
    })
}

/// When the operator's second step started.
fn second_step(run: &Run) -> Option<Timestamp> {
    run.events.iter().find_map(|event| match &event.kind {
        EventKind::StepStarted { step, .. } if step.actor == "operator" && step.index == 1 => {
            event.at
        }
        _ => None,
    })
}

fn measured(run: &Run) -> Vec<&FailoverMeasurement> {
    let measured = run.events.iter().filter_map(|event| match &event.kind {
        EventKind::FailoverMeasured(it) => Some(it),
        _ => None,
    });
    measured.collect()
}

#[tokio::test(start_paused = true)]
async fn a_failover_is_created_as_it_is_written_and_followed_to_its_end() {
    let mut wanted = order(Some("failover-1"), ExpectedOutcome::Success);
    wanted.timeouts.stop_source = Some(Duration::from_secs(90));
    let operator = vec![sleep(5), within(60, step(Action::Failover(wanted)))];
    let lab = lab();
    let created = lab.clone();
    let sees = vec![
        sleep(5),
        within(
            1,
            expect(Condition::Matches {
                object: object("quorum", ObjectKind::Failover, "failover-1"),
                matches: json!({"spec": {
                    "protectionGroup": "pg-a", "targetCluster": "cluster2", "force": false,
                    "timeouts": {"stopSourceSeconds": 90},
                }}),
            }),
        ),
        failover_step(),
    ];
    let run = lab
        .run(vec![scenario(vec![
            ("operator", operator),
            ("controller", sees),
        ])])
        .await;
    assert_eq!(run.verdict, Verdict::Passed, "{:?}", run.failures());
    let steps = run.steps();
    let end = "operator/1 Passed: failover/failover-1 on quorum: success, after 30s";
    assert!(steps.iter().any(|step| step == end), "{steps:#?}");
    assert!(created.quorum.get(FAILOVERS, "failover-1").is_some());
}

#[tokio::test(start_paused = true)]
async fn the_step_is_the_request_that_the_rto_counts_from() {
    let operator = vec![sleep(5), ordered("failover-1", ExpectedOutcome::Success)];
    let run = lab()
        .run(vec![scenario(vec![
            ("operator", operator),
            controller("failover-1"),
        ])])
        .await;
    let measured = measured(&run);
    assert_eq!(measured.len(), 1);
    assert_eq!(Some(measured[0].requested_at), second_step(&run));
    assert_eq!(measured[0].rto_seconds, Some(30.0));
}

#[tokio::test(start_paused = true)]
async fn a_command_whose_group_is_a_value_is_the_request_though_the_failover_is_seen_later() {
    let save = Save {
        name: "group".to_owned(),
        object: object("dr", ObjectKind::ProtectionGroup, "pg-a"),
        field: "metadata.name".to_owned(),
    };
    let command = pgctl("failover ${group} --to-cluster2", ExpectedOutcome::Success);
    let lab = lab().on_command(|lab| async move {
        pause(2).await;
        fail_over(lab).await;
    });
    let operator = vec![step(Action::Save(save)), command];
    let run = lab.run(vec![scenario(vec![("operator", operator)])]).await;
    assert_eq!(run.verdict, Verdict::Passed, "{:?}", run.failures());
    let measured = measured(&run);
    assert_eq!(Some(measured[0].requested_at), second_step(&run));
    assert_eq!(measured[0].rto_seconds, Some(32.0));
}

#[tokio::test(start_paused = true)]
async fn two_orders_of_one_second_get_two_names_of_the_guides_kind() {
    let any = || {
        let order = order(None, failed("vanished"));
        within(60, step(Action::Failover(order)))
    };
    let lab = Lab::new().on_command(|lab| async move {
        for seconds in [1_730_390_400, 1_730_390_401] {
            lab.quorum
                .remove(FAILOVERS, &format!("failover-pg-a-{seconds}"));
        }
    });
    let actors = vec![
        ("one", vec![any()]),
        ("two", vec![any()]),
        ("vandal", vec![sleep(5), failover_step()]),
    ];
    let run = lab.run(vec![scenario(actors)]).await;
    assert_eq!(run.verdict, Verdict::Passed, "{:?}", run.failures());
    let printed = run.events.iter().filter_map(|event| match &event.kind {
        EventKind::Output { line, .. } => line.strip_prefix("failover.siterecovery.trilio.io/"),
        _ => None,
    });
    let mut printed: Vec<&str> = printed.collect();
    printed.sort_unstable();
    let names = [
        "failover-pg-a-1730390400 created",
        "failover-pg-a-1730390401 created",
    ];
    assert_eq!(printed, names);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_data_of_the_object_and_its_words_are_a_failure_too() {
    let held = json!({
        "phase": "Failed", "message": "Failover lock is held by: fc-1",
        "refusal": {"reason": "LockHeld", "holder": "fc-1"},
    });
    let held_by = |holder: &str| ExpectedOutcome::Refused {
        reason: "LockHeld".to_owned(),
        holder: Some(holder.to_owned()),
    };
    for (expect, is_met) in [
        (refused("LockHeld"), true),
        (held_by("fc-1"), true),
        (failed("lock is held"), true),
        (held_by("fc-2"), false),
        (refused("SafetyCheck"), false),
        (failed("split-brain"), false),
        (ExpectedOutcome::Success, false),
    ] {
        let actors = vec![
            ("operator", vec![ordered("failover-1", expect.clone())]),
            controller("failover-1"),
        ];
        let run = ending_with(&held).run(vec![scenario(actors)]).await;
        if is_met {
            assert_eq!(
                run.verdict,
                Verdict::Passed,
                "{expect:?}: {:?}",
                run.failures()
            );
            continue;
        }
        let failure = run.failure();
        assert_eq!(failure.kind, FailureKind::OutcomeDiffers, "{expect:?}");
        let seen = "was refused: LockHeld, held by fc-1: Failover lock is held by: fc-1";
        assert!(failure.message.ends_with(seen), "{}", failure.message);
        assert_eq!(failure.location, Some(location(9)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failover_that_does_not_end_is_told_with_its_last_words() {
    let nobody = vec![(
        "operator",
        vec![ordered("failover-1", ExpectedOutcome::Success)],
    )];
    let run = Lab::new().run(vec![scenario(nobody)]).await;
    assert_eq!(run.failure().kind, FailureKind::AwaitTimedOut);
    assert_eq!(
        run.failure().message,
        "failover/failover-1 on quorum: had not ended within 1m; last seen Pending"
    );
    let waits = json!({"phase": "Running", "message": "waits for pg-a-vm-1 to stop"});
    let actors = vec![
        (
            "operator",
            vec![sleep(1), ordered("failover-1", ExpectedOutcome::Success)],
        ),
        controller("failover-1"),
    ];
    let run = ending_with(&waits).run(vec![scenario(actors)]).await;
    let failure = run.failure();
    let last = "Running: waits for pg-a-vm-1 to stop";
    assert!(failure.message.ends_with(&format!("last seen {last}")));
    assert_eq!(failure.last_seen.as_deref(), Some(last));
    assert_eq!(failure.expected.as_deref(), Some("success"));
    let way: Vec<&str> = failure.seen.iter().map(|it| it.value.as_str()).collect();
    assert_eq!(way, ["Pending", last]);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_no_watch_brings_is_read_from_the_site() {
    let lab = Lab::new().on_command(|lab| async move {
        lab.quorum.mute_watches();
        lab.quorum
            .put(FAILOVERS, "failover-1", failover("Succeeded"));
    });
    let actors = vec![
        (
            "operator",
            vec![ordered("failover-1", ExpectedOutcome::Success)],
        ),
        controller("failover-1"),
    ];
    let run = lab.run(vec![scenario(actors)]).await;
    let steps = run.steps();
    let end = "operator/0 Passed: failover/failover-1 on quorum: success, after 1m";
    assert!(steps.iter().any(|step| step == end), "{steps:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_site_that_does_not_take_the_failover_says_why() {
    let refused = |expect| vec![("operator", vec![ordered("failover-1", expect)])];
    let lab = Lab::new();
    lab.quorum.refuse_writes("spec.protectionGroup is too long");
    let run = lab
        .run(vec![scenario(refused(failed("is too long")))])
        .await;
    assert_eq!(run.verdict, Verdict::Passed, "{:?}", run.failures());
    let run = lab
        .run(vec![scenario(refused(ExpectedOutcome::Success))])
        .await;
    assert_eq!(
        run.failure().message,
        "the failover of pg-a to cluster2 ended otherwise: expected success, was failed: the Failover could not be \
         created on site quorum: spec.protectionGroup is too long"
    );

    let taken = vec![
        ordered("failover-1", failed("somebody deleted it")),
        ordered("failover-1", failed("already exists")),
    ];
    let mut foreign = failover("Pending");
    foreign["metadata"] = json!({"uid": "another"});
    let actors = vec![("operator", taken), controller("failover-1")];
    let lab = Lab::new().on_command(move |lab| {
        let foreign = foreign.clone();
        async move {
            lab.quorum.remove(FAILOVERS, "failover-1");
            lab.quorum.put(FAILOVERS, "failover-1", foreign);
        }
    });
    let run = lab.run(vec![scenario(actors)]).await;
    assert_eq!(run.verdict, Verdict::Passed, "{:?}", run.failures());
}

//! What is observed, what is not, and what a drill makes of either.

use std::time::Duration;

use serde_json::json;
use sitedrill_model::event::EventKind;
use sitedrill_model::scenario::{Condition, InvariantKind, LockIs};
use sitedrill_model::{FailureKind, Verdict};

use crate::script::*;
use crate::stage::*;

#[tokio::test(start_paused = true)]
async fn an_expectation_without_a_time_is_judged_on_the_site_and_not_on_a_watch_that_lags() {
    let lab = lab();
    let run = lab.run(vec![scenario(vec![(
        "operator",
        vec![expect(state_is("stopped"))],
    )])]);
    assert_eq!(run.await.verdict, Verdict::Passed);

    let lab = Lab::new().on_command(|lab| async move {
        lab.dr.mute_watches();
        lab.dr.put(GROUPS, "pg-a", group("running", "running"));
    });
    let steps = vec![
        failover_step(),
        expect(state_is("running")),
        within(5, expect(state_is("running"))),
    ];
    let run = lab.run(vec![scenario(vec![("operator", steps)])]).await;
    assert_eq!(
        run.steps()[1..],
        [
            "operator/1 Passed: matched: status.currentState: running",
            "operator/2 Passed: matched by a last read of the site; its watch had not brought it",
        ]
    );
    let failure = run.failure();
    assert_eq!(
        failure.kind,
        FailureKind::ObservationGap,
        "the watch never brought it"
    );
    assert_eq!(run.verdict, Verdict::Inconclusive);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_breaks_is_taken_up_again_without_a_gap() {
    let lab = lab().on_command(|lab| async move {
        lab.dr.cut_watches();
        lab.dr.put(GROUPS, "pg-a", group("running", "mixed"));
        pause(1).await;
        lab.dr.put(GROUPS, "pg-a", group("running", "running"));
    });
    let mut it = scenario(vec![("operator", vec![observe_states(), failover_step()])]);
    it.then = vec![within(10, sequence(&["stopped", "mixed", "running"]))];
    let run = lab.run(vec![it]).await;
    assert_eq!(run.verdict, Verdict::Passed, "{:#?}", run.failures());
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_cannot_be_taken_up_again_is_a_gap_and_the_drill_inconclusive() {
    let lab = lab().on_command(|lab| async move {
        lab.dr.put(GROUPS, "pg-a", group("running", "running"));
        lab.dr.compact();
        lab.dr.cut_watches();
        pause(1).await;
    });
    let mut it = scenario(vec![("operator", vec![failover_step()])]);
    it.then = vec![within(10, expect(state_is("running")))];
    let run = lab.run(vec![it]).await;
    assert_eq!(run.verdict, Verdict::Inconclusive);
    let failures = run.failures();
    assert!(
        failures
            .iter()
            .all(|it| it.kind == FailureKind::ObservationGap)
    );
    let told = failures.iter().any(|it| {
        it.message
            .starts_with("changes of protectiongroups on dr were not observed from")
            && it.message.ends_with("too old resource version")
    });
    assert!(told, "{failures:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_invariant_broken_for_an_instant_between_two_steps_fails_the_drill() {
    let lab = lab().on_command(|lab| async move {
        lab.dr.put(INSTANCES, "pg-a-vm-1", vmi("Running"));
        lab.dr.remove(INSTANCES, "pg-a-vm-1");
    });
    let mut it = scenario(vec![(
        "operator",
        vec![failover_step(), expect(state_is("stopped"))],
    )]);
    it.invariants = vec![invariant(InvariantKind::SinglePrimary)];
    let run = lab.run(vec![it]).await;
    let failure = run.failure();
    assert_eq!(failure.kind, FailureKind::InvariantViolated);
    assert_eq!(failure.location, Some(location(3)));
    assert_eq!(run.verdict, Verdict::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_failover_beyond_its_deadline_is_a_violation_while_nothing_changes() {
    let lab = lab().on_command(|lab| async move {
        lab.quorum.put(FAILOVERS, "failover-1", failover("Running"));
        pause(3600).await;
    });
    let mut it = scenario(vec![("operator", vec![failover_step()])]);
    it.invariants = vec![invariant(InvariantKind::FailoverDeadline)];
    let run = lab.run(vec![it]).await;
    let broken = run.events.iter().find_map(|event| match &event.kind {
        EventKind::ChapterFailure(failure) => Some((failure.kind, event.at)),
        _ => None,
    });
    let (kind, at) = broken.unwrap();
    assert_eq!(kind, FailureKind::InvariantViolated);
    assert_eq!(
        at.unwrap().strftime("%M:%S").to_string(),
        "19:00",
        "told when it happened"
    );
}

#[tokio::test(start_paused = true)]
async fn invariants_and_objectives_that_saw_nothing_do_not_pass() {
    let mut it = scenario(vec![("operator", vec![expect(state_is("stopped"))])]);
    it.invariants = vec![invariant(InvariantKind::OneLockHolder)];
    it.objectives.rto = Some(Duration::from_secs(60));
    let run = lab().run(vec![it]).await;
    let kinds: Vec<FailureKind> = run.failures().iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [FailureKind::NeverChecked; 2]);
    assert_eq!(run.verdict, Verdict::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_scenario_that_expects_nothing_does_not_pass() {
    let run = lab()
        .run(vec![scenario(vec![("operator", vec![sleep(1)])])])
        .await;
    assert_eq!(run.failure().kind, FailureKind::NeverChecked);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_nobody_renews_is_free_by_time_alone() {
    let lab = Lab::new();
    let lease = json!({"spec": {"holderIdentity": "fc-1", "leaseDurationSeconds": 300,
        "renewTime": "2024-10-31T16:00:00Z"}});
    lab.quorum.put(LEASES, "failover-lock-pg-a", lease);
    let lock = Condition::Lock {
        group: "pg-a".to_owned(),
        is: LockIs::Free,
    };
    let steps = vec![within(600, expect(lock))];
    let run = lab.run(vec![scenario(vec![("operator", steps)])]).await;
    assert_eq!(
        run.steps(),
        ["operator/0 Passed: matched after 0 changes, 5m"]
    );
}

#[tokio::test(start_paused = true)]
async fn history_goes_on_over_a_suite_and_recordings_do_not() {
    let first = scenario(vec![("operator", vec![observe_states(), failover_step()])]);
    let second = scenario(vec![("operator", vec![sequence(&["stopped"])])]);
    let run = lab().run(vec![first, second]).await;
    let failure = run.failure();
    assert_eq!(failure.kind, FailureKind::SequenceDiffers);
    assert_eq!(failure.last_seen.as_deref(), Some("(not recorded)"));
    let chapters: Vec<_> = run
        .events
        .iter()
        .filter_map(|event| event.chapter)
        .collect();
    assert!(chapters.is_sorted() && chapters.last() == Some(&1));
}

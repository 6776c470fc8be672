//! What a drill comes to, case by case.

use std::time::Duration;

use serde_json::json;
use sitedrill_engine::CommandOutcome;
use sitedrill_model::event::EventKind;
use sitedrill_model::scenario::{
    Action, Apply, Condition, ExpectedOutcome, InvariantKind, LockIs, ObjectKind, OwnInvariant,
    Patch, Save, Scenario,
};
use sitedrill_model::{FailureKind, Verdict};

use crate::script::*;
use crate::stage::*;

/// Everything at once: two actors, a recording, all invariants, an objective.
fn whole() -> Scenario {
    let mut snapshot = failover_step();
    snapshot.snapshot = Some("first".to_owned());
    let mut it = scenario(vec![
        ("operator", vec![observe_states(), snapshot]),
        (
            "other",
            vec![
                await_lock(LockIs::Held, 30),
                expect(state_is("stopped")),
                await_lock(LockIs::Free, 60),
            ],
        ),
    ]);
    it.then = vec![
        within(10, expect(state_is("running"))),
        sequence(&["stopped", "mixed", "running"]),
    ];
    it.always = vec![return_group("pg-a")];
    it.invariants = InvariantKind::ALL.map(invariant).to_vec();
    it.objectives.rto = Some(Duration::from_secs(30));
    it
}

#[tokio::test(start_paused = true)]
async fn a_whole_drill_passes_with_measures_and_every_invariant_judged() {
    let lab = lab();
    let run = lab.run(vec![whole()]).await;
    assert_eq!(run.failures(), Vec::<&sitedrill_model::Failure>::new());
    assert_eq!(run.verdict, Verdict::Passed);
    assert_eq!(
        run.steps(),
        [
            "operator/0 Passed: recording, from: stopped",
            "other/0 Passed: matched after 1 change, 0s",
            "other/1 Passed: matched: status.currentState: stopped",
            "operator/1 Passed: success, exit code 0; transcript as in its snapshot",
            "other/2 Passed: matched after 1 change, 30s",
            "then/0 Passed: matched at once",
            "then/1 Passed: matched: stopped, mixed, running",
            "always/0 Passed: returned pg-a to primary",
        ]
    );
    let snapshot = "[INFO] operator: failover pg-a --to-cluster2\n[DONE]";
    assert_eq!(lab.snapshots(), [("first".to_owned(), snapshot.to_owned())]);
    let measured = run.events.iter().find_map(|event| match &event.kind {
        EventKind::FailoverMeasured(it) => Some((it.rto_seconds, it.downtime[0].seconds)),
        _ => None,
    });
    assert_eq!(measured, Some((Some(30.0), Some(20.0))));
    let observations: Vec<u64> = run
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::InvariantJudged(it) => Some(it.observations),
            _ => None,
        })
        .collect();
    // 4 of instances; 2 of the lease and 2 of the failover; its end; its running and its end.
    assert_eq!(observations, [4, 4, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn events_are_numbered_without_a_hole_and_two_runs_are_alike() {
    let first = lab().run(vec![whole()]).await.events;
    let second = lab().run(vec![whole()]).await.events;
    assert_eq!(first, second);
    for (index, event) in first.iter().enumerate() {
        assert_eq!(event.seq, index as u64);
        assert_eq!(event.drill.as_deref(), Some("drill"));
        assert_eq!(event.chapter, (index > 0).then_some(0));
        assert!(event.at.is_some());
    }
    assert!(matches!(first[1].kind, EventKind::ChapterStarted(_)));
    let last = first.last().map(|event| &event.kind);
    assert!(matches!(
        last,
        Some(EventKind::ChapterFinished {
            verdict: Verdict::Passed
        })
    ));
}

#[tokio::test(start_paused = true)]
async fn an_expectation_that_is_not_met_shows_place_difference_and_the_way() {
    let expected = within(60, expect(state_is("lost")));
    let run = lab()
        .run(vec![scenario(vec![
            ("operator", vec![failover_step()]),
            ("other", vec![expected, sleep(1)]),
        ])])
        .await;
    assert_eq!(run.verdict, Verdict::Failed);
    let failure = run.failure();
    assert_eq!(failure.kind, FailureKind::ExpectationNotMet);
    assert_eq!(failure.location, Some(location(9)));
    assert_eq!(
        failure.message,
        "protectiongroup/pg-a on dr with status.currentState: lost: \
         was not so within 1m; last seen status.currentState: running"
    );
    let diff = "- status.currentState: lost\n+ status.currentState: running";
    assert_eq!(failure.diff.as_deref(), Some(diff));
    let seen: Vec<String> = failure
        .seen
        .iter()
        .map(|it| format!("{} {}", it.at.strftime("%M:%S"), it.value))
        .collect();
    assert_eq!(
        seen,
        [
            "00:00 status.currentState: stopped",
            "00:10 status.currentState: mixed",
            "00:30 status.currentState: running",
        ]
    );
    assert_eq!(
        run.steps()[2],
        "other/1 skipped: step 1 of other failed (line 9)"
    );
}

#[tokio::test(start_paused = true)]
async fn an_expected_refusal_passes_and_an_unexpected_one_fails_with_the_transcript() {
    let refusal = CommandOutcome::Refused {
        reason: "LockHeld".to_owned(),
        holder: Some("fc-1".to_owned()),
        message: String::new(),
    };
    let expected = ExpectedOutcome::Refused {
        reason: "LockHeld".to_owned(),
        holder: None,
    };
    let lab = Lab::new().ending(refusal);
    let steps = vec![pgctl("failover pg-a", expected), failover_step()];
    let run = lab.run(vec![scenario(vec![("operator", steps)])]).await;
    assert_eq!(
        run.steps()[0],
        "operator/0 Passed: refused: LockHeld, held by fc-1, exit code 1"
    );
    let failure = run.failure();
    assert_eq!(failure.kind, FailureKind::OutcomeDiffers);
    assert!(failure.last_seen.as_ref().unwrap().ends_with("[DONE]"));
}

#[tokio::test(start_paused = true)]
async fn a_changed_transcript_fails_and_chapters_of_a_suite_have_snapshots_of_their_own() {
    let mut changed = failover_step();
    changed.snapshot = Some("changed".to_owned());
    let one = || scenario(vec![("operator", vec![changed.clone()])]);
    let lab = Lab::new();
    let run = lab.run(vec![one(), one()]).await;
    let kinds: Vec<FailureKind> = run.failures().iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [FailureKind::SnapshotDiffers; 2]);
    assert_eq!(lab.snapshots()[0].0, "chapter__changed");
}

#[tokio::test(start_paused = true)]
async fn an_await_on_an_actor_that_stopped_fails_at_once_and_not_at_its_time() {
    let actor = Condition::Actor {
        actor: "operator".to_owned(),
        step: None,
    };
    let mut it = scenario(vec![
        (
            "operator",
            vec![sleep(5), expect(state_is("lost")), sleep(1)],
        ),
        ("other", vec![within(3600, step(Action::Await(actor)))]),
    ]);
    it.then = vec![sleep(1)];
    it.always = vec![return_group("pg-a")];
    let lab = lab();
    let run = lab.run(vec![it]).await;
    let steps = run.steps();
    assert_eq!(
        steps[3],
        "other/0 Failed: operator done: can no longer be so: operator stopped at its step 2: \
         a step; last seen operator stopped at its step 2: a step"
    );
    assert_eq!(steps[4], "then/0 skipped: not all actors passed");
    assert_eq!(lab.returned(), ["pg-a to primary"]);
    let end = run.events.last().unwrap().at.unwrap();
    assert_eq!(end.strftime("%M:%S").to_string(), "00:05");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_ends_its_steps_as_aborted_and_still_cleans_up() {
    let mut it = scenario(vec![(
        "operator",
        vec![expect(state_is("stopped")), sleep(600), sleep(1)],
    )]);
    it.then = vec![sleep(1)];
    it.always = vec![return_group("pg-a")];
    it.invariants = vec![invariant(InvariantKind::OneLockHolder)];
    let lab = lab();
    let run = lab.run_until(vec![it.clone(), it], pause(60)).await;
    assert_eq!(run.verdict, Verdict::Aborted);
    let stopped = "the run was stopped from outside";
    assert_eq!(
        run.steps()[1..5],
        [
            format!("operator/1 Aborted: {stopped}"),
            format!("operator/2 skipped: {stopped}"),
            format!("then/0 skipped: {stopped}"),
            "always/0 Passed: returned pg-a to primary".to_owned(),
        ]
    );
    assert_eq!(
        lab.returned().len(),
        1,
        "the second chapter never began to act"
    );
    let finished = run.events.iter().filter_map(|event| match &event.kind {
        EventKind::ChapterFinished { verdict } => Some(*verdict),
        _ => None,
    });
    assert_eq!(finished.collect::<Vec<_>>(), [Verdict::Aborted; 2]);
}

#[tokio::test(start_paused = true)]
async fn every_step_of_always_is_tried_and_one_that_fails_fails_the_drill() {
    let mut it = scenario(vec![("operator", vec![expect(state_is("stopped"))])]);
    it.always = vec![
        return_group("pg-lost"),
        expect(state_is("lost")),
        return_group("pg-a"),
    ];
    let lab = lab();
    let run = lab.run(vec![it]).await;
    let kinds: Vec<FailureKind> = run.failures().iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [FailureKind::CleanupFailed; 2]);
    assert_eq!(lab.returned(), ["pg-lost to primary", "pg-a to primary"]);
    assert_eq!(run.verdict, Verdict::Failed);
}

#[tokio::test(start_paused = true)]
async fn sites_that_cannot_be_prepared_or_reached_say_nothing_about_the_system() {
    let mut it = scenario(vec![("operator", vec![expect(state_is("stopped"))])]);
    it.always = vec![return_group("pg-a")];
    let lab = Lab::new().with_failing_given();
    let run = lab.run(vec![it.clone()]).await;
    assert_eq!(run.verdict, Verdict::Inconclusive);
    assert_eq!(
        run.failure().message,
        "`given` could not be brought about: start the machines of pg-a: no node is ready"
    );
    assert_eq!(
        lab.returned(),
        Vec::<String>::new(),
        "nothing was done, nothing is undone"
    );

    let lab = Lab::new();
    lab.dr.go_down();
    let run = lab.run(vec![it]).await;
    assert_eq!(run.verdict, Verdict::Inconclusive);
    assert_eq!(run.failure().kind, FailureKind::EnvironmentFailed);
    assert!(
        run.failure()
            .message
            .ends_with("could not be listed: the site is down")
    );
}

#[tokio::test(start_paused = true)]
async fn writes_reach_the_site_and_a_refused_one_fails_with_the_sites_words() {
    let patch = step(Action::Patch(Patch {
        object: object("dr", ObjectKind::ProtectionGroup, "pg-a"),
        merge: json!({"spec": {"desiredState": "running"}}),
    }));
    let apply = step(Action::Apply(Apply {
        site: "quorum".to_owned(),
        manifest: json!({
            "apiVersion": "siterecovery.trilio.io/v1alpha1", "kind": "Failover",
            "metadata": {"name": "failover-9", "namespace": NAMESPACE},
        }),
    }));
    let delete = step(Action::Delete(object(
        "dr",
        ObjectKind::ProtectionGroup,
        "pg-a",
    )));
    let absent = expect(Condition::Absent {
        object: object("dr", ObjectKind::ProtectionGroup, "pg-a"),
    });
    let lab = lab();
    let steps = vec![patch.clone(), apply, delete, absent];
    let run = lab.run(vec![scenario(vec![("operator", steps)])]).await;
    assert_eq!(
        run.steps(),
        [
            "operator/0 Passed: patched protectiongroup/pg-a on dr",
            "operator/1 Passed: applied failover/failover-9 on quorum",
            "operator/2 Passed: deleted protectiongroup/pg-a on dr",
            "operator/3 Passed: matched: (absent)",
        ]
    );
    assert!(lab.quorum.get(FAILOVERS, "failover-9").is_some());

    lab.dr.refuse_writes("spec is immutable");
    let run = lab
        .run(vec![scenario(vec![("operator", vec![patch])])])
        .await;
    let failure = run.failure();
    assert_eq!(failure.kind, FailureKind::WriteRefused);
    assert_eq!(
        failure.message,
        "protectiongroup/pg-a on dr was not patched: spec is immutable"
    );
}

#[tokio::test(start_paused = true)]
async fn a_command_that_never_ends_does_not_hold_a_chapter_for_ever() {
    let lab = Lab::new().on_command(|_| std::future::pending());
    let run = lab
        .run(vec![scenario(vec![("operator", vec![failover_step()])])])
        .await;
    assert_eq!(run.verdict, Verdict::Failed);
    assert_eq!(run.steps(), ["operator/0 Failed: not done within 2h"]);
}

#[test]
fn a_run_may_be_spawned() {
    fn sendable<T: Send>(_: impl FnOnce() -> T) {}
    sendable(|| async {
        lab().run(vec![whole()]).await;
    });
}

fn own(name: &str, condition: Condition, holds: bool) -> OwnInvariant {
    OwnInvariant {
        name: name.to_owned(),
        condition,
        holds,
        location: location(4),
    }
}

#[tokio::test(start_paused = true)]
async fn an_invariant_of_the_scenarios_own_is_judged_at_every_change() {
    let lab = lab();
    let mut it = scenario(vec![(
        "a",
        vec![failover_step(), within(60, expect(state_is("running")))],
    )]);
    it.own_invariants = vec![own("never-mixed", state_is("mixed"), false)];
    let run = lab.run(vec![it.clone()]).await;
    assert_eq!(run.verdict, Verdict::Failed);
    let failure = run.failures()[0];
    assert_eq!(failure.kind, FailureKind::InvariantViolated);
    assert!(
        failure.message.starts_with("never-mixed: never "),
        "{}",
        failure.message
    );
    it.own_invariants = vec![own("never-unknown", state_is("unknown"), false)];
    let run = self::lab().run(vec![it]).await;
    assert_eq!(run.verdict, Verdict::Passed, "{:?}", run.failures());
    let judged = run.events.iter().find_map(|event| match &event.kind {
        EventKind::InvariantJudged(it) => Some(it.observations),
        _ => None,
    });
    assert!(judged.is_some_and(|count| count >= 3), "{judged:?}");
}

#[tokio::test(start_paused = true)]
async fn a_fact_that_must_hold_throughout_fails_on_a_state_that_lasted_for_one_change() {
    let lab = lab();
    let mut holds = expect(state_is("stopped"));
    holds.throughout = Some(Duration::from_secs(120));
    let quiet = lab
        .run(vec![scenario(vec![("a", vec![holds.clone()])])])
        .await;
    assert_eq!(quiet.verdict, Verdict::Passed, "{:?}", quiet.failures());
    let actors = vec![("a", vec![holds]), ("b", vec![failover_step()])];
    let moved = self::lab().run(vec![scenario(actors)]).await;
    assert_eq!(moved.verdict, Verdict::Failed);
    assert!(
        moved.failures()[0].message.contains("of 2m only"),
        "{:?}",
        moved.failures()
    );
}

#[tokio::test(start_paused = true)]
async fn a_saved_value_is_used_by_a_later_step_and_one_that_is_not_there_is_told() {
    let save = Save {
        name: "state".to_owned(),
        object: object("dr", ObjectKind::ProtectionGroup, "pg-a"),
        field: "status.currentState".to_owned(),
    };
    let steps = vec![
        step(Action::Save(save.clone())),
        expect(state_is("${state}")),
    ];
    let run = lab().run(vec![scenario(vec![("a", steps)])]).await;
    assert_eq!(run.verdict, Verdict::Passed, "{:?}", run.failures());
    let too_early = vec![expect(state_is("${state}")), step(Action::Save(save))];
    let run = lab().run(vec![scenario(vec![("a", too_early)])]).await;
    assert!(
        run.failures()[0].message.contains("has no value yet"),
        "{:?}",
        run.failures()
    );
}

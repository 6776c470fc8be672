//! Faults: that they took effect, that they were lifted, and what it means when not.

use sitedrill_model::event::{EventKind, FaultChange};
use sitedrill_model::scenario::{Action, Fault, FaultStep};
use sitedrill_model::{FailureKind, Verdict};

use crate::script::*;
use crate::stage::*;

fn fault(name: &str) -> sitedrill_model::scenario::Step {
    step(Action::Fault(FaultStep {
        name: name.to_owned(),
        fault: Fault::QuorumLost {
            site: "dr".to_owned(),
        },
    }))
}

fn lift(name: &str) -> sitedrill_model::scenario::Step {
    step(Action::Lift(name.to_owned()))
}

fn fault_changes(run: &Run) -> Vec<(String, FaultChange)> {
    let notes = run.events.iter().filter_map(|event| match &event.kind {
        EventKind::Fault(note) => Some((note.name.clone(), note.what)),
        _ => None,
    });
    notes.collect()
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_injected_seen_to_work_and_lifted() {
    let lab = lab();
    let steps = vec![
        within(10, fault("seen")),
        expect(state_is("stopped")),
        lift("seen"),
    ];
    let run = lab.run(vec![scenario(vec![("a", steps)])]).await;
    assert_eq!(run.failures(), Vec::<&sitedrill_model::Failure>::new());
    assert_eq!(
        fault_changes(&run),
        [
            FaultChange::Injected,
            FaultChange::TookEffect,
            FaultChange::Lifted
        ]
        .map(|what| ("seen".to_owned(), what))
    );
    assert_eq!(lab.returned(), ["lifted seen"]);
}

#[tokio::test(start_paused = true)]
async fn a_fault_whose_effect_nobody_saw_makes_the_verdict_inconclusive() {
    let steps = vec![fault("idle"), expect(state_is("stopped")), lift("idle")];
    let run = lab().run(vec![scenario(vec![("a", steps)])]).await;
    assert_eq!(run.verdict, Verdict::Inconclusive);
    assert_eq!(run.failures()[0].kind, FailureKind::FaultNotSeen);
    let waited = lab()
        .run(vec![scenario(vec![("a", vec![within(10, fault("idle"))])])])
        .await;
    assert_eq!(waited.verdict, Verdict::Inconclusive);
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_no_step_lifts_is_lifted_before_always_and_said_to_be_left_over() {
    let lab = lab();
    let steps = vec![within(10, fault("seen")), expect(state_is("running"))];
    let mut it = scenario(vec![("a", steps)]);
    it.always = vec![return_group("pg-a")];
    let run = lab.run(vec![it]).await;
    assert_eq!(run.verdict, Verdict::Failed, "the expectation is wrong");
    assert_eq!(fault_changes(&run)[2].1, FaultChange::LeftOver);
    assert_eq!(lab.returned()[0], "lifted seen");
    assert_eq!(lab.returned().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_lifted_when_the_run_is_stopped() {
    let lab = lab();
    let steps = vec![
        within(10, fault("seen")),
        within(600, expect(state_is("running"))),
    ];
    let it = scenario(vec![("a", steps)]);
    let run = lab.run_until(vec![it], pause(60)).await;
    assert_eq!(run.verdict, Verdict::Aborted);
    assert_eq!(lab.returned(), ["lifted seen"]);
}

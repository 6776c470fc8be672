//! Actors: named sequences of steps, side by side.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use sitedrill_model::event::{StepId, StepOutcome};
use sitedrill_model::scenario::{Scenario, Step};
use sitedrill_model::{Failure, FailureKind, Verdict};

use crate::core::{ALWAYS, Input, THEN};
use crate::shared::Shared;
use crate::steps::{self, Stage};

/// Runs all actors side by side until each has ended or stopped; whether all passed.
pub(crate) async fn run_all(stage: &Stage<'_>) -> bool {
    let actors = stage.scenario.actors.iter();
    // In the order written; woken ones are polled in the order of waking, so the run is the same each time.
    let mut running: FuturesUnordered<_> = actors
        .map(|actor| run(&actor.name, &actor.steps, stage))
        .collect();
    let mut all_passed = true;
    while let Some(passed) = running.next().await {
        all_passed &= passed;
    }
    all_passed
}

/// Runs the steps of `then`; whether all passed.
pub(crate) async fn run_then(stage: &Stage<'_>) -> bool {
    run(THEN, &stage.scenario.then, stage).await
}

/// Runs every step of `always`, whatever became of those before it.
pub(crate) async fn run_always(stage: &Stage<'_>) {
    for (index, step) in stage.scenario.always.iter().enumerate() {
        let id = id(ALWAYS, index);
        stage.shared.take(Input::StepStarted { id: &id, step });
        let outcome = as_cleanup(Box::pin(steps::run(&id, step, stage)).await);
        stage.shared.take(Input::StepFinished { id: &id, outcome });
    }
}

/// Runs steps in order; stops at the first that fails.
async fn run(actor: &str, steps: &[Step], stage: &Stage<'_>) -> bool {
    for (index, step) in steps.iter().enumerate() {
        let id = id(actor, index);
        stage.shared.take(Input::StepStarted { id: &id, step });
        let outcome = Box::pin(steps::run(&id, step, stage)).await;
        let passed = outcome.verdict == Verdict::Passed;
        stage.shared.take(Input::StepFinished { id: &id, outcome });
        if !passed {
            let (step, line) = (index + 1, step.location.line);
            let reason = format!("step {step} of {actor} failed (line {line})");
            skip(actor, steps, &reason, stage.shared);
            return false;
        }
    }
    true
}

/// Ends every step that runs as aborted, and skips every step of actors and `then` that has not started.
/// To be called when their futures are gone.
pub(crate) fn abandon(scenario: &Scenario, shared: &Arc<Shared>, failure: &Failure) {
    let running = shared.core().act().board.running();
    for id in running {
        let mut failure = failure.clone();
        failure.location = step_of(scenario, &id).map(|step| step.location.clone());
        let outcome = steps::failed(failure);
        shared.take(Input::StepFinished { id: &id, outcome });
    }
    for actor in &scenario.actors {
        skip(&actor.name, &actor.steps, &failure.message, shared);
    }
    skip(THEN, &scenario.then, &failure.message, shared);
}

/// Skips those of an actor's steps that have not started.
pub(crate) fn skip(actor: &str, steps: &[Step], reason: &str, shared: &Arc<Shared>) {
    for (index, step) in steps.iter().enumerate() {
        let id = id(actor, index);
        let is_waiting = shared.core().act().board.is_waiting(&id);
        if is_waiting {
            let id = &id;
            shared.take(Input::StepSkipped { id, step, reason });
        }
    }
}

fn id(actor: &str, index: usize) -> StepId {
    StepId {
        actor: actor.to_owned(),
        index,
    }
}

fn step_of<'s>(scenario: &'s Scenario, id: &StepId) -> Option<&'s Step> {
    let steps = match id.actor.as_str() {
        THEN => &scenario.then,
        ALWAYS => &scenario.always,
        name => &scenario.actors.iter().find(|it| it.name == name)?.steps,
    };
    steps.get(id.index)
}

/// In `always`, whatever goes wrong means that the sites may not be as they were.
fn as_cleanup(mut outcome: StepOutcome) -> StepOutcome {
    if let Some(failure) = &mut outcome.failure {
        let says_nothing = failure.kind.verdict() == Verdict::Inconclusive;
        if !says_nothing {
            failure.kind = FailureKind::CleanupFailed;
        }
        outcome.verdict = failure.kind.verdict();
    }
    outcome
}

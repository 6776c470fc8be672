//! Actors: named sequences of steps, side by side.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use sitedrill_model::event::{StepId, StepOutcome};
use sitedrill_model::scenario::{Action, Actor, Scenario, Step};
use sitedrill_model::{Failure, FailureKind, Verdict, derive_seed};

use crate::core::{ALWAYS, Input, THEN};
use crate::shared::Shared;
use crate::steps::{self, Stage};

/// How many delays there are: 0, 1 and 2 ms.
const MOST_DELAYS: u64 = 3;

/// Runs all actors side by side until each has ended or stopped; whether all passed.
pub(crate) async fn run_all(stage: &Stage<'_>) -> bool {
    // Who begins comes from the seed; woken ones are polled in the order of waking, so the same seed gives the same run,
    // and another seed another winner where actors race.
    let seed = stage.target.seed;
    let actors = in_seeds_order(&stage.scenario.actors, seed);
    let race = actors.iter().filter(|actor| races(actor)).count() > 1;
    let mut running: FuturesUnordered<_> = actors
        .into_iter()
        .map(|actor| async move {
            if race && races(actor) {
                tokio::time::sleep(delay(actor, seed)).await;
            }
            run(&actor.name, &actor.steps, stage).await
        })
        .collect();
    let mut all_passed = true;
    while let Some(passed) = running.next().await {
        all_passed &= passed;
    }
    all_passed
}

/// The actors in the order in which they begin.
fn in_seeds_order(actors: &[Actor], seed: u64) -> Vec<&Actor> {
    let mut actors: Vec<&Actor> = actors.iter().collect();
    actors.sort_by_cached_key(|actor| derive_seed(seed, &format!("actor {}", actor.name)));
    actors
}

/// Whether an actor begins by itself. One that awaits a fact first has its place in the order.
fn races(actor: &Actor) -> bool {
    let first = actor.steps.first();
    first.is_some_and(|step| !matches!(step.action, Action::Await(_)))
}

/// How long after the others an actor begins, in whole milliseconds, so that some begin at the same instant.
/// Objects that were made at the same instant have an order of their own, which has nothing to do with who was first.
fn delay(actor: &Actor, seed: u64) -> Duration {
    Duration::from_millis(derive_seed(seed, &format!("delay of {}", actor.name)) % MOST_DELAYS)
}

/// Runs the steps of `then`; whether all passed.
pub(crate) async fn run_then(stage: &Stage<'_>) -> bool {
    run(THEN, &stage.scenario.then, stage).await
}

/// Runs every step of `always`, whatever became of those before it.
pub(crate) async fn run_always(stage: &Stage<'_>) {
    for (index, step) in stage.scenario.always.iter().enumerate() {
        let id = id(ALWAYS, index);
        let outcome = as_cleanup(Box::pin(perform(&id, step, stage)).await);
        stage.shared.take(Input::StepFinished { id: &id, outcome });
    }
}

/// Runs steps in order; stops at the first that fails.
async fn run(actor: &str, steps: &[Step], stage: &Stage<'_>) -> bool {
    for (index, step) in steps.iter().enumerate() {
        let id = id(actor, index);
        let outcome = Box::pin(perform(&id, step, stage)).await;
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

/// Runs one step to its end, with the values that earlier steps have saved.
async fn perform(id: &StepId, step: &Step, stage: &Stage<'_>) -> StepOutcome {
    stage.at_pace(id, step).await;
    let filled = stage.shared.core().act().resolved(step);
    let action = filled.as_ref().ok().map(|filled| &filled.action);
    stage.shared.take(Input::StepStarted { id, step, action });
    match filled {
        Ok(filled) => steps::run(id, &filled, stage).await,
        Err(failure) => steps::failed(failure.at(&step.location)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_two_actors_begins_under_some_seeds_and_always_the_same_under_one_seed() {
        let actor = |name: &str| Actor {
            name: name.to_owned(),
            steps: Vec::new(),
        };
        let actors = [actor("terminal-1"), actor("terminal-2")];
        let first = |seed| in_seeds_order(&actors, seed)[0].name.clone();
        let begun = (0..200).filter(|seed| first(*seed) == "terminal-1").count();
        assert!((60..140).contains(&begun), "{begun} of 200");
        let delays = |seed| [delay(&actors[0], seed), delay(&actors[1], seed)];
        let ahead = |seed: &u64| delays(*seed)[0] < delays(*seed)[1];
        let behind = |seed: &u64| delays(*seed)[0] > delays(*seed)[1];
        assert!((0..200).filter(ahead).count() > 40);
        assert!((0..200).filter(behind).count() > 40);
        assert!((0..200).all(|seed| first(seed) == first(seed) && delays(seed) == delays(seed)));
    }
}

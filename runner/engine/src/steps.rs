//! Steps: one function each.

use std::time::Duration;

use sitedrill_model::event::{StepId, StepOutcome};
use sitedrill_model::scenario::{Action, DrillKind, ObjectRef, Scenario, Step};
use sitedrill_model::{Failure, FailureKind, Verdict};

mod apply;
mod await_;
mod delete;
mod expect;
mod failover;
mod observe;
mod outcome;
mod patch;
mod pgctl;
mod program;
mod return_;
mod save;
mod sleep;
mod transcript;

use std::sync::Arc;

use crate::Target;
use crate::objects::{Key, span};
use crate::observer::client_of;
use crate::rest::{self, Rest};
use crate::shared::Shared;

/// Everything that a step may use.
pub(crate) struct Stage<'s> {
    pub(crate) target: &'s Target,
    pub(crate) shared: &'s Arc<Shared>,
    pub(crate) scenario: &'s Scenario,
    /// Whether the scenario stands alone or is a chapter of a suite.
    pub(crate) kind: DrillKind,
}

impl Stage<'_> {
    /// The object whose values are recorded under this name.
    pub(crate) fn recorded_object(&self, name: &str) -> Option<ObjectRef> {
        let actors = self.scenario.actors.iter().flat_map(|it| &it.steps);
        let mut steps = actors
            .chain(&self.scenario.then)
            .chain(&self.scenario.always);
        steps.find_map(|step| match &step.action {
            Action::Observe(observe) if observe.name == name => Some(observe.object.clone()),
            _ => None,
        })
    }

    /// Waits for whoever follows the drill by hand.
    pub(crate) async fn at_pace(&self, id: &StepId, step: &Step) {
        if let Some(pace) = &self.target.pace {
            pace.before_step(&id.actor, &step.text).await;
        }
    }

    fn rest(&self, object: &ObjectRef) -> Result<Rest, Failure> {
        let client = client_of(self.target, &object.site)?;
        let resource = crate::kinds::resource(object.kind);
        Ok(Rest::new(client, resource, object.namespace.as_deref()))
    }
}

/// Does what a step says, with its values filled in.
pub(crate) async fn run(id: &StepId, step: &Step, stage: &Stage<'_>) -> StepOutcome {
    let within = step.within;
    match &step.action {
        Action::Await(condition) => await_::run(condition, step, stage).await,
        Action::Expect(condition) => expect::run(condition, step, stage).await,
        Action::Sleep(sleep) => sleep::run(sleep).await,
        Action::Save(save) => limited(within, step, save::run(save, step, stage)).await,
        Action::Measure(it) => limited(within, step, save::measure(it, step, stage)).await,
        Action::Fault(it) => crate::faults::inject(it, step, stage).await,
        Action::Lift(name) => crate::faults::lift(name, step, stage).await,
        Action::Failover(it) => failover::run(it, id, step, stage).await,
        Action::Pgctl(it) => limited(within, step, pgctl::run(it, id, step, stage)).await,
        Action::Program(it) => limited(within, step, program::run(it, id, step, stage)).await,
        Action::Patch(it) => limited(within, step, patch::run(it, step, stage)).await,
        Action::Apply(it) => limited(within, step, apply::run(it, step, stage)).await,
        Action::Delete(it) => limited(within, step, delete::run(it, step, stage)).await,
        Action::Observe(it) => limited(within, step, observe::run(it, step, stage)).await,
        Action::Return(it) => limited(within, step, return_::run(it, step, stage)).await,
    }
}

/// Ends a step that is not done in its time, where it has one.
async fn limited(
    within: Option<Duration>,
    step: &Step,
    work: impl Future<Output = StepOutcome>,
) -> StepOutcome {
    let Some(within) = within else {
        return work.await;
    };
    let done = tokio::time::timeout(within, work).await;
    done.unwrap_or_else(|_| {
        let message = format!("not done within {}", span(within.as_secs_f64()));
        failed(Failure::new(FailureKind::AwaitTimedOut, message).at(&step.location))
    })
}

/// The outcome of a step that did what it says.
pub(crate) fn passed(detail: String) -> StepOutcome {
    StepOutcome {
        verdict: Verdict::Passed,
        detail,
        failure: None,
    }
}

/// The outcome of a step that did not.
pub(crate) fn failed(failure: Failure) -> StepOutcome {
    StepOutcome {
        verdict: failure.kind.verdict(),
        detail: failure.message.clone(),
        failure: Some(failure),
    }
}

/// The outcome of a write: a refusal by the site is the site's word, anything else says nothing about it.
fn written(what: &str, key: &Key, result: kube::Result<()>, step: &Step) -> StepOutcome {
    let Err(error) = result else {
        return passed(format!("{what} {key}"));
    };
    let reason = rest::reason(&error);
    let is_refusal = matches!(&error, kube::Error::Api(status) if status.code < 500);
    let failure = if is_refusal {
        let message = format!("{key} was not {what}: {reason}");
        Failure::new(FailureKind::WriteRefused, message)
    } else {
        let message = format!("{key} could not be {what}: {reason}");
        Failure::new(FailureKind::EnvironmentFailed, message)
    };
    failed(failure.at(&step.location))
}

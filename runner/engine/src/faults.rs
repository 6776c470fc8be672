//! Faults: injected, seen to work, lifted, and never left behind.

use std::sync::Arc;
use std::time::Duration;

use sitedrill_model::event::{FaultChange, FaultNote, StepOutcome};
use sitedrill_model::scenario::{FaultStep, Step};
use sitedrill_model::{Failure, FailureKind, Location};

use crate::Target;
use crate::core::Input;
use crate::objects::span;
use crate::rest::chain;
use crate::shared::Shared;
use crate::steps::{Stage, failed, passed};

/// `fault`: breaks something; with a time, waits until it is seen to work.
pub(crate) async fn inject(it: &FaultStep, step: &Step, stage: &Stage<'_>) -> StepOutcome {
    let disturber = &stage.target.disturber;
    let text = it.fault.to_string();
    if let Err(error) = disturber.inject(&it.name, &it.fault).await {
        let message = format!("fault {}: {}", it.name, chain(&error));
        return failed(Failure::new(FailureKind::EnvironmentFailed, message).at(&step.location));
    }
    let note = |what, evidence: &str| FaultNote {
        name: it.name.clone(),
        fault: text.clone(),
        what,
        evidence: evidence.to_owned(),
    };
    tell(stage.shared, note(FaultChange::Injected, ""), step);
    let seen = match step.within {
        None => disturber.seen(&it.name),
        Some(within) => {
            let effect = tokio::time::timeout(within, disturber.effect(&it.name)).await;
            let Ok(evidence) = effect else {
                return failed(not_seen(it, within, step));
            };
            Some(evidence)
        }
    };
    match seen {
        None => passed("injected; its effect is yet to be seen".to_owned()),
        Some(evidence) => {
            tell(stage.shared, note(FaultChange::TookEffect, &evidence), step);
            passed(format!("took effect: {evidence}"))
        }
    }
}

fn not_seen(it: &FaultStep, within: Duration, step: &Step) -> Failure {
    let (name, fault, within) = (&it.name, &it.fault, span(within.as_secs_f64()));
    let message = format!("fault {name} ({fault}) was not seen to take effect within {within}");
    Failure::new(FailureKind::FaultNotSeen, message).at(&step.location)
}

/// `lift`: ends a fault and sees that it is gone.
pub(crate) async fn lift(name: &str, step: &Step, stage: &Stage<'_>) -> StepOutcome {
    let in_force = stage.shared.core().act().faults_in_force();
    let Some((_, text, location)) = in_force.into_iter().find(|(known, ..)| known == name) else {
        let message =
            format!("fault {name} is not in force: its step has not run, or it was lifted");
        return failed(Failure::new(FailureKind::FaultNotSeen, message).at(&step.location));
    };
    let fault = InForce {
        name,
        text: &text,
        location: &location,
    };
    match fault
        .end(FaultChange::Lifted, stage.target, stage.shared)
        .await
    {
        Ok(evidence) => passed(evidence),
        Err(failure) => failed(failure.at(&step.location)),
    }
}

/// Lifts every fault that no step has lifted. What cannot be lifted is a failure of the cleanup.
pub(crate) async fn lift_all(target: &Target, shared: &Arc<Shared>) {
    let in_force = shared.core().act().faults_in_force();
    for (name, text, location) in in_force.into_iter().rev() {
        let fault = InForce {
            name: &name,
            text: &text,
            location: &location,
        };
        let ended = fault.end(FaultChange::LeftOver, target, shared).await;
        if let Err(failure) = ended {
            shared.take(Input::Failed(failure.at(&location)));
        }
    }
}

struct InForce<'f> {
    name: &'f str,
    text: &'f str,
    location: &'f Location,
}

impl InForce<'_> {
    async fn end(
        &self,
        how: FaultChange,
        target: &Target,
        shared: &Arc<Shared>,
    ) -> Result<String, Failure> {
        let known = shared.core().act().has_taken_effect(self.name);
        let seen = target.disturber.seen(self.name).filter(|_| !known);
        if let Some(evidence) = seen {
            self.tell(FaultChange::TookEffect, evidence, shared);
        }
        let lifted = target.disturber.lift(self.name).await.map_err(|error| {
            let message = format!("fault {} could not be lifted: {}", self.name, chain(&error));
            Failure::new(FailureKind::CleanupFailed, message)
        })?;
        self.tell(how, lifted.clone(), shared);
        Ok(lifted)
    }

    fn tell(&self, what: FaultChange, evidence: String, shared: &Shared) {
        let note = FaultNote {
            name: self.name.to_owned(),
            fault: self.text.to_owned(),
            what,
            evidence,
        };
        let location = self.location;
        shared.take(Input::Fault { note, location });
    }
}

fn tell(shared: &Shared, note: FaultNote, step: &Step) {
    let location = &step.location;
    shared.take(Input::Fault { note, location });
}

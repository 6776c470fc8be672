//! Events: what the new status says that the stored one did not. So no event is told twice.

use siterecovery_api::{FailoverPhase, FailoverStatus, FailoverStep, StepName, StepState, reasons};

use super::observed::Observed;
use crate::conditions::{self, Truth};
use crate::decision::{EventNote, ObjectRef};

/// The events of one pass.
pub(super) fn between(observed: &Observed, new: &FailoverStatus) -> Vec<EventNote> {
    let old = &observed.failover.status;
    let mut notes = Notes {
        observed,
        list: Vec::new(),
    };
    for step in &new.steps {
        notes.step(old.step(step.name), step);
    }
    notes.condition(old, new, conditions::TAINTS_CLEARED, Truth::False);
    notes.condition(old, new, conditions::SOURCE_FENCED, Truth::False);
    notes.condition(old, new, conditions::SOURCE_FENCED, Truth::True);
    notes.condition(old, new, conditions::ROLLED_BACK, Truth::True);
    notes.condition(old, new, conditions::ROLLED_BACK, Truth::False);
    let ended = |status: &FailoverStatus| status.phase.is_some_and(FailoverPhase::is_terminal);
    if ended(new) && !ended(old) {
        notes.end(new);
    }
    notes.list
}

struct Notes<'a> {
    observed: &'a Observed,
    list: Vec<EventNote>,
}

impl Notes<'_> {
    fn step(&mut self, old: Option<&FailoverStep>, new: &FailoverStep) {
        if old.is_some_and(|old| old.state == new.state) {
            return;
        }
        let (reason, word) = match new.state {
            StepState::Running => (reasons::STEP_STARTED, "has begun"),
            StepState::Succeeded if new.name == StepName::AcquireLock => {
                (reasons::LOCK_ACQUIRED, "is done")
            }
            StepState::Succeeded if new.name == StepName::ReleaseLock => {
                (reasons::LOCK_RELEASED, "is done")
            }
            StepState::Succeeded => (reasons::STEP_SUCCEEDED, "is done"),
            StepState::Skipped if new.name == StepName::SafetyCheck => {
                (reasons::FORCED, "was skipped")
            }
            StepState::Skipped => (reasons::STEP_SKIPPED, "was skipped"),
            StepState::Failed if new.name == StepName::ReleaseLock => {
                (reasons::LOCK_NOT_RELEASED, "failed")
            }
            // The end tells why, once.
            StepState::Failed => return,
        };
        let message = match &new.message {
            Some(message) => format!("{} {word}: {message}", new.name),
            None => format!("{} {word}", new.name),
        };
        self.on_failover(reason, message.clone());
        match new.name {
            StepName::StopSource => self.on_group(self.observed.source(), reason, &message),
            StepName::StartTarget => self.on_group(self.observed.target(), reason, &message),
            StepName::Validate
            | StepName::AcquireLock
            | StepName::LocateGroup
            | StepName::SafetyCheck
            | StepName::ClearTaints
            | StepName::ReleaseStorage
            | StepName::ReleaseLock => {}
        }
    }

    fn condition(&mut self, old: &FailoverStatus, new: &FailoverStatus, kind: &str, truth: Truth) {
        if conditions::holds(&old.conditions, kind, truth).is_some() {
            return;
        }
        let Some(condition) = conditions::holds(&new.conditions, kind, truth) else {
            return;
        };
        if let Some(doc) = reasons::find(&condition.reason) {
            self.on_failover(doc.reason, condition.message.clone());
        }
    }

    fn end(&mut self, new: &FailoverStatus) {
        let verdict = new.condition(conditions::SUCCEEDED);
        let doc = verdict.and_then(|verdict| reasons::find(&verdict.reason));
        let reason = doc.map_or(reasons::INVALID, |doc| doc.reason);
        let message = new.message.clone().unwrap_or_default();
        self.on_failover(reason, message.clone());
        self.on_group(self.observed.target(), reason, &message);
    }

    fn on_failover(&mut self, reason: &'static str, message: String) {
        let failover = &self.observed.failover;
        let on = ObjectRef {
            kind: "Failover",
            namespace: failover.namespace.clone(),
            name: failover.name.clone(),
            uid: failover.version.uid.clone(),
        };
        self.list
            .push(EventNote::new(&failover.home, on, reason, message));
    }

    fn on_group(
        &mut self,
        site: Option<&siterecovery_api::SiteInfo>,
        reason: &'static str,
        message: &str,
    ) {
        let Some(site) = site else { return };
        let facts = self.observed.facts(&site.name);
        let Some(group) = facts.and_then(|facts| facts.group.as_ref()) else {
            return;
        };
        let on = ObjectRef {
            kind: "ProtectionGroup",
            namespace: group.namespace.clone(),
            name: group.name.clone(),
            uid: group.version.uid.clone(),
        };
        let message = format!("{}: {message}", self.observed.failover.name);
        self.list
            .push(EventNote::new(&site.name, on, reason, message));
    }
}

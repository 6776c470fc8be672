//! The built-in invariants: pure machines that are fed every observed change and say when a promise is broken.
//!
//! **Invariant:** a machine that has judged nothing does not pass; each counts what it judged.
//! What counts is said in each module; the present objects at the start of a chapter count like changes,
//! because they are judged like changes.
//!
//! Changes of several sites are judged in the order in which they reach the observer.

use jiff::Timestamp;
use sitedrill_model::event::InvariantRecord;
use sitedrill_model::scenario::{Invariant, InvariantKind};
use sitedrill_model::{Failure, FailureKind, SeenValue};

use crate::objects::Change;

mod audit_append_only;
mod failover_deadline;
mod one_lock_holder;
mod single_primary;
mod timeline;

use timeline::Timeline;

/// What a machine made of a change.
#[derive(Debug, Default, PartialEq)]
struct Look {
    /// Whether the change was one to be judged.
    judged: bool,
    broken: Option<Violation>,
}

/// A broken promise.
#[derive(Debug, PartialEq)]
struct Violation {
    message: String,
    /// What led to it, oldest first.
    timeline: Vec<SeenValue>,
}

/// One invariant as a state machine.
trait Machine: Send {
    /// Judges one change.
    fn observe(&mut self, change: &Change) -> Look;

    /// Judges the passing of time.
    fn tick(&mut self, _now: Timestamp) -> Option<Violation> {
        None
    }

    /// When time alone can break the promise next.
    fn next_tick(&self) -> Option<Timestamp> {
        None
    }
}

/// An invariant in force over a chapter.
pub(crate) struct InForce {
    invariant: Invariant,
    machine: Box<dyn Machine>,
    observations: u64,
    violation: Option<Failure>,
}

impl InForce {
    /// Puts an invariant in force; it has seen nothing.
    pub(crate) fn new(invariant: &Invariant) -> Self {
        let machine: Box<dyn Machine> = match invariant.kind {
            InvariantKind::SinglePrimary => Box::<single_primary::SinglePrimary>::default(),
            InvariantKind::OneLockHolder => Box::<one_lock_holder::OneLockHolder>::default(),
            InvariantKind::AuditAppendOnly => Box::<audit_append_only::AuditAppendOnly>::default(),
            InvariantKind::FailoverDeadline => {
                Box::<failover_deadline::FailoverDeadline>::default()
            }
        };
        Self {
            invariant: invariant.clone(),
            machine,
            observations: 0,
            violation: None,
        }
    }

    /// Judges a change; answers with the first violation only.
    pub(crate) fn observe(&mut self, change: &Change) -> Option<Failure> {
        let look = self.machine.observe(change);
        self.observations += u64::from(look.judged);
        self.keep(look.broken)
    }

    /// Judges the passing of time; answers with the first violation only.
    pub(crate) fn tick(&mut self, now: Timestamp) -> Option<Failure> {
        let broken = self.machine.tick(now);
        self.keep(broken)
    }

    /// When time alone can break it next.
    pub(crate) fn next_tick(&self) -> Option<Timestamp> {
        self.machine
            .next_tick()
            .filter(|_| self.violation.is_none())
    }

    /// How it fared.
    pub(crate) fn record(&self) -> InvariantRecord {
        InvariantRecord {
            name: self.invariant.kind.name().to_owned(),
            observations: self.observations,
            violation: self.violation.clone(),
        }
    }

    /// The failure of an invariant that nothing was held against.
    pub(crate) fn never_checked(&self) -> Option<Failure> {
        let name = self.invariant.kind.name();
        let message = format!("{name}: nothing was observed that it could be judged on");
        let failure = Failure::new(FailureKind::NeverChecked, message);
        (self.observations == 0).then(|| failure.at(&self.invariant.location))
    }

    fn keep(&mut self, broken: Option<Violation>) -> Option<Failure> {
        let violation = broken.filter(|_| self.violation.is_none())?;
        let name = self.invariant.kind.name();
        let message = format!("{name}: {}", violation.message);
        let mut failure = Failure::new(FailureKind::InvariantViolated, message);
        failure.last_seen = violation.timeline.last().map(|it| it.value.clone());
        failure.seen = violation.timeline;
        failure.location = Some(self.invariant.location.clone());
        self.violation = Some(failure.clone());
        Some(failure)
    }
}

#[cfg(test)]
mod tests;

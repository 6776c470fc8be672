//! The scenario's own invariants: facts that must hold at every observed change, or at none.

use sitedrill_model::event::InvariantRecord;
use sitedrill_model::scenario::{OwnInvariant, Scenario};
use sitedrill_model::{Failure, FailureKind};

use crate::conditions::{self, Facts, Judgement};
use crate::objects::Key;

/// All of a chapter.
#[derive(Default)]
pub(super) struct Own {
    guarded: Vec<Guarded>,
    is_armed: bool,
}

struct Guarded {
    invariant: OwnInvariant,
    observations: u64,
    violation: Option<Failure>,
}

impl Own {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let guarded = scenario.own_invariants.iter().map(|invariant| Guarded {
            invariant: invariant.clone(),
            observations: 0,
            violation: None,
        });
        Self {
            guarded: guarded.collect(),
            is_armed: false,
        }
    }

    pub(super) fn arm(&mut self) {
        self.is_armed = true;
    }

    /// What the cleanup does is not held against them.
    pub(super) fn disarm(&mut self) {
        self.is_armed = false;
    }

    /// Judges those that a change concerns, or all; answers with the first violation of each.
    pub(super) fn judge(&mut self, facts: &Facts<'_>, changed: Option<&Key>) -> Vec<Failure> {
        if !self.is_armed {
            return Vec::new();
        }
        let guarded = self.guarded.iter_mut().filter(|it| {
            changed.is_none_or(|key| conditions::concerns(&it.invariant.condition, key))
        });
        guarded.filter_map(|it| it.judge(facts)).collect()
    }

    pub(super) fn records(&self) -> impl Iterator<Item = InvariantRecord> {
        self.guarded.iter().map(|it| InvariantRecord {
            name: it.invariant.name.clone(),
            observations: it.observations,
            violation: it.violation.clone(),
        })
    }

    pub(super) fn never_checked(&self) -> impl Iterator<Item = Failure> {
        let blind = self.guarded.iter().filter(|it| it.observations == 0);
        blind.map(|it| {
            let name = &it.invariant.name;
            let message = format!("{name}: nothing was observed that it could be judged on");
            Failure::new(FailureKind::NeverChecked, message).at(&it.invariant.location)
        })
    }
}

impl Guarded {
    fn judge(&mut self, facts: &Facts<'_>) -> Option<Failure> {
        self.observations += 1;
        let judgement = conditions::judge(&self.invariant.condition, facts);
        let holds = matches!(judgement, Judgement::Holds { .. });
        if holds == self.invariant.holds || self.violation.is_some() {
            return None;
        }
        let wanted = if self.invariant.holds {
            "always"
        } else {
            "never"
        };
        let fact = conditions::describe(&self.invariant.condition);
        let name = &self.invariant.name;
        let message = format!("{name}: {wanted} {fact}; seen {}", judgement.seen());
        let mut failure = Failure::new(FailureKind::InvariantViolated, message);
        failure.location = Some(self.invariant.location.clone());
        failure.expected = Some(format!("{wanted} {fact}"));
        failure.last_seen = Some(judgement.seen().to_owned());
        if let Judgement::Fails(mismatch) = judgement {
            failure.diff = Some(mismatch.diff).filter(|diff| !diff.is_empty());
        }
        self.violation = Some(failure.clone());
        Some(failure)
    }
}

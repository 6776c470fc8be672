//! What was reached, counted: steps, deaths in steps, endings, refusals, and faults that did something.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use siterecovery_api::{Failover, StepName, StepState, reasons};

use crate::history::{History, Seen};
use crate::plan::{FaultKind, Operation};

/// Every refusal that a Failover can end with in these topologies.
///
/// `Invalid` is not among them: it wants a deployment with a single site that runs machines.
pub const REFUSALS: &[&str] = &[
    reasons::LOCK_HELD,
    reasons::LOCK_LOST,
    reasons::LOCK_NOT_ACQUIRED,
    reasons::SAFETY_CHECK,
    reasons::SPLIT_BRAIN,
    reasons::NO_SUCH_GROUP,
    reasons::NO_SUCH_SITE,
    reasons::NOT_A_WORKLOAD_SITE,
    reasons::NO_MEMBERS,
    reasons::STORAGE_NOT_PROMOTABLE,
    reasons::STORAGE_UNKNOWN,
    reasons::SOURCE_UNREACHABLE,
    reasons::TARGET_UNREACHABLE,
    reasons::SPEC_CHANGED,
    reasons::TAINTS_NOT_CLEARED,
    reasons::SOURCE_NOT_STOPPED,
    reasons::STORAGE_NOT_RELEASED,
    reasons::TARGET_NOT_STARTED,
];

/// Endings and turns that must be reached besides.
pub const TURNS: &[&str] = &[
    reasons::SUCCEEDED,
    reasons::ALREADY_THERE,
    reasons::FORCED,
    reasons::ROLLED_BACK,
    reasons::ROLLBACK_FAILED,
    reasons::SOURCE_FENCED,
    reasons::FENCING_SUPERSEDED,
    reasons::TAINTS_CLEARED,
    reasons::TAINTS_RETURNED,
];

/// What a person's order can come to before anything is created.
const FRONT_DOOR: &[&str] = &[reasons::LOCK_HELD, reasons::SAFETY_CHECK];

/// How often each thing was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Failovers that were made.
    pub failovers: u64,
    /// Steps that began, by name.
    pub steps: BTreeMap<&'static str, u64>,
    /// Deaths of a Failover Controller while that step ran.
    pub deaths: BTreeMap<&'static str, u64>,
    /// How Failovers were refused or failed, by reason.
    pub refusals: BTreeMap<String, u64>,
    /// Endings and turns, by reason.
    pub turns: BTreeMap<String, u64>,
    /// Orders refused at the front door, by reason.
    pub front_door: BTreeMap<String, u64>,
    /// Faults that were seen to do something, by kind.
    pub faults: BTreeMap<FaultKind, u64>,
}

impl Coverage {
    /// What one history reached.
    pub fn of(history: &History) -> Self {
        let mut coverage = Self::default();
        let mut latest: BTreeMap<(&str, &str), Arc<Failover>> = BTreeMap::new();
        let mut turns: BTreeSet<(&str, &str, String)> = BTreeSet::new();
        let mut hit = BTreeSet::new();
        for entry in &history.entries {
            match &entry.what {
                Seen::Failover {
                    site,
                    name,
                    now: Some(now),
                    ..
                } => {
                    for reason in turns_of(now) {
                        turns.insert((site, name, reason));
                    }
                    latest.insert((site, name), Arc::clone(now));
                }
                Seen::Died { controller } => {
                    let Some(home) = controller.strip_prefix("failover@") else {
                        continue;
                    };
                    let there = latest.iter().filter(|((site, _), _)| *site == home);
                    for step in there.filter_map(|(_, failover)| running_step(failover)) {
                        *coverage.deaths.entry(step.as_str()).or_insert(0) += 1;
                    }
                }
                Seen::FaultHit { number } => {
                    hit.insert(*number);
                }
                Seen::Operated { index, word } => {
                    let timed = history.plan.operations.get(*index);
                    let ordered =
                        timed.is_some_and(|it| matches!(it.operation, Operation::Order { .. }));
                    if ordered && FRONT_DOOR.contains(&word.as_str()) {
                        *coverage.front_door.entry(word.clone()).or_insert(0) += 1;
                    }
                }
                _ => {}
            }
        }
        for fault in history
            .plan
            .faults
            .iter()
            .filter(|fault| hit.contains(&fault.number))
        {
            let kind = fault.fault.kind(fault.lasts.is_none());
            *coverage.faults.entry(kind).or_insert(0) += 1;
        }
        for failover in latest.values() {
            coverage.add_failover(failover);
        }
        for (_, _, reason) in turns {
            *coverage.turns.entry(reason).or_insert(0) += 1;
        }
        coverage
    }

    fn add_failover(&mut self, failover: &Failover) {
        self.failovers += 1;
        let status = failover.status.clone().unwrap_or_default();
        for step in &status.steps {
            *self.steps.entry(step.name.as_str()).or_insert(0) += 1;
        }
        if let Some(refusal) = &status.refusal {
            *self.refusals.entry(refusal.reason.clone()).or_insert(0) += 1;
        }
    }

    /// Adds what another history reached.
    pub fn add(&mut self, other: &Self) {
        fn sum<K: Ord + Clone>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
            for (key, count) in from {
                *into.entry(key.clone()).or_insert(0) += count;
            }
        }
        self.failovers += other.failovers;
        sum(&mut self.steps, &other.steps);
        sum(&mut self.deaths, &other.deaths);
        sum(&mut self.refusals, &other.refusals);
        sum(&mut self.turns, &other.turns);
        sum(&mut self.front_door, &other.front_door);
        sum(&mut self.faults, &other.faults);
    }

    /// What was never reached, in words.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for step in StepName::ALL {
            if !self.steps.contains_key(step.as_str()) {
                missing.push(format!("step {step}"));
            }
            if !self.deaths.contains_key(step.as_str()) {
                missing.push(format!("death of the controller in step {step}"));
            }
        }
        let lacks = |known: &BTreeMap<String, u64>, all: &[&str], what: &str| {
            let all = all.iter().filter(|reason| !known.contains_key(**reason));
            all.map(|reason| format!("{what} {reason}"))
                .collect::<Vec<_>>()
        };
        missing.extend(lacks(&self.refusals, REFUSALS, "refusal"));
        missing.extend(lacks(&self.turns, TURNS, "turn"));
        missing.extend(lacks(
            &self.front_door,
            FRONT_DOOR,
            "refusal at the front door",
        ));
        let kinds = FaultKind::ALL
            .iter()
            .filter(|kind| !self.faults.contains_key(kind));
        missing.extend(kinds.map(|kind| format!("fault {}", kind.as_str())));
        missing
    }
}

/// The endings and turns that a Failover shows now.
fn turns_of(failover: &Failover) -> Vec<String> {
    let Some(status) = &failover.status else {
        return Vec::new();
    };
    let skipped = status
        .step(StepName::SafetyCheck)
        .is_some_and(|step| step.state == StepState::Skipped);
    let forced = skipped.then_some(reasons::FORCED);
    let shown = status.conditions.iter().map(|it| it.reason.as_str());
    let known = shown.chain(forced).filter(|reason| TURNS.contains(reason));
    known.map(str::to_owned).collect()
}

/// The step in which a Failover is, if it has not ended.
fn running_step(failover: &Failover) -> Option<StepName> {
    let status = failover.status.as_ref()?;
    if status
        .phase
        .is_some_and(siterecovery_api::FailoverPhase::is_terminal)
    {
        return None;
    }
    status.steps.last().map(|step| step.name)
}

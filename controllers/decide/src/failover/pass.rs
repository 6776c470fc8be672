//! The bookkeeping of one pass: the draft of the status, the effects so far, and how it stops.

use jiff::Timestamp;
use siterecovery_api::time::micro_time;
use siterecovery_api::{
    FailoverPhase, FailoverStatus, FailoverStep, SiteInfo, StepName, StepState, reasons,
};

use super::events;
use super::observed::{Observed, SiteFacts, SiteView, StorageView};
use super::words::says_the_same;
use crate::conditions::{self, NewCondition, Truth};
use crate::decision::{Decision, LookAgain};
use crate::effect::Effect;
use crate::lock;
use crate::policy::{Policy, Timeouts};
use crate::refusal::Refusal;
use crate::sabotage::Sabotage;
use crate::waiting::WaitingOn;

/// One pass over one Failover.
pub(super) struct Pass<'a> {
    pub(super) observed: &'a Observed,
    pub(super) policy: &'a Policy,
    pub(super) now: Timestamp,
    /// The status as it will be stored.
    pub(super) status: FailoverStatus,
    pub(super) effects: Vec<Effect>,
    pub(super) timeouts: Timeouts,
}

/// From where to where.
#[derive(Clone, Copy)]
pub(super) struct Route<'a> {
    pub(super) source: &'a SiteInfo,
    pub(super) target: &'a SiteInfo,
}

/// Goes on, or stops the pass.
pub(super) type Flow = Result<(), Halt>;

/// Why a pass stops.
pub(super) enum Halt {
    /// The draft must be stored before anything else is done.
    Write,
    /// Something has to happen first.
    Wait { on: WaitingOn, again: LookAgain },
    /// Another process has the lock of this very Failover in its name. Nothing is written, not even a word about the
    /// wait: two processes that each correct the other's status would do so for ever.
    StandBack { on: WaitingOn, again: LookAgain },
    /// The failover is over, and its end must be recorded.
    End(Ending),
    /// Nothing more to do, ever or until something changes.
    Settled,
}

/// How a failover ends.
pub(super) enum Ending {
    Moved,
    AlreadyThere,
    Refused(Refusal),
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Self::End(Ending::Refused(refusal))
    }
}

impl<'a> Pass<'a> {
    pub(super) fn new(observed: &'a Observed, policy: &'a Policy, now: Timestamp) -> Self {
        Self {
            observed,
            policy,
            now,
            status: observed.failover.status.clone(),
            effects: Vec::new(),
            timeouts: policy
                .timeouts
                .with(observed.failover.spec.timeouts.as_ref()),
        }
    }

    pub(super) fn group(&self) -> &'a str {
        &self.observed.failover.spec.protection_group
    }

    /// What the user called the target.
    pub(super) fn target_word(&self) -> &'a str {
        &self.observed.failover.spec.target_cluster
    }

    pub(super) fn force(&self) -> bool {
        self.observed.failover.spec.force && !self.policy.sabotaged(Sabotage::IgnoreForce)
    }

    pub(super) fn facts(&self, site: &SiteInfo) -> Option<&'a SiteFacts> {
        self.observed.facts(&site.name)
    }

    pub(super) fn stored(&self) -> &'a FailoverStatus {
        &self.observed.failover.status
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.stored().phase.is_some_and(FailoverPhase::is_terminal)
    }

    /// Whether the end has been decided and stored, though the phase may not say so yet.
    pub(super) fn has_ended(&self) -> bool {
        self.stored().condition(conditions::SUCCEEDED).is_some()
    }

    /// Whether a step is stored as begun. Only then may it act.
    pub(super) fn is_stored(&self, step: StepName) -> bool {
        self.stored().step(step).is_some()
    }

    /// Whether a step is done and needs no second look.
    pub(super) fn is_done(&self, step: StepName) -> bool {
        self.status
            .step(step)
            .is_some_and(|s| matches!(s.state, StepState::Succeeded | StepState::Skipped))
    }

    /// Notes that a step runs; its start is noted only once.
    pub(super) fn begin(&mut self, step: StepName) -> &mut FailoverStep {
        let steps = &mut self.status.steps;
        let known = steps.iter().position(|s| s.name == step);
        let index = known.unwrap_or_else(|| {
            steps.push(FailoverStep {
                name: step,
                state: StepState::Running,
                started_at: micro_time(self.now),
                finished_at: None,
                retried_at: None,
                message: None,
            });
            steps.len() - 1
        });
        let begun = &mut steps[index];
        begun.state = StepState::Running;
        begun.finished_at = None;
        begun
    }

    /// Notes how a step ended. Saying so again changes nothing.
    pub(super) fn done(&mut self, step: StepName, state: StepState, message: impl Into<String>) {
        if self.status.step(step).is_some_and(|s| s.state == state) {
            return;
        }
        let now = micro_time(self.now);
        let ended = self.begin(step);
        ended.state = state;
        ended.finished_at = Some(now);
        ended.message = Some(message.into());
    }

    /// The instant at which a step that has begun is late.
    pub(super) fn deadline(&self, step: StepName) -> Timestamp {
        let started = self.status.step(step).map_or(self.now, |s| s.started_at.0);
        started
            .checked_add(self.timeouts.of(step))
            .unwrap_or(Timestamp::MAX)
    }

    /// Begins a step that acts as soon as that is stored, and says already what it will wait for: so the act needs no
    /// second write.
    pub(super) fn intend(&mut self, step: StepName, on: &WaitingOn) -> Halt {
        self.begin(step).message = Some(on.to_string());
        Halt::Write
    }

    /// Waits within a step until something changes, or ends the failover when the step is late.
    pub(super) fn wait(&mut self, step: StepName, on: WaitingOn) -> Flow {
        let refusal = self.too_late(step, &on);
        self.wait_or(step, on, None, refusal)
    }

    /// The same, looking again after `poll` for what no watch tells about.
    pub(super) fn poll(&mut self, step: StepName, on: WaitingOn) -> Flow {
        let refusal = self.too_late(step, &on);
        self.wait_or(step, on, Some(self.policy.poll_every), refusal)
    }

    /// The same, with the refusal that the deadline turns into.
    pub(super) fn wait_or(
        &mut self,
        step: StepName,
        on: WaitingOn,
        poll: Option<jiff::SignedDuration>,
        late: Refusal,
    ) -> Flow {
        let (now, deadline) = (self.now, self.deadline(step));
        let running = self.begin(step);
        if now >= deadline {
            return Err(late.into());
        }
        running.message = Some(on.to_string());
        let again = poll.map_or(deadline, |poll| self.after(poll).min(deadline));
        Err(Halt::Wait {
            on,
            again: LookAgain::At(again),
        })
    }

    /// That long from now.
    pub(super) fn after(&self, duration: jiff::SignedDuration) -> Timestamp {
        self.now.checked_add(duration).unwrap_or(Timestamp::MAX)
    }

    /// Whether that long has passed since then.
    pub(super) fn has_passed(&self, since: Timestamp, duration: jiff::SignedDuration) -> bool {
        since
            .checked_add(duration)
            .is_ok_and(|instant| self.now >= instant)
    }

    fn too_late(&self, step: StepName, on: &WaitingOn) -> Refusal {
        let reason = match step {
            StepName::Validate | StepName::LocateGroup | StepName::SafetyCheck => on.reason(),
            StepName::AcquireLock => reasons::LOCK_NOT_ACQUIRED,
            StepName::ClearTaints => reasons::TAINTS_NOT_CLEARED,
            StepName::StopSource => reasons::SOURCE_NOT_STOPPED,
            StepName::ReleaseStorage => reasons::STORAGE_NOT_RELEASED,
            StepName::StartTarget => reasons::TARGET_NOT_STARTED,
            StepName::ReleaseLock => reasons::LOCK_NOT_RELEASED,
        };
        match on {
            WaitingOn::StorageView { error } => Refusal::StorageUnknown {
                error: error.clone(),
            },
            _ => Refusal::Deadline {
                seconds: self.timeouts.of(step).as_secs(),
                reason,
                waited: on.to_string(),
            },
        }
    }

    /// The facts of the target, or a wait for it.
    pub(super) fn target_facts(
        &mut self,
        step: StepName,
        route: Route<'a>,
    ) -> Result<&'a SiteFacts, Halt> {
        match self.observed.sites.get(&route.target.name) {
            Some(SiteView::Reachable(facts)) => Ok(facts),
            Some(SiteView::Unreachable { since, error }) => {
                let site = route.target.name.clone();
                let late = Refusal::TargetUnreachable {
                    site: site.clone(),
                    error: error.clone(),
                };
                let on = WaitingOn::Site {
                    site,
                    since: *since,
                    error: error.clone(),
                };
                let poll = Some(self.policy.poll_every);
                match self.wait_or(step, on, poll, late) {
                    Err(halt) => Err(halt),
                    Ok(()) => Err(Halt::Write),
                }
            }
            None => Err(Refusal::TargetUnreachable {
                site: route.target.name.clone(),
                error: "nobody tried".to_owned(),
            }
            .into()),
        }
    }

    /// The group's volumes, or a wait for the storage layer.
    pub(super) fn volumes(
        &mut self,
        step: StepName,
    ) -> Result<&'a [crate::facts::VolumeFacts], Halt> {
        match &self.observed.storage {
            StorageView::Known { volumes, .. } => Ok(volumes),
            StorageView::Unknown { error } => {
                let on = WaitingOn::StorageView {
                    error: error.clone(),
                };
                match self.poll(step, on) {
                    Err(halt) => Err(halt),
                    Ok(()) => Err(Halt::Write),
                }
            }
        }
    }

    pub(super) fn set_condition(
        &mut self,
        kind: &'static str,
        truth: Truth,
        reason: &'static str,
        message: String,
    ) {
        let new = NewCondition {
            kind,
            truth,
            reason,
            message,
            generation: Some(self.observed.failover.generation),
        };
        conditions::set_condition(&mut self.status.conditions, new, self.now);
    }

    /// Turns the pass into the decision it came to.
    pub(super) fn conclude(mut self, halt: Halt) -> Decision<FailoverStatus> {
        let halt = match halt {
            Halt::End(ending) => self.record_end(ending),
            other => other,
        };
        if let Halt::StandBack { .. } = &halt {
            self.status = self.stored().clone();
        }
        let stands_back = matches!(halt, Halt::StandBack { .. });
        let (waiting, look_again) = match halt {
            Halt::Write => (Some(WaitingOn::Write), LookAgain::At(self.now)),
            Halt::Wait { on, again } | Halt::StandBack { on, again } => (Some(on), again),
            Halt::Settled | Halt::End(_) => (None, LookAgain::OnChange),
        };
        if !self.is_terminal() && !stands_back {
            self.fill_in(waiting.as_ref());
        }
        let stored = self.stored();
        // Words about a wait that ends with these effects would be overwritten before anybody has read them.
        let looks_at_once = matches!(look_again, LookAgain::At(at) if at <= self.now);
        let passing = looks_at_once && !self.effects.is_empty();
        Decision {
            persist: self.status != *stored && !(passing && says_the_same(&self.status, stored)),
            version: self.observed.failover.version.clone(),
            events: events::between(self.observed, &self.status),
            look_again: self.not_later_than_renewal(look_again),
            effects: self.effects,
            status: self.status,
            waiting,
        }
    }

    fn fill_in(&mut self, waiting: Option<&WaitingOn>) {
        self.status.phase.get_or_insert(FailoverPhase::Pending);
        self.status
            .observed_generation
            .get_or_insert(self.observed.failover.generation);
        let now = siterecovery_api::time::time(self.now);
        self.status.start_time.get_or_insert(now);
        match waiting {
            None => {}
            // A step that is about to act is what people want to read, not our bookkeeping.
            Some(WaitingOn::Write) => {
                let running = self.status.steps.iter().rev();
                let mut running = running.filter(|s| s.state == StepState::Running);
                if self.status.condition(conditions::SUCCEEDED).is_none()
                    && let Some(step) = running.next()
                {
                    let begun = || format!("{} has begun", step.name);
                    self.status.message = Some(step.message.clone().unwrap_or_else(begun));
                }
            }
            Some(on) => self.status.message = Some(on.to_string()),
        }
    }

    /// A wait must not outlive the lock.
    fn not_later_than_renewal(&self, look_again: LookAgain) -> LookAgain {
        if self.is_terminal() {
            return look_again;
        }
        let LookAgain::At(at) = look_again else {
            return look_again;
        };
        let due = self
            .own_locks()
            .into_iter()
            .map(|(_, lease)| lock::renewal_due(lease, self.policy))
            .filter(|due| *due > self.now)
            .min();
        LookAgain::At(due.map_or(at, |due| due.min(at)))
    }
}

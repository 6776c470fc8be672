//! How a failover ends: the end is written down, then the source is set right and the lock given
//! back, then the phase says so. And what is still owed after the end.

use siterecovery_api::time::{micro_time, time};
use siterecovery_api::{
    DesiredState, FailoverLock, FailoverPhase, FailoverStatus, SiteInfo, StepName, StepState,
    names, reasons,
};

use super::observed::SiteView;
use super::pass::{Ending, Halt, Pass, Route};
use crate::conditions::{self, Truth};
use crate::decision::LookAgain;
use crate::effect::Effect;
use crate::refusal::Refusal;
use crate::sabotage::Sabotage;
use crate::text;
use crate::waiting::WaitingOn;

/// How long to wait before looking again for a lost source that nobody has announced.
const RETURN_CHECK: jiff::SignedDuration = jiff::SignedDuration::from_secs(10);

impl<'a> Pass<'a> {
    /// Writes the end down. The rollback and the release follow in the next pass, so that a crash
    /// in between cannot change the verdict.
    pub(super) fn record_end(&mut self, ending: Ending) -> Halt {
        self.effects.clear();
        match ending {
            Ending::Moved => {
                let done = text::completed(self.group(), self.target_word(), self.force());
                let message = self.with_doubt(done);
                self.set_condition(
                    conditions::SUCCEEDED,
                    Truth::True,
                    reasons::SUCCEEDED,
                    message,
                );
            }
            Ending::AlreadyThere => {
                let (group, target) = (self.group(), self.target_word());
                let there = format!("{group} is already running on {target}; nothing to do");
                let message = self.with_doubt(there);
                let reason = reasons::ALREADY_THERE;
                self.set_condition(conditions::SUCCEEDED, Truth::True, reason, message);
            }
            Ending::Refused(refusal) => self.record_refusal(&refusal),
        }
        let rollback = self.status.condition(conditions::ROLLED_BACK).is_some();
        if rollback || !self.own_locks().is_empty() {
            self.begin(StepName::ReleaseLock);
            self.status.message = self.verdict().1;
            return Halt::Write;
        }
        self.close();
        Halt::Settled
    }

    fn with_doubt(&self, message: String) -> String {
        let list = &self.status.conditions;
        match conditions::holds(list, conditions::SOURCE_FENCED, Truth::False) {
            None => message,
            Some(doubt) => format!("{message}; {} (SourceFenced=False)", doubt.message),
        }
    }

    fn record_refusal(&mut self, refusal: &Refusal) {
        let message = refusal.to_string();
        let now = micro_time(self.now);
        for step in &mut self.status.steps {
            if step.state == StepState::Running {
                step.state = StepState::Failed;
                step.finished_at = Some(now.clone());
                step.message = Some(message.clone());
            }
        }
        self.set_condition(
            conditions::SUCCEEDED,
            Truth::False,
            refusal.reason(),
            message,
        );
        self.status.refusal = Some(refusal.evidence());
        if let Refusal::LockHeld { holder, .. } = refusal {
            self.status.lock = Some(FailoverLock {
                lease: names::lock_name(self.group()),
                holder: holder.clone(),
                acquired_at: None,
                sites: Vec::new(),
                skipped_sites: Vec::new(),
            });
        }
        let started = self.status.step(StepName::StartTarget).is_some();
        if !started {
            // The target was never started, so nothing is owed to a source that could not be seen.
            self.status
                .conditions
                .retain(|c| c.type_ != conditions::SOURCE_FENCED);
        }
        if self.must_roll_back(refusal, started) {
            self.set_condition(
                conditions::ROLLED_BACK,
                Truth::Unknown,
                reasons::WAITING_FOR_WRITE,
                "the source is to be set to running again".to_owned(),
            );
        }
    }

    fn must_roll_back(&self, refusal: &Refusal, started: bool) -> bool {
        let hands_off = matches!(
            refusal,
            Refusal::LockLost { .. }
                | Refusal::LockNotAcquired { .. }
                | Refusal::SplitBrain { .. }
                | Refusal::SpecChanged { .. }
        );
        let closed = started && !self.policy.sabotaged(Sabotage::RollBackAfterStart);
        let was_running = self.status.source_desired_state == Some(DesiredState::Running);
        !hands_off && !closed && was_running && self.is_stored(StepName::StopSource)
    }

    /// After the end is stored: the rollback, the release of the lock, and the final phase.
    pub(super) fn finish(&mut self) -> Halt {
        self.roll_back();
        let overdue = self.end_is_overdue();
        let locks = self.own_locks();
        let message = if overdue && !locks.is_empty() {
            "the lock could not be deleted in time; it expires by itself"
        } else {
            "the lock is given back"
        };
        if !overdue {
            self.release(&locks);
        }
        let state = if overdue && !locks.is_empty() {
            StepState::Failed
        } else {
            StepState::Succeeded
        };
        if self.is_stored(StepName::ReleaseLock) {
            self.done(StepName::ReleaseLock, state, message);
        }
        self.close();
        Halt::Settled
    }

    fn end_is_overdue(&self) -> bool {
        let ended = self.stored().condition(conditions::SUCCEEDED);
        ended.is_some_and(|end| self.has_passed(end.last_transition_time.0, self.timeouts.lock))
    }

    fn release(&mut self, locks: &[(&'a str, &'a crate::facts::LeaseFacts)]) {
        for (site, lease) in locks {
            self.effects.push(Effect::ReleaseLock {
                site: (*site).to_owned(),
                namespace: self.observed.failover.namespace.clone(),
                lease: lease.name.clone(),
                version: lease.version.clone(),
            });
        }
    }

    /// Sets the source to running again, if that was decided, is possible, and gives no second copy.
    fn roll_back(&mut self) {
        let list = &self.status.conditions;
        if conditions::holds(list, conditions::ROLLED_BACK, Truth::Unknown).is_none() {
            return;
        }
        let outcome = self.try_roll_back();
        let (truth, reason, message) = match outcome {
            Ok(message) => (Truth::True, reasons::ROLLED_BACK, message),
            Err(why) => {
                let message = format!("the source could not be set to running again: {why}");
                (Truth::False, reasons::ROLLBACK_FAILED, message)
            }
        };
        self.set_condition(conditions::ROLLED_BACK, truth, reason, message);
    }

    fn try_roll_back(&mut self) -> Result<String, String> {
        let (source, target) = self.both_sites().ok_or("the sites are no longer known")?;
        match self.observed.sites.get(&source.name) {
            Some(SiteView::Reachable(facts)) => {
                let group = facts.group.as_ref().ok_or("its group is gone")?;
                let said = format!("{} on {} was set to running again", group.name, source.name);
                if group.desired == DesiredState::Running {
                    return Ok(said);
                }
                let alive = self
                    .facts(target)
                    .is_some_and(|f| !f.live_machines().is_empty());
                if alive && !self.policy.sabotaged(Sabotage::RollBackAfterStart) {
                    return Err(format!("virtual machines live on {}", target.name));
                }
                if self.end_is_overdue() {
                    return Err("the change was refused until the deadline".to_owned());
                }
                self.set_desired_state(&source.name, group, DesiredState::Running);
                Ok(said)
            }
            Some(SiteView::Unreachable { error, .. }) => {
                Err(format!("{} is unreachable ({error})", source.name))
            }
            None => Err("nobody tried".to_owned()),
        }
    }

    fn both_sites(&self) -> Option<(&'a SiteInfo, &'a SiteInfo)> {
        let target = self.observed.target()?;
        let name = self.status.source_cluster.as_deref();
        let source = match name {
            Some(name) => self.observed.directory.get(name)?,
            None => self.observed.source()?,
        };
        Some((source, target))
    }

    fn verdict(&self) -> (FailoverPhase, Option<String>) {
        let end = self.status.condition(conditions::SUCCEEDED);
        let phase = match end {
            Some(end) if end.status == Truth::True.as_str() => FailoverPhase::Succeeded,
            _ => FailoverPhase::Failed,
        };
        (phase, end.map(|end| end.message.clone()))
    }

    /// Sets the final phase, once and for all.
    fn close(&mut self) {
        let (phase, message) = self.verdict();
        let mut message = message.unwrap_or_default();
        if let Some(rolled) = self.status.condition(conditions::ROLLED_BACK) {
            message = format!("{message}; {}", rolled.message);
        } else if phase == FailoverPhase::Failed
            && self.status.step(StepName::StartTarget).is_some()
        {
            let state = self.what_runs_where();
            message = format!(
                "{message}; nothing was rolled back, because the target had been started: {state}"
            );
        }
        self.status.phase = Some(phase);
        self.status.message = Some(message);
        self.status.completion_time = Some(time(self.now));
    }

    fn what_runs_where(&self) -> String {
        let sites = self.observed.directory.workload_sites().into_iter();
        let phrases: Vec<String> = sites
            .map(|site| match self.facts(site) {
                None => format!("{} is unreachable", site.name),
                Some(facts) => {
                    let live = facts.live_machines();
                    let live = if live.is_empty() {
                        "nothing".to_owned()
                    } else {
                        live.join(", ")
                    };
                    let state = facts.group.as_ref().map_or_else(
                        || "no group".to_owned(),
                        |group| format!("asked to be {}, is {}", group.desired, group.current),
                    );
                    format!("on {} runs {live} (group: {state})", site.name)
                }
            })
            .collect();
        phrases.join("; ")
    }

    /// What a failover that has ended still owes: a lock of its own that is left over, and the stop
    /// of a source that could not be seen. Its phase and message stay.
    pub(super) fn after_the_end(&mut self) -> Halt {
        let locks = self.own_locks();
        self.release(&locks);
        if !owes_fencing(&self.status) || self.policy.sabotaged(Sabotage::ForgetFencing) {
            return Halt::Settled;
        }
        let Some((source, target)) = self.both_sites() else {
            return Halt::Settled;
        };
        self.fence(Route { source, target })
    }

    fn fence(&mut self, route: Route<'a>) -> Halt {
        if self.is_superseded(route) {
            let message = "a later failover moved the group back there".to_owned();
            let reason = reasons::FENCING_SUPERSEDED;
            self.set_condition(conditions::SOURCE_FENCED, Truth::Unknown, reason, message);
            return Halt::Settled;
        }
        let site = route.source.name.clone();
        let again = LookAgain::At(self.after(RETURN_CHECK));
        let facts = match self.observed.sites.get(&site) {
            Some(SiteView::Reachable(facts)) => facts,
            Some(SiteView::Unreachable { since, error }) => {
                let on = WaitingOn::Site {
                    site,
                    since: *since,
                    error: error.clone(),
                };
                return Halt::Wait { on, again };
            }
            None => return Halt::Settled,
        };
        let machines = facts.live_machines();
        let stopped = match &facts.group {
            Some(group) => {
                if group.desired != DesiredState::Stopped {
                    self.set_desired_state(&site, group, DesiredState::Stopped);
                }
                group.has_settled_as(DesiredState::Stopped)
            }
            None => true,
        };
        if stopped && machines.is_empty() {
            self.note_fenced(route);
            return Halt::Settled;
        }
        let group = self.group().to_owned();
        let on = WaitingOn::Stop {
            site,
            group,
            machines,
        };
        Halt::Wait { on, again }
    }

    /// Whether a later failover has moved the group to the very site that was to be stopped.
    fn is_superseded(&self, route: Route<'_>) -> bool {
        let own = &self.observed.failover;
        self.observed.other_failovers().into_iter().any(|other| {
            other.group == self.group()
                && other.target.as_deref() == Some(route.source.name.as_str())
                && (other.created, &other.name) > (own.created, &own.name)
                && (other.started_target || other.phase == FailoverPhase::Succeeded)
        })
    }
}

fn owes_fencing(status: &FailoverStatus) -> bool {
    conditions::holds(&status.conditions, conditions::SOURCE_FENCED, Truth::False).is_some()
}

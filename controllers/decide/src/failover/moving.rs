//! The steps that change something: `ClearTaints`, `StopSource`, `ReleaseStorage` and `StartTarget`.

use siterecovery_api::time::micro_time;
use siterecovery_api::{DesiredState, StepName, StepState, reasons};

use super::observed::{SiteFacts, SiteView};
use super::pass::{Flow, Halt, Pass, Route};
use crate::conditions::{self, Truth};
use crate::decision::LookAgain;
use crate::effect::Effect;
use crate::facts::GroupFacts;
use crate::refusal::Refusal;
use crate::sabotage::Sabotage;
use crate::storage::{self, Direction};
use crate::taints;
use crate::waiting::WaitingOn;

/// How long to wait for a watch to tell of a group's progress before looking anyway.
const FALLBACK: jiff::SignedDuration = jiff::SignedDuration::from_secs(10);

impl<'a> Pass<'a> {
    /// Step 5: the target's nodes lose their quorum taints, and stay without them.
    pub(super) fn clear_taints(&mut self, route: Route<'a>) -> Flow {
        let step = StepName::ClearTaints;
        if self.is_done(step) {
            return Ok(());
        }
        let facts = self.target_facts(step, route)?;
        let present = taints::present(&facts.nodes, &self.policy.taint_keys);
        if !self.is_stored(step) {
            if present.is_empty() || self.policy.sabotaged(Sabotage::LeaveTaints) {
                let message = format!("no node of {} carries a quorum taint", route.target.name);
                self.done(step, StepState::Succeeded, message);
                return Ok(());
            }
            self.begin(step);
            self.note_taints(route, &present);
            return Err(Halt::Write);
        }
        if present.is_empty() {
            return self.settle_taints(route);
        }
        let on = WaitingOn::Taints {
            site: route.target.name.clone(),
            returned: self.retried_at(step).is_some(),
            taints: present.clone(),
        };
        self.note_taints(route, &present);
        let halt = self.wait(step, on);
        if matches!(halt, Err(Halt::Wait { .. })) {
            self.remove_taints(step, route, facts);
        }
        sooner(halt, self.after(self.policy.retry_after))
    }

    fn settle_taints(&mut self, route: Route<'_>) -> Flow {
        let step = StepName::ClearTaints;
        let message = format!("no node of {} carries a quorum taint", route.target.name);
        self.set_condition(
            conditions::TAINTS_CLEARED,
            Truth::True,
            reasons::TAINTS_CLEARED,
            message.clone(),
        );
        let since = self
            .status
            .condition(conditions::TAINTS_CLEARED)
            .map_or(self.now, |condition| condition.last_transition_time.0);
        if self.has_passed(since, self.policy.taint_settle) {
            self.done(step, StepState::Succeeded, message);
            return Ok(());
        }
        let site = route.target.name.clone();
        let halt = self.wait(step, WaitingOn::TaintsSettle { site, since });
        let settled = since
            .checked_add(self.policy.taint_settle)
            .unwrap_or(self.now);
        sooner(halt, settled)
    }

    fn note_taints(&mut self, route: Route<'_>, present: &[String]) {
        let cleared_before = conditions::holds(
            &self.status.conditions,
            conditions::TAINTS_CLEARED,
            Truth::True,
        );
        let again = conditions::holds(
            &self.status.conditions,
            conditions::TAINTS_CLEARED,
            Truth::False,
        )
        .is_some_and(|condition| condition.reason == reasons::TAINTS_RETURNED);
        let reason = if cleared_before.is_some() || again {
            reasons::TAINTS_RETURNED
        } else {
            reasons::TAINTS_PRESENT
        };
        let message = format!("on {}: {}", route.target.name, present.join(", "));
        self.set_condition(conditions::TAINTS_CLEARED, Truth::False, reason, message);
    }

    fn retried_at(&self, step: StepName) -> Option<jiff::Timestamp> {
        let step = self.status.step(step)?;
        step.retried_at.as_ref().map(|at| at.0)
    }

    /// Removes quorum taints, but not more often than every `retry_after`: an agent that puts them
    /// back at once must not turn this into a race.
    fn remove_taints(&mut self, step: StepName, route: Route<'_>, facts: &SiteFacts) {
        if self.policy.sabotaged(Sabotage::LeaveTaints) {
            return;
        }
        let last = self.retried_at(step);
        if last.is_some_and(|at| !self.has_passed(at, self.policy.retry_after)) {
            return;
        }
        let removals = taints::removals(&route.target.name, &facts.nodes, &self.policy.taint_keys);
        if removals.is_empty() {
            return;
        }
        self.effects.extend(removals);
        let now = micro_time(self.now);
        if let Some(known) = self.status.steps.iter_mut().find(|s| s.name == step) {
            known.retried_at = Some(now);
        }
    }

    /// Step 6: the source's group is asked to stop, and does.
    ///
    /// Not taken on trust from an earlier pass: until the target has been started, a source that
    /// comes to life again holds everything up.
    pub(super) fn stop_source(&mut self, route: Route<'a>) -> Flow {
        let step = StepName::StopSource;
        let Some(SiteView::Reachable(facts)) = self.observed.sites.get(&route.source.name) else {
            self.require_proof_of_loss(step, route)?;
            self.note_unfenced(route);
            let site = &route.source.name;
            let message = format!("{site} is unreachable, and storage proves that it cannot write");
            self.done(step, StepState::Skipped, message);
            return Ok(());
        };
        let live = facts.live_machines();
        let Some(group) = &facts.group else {
            if live.is_empty() {
                let message = format!("{} has no such group", route.source.name);
                self.done(step, StepState::Skipped, message);
                return Ok(());
            }
            return Err(Refusal::NoSuchGroup {
                group: self.group().to_owned(),
                site: route.source.name.clone(),
            }
            .into());
        };
        let is_empty = live.is_empty();
        let on = WaitingOn::Stop {
            site: route.source.name.clone(),
            group: group.name.clone(),
            machines: live,
        };
        if group.desired != DesiredState::Stopped && !self.is_stored(step) {
            return Err(self.intend(step, &on));
        }
        if group.has_settled_as(DesiredState::Stopped) && is_empty {
            self.note_fenced(route);
            let message = format!("{} on {} is stopped", group.name, route.source.name);
            self.done(step, StepState::Succeeded, message);
            return Ok(());
        }
        let halt = self.wait(step, on);
        if group.desired != DesiredState::Stopped && matches!(halt, Err(Halt::Wait { .. })) {
            self.set_desired_state(&route.source.name, group, DesiredState::Stopped);
        }
        let again = if group.has_settled_as(DesiredState::Stopped) {
            self.policy.poll_every
        } else {
            FALLBACK
        };
        sooner(halt, self.after(again))
    }

    /// Step 7: no source node holds a volume, and every target replica can be promoted.
    pub(super) fn release_storage(&mut self, route: Route<'a>) -> Flow {
        let step = StepName::ReleaseStorage;
        let volumes = self.volumes(step)?;
        let direction = Direction {
            source: &route.source.name,
            target: &route.target.name,
        };
        let judged = if self.facts(route.source).is_some() {
            storage::release(volumes, direction)
        } else {
            storage::proof(volumes, direction)
        };
        match judged {
            Ok(()) => {
                let message = format!("{} can be written on {}", self.group(), route.target.name);
                self.done(step, StepState::Succeeded, message);
                Ok(())
            }
            Err(volumes) => self.poll(step, WaitingOn::StorageRelease { volumes }),
        }
    }

    /// Whether the target's group has been asked to run by this failover. From then on the way back
    /// is closed.
    pub(super) fn target_was_started(&self, route: Route<'a>) -> bool {
        let asked_to_run = self.facts(route.target).is_none_or(|facts| {
            facts
                .group
                .as_ref()
                .is_some_and(|group| group.desired == DesiredState::Running)
        });
        self.is_stored(StepName::StartTarget) && asked_to_run
    }

    /// Step 8: the target's group is asked to run, and does.
    pub(super) fn start_target(&mut self, route: Route<'a>) -> Flow {
        let step = StepName::StartTarget;
        let begun = self.is_stored(step);
        // Before the intent is stored a silent target must not look like a started one.
        let waits_in = if begun {
            step
        } else {
            StepName::ReleaseStorage
        };
        let facts = self.target_facts(waits_in, route)?;
        let Some(group) = &facts.group else {
            return Err(Refusal::NoSuchGroup {
                group: self.group().to_owned(),
                site: route.target.name.clone(),
            }
            .into());
        };
        let on = WaitingOn::Start {
            site: route.target.name.clone(),
            group: group.name.clone(),
            machines: not_up(facts, group),
        };
        if !begun {
            return Err(self.intend(step, &on));
        }
        if group.has_settled_as(DesiredState::Running) && facts.all_up() {
            let message = format!("{} on {} is running", group.name, route.target.name);
            self.done(step, StepState::Succeeded, message);
            return Ok(());
        }
        let halt = self.wait(step, on);
        if matches!(halt, Err(Halt::Wait { .. })) {
            if group.desired != DesiredState::Running {
                self.set_desired_state(&route.target.name, group, DesiredState::Running);
            }
            // A taint that comes back now would keep the machines from being placed.
            self.remove_taints(step, route, facts);
        }
        let again = if group.has_settled_as(DesiredState::Running) {
            self.policy.poll_every
        } else {
            FALLBACK
        };
        sooner(halt, self.after(again))
    }

    pub(super) fn set_desired_state(
        &mut self,
        site: &str,
        group: &GroupFacts,
        state: DesiredState,
    ) {
        self.effects.push(Effect::SetDesiredState {
            site: site.to_owned(),
            namespace: group.namespace.clone(),
            group: group.name.clone(),
            state,
            version: group.version.clone(),
        });
    }

    /// Writes down that the source has not been confirmed stopped.
    pub(super) fn note_unfenced(&mut self, route: Route<'_>) {
        let message = format!(
            "{} was unreachable; its copy of {} has not been confirmed stopped",
            route.source.name,
            self.group()
        );
        self.set_condition(
            conditions::SOURCE_FENCED,
            Truth::False,
            reasons::SOURCE_NOT_FENCED,
            message,
        );
    }

    /// Writes down that it has been after all, if there was a doubt.
    pub(super) fn note_fenced(&mut self, route: Route<'_>) {
        let doubt = self.status.condition(conditions::SOURCE_FENCED).is_some();
        if doubt {
            let message = format!(
                "{} is back, and its copy of {} is confirmed stopped",
                route.source.name,
                self.group()
            );
            self.set_condition(
                conditions::SOURCE_FENCED,
                Truth::True,
                reasons::SOURCE_FENCED,
                message,
            );
        }
    }
}

/// The members that do not run yet, each with the reason its controller gives.
fn not_up(facts: &SiteFacts, group: &GroupFacts) -> Vec<String> {
    let missing = facts.machines.iter().filter(|machine| !machine.is_up());
    missing
        .map(|machine| {
            let report = group.reports.iter().find(|r| r.name == machine.name);
            match report.and_then(|r| r.reason.as_deref()) {
                Some(reason) => format!("{} ({reason})", machine.name),
                None => machine.name.clone(),
            }
        })
        .collect()
}

/// The same wait, with an earlier second look.
fn sooner(flow: Flow, at: jiff::Timestamp) -> Flow {
    match flow {
        Err(Halt::Wait { on, again }) => Err(Halt::Wait {
            on,
            again: match again {
                LookAgain::OnChange => LookAgain::At(at),
                LookAgain::At(other) => LookAgain::At(other.min(at)),
            },
        }),
        other => other,
    }
}

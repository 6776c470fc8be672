//! Taking, keeping and losing the lock of the group (DECISIONS 4).

use siterecovery_api::{FailoverLock, FailoverPhase, SiteName, StepName, StepState, names};

use super::observed::SiteView;
use super::pass::{Flow, Halt, Pass};
use crate::decision::LookAgain;
use crate::effect::{Effect, LockClaim, LockRenewal};
use crate::facts::{LeaseFacts, ObjectVersion};
use crate::lock::{self, LockState};
use crate::refusal::Refusal;
use crate::sabotage::Sabotage;
use crate::waiting::WaitingOn;

/// What the lock sites show together.
#[derive(Default)]
struct Survey {
    /// Leases to create or take over.
    take: Vec<Effect>,
    /// Leases to renew.
    renew: Vec<Effect>,
    /// Sites on which the lock is ours.
    own: Vec<SiteName>,
    /// Sites that did not answer.
    skipped: Vec<SiteName>,
    /// Whether some lock of ours is too old to act under, or in the name of another process.
    stale: bool,
}

impl<'a> Pass<'a> {
    /// The Leases of this very Failover, on the sites that answer.
    pub(super) fn own_locks(&self) -> Vec<(&'a str, &'a LeaseFacts)> {
        let mut found = Vec::new();
        for site in self.observed.directory.lock_sites() {
            let lease = self.facts(site).and_then(|facts| facts.lock.as_ref());
            if let (Some(lease), LockState::Own { .. }) = (lease, self.judge(lease)) {
                found.push((site.name.as_str(), lease));
            }
        }
        found
    }

    /// Holds the lock, or goes and gets it, or ends the failover because someone else has it.
    pub(super) fn hold_lock(&mut self) -> Flow {
        let begun = self.is_done(StepName::AcquireLock);
        if begun && self.policy.sabotaged(Sabotage::ResumeWithoutLock) {
            return Ok(());
        }
        let survey = self.survey()?;
        let held_before = self.is_done(StepName::AcquireLock);
        if !held_before && !self.is_stored(StepName::AcquireLock) {
            self.begin(StepName::AcquireLock);
            return Err(Halt::Write);
        }
        if survey.own.is_empty() && survey.take.is_empty() {
            return self.no_lock_site();
        }
        if !survey.take.is_empty() {
            self.effects.extend(survey.take);
            return self.wait_for_lock(held_before);
        }
        self.effects.extend(survey.renew);
        if survey.stale {
            return self.wait_for_lock(held_before);
        }
        self.note_lock(survey.own, survey.skipped);
        let lease = self.lease_name();
        self.done(
            StepName::AcquireLock,
            StepState::Succeeded,
            format!("holds {lease}"),
        );
        self.status.phase = Some(FailoverPhase::Running);
        Ok(())
    }

    fn judge(&self, lease: Option<&LeaseFacts>) -> LockState {
        let uid = &self.observed.failover.version.uid;
        lock::judge(lease, uid, self.policy, self.now)
    }

    fn survey(&self) -> Result<Survey, Halt> {
        let mut survey = Survey::default();
        let held_before = self.is_done(StepName::AcquireLock);
        for site in self.observed.directory.lock_sites() {
            let Some(facts) = self.facts(site) else {
                survey.skipped.push(site.name.clone());
                continue;
            };
            let held_here = held_before
                && self
                    .status
                    .lock
                    .as_ref()
                    .is_some_and(|lock| lock.sites.contains(&site.name));
            let lease = facts.lock.as_ref();
            match self.judge(lease) {
                LockState::Own { expires } => {
                    survey.own.push(site.name.clone());
                    self.keep(&mut survey, &site.name, lease, expires);
                }
                LockState::Free => {
                    let claim = self.claim(&site.name, 0);
                    survey.take.push(Effect::TakeLock(claim));
                }
                // Somebody took our lock over, and is late with it in turn: lost all the same.
                LockState::Expired { holder, .. } if held_here => {
                    self.lost(&mut survey, &site.name, holder)?;
                }
                LockState::Expired { .. } => survey.take.extend(self.take_over(&site.name, lease)),
                LockState::Held { holder, .. } if held_before => {
                    self.lost(&mut survey, &site.name, holder)?;
                }
                LockState::Held {
                    holder,
                    failover,
                    expires,
                } => {
                    return Err(Refusal::LockHeld {
                        group: self.group().to_owned(),
                        holder,
                        failover,
                        expires: Some(expires),
                    }
                    .into());
                }
            }
        }
        Ok(survey)
    }

    fn lost(&self, survey: &mut Survey, site: &str, holder: String) -> Flow {
        if self.policy.sabotaged(Sabotage::IgnoreLostLock) {
            survey.own.push(site.to_owned());
            return Ok(());
        }
        Err(Refusal::LockLost {
            group: self.group().to_owned(),
            holder,
        }
        .into())
    }

    fn keep(
        &self,
        survey: &mut Survey,
        site: &str,
        lease: Option<&LeaseFacts>,
        expires: jiff::Timestamp,
    ) {
        let Some(lease) = lease else { return };
        let safe = lock::is_safe(expires, self.policy, self.now);
        let other_process = lease.holder != self.policy.identity;
        survey.stale |= !safe || other_process;
        let due = self.now >= lock::renewal_due(lease, self.policy);
        // While two processes overlap, neither may write its name more often than that: they would race.
        let contested = other_process && self.was_just_renewed(lease);
        if due || !safe || (other_process && !contested) {
            survey.renew.push(Effect::RenewLock {
                renewal: LockRenewal {
                    site: site.to_owned(),
                    namespace: self.observed.failover.namespace.clone(),
                    lease: lease.name.clone(),
                    holder: self.policy.identity.clone(),
                    renewed_at: self.now,
                },
                version: lease.version.clone(),
            });
        }
    }

    /// Whether somebody has renewed it within the shortest time between two tries. A time that lies ahead comes from
    /// a clock that is wrong, and says nothing.
    fn was_just_renewed(&self, lease: &LeaseFacts) -> bool {
        let renewed = lease.renewed.filter(|renewed| *renewed <= self.now);
        renewed.is_some_and(|renewed| !self.has_passed(renewed, self.policy.retry_after))
    }

    fn take_over(&self, site: &str, lease: Option<&LeaseFacts>) -> Vec<Effect> {
        let Some(lease) = lease else {
            return Vec::new();
        };
        if self.policy.sabotaged(Sabotage::TakeOverWithoutCompare) {
            let whatever_is_there = Effect::ReleaseLock {
                site: site.to_owned(),
                namespace: self.observed.failover.namespace.clone(),
                lease: lease.name.clone(),
                version: ObjectVersion::default(),
            };
            return vec![whatever_is_there, Effect::TakeLock(self.claim(site, 0))];
        }
        vec![Effect::TakeOverLock {
            claim: self.claim(site, lease.transitions.saturating_add(1)),
            version: lease.version.clone(),
        }]
    }

    fn claim(&self, site: &str, transitions: i32) -> LockClaim {
        LockClaim {
            site: site.to_owned(),
            namespace: self.observed.failover.namespace.clone(),
            lease: self.lease_name(),
            holder: self.policy.identity.clone(),
            failover: self.observed.failover.name.clone(),
            failover_uid: self.observed.failover.version.uid.clone(),
            duration_seconds: self.policy.lock_ttl_seconds,
            acquired_at: self.now,
            transitions,
        }
    }

    fn lease_name(&self) -> String {
        names::lock_name(self.group())
    }

    fn wait_for_lock(&mut self, held_before: bool) -> Flow {
        let on = WaitingOn::Lock {
            lease: self.lease_name(),
        };
        let late = Refusal::LockNotAcquired {
            lease: self.lease_name(),
        };
        let contested = self.effects.is_empty();
        if held_before {
            // A lock that cannot be written again must not keep the failover running for ever.
            if self.is_long_overdue() {
                self.effects.clear();
                return Err(late.into());
            }
            return Err(if contested {
                let again = LookAgain::At(self.after(self.policy.retry_after));
                Halt::StandBack { on, again }
            } else {
                let again = LookAgain::At(self.now);
                Halt::Wait { on, again }
            });
        }
        let pause = if contested {
            self.policy.retry_after
        } else {
            jiff::SignedDuration::ZERO
        };
        let halt = self.wait_or(StepName::AcquireLock, on, Some(pause), late);
        if matches!(halt, Err(Halt::End(_))) {
            self.effects.clear();
        }
        halt
    }

    /// Whether the step that runs has been late for as long as a lock may take.
    fn is_long_overdue(&self) -> bool {
        let running = self.status.steps.iter().rev();
        let mut running = running.filter(|step| step.state == StepState::Running);
        running
            .next()
            .is_none_or(|step| self.has_passed(self.deadline(step.name), self.timeouts.lock))
    }

    /// No site that could hold the lock answers. Nothing can be changed, so nothing is.
    fn no_lock_site(&mut self) -> Flow {
        let sites = self.observed.directory.lock_sites();
        let silent = sites.first().and_then(|site| {
            let view = self.observed.sites.get(&site.name)?;
            match view {
                SiteView::Unreachable { since, error } => Some(WaitingOn::Site {
                    site: site.name.clone(),
                    since: *since,
                    error: error.clone(),
                }),
                SiteView::Reachable(_) => None,
            }
        });
        let on = silent.unwrap_or_else(|| WaitingOn::Lock {
            lease: self.lease_name(),
        });
        if self.is_done(StepName::AcquireLock) && !self.is_long_overdue() {
            let again = LookAgain::At(self.after(self.policy.poll_every));
            return Err(Halt::Wait { on, again });
        }
        let late = Refusal::LockNotAcquired {
            lease: self.lease_name(),
        };
        if self.is_done(StepName::AcquireLock) {
            return Err(late.into());
        }
        let poll = Some(self.policy.poll_every);
        self.wait_or(StepName::AcquireLock, on, poll, late)
    }

    fn note_lock(&mut self, own: Vec<SiteName>, skipped: Vec<SiteName>) {
        let taken = self.own_locks();
        let acquired = taken.iter().filter_map(|(_, lease)| lease.acquired).min();
        self.status.lock = Some(FailoverLock {
            lease: self.lease_name(),
            holder: self.policy.identity.clone(),
            acquired_at: acquired.map(siterecovery_api::time::micro_time),
            sites: own,
            skipped_sites: skipped,
        });
    }
}

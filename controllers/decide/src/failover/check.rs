//! The steps that only look: Validate, `LocateGroup` and `SafetyCheck`, and the front door.

use siterecovery_api::{GroupLocation, StepName, StepState};

use super::observed::{SiteFacts, SiteView, StorageView};
use super::pass::{Ending, Flow, Halt, Pass, Route};
use crate::facts::FailoverSummary;
use crate::location;
use crate::lock::{self, LockState};
use crate::refusal::Refusal;
use crate::sabotage::Sabotage;
use crate::safety::{self, SafetyInput};
use crate::storage::{self, Direction, Readiness};
use crate::taints;
use crate::waiting::WaitingOn;

impl<'a> Pass<'a> {
    /// The spec cannot be edited, also on a server that does not check that.
    pub(super) fn require_same_spec(&self) -> Flow {
        let failover = &self.observed.failover;
        match failover.status.observed_generation {
            Some(began) if began != failover.generation && !failover.deleting => {
                Err(Refusal::SpecChanged {
                    began,
                    now: failover.generation,
                }
                .into())
            }
            _ => Ok(()),
        }
    }

    /// The two sites this is about.
    pub(super) fn route(&self) -> Result<Route<'a>, Refusal> {
        let asked = self.target_word();
        let words = self.observed.directory.target_words();
        let known = || words.iter().map(|&word| word.to_owned()).collect();
        let Some(target) = self.observed.target() else {
            return Err(Refusal::NoSuchSite {
                asked: asked.to_owned(),
                known: known(),
            });
        };
        if !target.runs_workloads() {
            return Err(Refusal::NotAWorkloadSite {
                asked: asked.to_owned(),
                known: known(),
            });
        }
        let Some(source) = self.observed.source() else {
            return Err(Refusal::Invalid {
                problem: format!("there is no other site from which to move to {asked}"),
            });
        };
        Ok(Route { source, target })
    }

    /// Step 1: the group is on the target, and its replicas there could be promoted.
    pub(super) fn validate(&mut self, route: Route<'a>) -> Flow {
        if self.is_done(StepName::Validate) {
            return Ok(());
        }
        self.begin(StepName::Validate);
        let facts = self.target_facts(StepName::Validate, route)?;
        self.require_group(route, facts)?;
        let volumes = self.volumes(StepName::Validate)?;
        let unresolved = self.unresolved_on(&route.target.name);
        let not_fit = |volumes| Refusal::StorageNotPromotable {
            site: route.target.name.clone(),
            volumes,
        };
        if !unresolved.is_empty() {
            return Err(not_fit(unresolved).into());
        }
        let direction = Direction {
            source: &route.source.name,
            target: &route.target.name,
        };
        // Where machines live on the target already it is for the next step to tell what that means.
        let source_may_write =
            self.facts(route.source).is_some() && facts.live_machines().is_empty();
        match storage::readiness(volumes, direction, source_may_write) {
            Readiness::Ready => {}
            Readiness::Unfit(volumes) => return Err(not_fit(volumes).into()),
            Readiness::CatchingUp(volumes) => {
                let on = WaitingOn::Replication {
                    volumes: volumes.clone(),
                };
                let poll = Some(self.policy.poll_every);
                return self.wait_or(StepName::Validate, on, poll, not_fit(volumes));
            }
        }
        let message = format!("{} can move to {}", self.group(), route.target.name);
        self.done(StepName::Validate, StepState::Succeeded, message);
        Ok(())
    }

    fn require_group(&self, route: Route<'_>, facts: &SiteFacts) -> Result<(), Refusal> {
        let group = self.group().to_owned();
        let site = route.target.name.clone();
        if facts.group_malformed {
            let problem = format!(
                "ProtectionGroup {group} on {site} cannot be understood; its condition Converged names the field to correct"
            );
            return Err(Refusal::Invalid { problem });
        }
        if facts.group.is_none() {
            return Err(Refusal::NoSuchGroup { group, site });
        }
        if !facts.machines.iter().any(|machine| machine.exists) {
            return Err(Refusal::NoMembers { group, site });
        }
        Ok(())
    }

    fn unresolved_on(&self, site: &str) -> Vec<String> {
        match &self.observed.storage {
            StorageView::Known { unresolved, .. } => unresolved
                .iter()
                .filter(|claim| claim.split(' ').next() == Some(site))
                .map(|claim| format!("claim {claim} is bound to no volume"))
                .collect(),
            StorageView::Unknown { .. } => Vec::new(),
        }
    }

    /// Step 3: where the group lives, by looking at its instances.
    pub(super) fn locate_group(&mut self, route: Route<'a>) -> Flow {
        let located = self.look_at_both(route);
        if located.location == GroupLocation::Both
            && !self.policy.sabotaged(Sabotage::IgnoreSplitBrain)
        {
            self.status.location.get_or_insert(GroupLocation::Both);
            self.begin_unless_done(StepName::LocateGroup);
            return Err(Refusal::SplitBrain {
                copies: located.copies,
            }
            .into());
        }
        if self.is_done(StepName::LocateGroup) {
            return Ok(());
        }
        self.begin(StepName::LocateGroup);
        self.require_no_leftover(route)?;
        let target = self.target_facts(StepName::LocateGroup, route)?;
        let source = self.observed.sites.get(&route.source.name);
        let source = source.and_then(SiteView::facts);
        let runs_there = target.all_up()
            && target
                .group
                .as_ref()
                .is_some_and(|group| group.desired == siterecovery_api::DesiredState::Running);
        let mut location = located.location;
        if source.is_none() {
            if runs_there {
                location = GroupLocation::Target;
            } else {
                self.require_proof_of_loss(StepName::LocateGroup, route)?;
            }
        }
        let source_group = source.and_then(|facts| facts.group.as_ref());
        let source_wants_to_run = source_group
            .is_some_and(|group| group.desired == siterecovery_api::DesiredState::Running);
        self.status.location = Some(location);
        self.status.source_cluster = Some(route.source.name.clone());
        self.status.source_desired_state = source_group.map(|group| group.desired);
        let message = if located.copies.is_empty() {
            format!("{location}: no live virtual machine seen")
        } else {
            format!("{location}: {}", located.copies.join(", "))
        };
        self.done(StepName::LocateGroup, StepState::Succeeded, message);
        if location == GroupLocation::Target && runs_there && !source_wants_to_run {
            if source.is_none() {
                self.note_unfenced(route);
            }
            return Err(Halt::End(Ending::AlreadyThere));
        }
        Ok(())
    }

    pub(super) fn look_at_both(&self, route: Route<'a>) -> location::Located {
        location::locate(
            (&route.source.name, self.facts(route.source)),
            (&route.target.name, self.facts(route.target)),
        )
    }

    /// An earlier failover away from this target may still owe it a stop. It goes first.
    fn require_no_leftover(&mut self, route: Route<'_>) -> Flow {
        let others = self.observed.other_failovers();
        let owed = others.into_iter().find(|other| {
            other.group == self.group()
                && other.owes_fencing
                && other.source.as_deref() == Some(route.target.name.as_str())
        });
        match owed {
            None => Ok(()),
            Some(other) => {
                let on = WaitingOn::Fencing {
                    failover: other.name.clone(),
                    site: route.target.name.clone(),
                };
                self.poll(StepName::LocateGroup, on)
            }
        }
    }

    fn begin_unless_done(&mut self, step: StepName) {
        if !self.is_done(step) {
            self.begin(step);
        }
    }

    /// Step 4: who else is on the target. Force skips this, and nothing else.
    pub(super) fn safety_check(&mut self, route: Route<'a>) -> Flow {
        if self.is_done(StepName::SafetyCheck) {
            return Ok(());
        }
        self.begin(StepName::SafetyCheck);
        if self.force() {
            let message = "skipped, because force was set";
            self.done(StepName::SafetyCheck, StepState::Skipped, message);
            return Ok(());
        }
        let facts = self.target_facts(StepName::SafetyCheck, route)?;
        let rivals = self.rivals(route);
        let undecided = rivals
            .iter()
            .find(|rival| !rival.passed_safety && self.goes_before(rival));
        if let Some(rival) = undecided {
            let on = WaitingOn::OtherFailover {
                failover: rival.name.clone(),
                group: rival.group.clone(),
            };
            return self.poll(StepName::SafetyCheck, on);
        }
        let moving = rivals.into_iter().filter(|rival| rival.announced);
        self.check_safety(facts, moving.map(|rival| rival.group.clone()).collect())?;
        let message = format!("no other group is in the way on {}", route.target.name);
        self.done(StepName::SafetyCheck, StepState::Succeeded, message);
        Ok(())
    }

    fn check_safety(&self, facts: &SiteFacts, moving_here: Vec<String>) -> Result<(), Refusal> {
        if self.policy.sabotaged(Sabotage::SkipSafetyCheck) {
            return Ok(());
        }
        let tainted = taints::present(&facts.nodes, &self.policy.taint_keys);
        let mut neighbours = facts.neighbours.clone();
        if self.policy.sabotaged(Sabotage::BelieveStaleStatus) {
            for neighbour in &mut neighbours {
                neighbour.live.clear();
            }
        }
        let input = SafetyInput {
            taints_to_remove: !tainted.is_empty(),
            moving_here,
            neighbours: &neighbours,
        };
        safety::check(&input).map_err(|refusal| Refusal::SafetyCheck {
            target: self.target_word().to_owned(),
            blockers: refusal.blockers,
            stale: refusal.stale,
        })
    }

    /// Failovers of other groups to the same target that have not ended. One that has not announced
    /// itself by `AcquireLock` will see us when it looks, and gives way.
    fn rivals(&self, route: Route<'_>) -> Vec<&'a FailoverSummary> {
        let others = self.observed.other_failovers().into_iter();
        others
            .filter(|other| {
                !other.phase.is_terminal()
                    && other.announced
                    && other.group != self.group()
                    && other.target.as_deref() == Some(route.target.name.as_str())
            })
            .collect()
    }

    /// Of two failovers that have announced themselves and not decided yet, the older one waits for
    /// the younger to see it and be refused. So exactly one of them passes.
    fn goes_before(&self, rival: &FailoverSummary) -> bool {
        let own = &self.observed.failover;
        (own.created, &own.name, &own.version.uid) < (rival.created, &rival.name, &rival.uid)
    }

    /// What the controller would refuse at its first look, for a Failover that is not there yet.
    pub(super) fn would_refuse(&self) -> Option<Refusal> {
        let route = match self.route() {
            Ok(route) => route,
            Err(refusal) => return Some(refusal),
        };
        let target = self.facts(route.target);
        if let Some(facts) = target
            && let Err(refusal) = self.require_group(route, facts)
        {
            return Some(refusal);
        }
        if let Some(held) = self.lock_held_elsewhere() {
            return Some(held);
        }
        if self.force() {
            return None;
        }
        // Here everything that has not ended counts: ours would be the youngest.
        let others = self.observed.other_failovers().into_iter();
        let moving = others.filter(|other| {
            !other.phase.is_terminal()
                && other.group != self.group()
                && other.target.as_deref() == Some(route.target.name.as_str())
        });
        let moving = moving.map(|other| other.group.clone()).collect();
        self.check_safety(target?, moving).err()
    }

    fn lock_held_elsewhere(&self) -> Option<Refusal> {
        let uid = &self.observed.failover.version.uid;
        self.observed
            .directory
            .lock_sites()
            .into_iter()
            .find_map(|site| {
                let lease = self.facts(site)?.lock.as_ref();
                match lock::judge(lease, uid, self.policy, self.now) {
                    LockState::Held {
                        holder,
                        failover,
                        expires,
                    } => Some(Refusal::LockHeld {
                        group: self.group().to_owned(),
                        holder,
                        failover,
                        expires: Some(expires),
                    }),
                    LockState::Free | LockState::Own { .. } | LockState::Expired { .. } => None,
                }
            })
    }

    /// Goes on only if the source is silent for good and storage proves that the target would be the
    /// only writer.
    pub(super) fn require_proof_of_loss(&mut self, step: StepName, route: Route<'a>) -> Flow {
        let (since, error) = match self.observed.sites.get(&route.source.name) {
            Some(SiteView::Unreachable { since, error }) => (*since, error.clone()),
            Some(SiteView::Reachable(_)) => return Ok(()),
            None => (self.now, "nobody tried".to_owned()),
        };
        let site = route.source.name.clone();
        let unproven = match &self.observed.storage {
            StorageView::Unknown { error } => vec![format!("storage does not answer: {error}")],
            StorageView::Known { volumes, .. } => {
                let direction = Direction {
                    source: &route.source.name,
                    target: &route.target.name,
                };
                storage::proof(volumes, direction).err().unwrap_or_default()
            }
        };
        if unproven.is_empty() && self.has_passed(since, self.policy.unreachable_grace) {
            return Ok(());
        }
        let late = Refusal::SourceUnreachable {
            site: site.clone(),
            error: error.clone(),
            unproven,
        };
        let on = WaitingOn::Site { site, since, error };
        let poll = Some(self.policy.poll_every);
        self.wait_or(step, on, poll, late)
    }
}

//! A failover without force passes its safety check only where nobody is in its way (DECISIONS 5).
//!
//! In the way is a group whose machine has been writing on the target for a while, when taints have to go, and a
//! group that has been on its way to the target for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use siterecovery_api::{Failover, FailoverPhase, StepName, StepState};

use super::{Rule, Verdict, group_of, seconds};
use crate::history::{History, Seen};

/// What a controller decides on may be that old: it reads, and then writes, with troubled requests in between.
const A_WHILE: i64 = 30;

#[derive(Default)]
struct State<'a> {
    /// Machine and site, since when.
    writers: BTreeMap<(String, String), Timestamp>,
    tainted: BTreeMap<&'a str, Timestamp>,
    /// Failovers that have announced themselves, by site and name.
    moving: BTreeMap<(&'a str, &'a str), (Arc<Failover>, Timestamp)>,
    passed: BTreeSet<(&'a str, &'a str)>,
}

pub(super) fn judge(history: &History, verdict: &mut Verdict) {
    let mut state = State::default();
    for entry in &history.entries {
        match &entry.what {
            Seen::Writers(now) => {
                state.writers.retain(|key, _| now.contains(key));
                for key in now {
                    state.writers.entry(key.clone()).or_insert(entry.at);
                }
            }
            Seen::Tainted { site, nodes } => {
                if nodes.is_empty() {
                    state.tainted.remove(site.as_str());
                } else {
                    state.tainted.entry(site).or_insert(entry.at);
                }
            }
            Seen::Failover {
                site, name, now, ..
            } => {
                let key = (site.as_str(), name.as_str());
                let Some(failover) = now else { continue };
                if passes(failover) && state.passed.insert(key) {
                    let directory = history.plan.topology.directory();
                    let target = directory.resolve(&failover.spec.target_cluster);
                    if let Some(target) = target
                        && let Some(why) = state.in_the_way(failover, &target.name, key, entry.at)
                    {
                        let message = format!("{name} passed its safety check, though {why}");
                        verdict.broken(Rule::Safety, entry.at, message);
                    }
                }
                if is_moving(failover) {
                    let since = state.moving.get(&key).map_or(entry.at, |(_, since)| *since);
                    state.moving.insert(key, (Arc::clone(failover), since));
                } else {
                    state.moving.remove(&key);
                }
            }
            _ => {}
        }
    }
}

fn passes(failover: &Failover) -> bool {
    let status = failover.status.as_ref();
    let step = status.and_then(|status| status.step(StepName::SafetyCheck));
    step.is_some_and(|step| step.state == StepState::Succeeded)
}

/// It has passed its own check, and has not come to its end.
fn is_moving(failover: &Failover) -> bool {
    let status = failover.status.as_ref();
    passes(failover)
        && status.and_then(|status| status.phase) == Some(FailoverPhase::Running)
        && status.is_some_and(|status| status.step(StepName::ReleaseLock).is_none())
}

impl State<'_> {
    fn in_the_way(
        &self,
        failover: &Failover,
        target: &str,
        own: (&str, &str),
        at: Timestamp,
    ) -> Option<String> {
        let group = failover.spec.protection_group.as_str();
        let long = |since: Timestamp| at.duration_since(since) >= seconds(A_WHILE);
        let other = self.moving.iter().find(|(key, (other, since))| {
            **key != own
                && other.spec.protection_group != group
                && resolves_alike(&other.spec.target_cluster, target)
                && key.0 == own.0
                && long(*since)
        });
        if let Some((key, _)) = other {
            return Some(format!("{} was on its way to {target}", key.1));
        }
        if !self.tainted.get(target).is_some_and(|since| long(*since)) {
            return None;
        }
        let neighbour = self
            .writers
            .iter()
            .find(|((vm, site), since)| site == target && group_of(vm) != group && long(**since));
        let ((vm, _), _) = neighbour?;
        Some(format!(
            "{vm} was running on {target}, whose nodes carry taints"
        ))
    }
}

fn resolves_alike(word: &str, site: &str) -> bool {
    let directory = siterecovery_api::SiteDirectory::linstor();
    directory
        .resolve(word)
        .is_some_and(|found| found.name == site)
}

//! A lock passes on only by release or expiry, and who has lost it stops.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use siterecovery_api::{Failover, FailoverPhase};

use super::{Rule, Verdict, by_hand, seconds};
use crate::history::{History, LockLook, Seen};

pub(super) fn judge(history: &History, verdict: &mut Verdict) {
    let mut locks: BTreeMap<(&str, &str), Held> = BTreeMap::new();
    let mut begun: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut at_work: BTreeSet<String> = BTreeSet::new();
    for entry in &history.entries {
        match &entry.what {
            Seen::Lock {
                site,
                group,
                user,
                now,
            } => {
                let before = match now {
                    None => locks.remove(&(site, group)),
                    Some(lock) => {
                        let known = locks.get(&(site.as_str(), group.as_str()));
                        let since = known
                            .filter(|held| held.lock.owner == lock.owner)
                            .map_or(entry.at, |held| held.since);
                        let held = Held {
                            lock: lock.clone(),
                            since,
                        };
                        locks.insert((site, group), held)
                    }
                };
                if let Some(message) = before.and_then(|before| {
                    let alive = before.lock.expires > entry.at && !by_hand(user);
                    alive.then(|| passed_on(&before, now.as_ref(), &at_work))?
                }) {
                    let message = format!("the lock of {group} on {site} {message}");
                    verdict.broken(Rule::OneHolder, entry.at, message);
                }
            }
            Seen::Failover {
                site,
                name,
                now: Some(failover),
                ..
            } => {
                let uid = failover.metadata.uid.clone().unwrap_or_default();
                if is_over(failover) {
                    at_work.remove(&uid);
                } else {
                    at_work.insert(uid);
                }
                let steps = failover
                    .status
                    .as_ref()
                    .map_or(0, |status| status.steps.len());
                let before = begun.insert((site, name), steps).unwrap_or(0);
                if steps > before
                    && let Some(message) = goes_on(failover, name, &locks, entry.at)
                {
                    verdict.broken(Rule::OneHolder, entry.at, message);
                }
            }
            _ => {}
        }
    }
}

/// What is wrong with a lock that changed while it was held, if anything is.
fn passed_on(before: &Held, now: Option<&LockLook>, at_work: &BTreeSet<String>) -> Option<String> {
    let owner = &before.lock.owner;
    match now {
        None => at_work
            .contains(owner)
            .then(|| format!("was taken from {owner}, whose failover is not over")),
        Some(now) => (*owner != now.owner).then(|| {
            format!(
                "passed from {owner} to {} without release or expiry",
                now.owner
            )
        }),
    }
}

/// Whether its end has been stored, so that its lock may be given back.
fn is_over(failover: &Failover) -> bool {
    let status = failover.status.as_ref();
    status.is_some_and(|status| status.condition("Succeeded").is_some())
}

struct Held {
    lock: LockLook,
    since: Timestamp,
}

/// Whether a Failover that holds the lock by its own word began a step long after somebody else took it.
fn goes_on(
    failover: &Failover,
    name: &str,
    locks: &BTreeMap<(&str, &str), Held>,
    at: Timestamp,
) -> Option<String> {
    let status = failover.status.as_ref()?;
    if status.phase != Some(FailoverPhase::Running) {
        return None;
    }
    let step = status.steps.last()?;
    if step.name == siterecovery_api::StepName::ReleaseLock {
        return None;
    }
    let uid = failover.metadata.uid.as_deref().unwrap_or_default();
    let sites = &status.lock.as_ref()?.sites;
    let group = failover.spec.protection_group.as_str();
    let taken = sites.iter().find_map(|site| {
        let held = locks.get(&(site.as_str(), group))?;
        // A pass that read the lock before has time to write what it came to.
        let foreign = held.lock.owner != uid
            && held.lock.expires > at
            && at.duration_since(held.since) > seconds(25);
        foreign.then_some(held)
    })?;
    Some(format!(
        "{name} began {} though {} has had the lock of {group} since {}",
        step.name, taken.lock.owner, taken.since
    ))
}

//! When the faults are over, everything settles as the last operation says.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use siterecovery_api::{DesiredState, Failover, FailoverPhase};
use siterecovery_decide::conditions::{ROLLED_BACK, Truth, holds};

use super::outage::Outages;
use super::{Rule, Verdict, by_hand};
use crate::history::{End, History, Seen};

pub(super) fn judge(history: &History, verdict: &mut Verdict) {
    let end = history
        .entries
        .last()
        .map_or(history.began, |entry| entry.at);
    if let End::Unsettled(left) = &history.end {
        verdict.broken(Rule::Settles, end, left.join("; "));
    }
    for group in &history.plan.groups {
        if let Some(message) = last_word(history, &group.name, end) {
            verdict.broken(Rule::Settles, end, message);
        }
    }
}

/// A Failover with the times at which it was made and last changed.
struct Move {
    failover: Arc<Failover>,
    made: Timestamp,
    ended: Timestamp,
}

/// What is wrong with where a group ended, if its last operation was a failover that settled the matter.
fn last_word(history: &History, group: &str, end: Timestamp) -> Option<String> {
    let mut moves: BTreeMap<(&str, &str), Move> = BTreeMap::new();
    let mut touched: Option<Timestamp> = None;
    for entry in &history.entries {
        match &entry.what {
            Seen::Failover {
                site,
                name,
                now: Some(now),
                ..
            } if now.spec.protection_group == group => {
                let known = moves.get(&(site.as_str(), name.as_str()));
                let made = known.map_or(entry.at, |known| known.made);
                // What follows the end, such as fencing, does not make it newer.
                let ended = known
                    .filter(|known| is_terminal(&known.failover))
                    .map_or(entry.at, |known| known.ended);
                let failover = Arc::clone(now);
                let new = Move {
                    failover,
                    made,
                    ended,
                };
                moves.insert((site, name), new);
            }
            Seen::Group {
                name,
                user,
                before,
                now,
                ..
            } if name == group && by_hand(user) && *before != Some(now.desired) => {
                touched = Some(entry.at);
            }
            _ => {}
        }
    }
    // A Failover that was refused before it touched the group is no operation on it.
    let acted = moves.values().filter(|it| acts(&it.failover));
    let last = acted.max_by_key(|it| it.ended)?;
    let overlapping = moves
        .values()
        .filter(|it| acts(&it.failover) && it.ended > last.made);
    if touched.is_some_and(|touched| touched >= last.made) || overlapping.count() > 1 {
        return None;
    }
    let (target, source) = expected(history, &last.failover)?;
    let outages = Outages::of(history);
    let asked = |site: &str| {
        let key = (site.to_owned(), group.to_owned());
        history.groups.get(&key).map(|group| group.desired)
    };
    // Whoever would stop a lost source that is back may be out of reach for good.
    let directory = history.plan.topology.directory();
    let home = directory
        .get(&target)
        .map(|site| &directory.management_of(site).name);
    let out_of_reach =
        outages.silent(&source, end) || home.is_some_and(|home| outages.silent(home, end));
    let wrong = asked(&target) != Some(DesiredState::Running)
        || (asked(&source) != Some(DesiredState::Stopped) && !out_of_reach);
    wrong.then(|| {
        let name = last.failover.metadata.name.clone().unwrap_or_default();
        format!(
            "{name} was the last word on {group}, which should run on {target} alone; asked are {target}: {:?}, {source}: {:?}",
            asked(&target),
            asked(&source)
        )
    })
}

fn is_terminal(failover: &Failover) -> bool {
    let status = failover.status.as_ref();
    status
        .and_then(|status| status.phase)
        .is_some_and(FailoverPhase::is_terminal)
}

fn acts(failover: &Failover) -> bool {
    use siterecovery_api::StepName::{StartTarget, StopSource};
    let status = failover.status.as_ref();
    status.is_some_and(|status| {
        let moved = status.step(StopSource).is_some() || status.step(StartTarget).is_some();
        // One that found the group where it should be has said so, and that stands.
        moved || status.phase == Some(FailoverPhase::Succeeded)
    })
}

/// Where the group should run and where not, if that Failover settled it.
fn expected(history: &History, failover: &Failover) -> Option<(String, String)> {
    let directory = history.plan.topology.directory();
    let target = directory
        .resolve(&failover.spec.target_cluster)?
        .name
        .clone();
    let source = directory.source_of(&target)?.name.clone();
    let status = failover.status.as_ref()?;
    match status.phase {
        Some(FailoverPhase::Succeeded) => Some((target, source)),
        Some(FailoverPhase::Failed) => {
            holds(&status.conditions, ROLLED_BACK, Truth::True).map(|_| (source, target))
        }
        _ => None,
    }
}

//! No Failover runs beyond the sum of its deadlines, plus the time for which there was no controller that worked.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use siterecovery_api::{Failover, FailoverPhase, StepName};
use siterecovery_decide::Timeouts;

use super::outage::Outages;
use super::{Rule, Verdict, seconds};
use crate::history::{History, Seen};

/// For the writes between the steps, and a clock that is wrong.
const ALLOWANCE: i64 = 120;

pub(super) fn judge(history: &History, verdict: &mut Verdict) {
    let excuse = Outages::of(history).lost();
    let mut open: BTreeMap<(&str, &str), (Timestamp, Arc<Failover>)> = BTreeMap::new();
    let mut check = |name: &str, since: Timestamp, failover: &Failover, at: Timestamp| {
        let allowed = allowed(failover).saturating_add(excuse);
        if at.duration_since(since) > allowed {
            let message = format!(
                "{name} runs since {since}, longer than {} s",
                allowed.as_secs()
            );
            verdict.broken(Rule::Deadline, at, message);
        }
    };
    for entry in &history.entries {
        let Seen::Failover {
            site,
            name,
            now: Some(now),
            ..
        } = &entry.what
        else {
            continue;
        };
        let key = (site.as_str(), name.as_str());
        let phase = now.status.as_ref().and_then(|status| status.phase);
        if phase.is_some_and(FailoverPhase::is_terminal) {
            if let Some((since, failover)) = open.remove(&key) {
                check(name, since, &failover, entry.at);
            }
        } else {
            open.entry(key).or_insert((entry.at, Arc::clone(now)));
        }
    }
    let end = history
        .entries
        .last()
        .map_or(history.began, |entry| entry.at);
    for ((_, name), (since, failover)) in open {
        check(name, since, &failover, end);
    }
}

fn allowed(failover: &Failover) -> SignedDuration {
    let timeouts = Timeouts::default().with(failover.spec.timeouts.as_ref());
    let steps = StepName::ALL.iter().map(|step| timeouts.of(*step));
    // A lock that cannot be written again may take one more of its deadlines.
    let sum = steps.fold(timeouts.lock, SignedDuration::saturating_add);
    sum.saturating_add(seconds(ALLOWANCE))
}

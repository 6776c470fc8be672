//! A terminal phase never changes, and no Failover is ever gone.

use std::collections::BTreeMap;
use std::sync::Arc;

use siterecovery_api::{Failover, FailoverPhase};

use super::{Rule, Verdict};
use crate::history::{History, Seen};

pub(super) fn judge(history: &History, verdict: &mut Verdict) {
    let mut ended: BTreeMap<(&str, &str), Arc<Failover>> = BTreeMap::new();
    for entry in &history.entries {
        let Seen::Failover {
            site, name, now, ..
        } = &entry.what
        else {
            continue;
        };
        let Some(now) = now else {
            verdict.broken(
                Rule::AuditTrail,
                entry.at,
                format!("{name} on {site} is gone"),
            );
            continue;
        };
        if let Some(before) = ended.get(&(site.as_str(), name.as_str())) {
            if outcome(before) != outcome(now) {
                let message = format!(
                    "{name} had ended as {:?} and now says {:?}",
                    outcome(before),
                    outcome(now)
                );
                verdict.broken(Rule::TerminalForEver, entry.at, message);
            }
            continue;
        }
        let status = now.status.clone().unwrap_or_default();
        if status.phase.is_some_and(FailoverPhase::is_terminal) {
            let missing = [
                ("completionTime", status.completion_time.is_none()),
                ("startTime", status.start_time.is_none()),
                ("message", status.message.is_none()),
                (
                    "condition Succeeded",
                    status.condition("Succeeded").is_none(),
                ),
            ];
            for (what, missing) in missing {
                if missing {
                    let message = format!("{name} has ended without {what}");
                    verdict.broken(Rule::AuditTrail, entry.at, message);
                }
            }
            ended.insert((site, name), Arc::clone(now));
        }
    }
}

/// What must not change any more.
fn outcome(
    failover: &Failover,
) -> (
    Option<FailoverPhase>,
    Option<String>,
    Option<jiff::Timestamp>,
) {
    let status = failover.status.clone().unwrap_or_default();
    let completed = status.completion_time.map(|time| time.0);
    (status.phase, status.message, completed)
}

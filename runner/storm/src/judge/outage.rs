//! When a site could not be reached, and when a Failover Controller was not there: both are in the plan.

use jiff::{SignedDuration, Timestamp};

use crate::history::History;
use crate::plan::Fault;

/// Time spans, each with its site.
pub(super) struct Outages {
    cuts: Vec<(String, Timestamp, Timestamp)>,
    /// Time for which no controller worked well, over all homes.
    lost: SignedDuration,
}

/// A silence may still be felt for so long: what was under way meets its timeouts first.
const ECHO: SignedDuration = SignedDuration::from_secs(60);

impl Outages {
    pub(super) fn of(history: &History) -> Self {
        let at = |millis: u64| {
            let offset = SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX));
            history.began.checked_add(offset).unwrap_or(Timestamp::MAX)
        };
        let mut cuts = Vec::new();
        let mut lost = 0;
        for fault in &history.plan.faults {
            let until = fault
                .lasts
                .map_or(Timestamp::MAX, |lasts| at(fault.at + lasts));
            match &fault.fault {
                Fault::SiteCutOff { site }
                | Fault::SiteIsolated { site }
                | Fault::PowerLoss { site } => cuts.push((site.clone(), at(fault.at), until)),
                _ => {}
            }
            lost += match &fault.fault {
                Fault::FailoverControllerDies { down_for, .. } => *down_for + 20_000,
                Fault::LeaderChange { .. } | Fault::ClockSkew { .. } => 30_000,
                Fault::Requests { .. }
                | Fault::WatchesSilent { .. }
                | Fault::SiteCutOff { .. }
                | Fault::SiteIsolated { .. }
                | Fault::PowerLoss { .. } => fault.lasts.unwrap_or(600_000) + 60_000,
                _ => 0,
            };
        }
        Self {
            cuts,
            lost: SignedDuration::from_millis(i64::try_from(lost).unwrap_or(i64::MAX)),
        }
    }

    /// Whether a site cannot be reached then, or could not a moment ago.
    pub(super) fn silent(&self, site: &str, at: Timestamp) -> bool {
        self.cuts.iter().any(|(cut, from, until)| {
            let over = until.checked_add(ECHO).unwrap_or(Timestamp::MAX);
            cut == site && *from <= at && at <= over
        })
    }

    /// By how much deadlines may be missed because of what happened to the controllers.
    pub(super) fn lost(&self) -> SignedDuration {
        self.lost
    }
}

//! `failover-deadline`: no Failover runs beyond the sum of its deadlines (DECISIONS 3: it can never stay `Running` for ever).
//!
//! The sum is that of `spec.timeouts`, with the defaults of DECISIONS 3 for those left out, plus an allowance
//! for the steps that have no deadline of their own.
//!
//! Judged: every change of a Failover that is or was `Running`, and the passing of time while one is.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sitedrill_model::scenario::ObjectKind;

use super::{Look, Machine, Timeline, Violation};
use crate::objects::{self, Change, Key, span};

/// The deadlines of the steps, with their defaults in seconds.
const DEADLINES: [(&str, i64); 4] = [
    ("clearTaintsSeconds", 60),
    ("stopSourceSeconds", 300),
    ("releaseStorageSeconds", 120),
    ("startTargetSeconds", 600),
];

/// For validating, locking, locating and checking, and for the writes between the steps.
const ALLOWANCE_SECONDS: i64 = 60;

#[derive(Default)]
pub(super) struct FailoverDeadline(BTreeMap<Key, Running>);

struct Running {
    since: Timestamp,
    deadline: Timestamp,
    timeline: Timeline,
}

impl Machine for FailoverDeadline {
    fn observe(&mut self, change: &Change) -> Look {
        let key = &change.key;
        let failover = change.after.as_deref();
        let runs = failover.filter(|it| {
            key.kind == ObjectKind::Failover
                && objects::string(it, "/status/phase") == Some("Running")
        });
        let Some(failover) = runs else {
            let Some(ended) = self.0.remove(key) else {
                return Look::default();
            };
            return Look {
                judged: true,
                broken: (change.at > ended.deadline).then(|| ended.violation(key)),
            };
        };
        let running = self
            .0
            .entry(key.clone())
            .or_insert_with(|| Running::new(failover, change.at));
        let message = objects::string(failover, "/status/message").unwrap_or_default();
        let line = format!("{}: {} Running: {message}", key.site, key.object());
        running.timeline.add(change.at, line);
        Look {
            judged: true,
            broken: (change.at > running.deadline).then(|| running.violation(key)),
        }
    }

    fn tick(&mut self, now: Timestamp) -> Option<Violation> {
        let mut late = self.0.iter().filter(|(_, running)| now > running.deadline);
        late.next().map(|(key, running)| running.violation(key))
    }

    fn next_tick(&self) -> Option<Timestamp> {
        // One millisecond beyond: at the very deadline the promise still holds.
        let deadlines = self.0.values().map(|running| running.deadline);
        deadlines
            .min()
            .map(|it| it + SignedDuration::from_millis(1))
    }
}

impl Running {
    fn new(failover: &Value, seen: Timestamp) -> Self {
        // By its own word where that is earlier: a watch may lag, and a chapter may begin in the middle of it.
        let started = objects::time(failover, "/status/startTime");
        let since = started.map_or(seen, |started| started.min(seen));
        let deadline = since + SignedDuration::from_secs(allowed_seconds(failover));
        Self {
            since,
            deadline,
            timeline: Timeline::default(),
        }
    }

    fn violation(&self, key: &Key) -> Violation {
        let allowed = span(objects::seconds_between(self.since, self.deadline));
        let since = self.since;
        Violation {
            message: format!(
                "{} runs since {since}, longer than the {allowed} that its deadlines allow",
                key.name
            ),
            timeline: self.timeline.shown(),
        }
    }
}

fn allowed_seconds(failover: &Value) -> i64 {
    let timeouts = failover.pointer("/spec/timeouts");
    let steps = DEADLINES.iter().map(|(field, default)| {
        let written = timeouts.and_then(|it| it.get(field)?.as_i64());
        written.unwrap_or(*default)
    });
    // The CRD allows a day for each step; anything beyond is not meant.
    steps.fold(ALLOWANCE_SECONDS, |sum, seconds| {
        sum.saturating_add(seconds.clamp(0, 86_400))
    })
}

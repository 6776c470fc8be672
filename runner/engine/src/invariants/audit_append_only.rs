//! `audit-append-only`: a Failover in a terminal phase never changes its outcome and never vanishes (DECISIONS 2).
//!
//! The outcome is phase, message and completion time. Conditions may still change: a source that comes back
//! turns `SourceFenced` true after the end.
//!
//! Judged: every change of a Failover that is or was in a terminal phase.

use std::collections::BTreeMap;

use serde_json::Value;
use sitedrill_model::scenario::ObjectKind;

use super::{Look, Machine, Timeline, Violation};
use crate::objects::{self, Change, Key};

const OUTCOME: [&str; 3] = ["status.phase", "status.message", "status.completionTime"];

#[derive(Default)]
pub(super) struct AuditAppendOnly(BTreeMap<Key, Settled>);

struct Settled {
    uid: String,
    outcome: [String; 3],
    timeline: Timeline,
}

impl Machine for AuditAppendOnly {
    fn observe(&mut self, change: &Change) -> Look {
        let key = &change.key;
        if key.kind != ObjectKind::Failover {
            return Look::default();
        }
        let after = change.after.as_deref();
        if let Some(settled) = self.0.get_mut(key) {
            return settled.judge(change, after);
        }
        let Some(failover) = after.filter(|it| is_terminal(it)) else {
            return Look::default();
        };
        let mut timeline = Timeline::default();
        timeline.add(change.at, line(key, Some(failover)));
        let settled = Settled {
            uid: uid(failover),
            outcome: outcome(failover),
            timeline,
        };
        self.0.insert(key.clone(), settled);
        Look {
            judged: true,
            broken: None,
        }
    }
}

impl Settled {
    fn judge(&mut self, change: &Change, after: Option<&Value>) -> Look {
        self.timeline.add(change.at, line(&change.key, after));
        let name = &change.key.name;
        let message = match after {
            None => Some(format!("{name} had ended and is gone")),
            Some(it) if uid(it) != self.uid => Some(format!(
                "{name} had ended and was replaced by another of its name"
            )),
            Some(it) => {
                let now = outcome(it);
                let changed = OUTCOME.iter().zip(self.outcome.iter().zip(&now));
                let mut changed = changed.filter(|(_, (old, new))| old != new);
                changed.next().map(|(field, (old, new))| {
                    format!("{name} had ended, and its {field} changed from `{old}` to `{new}`")
                })
            }
        };
        Look {
            judged: true,
            broken: message.map(|message| Violation {
                message,
                timeline: self.timeline.shown(),
            }),
        }
    }
}

fn is_terminal(failover: &Value) -> bool {
    let phase = objects::string(failover, "/status/phase");
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn outcome(failover: &Value) -> [String; 3] {
    OUTCOME.map(|path| objects::text(objects::field(failover, path)))
}

fn uid(failover: &Value) -> String {
    objects::string(failover, "/metadata/uid")
        .unwrap_or_default()
        .to_owned()
}

fn line(key: &Key, failover: Option<&Value>) -> String {
    let state = failover.map_or_else(
        || "gone".to_owned(),
        |it| {
            let [phase, message, _] = outcome(it);
            format!("phase {phase}: {message}")
        },
    );
    format!("{}: {} {state}", key.site, key.object())
}

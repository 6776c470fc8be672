//! `one-lock-holder`: never more than one holder of a group's failover lock (DECISIONS 4).
//!
//! Three ways to break it:
//! a lock passes from one owner to another without having been released or having expired;
//! two sites hold locks of one group for different owners;
//! two Failovers of one group are in phase `Running`, a phase that only the holder of the lock may be in.
//!
//! The owner is the Failover that the Lease names, because a restarted controller continues it under a new identity;
//! else the holder.
//!
//! Judged: every change of a lock, and of a Failover that is or was `Running`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use sitedrill_model::scenario::ObjectKind;

use super::{Look, Machine, Timeline, Violation};
use crate::lock::{Lock, locked_group};
use crate::objects::{self, Change};

/// By namespace and group.
#[derive(Default)]
pub(super) struct OneLockHolder(BTreeMap<(String, String), Group>);

#[derive(Default)]
struct Group {
    /// By site.
    locks: BTreeMap<String, Lock>,
    /// Failovers in phase `Running`, as `site/name`.
    running: BTreeSet<String>,
    timeline: Timeline,
}

impl Machine for OneLockHolder {
    fn observe(&mut self, change: &Change) -> Look {
        if let Some(group) = locked_group(&change.key) {
            let group = (change.key.namespace.clone(), group.to_owned());
            return self.0.entry(group).or_default().lock_changed(change);
        }
        let object = change.after.as_deref().or(change.before.as_deref());
        let group = object.and_then(|it| objects::string(it, "/spec/protectionGroup"));
        match group {
            Some(group) if change.key.kind == ObjectKind::Failover => {
                let group = (change.key.namespace.clone(), group.to_owned());
                self.0.entry(group).or_default().failover_changed(change)
            }
            _ => Look::default(),
        }
    }
}

impl Group {
    fn lock_changed(&mut self, change: &Change) -> Look {
        let (site, lease) = (&change.key.site, &change.key.name);
        let now = change.after.as_deref().and_then(Lock::read);
        let state = match (&change.after, &now) {
            (_, Some(lock)) => format!("held by {}", lock.describe()),
            (Some(_), None) => "held by nobody".to_owned(),
            (None, _) => "gone".to_owned(),
        };
        self.timeline
            .add(change.at, format!("{site}: lease/{lease} {state}"));
        let before = match &now {
            Some(lock) => self.locks.insert(site.clone(), lock.clone()),
            None => self.locks.remove(site),
        };
        let passed = before.zip(now).filter(|(old, new)| {
            old.owner() != new.owner() && old.is_live(taken_at(change, change.at))
        });
        let broken = match passed {
            Some((old, new)) => Some(format!(
                "the lock of {} on {site} passed from {} to {} without release or expiry",
                lease_group(change),
                old.describe(),
                new.describe()
            )),
            None => self.two_owners(change),
        };
        self.look(broken)
    }

    fn two_owners(&self, change: &Change) -> Option<String> {
        let live = self
            .locks
            .iter()
            .filter(|(_, lock)| lock.is_live(change.at));
        let owners: BTreeMap<&str, &str> = live
            .map(|(site, lock)| (lock.owner(), site.as_str()))
            .collect();
        (owners.len() > 1).then(|| {
            let held = owners
                .iter()
                .map(|(owner, site)| format!("{owner} on {site}"));
            let held = held.collect::<Vec<_>>().join(" and ");
            format!(
                "the lock of {} is held by {held} at once",
                lease_group(change)
            )
        })
    }

    fn failover_changed(&mut self, change: &Change) -> Look {
        let id = format!("{}/{}", change.key.site, change.key.name);
        let was_running = self.running.contains(&id);
        let phase = change.after.as_deref().and_then(phase);
        let runs = phase == Some("Running");
        if runs {
            self.running.insert(id);
        } else {
            self.running.remove(&id);
        }
        if !runs && !was_running {
            return Look::default();
        }
        let (site, object) = (&change.key.site, change.key.object());
        let value = format!("{site}: {object} phase {}", phase.unwrap_or("<none>"));
        self.timeline.add(change.at, value);
        let broken = (self.running.len() > 1).then(|| {
            let names: Vec<&str> = self.running.iter().map(String::as_str).collect();
            format!("failovers {} of one group run at once", names.join(" and "))
        });
        self.look(broken)
    }

    fn look(&self, broken: Option<String>) -> Look {
        Look {
            judged: true,
            broken: broken.map(|message| Violation {
                message,
                timeline: self.timeline.shown(),
            }),
        }
    }
}

/// When the new holder took the lock, by its own word, but not later than it was observed.
///
/// A watch that lags must not turn a takeover before expiry into one after it.
fn taken_at(change: &Change, observed: Timestamp) -> Timestamp {
    let lease = change.after.as_deref();
    let acquired = lease.and_then(|it| objects::time(it, "/spec/acquireTime"));
    acquired.map_or(observed, |acquired| acquired.min(observed))
}

fn lease_group(change: &Change) -> &str {
    locked_group(&change.key).unwrap_or_default()
}

fn phase(failover: &Value) -> Option<&str> {
    objects::string(failover, "/status/phase")
}

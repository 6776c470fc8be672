//! A Failover Controller asks a site to run a group only when the other side has let go of it.
//!
//! The other side has let go when it is asked to stop and none of the group's machines writes there. A side that
//! cannot be reached is storage's business, and judged by [`super::copies`]; a side that a person has just started
//! by hand is not the controller's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use siterecovery_api::DesiredState;

use super::outage::Outages;
use super::{Rule, Verdict, by_hand, group_of, seconds};
use crate::history::{History, Seen};

pub(super) fn judge(history: &History, verdict: &mut Verdict) {
    let outages = Outages::of(history);
    let mut state = State::default();
    for entry in &history.entries {
        match &entry.what {
            Seen::Writers(writers) => state.writers.clone_from(writers),
            Seen::Lock {
                group, user, now, ..
            } if now.is_none() && by_hand(user) => {
                state.unlocked.insert(group, entry.at);
            }
            Seen::Group {
                site,
                name,
                user,
                now,
                before,
            } => {
                let starts =
                    now.desired == DesiredState::Running && *before == Some(DesiredState::Stopped);
                if by_hand(user) && starts {
                    state.hands_on.insert((site, name), entry.at);
                }
                if user.starts_with("failover@") && starts {
                    let other = if site == "dr" { "primary" } else { "dr" };
                    if !outages.silent(other, entry.at)
                        && let Some(why) = state.why_not(other, name, entry.at)
                    {
                        let message = format!("{name} was asked to run on {site}, and {why}");
                        verdict.broken(Rule::StopBeforeStart, entry.at, message);
                    }
                }
                state.desired.insert((site, name), now.desired);
            }
            _ => {}
        }
    }
}

#[derive(Default)]
struct State<'a> {
    writers: BTreeSet<(String, String)>,
    desired: BTreeMap<(&'a str, &'a str), DesiredState>,
    /// When a person last started a group, by site and group.
    hands_on: BTreeMap<(&'a str, &'a str), Timestamp>,
    unlocked: BTreeMap<&'a str, Timestamp>,
}

impl State<'_> {
    /// Why the group must not run elsewhere, if it must not.
    fn why_not(&self, other: &str, group: &str, at: Timestamp) -> Option<String> {
        let recent = |then: Option<&Timestamp>| {
            then.is_some_and(|then| at.duration_since(*then) < seconds(60))
        };
        if recent(self.hands_on.get(&(other, group))) || recent(self.unlocked.get(group)) {
            return None;
        }
        let writes = self
            .writers
            .iter()
            .find(|(vm, site)| site == other && group_of(vm) == group);
        if let Some((vm, _)) = writes {
            return Some(format!("{vm} was writing on {other}"));
        }
        let asked = self.desired.get(&(other, group));
        (asked == Some(&DesiredState::Running)).then(|| format!("so was {other}"))
    }
}

//! Never two copies of a machine whose writes reach storage.
//!
//! Judged by who has the volumes open with quorum and current data, at every change of that. Where nobody breaks
//! ties, a group that a person started on both sites is that person's.

use std::collections::BTreeSet;

use super::{Rule, Verdict, by_hand, group_of};
use crate::history::{History, Seen};
use siterecovery_api::DesiredState;

pub(super) fn judge(history: &History, verdict: &mut Verdict) {
    let mut hands_on: BTreeSet<&str> = BTreeSet::new();
    for entry in &history.entries {
        match &entry.what {
            Seen::Group {
                name, user, now, ..
            } if by_hand(user) && now.desired == DesiredState::Running => {
                hands_on.insert(name);
            }
            Seen::Writers(writers) => {
                let vms: BTreeSet<&str> = writers.iter().map(|(vm, _)| vm.as_str()).collect();
                for vm in vms {
                    let sites: Vec<&str> = writers
                        .iter()
                        .filter(|(other, _)| other == vm)
                        .map(|(_, site)| site.as_str())
                        .collect();
                    let excused =
                        !history.plan.topology.has_quorum() && hands_on.contains(group_of(vm));
                    if sites.len() > 1 && !excused {
                        let message = format!("{vm} writes on {}", sites.join(" and "));
                        verdict.broken(Rule::OneCopy, entry.at, message);
                    }
                }
            }
            _ => {}
        }
    }
}

//! One protection group: what to do next (DECISIONS 6).
//!
//! The whole of it, each pass: look at every member, ask KubeVirt to run or halt those that are not
//! where the group wants them, report what was seen. There is no memory and no last attempt: a
//! member that cannot start is named in the status, and the group keeps wanting it.

mod observed;
mod report;
mod strategy;
#[cfg(test)]
mod tests;

pub use observed::{
    Fetched, Listed, Machine, MachineLists, Member, Members, Observed, Rival, understand,
};

use jiff::Timestamp;
use siterecovery_api::time::micro_time;
use siterecovery_api::{CurrentState, DesiredState, ProtectionGroupStatus, reasons};

use crate::conditions::{self, Truth};
use crate::decision::{Decision, EventNote, LookAgain, ObjectRef};
use crate::effect::Effect;
use crate::policy::Policy;
use crate::waiting::WaitingOn;

/// Decides the next move of one protection group on its own site.
///
/// # Guarantees
///
/// A group that is where it wants to be has no effects. Members that another, older group claims are
/// reported and left alone.
pub fn decide(
    observed: &Observed,
    policy: &Policy,
    now: Timestamp,
) -> Decision<ProtectionGroupStatus> {
    let effects = effects(observed);
    let mut status = report::status(observed, now);
    let unchanged = {
        status
            .last_observed
            .clone_from(&observed.status.last_observed);
        status == observed.status
    };
    let last = observed.status.last_observed.as_ref().map(|time| time.0);
    let due = last.and_then(|last| last.checked_add(policy.observe_every).ok());
    let aged = due.is_none_or(|due| now >= due);
    let persist = !unchanged || aged;
    if persist {
        status.last_observed = Some(micro_time(now));
    }
    let next = if persist {
        now.checked_add(policy.observe_every).ok()
    } else {
        due
    };
    Decision {
        persist,
        version: observed.group.version.clone(),
        events: events(observed, &status, &effects),
        waiting: waiting(observed, &status),
        look_again: next.map_or(LookAgain::OnChange, LookAgain::At),
        effects,
        status,
    }
}

fn effects(observed: &Observed) -> Vec<Effect> {
    let Members::Read(members) = &observed.members else {
        return Vec::new();
    };
    members
        .iter()
        .filter(|member| !is_left_to_rival(observed, member))
        .filter_map(|member| {
            let machine = member
                .machine
                .as_ref()
                .filter(|machine| !machine.deleting)?;
            let change =
                strategy::change(machine, member.instance.as_ref(), observed.group.desired)?;
            Some(Effect::SetRunStrategy {
                site: observed.site.clone(),
                namespace: member.namespace.clone(),
                machine: member.name.clone(),
                change,
                version: machine.version.clone(),
            })
        })
        .collect()
}

/// Of two groups that claim a machine the older drives it, so that they do not fight over it.
fn is_left_to_rival(observed: &Observed, member: &Member) -> bool {
    let own = Rival {
        created: observed.group.created,
        group: format!("{}/{}", observed.group.namespace, observed.group.name),
    };
    member.rivals.iter().any(|rival| *rival < own)
}

fn waiting(observed: &Observed, status: &ProtectionGroupStatus) -> Option<WaitingOn> {
    if conditions::holds(&status.conditions, conditions::CONVERGED, Truth::True).is_some() {
        return None;
    }
    let site = observed.site.clone();
    let group = observed.group.name.clone();
    let machines = status
        .virtual_machines
        .iter()
        .filter(|report| !report::is_where_wanted(report.state, observed.group.desired))
        .map(|report| report.name.clone())
        .collect();
    Some(match observed.group.desired {
        DesiredState::Running => WaitingOn::Start {
            site,
            group,
            machines,
        },
        DesiredState::Stopped => WaitingOn::Stop {
            site,
            group,
            machines,
        },
    })
}

fn events(
    observed: &Observed,
    status: &ProtectionGroupStatus,
    effects: &[Effect],
) -> Vec<EventNote> {
    let note = |reason, message| {
        let on = ObjectRef {
            kind: "ProtectionGroup",
            namespace: observed.group.namespace.clone(),
            name: observed.group.name.clone(),
            uid: observed.group.version.uid.clone(),
        };
        EventNote::new(&observed.site, on, reason, message)
    };
    let mut notes = Vec::new();
    for effect in effects {
        if let Effect::SetRunStrategy {
            machine, change, ..
        } = effect
        {
            notes.push(match change.state {
                DesiredState::Running => {
                    note(reasons::MEMBER_STARTED, format!("starting {machine}"))
                }
                DesiredState::Stopped => {
                    note(reasons::MEMBER_STOPPED, format!("stopping {machine}"))
                }
            });
        }
    }
    let was = observed.status.current_state;
    let is = status.current_state.unwrap_or_default();
    if was != Some(is) {
        let before = was.map_or("new", CurrentState::as_str);
        notes.push(note(reasons::STATE_CHANGED, format!("{before} -> {is}")));
    }
    // A condition is told when it changes its mind, or its reason.
    for condition in &status.conditions {
        let known = observed
            .status
            .conditions
            .iter()
            .find(|c| c.type_ == condition.type_);
        let told =
            known.is_some_and(|c| c.status == condition.status && c.reason == condition.reason);
        if let Some(doc) = reasons::find(&condition.reason)
            && !told
            && doc.warning
        {
            notes.push(note(doc.reason, condition.message.clone()));
        }
    }
    notes
}

//! What a group says about itself: state, readiness, members and conditions.

use jiff::Timestamp;
use siterecovery_api::{
    CurrentState, DesiredState, MemberState, ProtectionGroupStatus, VirtualMachineReport, reasons,
};

use super::observed::{Member, Members, Observed};
use crate::conditions::{self, NewCondition, Truth};
use crate::facts::InstanceFacts;

/// The status of a group as it looks now. `lastObserved` is the caller's.
pub(super) fn status(observed: &Observed, now: Timestamp) -> ProtectionGroupStatus {
    let (current, ready, reports) = match &observed.members {
        Members::Failed { .. } => (CurrentState::Unknown, None, Vec::new()),
        Members::Read(members) => {
            let reports: Vec<_> = members.iter().map(|m| report(observed, m)).collect();
            let up = reports
                .iter()
                .filter(|r| r.state == MemberState::Running)
                .count();
            let ready = format!("{up}/{}", reports.len());
            (current_state(members, up), Some(ready), reports)
        }
    };
    let mut status = ProtectionGroupStatus {
        current_state: Some(current),
        observed_generation: Some(observed.group.generation),
        ready,
        virtual_machines: reports,
        conditions: observed.status.conditions.clone(),
        last_observed: None,
    };
    for condition in [
        members_found(observed, &status),
        claims_exclusive(observed),
        converged(observed, &status),
    ] {
        conditions::set_condition(&mut status.conditions, condition, now);
    }
    status
}

/// Whether a member does what the group wants.
pub(super) fn is_where_wanted(state: MemberState, desired: DesiredState) -> bool {
    match desired {
        DesiredState::Running => state == MemberState::Running,
        DesiredState::Stopped => state == MemberState::Stopped,
    }
}

fn current_state(members: &[Member], up: usize) -> CurrentState {
    let missing = members.iter().any(|member| member.machine.is_none());
    if members.is_empty() || missing {
        CurrentState::Unknown
    } else if up == members.len() {
        CurrentState::Running
    } else if members.iter().all(|member| !is_live(member)) {
        CurrentState::Stopped
    } else {
        CurrentState::Mixed
    }
}

fn is_live(member: &Member) -> bool {
    member.instance.as_ref().is_some_and(InstanceFacts::is_live)
}

fn member_state(member: &Member, desired: DesiredState) -> MemberState {
    if member.machine.is_none() {
        return MemberState::Missing;
    }
    let Some(instance) = member.instance.as_ref().filter(|i| i.is_live()) else {
        return match desired {
            DesiredState::Running => MemberState::Starting,
            DesiredState::Stopped => MemberState::Stopped,
        };
    };
    if instance.is_up() {
        MemberState::Running
    } else if instance.deleting || desired == DesiredState::Stopped {
        MemberState::Stopping
    } else {
        MemberState::Starting
    }
}

fn report(observed: &Observed, member: &Member) -> VirtualMachineReport {
    let desired = observed.group.desired;
    let state = member_state(member, desired);
    let (reason, message) = if is_where_wanted(state, desired) {
        (None, None)
    } else {
        why(observed, member)
    };
    let elsewhere = member.namespace != observed.group.namespace;
    VirtualMachineReport {
        name: member.name.clone(),
        namespace: elsewhere.then(|| member.namespace.clone()),
        state,
        reason,
        message,
    }
}

/// Why a member is not where it should be: our word, or KubeVirt's.
fn why(observed: &Observed, member: &Member) -> (Option<String>, Option<String>) {
    let Some(machine) = &member.machine else {
        let message = format!(
            "there is no VirtualMachine {}/{}",
            member.namespace, member.name
        );
        return (Some(reasons::MEMBER_MISSING.to_owned()), Some(message));
    };
    if super::is_left_to_rival(observed, member) {
        let rivals: Vec<_> = member.rivals.iter().map(|r| r.group.as_str()).collect();
        let message = format!("driven by {}", rivals.join(", "));
        return (Some(reasons::CONFLICTING_CLAIMS.to_owned()), Some(message));
    }
    if machine.deleting {
        return (Some("Deleting".to_owned()), None);
    }
    if machine.run_strategy.is_none() && machine.running.is_none() {
        let message = "it has neither spec.runStrategy nor spec.running";
        return (Some("NoRunStrategy".to_owned()), Some(message.to_owned()));
    }
    (machine.printable_status.clone(), machine.problem.clone())
}

fn is_stuck(observed: &Observed) -> bool {
    let Members::Read(members) = &observed.members else {
        return false;
    };
    members.iter().any(|member| {
        let state = member_state(member, observed.group.desired);
        !is_where_wanted(state, observed.group.desired)
            && member.machine.as_ref().is_some_and(|machine| {
                let word = machine.printable_status.as_deref().unwrap_or_default();
                machine.problem.is_some() || word.contains("Err") || word.contains("CrashLoop")
            })
    })
}

fn members_found(observed: &Observed, status: &ProtectionGroupStatus) -> NewCondition {
    let missing: Vec<&str> = status
        .virtual_machines
        .iter()
        .filter(|report| report.state == MemberState::Missing)
        .map(|report| report.name.as_str())
        .collect();
    let (truth, reason, message) = match &observed.members {
        Members::Failed { error } => {
            let message = format!("the virtual machines cannot be read: {error}");
            (Truth::Unknown, reasons::CANNOT_OBSERVE, message)
        }
        Members::Read(members) if members.is_empty() => {
            let message = "the group has no members: check spec.virtualMachines and spec.selector";
            (Truth::False, reasons::NO_MEMBERS, message.to_owned())
        }
        Members::Read(_) if !missing.is_empty() => {
            let message = format!("there is no VirtualMachine {}", missing.join(", "));
            (Truth::False, reasons::MEMBER_MISSING, message)
        }
        Members::Read(members) => {
            let message = format!("{} members", members.len());
            (Truth::True, reasons::MEMBERS_FOUND, message)
        }
    };
    condition(
        observed,
        conditions::MEMBERS_FOUND,
        truth,
        (reason, message),
    )
}

fn claims_exclusive(observed: &Observed) -> NewCondition {
    let contested: Vec<String> = match &observed.members {
        Members::Failed { .. } => Vec::new(),
        Members::Read(members) => members
            .iter()
            .filter(|member| !member.rivals.is_empty())
            .map(|member| {
                let rivals: Vec<_> = member.rivals.iter().map(|r| r.group.as_str()).collect();
                format!("{} is also claimed by {}", member.name, rivals.join(", "))
            })
            .collect(),
    };
    let (truth, reason, message) = if contested.is_empty() {
        let message = "no other group claims a member".to_owned();
        (Truth::True, reasons::CLAIMS_EXCLUSIVE, message)
    } else {
        let message = format!("{}; the older group drives it", contested.join("; "));
        (Truth::False, reasons::CONFLICTING_CLAIMS, message)
    };
    condition(
        observed,
        conditions::CLAIMS_EXCLUSIVE,
        truth,
        (reason, message),
    )
}

fn converged(observed: &Observed, status: &ProtectionGroupStatus) -> NewCondition {
    let desired = observed.group.desired;
    let current = status.current_state.unwrap_or_default();
    let late: Vec<String> = status
        .virtual_machines
        .iter()
        .filter(|report| !is_where_wanted(report.state, desired))
        .map(|report| match &report.reason {
            Some(reason) => format!("{} is {} ({reason})", report.name, report.state),
            None => format!("{} is {}", report.name, report.state),
        })
        .collect();
    let truth = match (desired, current) {
        (DesiredState::Running, CurrentState::Running)
        | (DesiredState::Stopped, CurrentState::Stopped) => Truth::True,
        (_, CurrentState::Unknown) => Truth::Unknown,
        _ => Truth::False,
    };
    let reason = match (truth, desired) {
        (Truth::Unknown, _) => members_found(observed, status).reason,
        (Truth::False, _) if is_stuck(observed) => reasons::MEMBER_STUCK,
        (Truth::True, DesiredState::Running) => reasons::RUNNING,
        (Truth::True, DesiredState::Stopped) => reasons::STOPPED,
        (Truth::False, DesiredState::Running) => reasons::STARTING,
        (Truth::False, DesiredState::Stopped) => reasons::STOPPING,
    };
    let message = if late.is_empty() {
        format!("asked to be {desired}, is {current}")
    } else {
        format!("asked to be {desired}, is {current}: {}", late.join(", "))
    };
    condition(observed, conditions::CONVERGED, truth, (reason, message))
}

fn condition(
    observed: &Observed,
    kind: &'static str,
    truth: Truth,
    (reason, message): (&'static str, String),
) -> NewCondition {
    NewCondition {
        kind,
        truth,
        reason,
        message,
        generation: Some(observed.group.generation),
    }
}

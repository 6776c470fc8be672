//! Conditions: facts with the time at which they became so.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use siterecovery_api::time::time;

/// How a Failover ended, written down before its lock is released.
pub const SUCCEEDED: &str = "Succeeded";
/// Whether the target's nodes are free of quorum taints.
pub const TAINTS_CLEARED: &str = "TaintsCleared";
/// Whether the copy on a source that could not be reached is confirmed stopped.
pub const SOURCE_FENCED: &str = "SourceFenced";
/// Whether a failed failover has set the source to running again. `Unknown` while it still has to.
pub const ROLLED_BACK: &str = "RolledBack";
/// Whether a group does what it was asked to do.
pub const CONVERGED: &str = "Converged";
/// Whether every member of a group exists.
pub const MEMBERS_FOUND: &str = "MembersFound";
/// Whether no other group claims a member.
pub const CLAIMS_EXCLUSIVE: &str = "ClaimsExclusive";

/// A condition's three values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// `True`.
    True,
    /// `False`.
    False,
    /// `Unknown`.
    Unknown,
}

impl Truth {
    /// The word Kubernetes uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What a condition should say.
#[derive(Clone, Debug)]
pub struct NewCondition {
    /// Its type.
    pub kind: &'static str,
    /// Its status.
    pub truth: Truth,
    /// One CamelCase word.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
    /// The generation it answers.
    pub generation: Option<i64>,
}

/// Sets a condition. The transition time moves only when the status changes.
pub fn set_condition(list: &mut Vec<Condition>, new: NewCondition, now: Timestamp) {
    let mut condition = Condition {
        type_: new.kind.to_owned(),
        status: new.truth.as_str().to_owned(),
        reason: new.reason.to_owned(),
        message: new.message,
        observed_generation: new.generation,
        last_transition_time: time(now),
    };
    match list.iter_mut().find(|c| c.type_ == new.kind) {
        Some(old) => {
            if old.status == condition.status {
                condition.last_transition_time = old.last_transition_time.clone();
            }
            *old = condition;
        }
        None => list.push(condition),
    }
}

/// The condition of that type, if it has that status.
pub fn holds<'a>(list: &'a [Condition], kind: &str, truth: Truth) -> Option<&'a Condition> {
    list.iter()
        .find(|c| c.type_ == kind && c.status == truth.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn condition(truth: Truth, message: &str) -> NewCondition {
        NewCondition {
            kind: CONVERGED,
            truth,
            reason: "Running",
            message: message.to_owned(),
            generation: Some(1),
        }
    }

    #[test]
    fn the_transition_time_moves_only_when_the_status_changes() {
        let mut list = Vec::new();
        set_condition(&mut list, condition(Truth::True, "one"), at(10));
        set_condition(&mut list, condition(Truth::True, "two"), at(20));
        assert_eq!(list[0].last_transition_time.0, at(10));
        assert_eq!(list[0].message, "two");
        set_condition(&mut list, condition(Truth::False, "three"), at(30));
        assert_eq!(list[0].last_transition_time.0, at(30));
        assert_eq!(list.len(), 1);
    }
}

//! What to say about an object that cannot be understood: a condition and an Event, once.
//!
//! Typed code never sees such an object, so its status is written as plain JSON.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Resource;
use kube::core::DynamicObject;
use serde_json::{Value, json};
use siterecovery_api::time::time;
use siterecovery_api::{FailoverPhase, reasons};
use siterecovery_decide::conditions::{CONVERGED, SUCCEEDED};
use siterecovery_decide::{EventNote, ObjectRef};

/// Which of our kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ProtectionGroup,
    Failover,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ProtectionGroup => "ProtectionGroup",
            Self::Failover => "Failover",
        }
    }
}

/// What to write about a malformed object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Complaint {
    /// A merge patch of the status, on condition of the version that was read.
    pub(crate) patch: Value,
    /// The Event.
    pub(crate) note: EventNote,
}

/// What to say about `object` on `site`, or nothing if it says so already or has come to its end.
pub(crate) fn complain(
    kind: Kind,
    site: &str,
    object: &DynamicObject,
    error: &str,
    now: Timestamp,
) -> Option<Complaint> {
    let status = object.data.get("status");
    let phase = status
        .and_then(|status| status.get("phase"))
        .and_then(Value::as_str);
    let ended = [FailoverPhase::Succeeded, FailoverPhase::Failed].map(FailoverPhase::as_str);
    if kind == Kind::Failover && phase.is_some_and(|phase| ended.contains(&phase)) {
        return None;
    }
    let message = format!(
        "the {} cannot be understood: {error}; correct it, or create a new one",
        kind.as_str()
    );
    let condition_type = match kind {
        Kind::ProtectionGroup => CONVERGED,
        Kind::Failover => SUCCEEDED,
    };
    let mut conditions: Vec<Condition> = status
        .and_then(|status| status.get("conditions"))
        .and_then(|list| serde_json::from_value(list.clone()).ok())
        .unwrap_or_default();
    let said = |c: &Condition| {
        c.type_ == condition_type && c.reason == reasons::INVALID && c.message == message
    };
    if conditions.iter().any(said) {
        return None;
    }
    conditions.retain(|condition| condition.type_ != condition_type);
    conditions.push(Condition {
        type_: condition_type.to_owned(),
        status: "False".to_owned(),
        reason: reasons::INVALID.to_owned(),
        message: message.clone(),
        observed_generation: object.metadata.generation,
        last_transition_time: time(now),
    });
    let mut new_status =
        json!({ "conditions": conditions, "observedGeneration": object.metadata.generation });
    match kind {
        Kind::ProtectionGroup => new_status["currentState"] = json!("unknown"),
        Kind::Failover => {
            new_status["phase"] = json!(FailoverPhase::Failed.as_str());
            new_status["message"] = json!(message);
            new_status["completionTime"] = json!(time(now));
        }
    }
    let meta = object.meta();
    let on = ObjectRef {
        kind: kind.as_str(),
        namespace: meta.namespace.clone().unwrap_or_default(),
        name: meta.name.clone().unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
    };
    let version = json!({ "uid": meta.uid, "resourceVersion": meta.resource_version });
    Some(Complaint {
        patch: json!({ "metadata": version, "status": new_status }),
        note: EventNote::new(site, on, reasons::INVALID, message),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(status: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "metadata": {"name": "pg-a", "namespace": "site-recovery", "uid": "u", "resourceVersion": "7"},
            "spec": {"desiredState": 3}, "status": status,
        }))
        .unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_malformed_failover_fails_with_the_reason_and_says_so_once() {
        let first = complain(
            Kind::Failover,
            "quorum",
            &object(&json!({})),
            "spec is bad",
            at(5),
        )
        .unwrap();
        assert_eq!(first.patch["status"]["phase"], "Failed");
        assert_eq!(first.patch["metadata"]["resourceVersion"], "7");
        assert!(first.note.warning);
        let again = object(&first.patch["status"]);
        assert_eq!(
            complain(Kind::Failover, "quorum", &again, "spec is bad", at(9)),
            None
        );
    }

    #[test]
    fn a_malformed_group_is_unknown_and_says_so_once_for_each_problem() {
        let first = complain(
            Kind::ProtectionGroup,
            "dr",
            &object(&json!({})),
            "spec is bad",
            at(5),
        )
        .unwrap();
        assert_eq!(first.patch["status"]["currentState"], "unknown");
        let again = object(&first.patch["status"]);
        assert_eq!(
            complain(Kind::ProtectionGroup, "dr", &again, "spec is bad", at(9)),
            None
        );
        assert!(complain(Kind::ProtectionGroup, "dr", &again, "spec is worse", at(9)).is_some());
    }

    #[test]
    fn a_failover_that_has_ended_is_never_touched() {
        let ended = object(&json!({"phase": "Succeeded"}));
        assert_eq!(
            complain(Kind::Failover, "quorum", &ended, "status is bad", at(5)),
            None
        );
    }
}

//! What the status of a Failover says of its end, and of its way there. Pure.

use serde_json::Value;

use crate::CommandOutcome;
use crate::objects::string;

/// The reason of the condition `Succeeded` where the group ran at the target already.
const ALREADY_THERE: &str = "AlreadyThere";

/// How a Failover has ended; `None` as long as it has not.
pub(super) fn ended(failover: &Value) -> Option<CommandOutcome> {
    match phase(failover) {
        "Succeeded" if reason_of_success(failover) == Some(ALREADY_THERE) => {
            Some(CommandOutcome::NoOp)
        }
        "Succeeded" if failover.pointer("/spec/force") == Some(&Value::Bool(true)) => {
            Some(CommandOutcome::Forced)
        }
        "Succeeded" => Some(CommandOutcome::Done),
        "Failed" => Some(failed(failover)),
        _ => None,
    }
}

/// The phase with what is said about it: `Running: waits for pg-a-vm-1 to stop`.
pub(super) fn said(failover: &Value) -> String {
    match message(failover) {
        "" => phase(failover).to_owned(),
        message => format!("{}: {message}", phase(failover)),
    }
}

fn failed(failover: &Value) -> CommandOutcome {
    let message = message(failover).to_owned();
    let text = |pointer| string(failover, pointer).map(str::to_owned);
    match text("/status/refusal/reason") {
        Some(reason) if has_touched_the_source(failover) => CommandOutcome::Failed {
            message: format!("{reason}: {message}"),
        },
        Some(reason) => CommandOutcome::Refused {
            reason,
            holder: text("/status/refusal/holder"),
            message,
        },
        None => CommandOutcome::Failed { message },
    }
}

/// From there on no end is a mere refusal, as pgctl has it too.
fn has_touched_the_source(failover: &Value) -> bool {
    let steps = failover.pointer("/status/steps").and_then(Value::as_array);
    let mut steps = steps.into_iter().flatten();
    steps.any(|step| step["name"] == "StopSource")
}

/// A Failover that no controller has looked at is pending.
fn phase(failover: &Value) -> &str {
    string(failover, "/status/phase").unwrap_or("Pending")
}

fn message(failover: &Value) -> &str {
    string(failover, "/status/message").unwrap_or_default()
}

fn reason_of_success(failover: &Value) -> Option<&str> {
    let conditions = failover.pointer("/status/conditions")?.as_array()?;
    let success = conditions.iter().find(|it| it["type"] == "Succeeded")?;
    string(success, "/reason")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_last_phase_is_an_end() {
        assert_eq!(ended(&json!({"spec": {}})), None);
        assert_eq!(ended(&json!({"status": {"phase": "Running"}})), None);
        let done = json!({"spec": {"force": false}, "status": {"phase": "Succeeded"}});
        assert_eq!(ended(&done), Some(CommandOutcome::Done));
        let forced = json!({"spec": {"force": true}, "status": {"phase": "Succeeded"}});
        assert_eq!(ended(&forced), Some(CommandOutcome::Forced));
    }

    #[test]
    fn a_success_that_moved_nothing_says_so_in_its_condition() {
        let conditions = json!([{"type": "Succeeded", "status": "True", "reason": "AlreadyThere"}]);
        let there = json!({"status": {"phase": "Succeeded", "conditions": conditions}});
        assert_eq!(ended(&there), Some(CommandOutcome::NoOp));
    }

    #[test]
    fn a_refusal_is_told_from_a_failure_by_its_evidence_and_by_what_was_touched() {
        let mut refused = json!({"status": {"phase": "Failed", "message": "held"}});
        let failed = CommandOutcome::Failed {
            message: "held".to_owned(),
        };
        assert_eq!(ended(&refused), Some(failed));
        refused["status"]["refusal"] = json!({"reason": "LockHeld", "holder": "fc-1"});
        let refusal = CommandOutcome::Refused {
            reason: "LockHeld".to_owned(),
            holder: Some("fc-1".to_owned()),
            message: "held".to_owned(),
        };
        assert_eq!(ended(&refused), Some(refusal));
        refused["status"]["steps"] = json!([{"name": "Validate"}, {"name": "StopSource"}]);
        let failed = CommandOutcome::Failed {
            message: "LockHeld: held".to_owned(),
        };
        assert_eq!(ended(&refused), Some(failed));
    }

    #[test]
    fn what_is_said_is_the_phase_with_its_message() {
        assert_eq!(said(&json!({})), "Pending");
        let waits = json!({"status": {"phase": "Running", "message": "waits"}});
        assert_eq!(said(&waits), "Running: waits");
    }
}

//! How an invocation ended: as data for the drill runner, as an exit code for a shell.

use serde::Serialize;

/// The command did what was asked, or there was nothing to do.
pub const EXIT_DONE: u8 = 0;
/// The operation was refused or it failed.
pub const EXIT_REFUSED_OR_FAILED: u8 = 1;
/// The command line or the config file is wrong; nothing was started.
pub const EXIT_USAGE: u8 = 2;
/// A site that is needed could not be reached.
pub const EXIT_UNREACHABLE: u8 = 3;

/// The end of one invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finished {
    /// 0 done, 1 refused or failed, 2 usage, 3 a site could not be reached (DECISIONS 8).
    pub exit_code: u8,
    /// The same as data.
    pub outcome: Outcome,
}

/// What came of an invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Outcome {
    /// The failover succeeded.
    Done,
    /// The group already ran where it was wanted; nothing was moved.
    AlreadyThere,
    /// The failover succeeded with `--force`.
    Forced,
    /// A safety rule said no, at the front door or in a race that was lost later.
    Refused {
        /// The CamelCase word for the rule: `LockHeld`, `SafetyCheck`, `SplitBrain` and so on.
        reason: String,
        /// Who holds the lock, where a lock is the reason.
        holder: Option<String>,
        /// The refusal in words.
        message: String,
    },
    /// The operation was started and did not succeed.
    Failed {
        /// The CamelCase word for the cause.
        reason: String,
        /// What went wrong.
        message: String,
    },
    /// The command line or the config file is wrong.
    Usage {
        /// What is wrong with it.
        message: String,
    },
    /// A site that is needed could not be reached.
    Unreachable {
        /// The canonical names of these sites.
        sites: Vec<String>,
        /// What was tried, and what to do.
        message: String,
    },
    /// Text or objects were printed: lists, details, help.
    Printed,
}

impl Outcome {
    /// The exit code that belongs to this outcome.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Done | Self::AlreadyThere | Self::Forced | Self::Printed => EXIT_DONE,
            Self::Refused { .. } | Self::Failed { .. } => EXIT_REFUSED_OR_FAILED,
            Self::Usage { .. } => EXIT_USAGE,
            Self::Unreachable { .. } => EXIT_UNREACHABLE,
        }
    }

    /// Closes the invocation with the exit code that belongs to this outcome.
    pub fn finish(self) -> Finished {
        Finished {
            exit_code: self.exit_code(),
            outcome: self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_serializes_with_its_kind_reason_and_holder() {
        let refused = Outcome::Refused {
            reason: "LockHeld".to_owned(),
            holder: Some("failover-controller-12345".to_owned()),
            message: "held".to_owned(),
        };
        let json = serde_json::to_value(refused.finish()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "exitCode": 1,
                "outcome": {
                    "kind": "refused",
                    "reason": "LockHeld",
                    "holder": "failover-controller-12345",
                    "message": "held",
                },
            })
        );
    }
}

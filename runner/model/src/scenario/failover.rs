//! Failovers that an actor creates as objects, without pgctl and its front door.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ExpectedOutcome;

/// An order to move a group, given as a Failover object; the step ends when the Failover has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailoverOrder {
    /// The management site of the failover, on which the object is created (DECISIONS 1).
    pub site: String,
    /// The namespace of the object and of its group.
    pub namespace: String,
    /// The name of the object; `None` for `failover-<group>-<unix seconds>`.
    pub name: Option<String>,
    /// The group.
    pub group: String,
    /// The target as typed, which may be an alias.
    pub to: String,
    /// Whether the safety check is skipped.
    pub force: bool,
    /// Deadlines other than the usual ones.
    #[serde(default)]
    pub timeouts: StepTimeouts,
    /// How the Failover must end. A refusal is that of `status.refusal`, as long as the source was not touched;
    /// a failure is judged by its reason and `status.message`.
    pub expect: ExpectedOutcome,
}

/// How long steps of a failover may take; `None` is the usual time. Whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StepTimeouts {
    /// Until the target's nodes are free of quorum taints.
    pub clear_taints: Option<Duration>,
    /// Until the source's machines have stopped.
    pub stop_source: Option<Duration>,
    /// Until the storage can be promoted at the target.
    pub release_storage: Option<Duration>,
    /// Until the target's machines run.
    pub start_target: Option<Duration>,
}

impl StepTimeouts {
    /// Each deadline by its name in scenarios, in the order of the steps.
    pub fn all(&self) -> [(&'static str, Option<Duration>); 4] {
        let Self {
            clear_taints,
            stop_source,
            release_storage,
            start_target,
        } = *self;
        [
            ("clearTaints", clear_taints),
            ("stopSource", stop_source),
            ("releaseStorage", release_storage),
            ("startTarget", start_target),
        ]
    }
}

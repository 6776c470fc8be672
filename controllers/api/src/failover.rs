//! `Failover`: one request to move one protection group, and the lasting record of what became of it.
//!
//! The field docs below are what `kubectl explain fo` prints.

#![expect(
    clippy::duplicated_attributes,
    reason = "printer columns share values, and clippy reads them as attributes of the struct"
)]
#![expect(
    unreachable_pub,
    reason = "KubeSchema copies the struct into a function to derive its schema there"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::protection_group::DesiredState;

/// A request to move one protection group to one site. Create it and watch `status`.
///
/// The spec cannot be changed after creation. The object is the audit trail: keep it.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "siterecovery.trilio.io",
    version = "v1alpha1",
    kind = "Failover",
    plural = "failovers",
    shortname = "fo",
    namespaced,
    status = "FailoverStatus",
    derive = "PartialEq",
    doc = "One move of one protection group to one site: the request, its progress, and the lasting record of how it ended.",
    printcolumn(
        name = "PROTECTION-GROUP",
        type_ = "string",
        json_path = ".spec.protectionGroup"
    ),
    printcolumn(name = "PHASE", type_ = "string", json_path = ".status.phase"),
    printcolumn(
        name = "AGE",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "TARGET",
        type_ = "string",
        json_path = ".spec.targetCluster",
        priority = 1
    ),
    printcolumn(
        name = "SOURCE",
        type_ = "string",
        json_path = ".status.sourceCluster",
        priority = 1
    ),
    printcolumn(
        name = "FORCE",
        type_ = "boolean",
        json_path = ".spec.force",
        priority = 1
    ),
    printcolumn(
        name = "MESSAGE",
        type_ = "string",
        json_path = ".status.message",
        priority = 1
    )
)]
#[x_kube(
    validation = Rule::new("self == oldSelf").message("the spec of a Failover cannot be changed; create a new Failover instead")
)]
#[serde(rename_all = "camelCase")]
pub struct FailoverSpec {
    /// The `ProtectionGroup` to move, by name, in this object's namespace.
    #[schemars(length(min = 1, max = 253))]
    pub protection_group: String,

    /// The site to move it to, by its name or any of its aliases.
    #[schemars(length(min = 1, max = 253))]
    pub target_cluster: String,

    /// Skip the concurrent-safety check, which blocks the removal of quorum taints while other
    /// protection groups have running VMs on the target. It skips nothing else: not the lock, not
    /// the split-brain stop, not the storage checks. Emergencies only, after telling the other
    /// operators.
    #[serde(default)]
    pub force: bool,

    /// How long each step may take. Steps left out keep their default. Every step that runs out of
    /// time ends the failover as `Failed`, with a message that says what was waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<FailoverTimeouts>,
}

/// Deadlines of the steps, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FailoverTimeouts {
    /// Time for the target's nodes to become and stay free of quorum taints. Default 60.
    #[schemars(range(min = 1, max = 86400))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clear_taints_seconds: Option<i32>,
    /// Time for the source's virtual machines to stop. Default 300.
    #[schemars(range(min = 1, max = 86400))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_source_seconds: Option<i32>,
    /// Time for the source's storage to be released and the target's to become promotable.
    /// Default 120.
    #[schemars(range(min = 1, max = 86400))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_storage_seconds: Option<i32>,
    /// Time for the target's virtual machines to run and be ready. Default 600.
    #[schemars(range(min = 1, max = 86400))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_target_seconds: Option<i32>,
}

/// How far a failover got, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FailoverStatus {
    /// `Pending` until the lock of the group is held, then `Running`, then `Succeeded` or `Failed`.
    /// The last two never change again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<FailoverPhase>,
    /// What is being waited for, or how it ended and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The `metadata.generation` this status answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the controller first looked at this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When the phase became `Succeeded` or `Failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// The site the group is moved away from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_cluster: Option<String>,
    /// Where the group's virtual machines lived when the failover looked: `source`, `target`,
    /// `both`, `none` or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<GroupLocation>,
    /// What the source's group was asked to do before this failover changed it. A rollback brings
    /// this back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_desired_state: Option<DesiredState>,
    /// The steps, in order, each with its state and times. Read this first when something is stuck.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<FailoverStep>,
    /// The lock of the group, as this failover holds it, or as it was held by someone else when
    /// this failover was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<FailoverLock>,
    /// Why this failover was refused, as data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<FailoverRefusal>,
    /// `Succeeded`, `TaintsCleared`, `SourceFenced` and `RolledBack`, each with a reason and a
    /// message. `SourceFenced=False` means: the source was not reachable, and its copy has not been
    /// confirmed stopped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// The phase of a failover.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum FailoverPhase {
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    #[default]
    Pending,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Running,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Succeeded,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Failed,
}

/// Where a group's virtual machines live, seen from one failover.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum GroupLocation {
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Source,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Target,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Both,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    None,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Unknown,
}

/// The steps of a failover, in the order in which they happen.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum StepName {
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Validate,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    AcquireLock,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    LocateGroup,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    SafetyCheck,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    ClearTaints,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    StopSource,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    ReleaseStorage,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    StartTarget,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    ReleaseLock,
}

/// How far one step got.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum StepState {
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Running,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Succeeded,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Skipped,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Failed,
}

/// One step that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailoverStep {
    /// Which step.
    pub name: StepName,
    /// How far it got. `Skipped` means that there was nothing to do; the message says why.
    pub state: StepState,
    /// When it began. It is written down before the step changes anything.
    pub started_at: MicroTime,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<MicroTime>,
    /// When its action was last repeated, for a step that had to try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried_at: Option<MicroTime>,
    /// What it waits for, found or did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The lock of a group: a Lease that only one failover at a time can hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailoverLock {
    /// Name of the Lease.
    pub lease: String,
    /// The process that holds it.
    pub holder: String,
    /// When it was acquired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquired_at: Option<MicroTime>,
    /// The sites on which the Lease is held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sites: Vec<String>,
    /// The sites that could not be reached when the lock was taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped_sites: Vec<String>,
}

/// Why a failover was refused, for programs to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FailoverRefusal {
    /// One CamelCase word: `LockHeld`, `SafetyCheck`, `SplitBrain`, `NoSuchGroup`, and so on.
    pub reason: String,
    /// For `LockHeld`: the process that holds the lock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// For `SafetyCheck`: the protection groups in the way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blockers: Vec<String>,
    /// For `SafetyCheck`: those of the blockers whose status says more than their virtual machines
    /// show. Setting their `desiredState` makes their controller look again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stale: Vec<String>,
}

impl FailoverPhase {
    /// The word used in manifests and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }

    /// Whether the phase is final.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

impl StepName {
    /// Every step, in order.
    pub const ALL: [Self; 9] = [
        Self::Validate,
        Self::AcquireLock,
        Self::LocateGroup,
        Self::SafetyCheck,
        Self::ClearTaints,
        Self::StopSource,
        Self::ReleaseStorage,
        Self::StartTarget,
        Self::ReleaseLock,
    ];

    /// The word used in status and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Validate => "Validate",
            Self::AcquireLock => "AcquireLock",
            Self::LocateGroup => "LocateGroup",
            Self::SafetyCheck => "SafetyCheck",
            Self::ClearTaints => "ClearTaints",
            Self::StopSource => "StopSource",
            Self::ReleaseStorage => "ReleaseStorage",
            Self::StartTarget => "StartTarget",
            Self::ReleaseLock => "ReleaseLock",
        }
    }
}

impl FailoverStatus {
    /// The step of that name, if it has begun.
    pub fn step(&self, name: StepName) -> Option<&FailoverStep> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// The condition of that type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.type_ == kind)
    }
}

impl std::fmt::Display for FailoverPhase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Display for StepName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl GroupLocation {
    /// The word used in status and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
            Self::Both => "both",
            Self::None => "none",
            Self::Unknown => "unknown",
        }
    }
}

impl std::fmt::Display for GroupLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

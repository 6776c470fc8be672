//! `ProtectionGroup`: a set of virtual machines that runs on one site at a time.
//!
//! The field docs below are what `kubectl explain pg` prints.

#![expect(
    clippy::duplicated_attributes,
    reason = "printer columns share values, and clippy reads them as attributes of the struct"
)]
#![expect(
    unreachable_pub,
    reason = "KubeSchema copies the struct into a function to derive its schema there"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, MicroTime};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the virtual machines of a protection group should do on this site.
///
/// Every workload site has its own copy of the group, with the same name and namespace. On one site
/// it is `running`, on the other `stopped`; a failover swaps the two.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "siterecovery.trilio.io",
    version = "v1alpha1",
    kind = "ProtectionGroup",
    plural = "protectiongroups",
    shortname = "pg",
    namespaced,
    status = "ProtectionGroupStatus",
    derive = "PartialEq",
    doc = "A set of virtual machines that is started, stopped and moved between sites as one. Each workload site has its own copy; at most one of them should be running.",
    printcolumn(name = "DESIRED", type_ = "string", json_path = ".spec.desiredState"),
    printcolumn(name = "CURRENT", type_ = "string", json_path = ".status.currentState"),
    printcolumn(
        name = "READY",
        type_ = "string",
        json_path = ".status.ready",
        priority = 1
    ),
    printcolumn(
        name = "AGE",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        priority = 1
    ),
    printcolumn(
        name = "MESSAGE",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Converged')].message",
        priority = 1
    )
)]
#[x_kube(
    validation = Rule::new("(has(self.virtualMachines) && size(self.virtualMachines) > 0) || has(self.selector)").message("give at least one of virtualMachines and selector")
)]
#[serde(rename_all = "camelCase")]
pub struct ProtectionGroupSpec {
    /// What all virtual machines of the group should do on this site: `running` or `stopped`.
    /// Patching this field is how a group is started and stopped; failovers do the same.
    #[serde(default)]
    pub desired_state: DesiredState,

    /// The members, by name. Give this, or `selector`, or both; the group is the union.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub virtual_machines: Vec<GroupMember>,

    /// The members, by label, among the virtual machines of the group's own namespace.
    /// Give this, or `virtualMachines`, or both; the group is the union.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// One member of a group, named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupMember {
    /// Name of the KubeVirt `VirtualMachine`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the `VirtualMachine`. The group's own namespace when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// What a group is asked to do.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum DesiredState {
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    #[default]
    Running,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Stopped,
}

/// What a group really does.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum CurrentState {
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Running,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Stopped,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Mixed,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    #[default]
    Unknown,
}

/// What the Protection Group Controller last saw on this site.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProtectionGroupStatus {
    /// `running` when every member runs and is ready, `stopped` when none has a live instance,
    /// `mixed` in between, `unknown` when it cannot be told. Trust it only while
    /// `observedGeneration` equals `metadata.generation` and `lastObserved` is recent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_state: Option<CurrentState>,
    /// The `metadata.generation` of the spec that this status answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Members that run and are ready, of all members: `2/2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,
    /// Every member, what it does, and why where that is not what was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub virtual_machines: Vec<VirtualMachineReport>,
    /// `Converged`, `MembersFound` and `ClaimsExclusive`, each with a reason and a message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// When the controller last looked. A value that ages means that the controller is not running
    /// or cannot read this site, and that nothing else in this status should be trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_observed: Option<MicroTime>,
}

/// One member, as last seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualMachineReport {
    /// Name of the `VirtualMachine`.
    pub name: String,
    /// Its namespace, where that is not the group's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What it does.
    pub state: MemberState,
    /// Why it is not where it was asked to be, in one CamelCase word or KubeVirt's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What one virtual machine does.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum MemberState {
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Running,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Starting,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Stopping,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Stopped,
    #[expect(
        missing_docs,
        reason = "a doc here would turn the schema's enum into a oneOf"
    )]
    Missing,
}

impl DesiredState {
    /// The word used in manifests and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
        }
    }
}

impl CurrentState {
    /// The word used in manifests and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Mixed => "mixed",
            Self::Unknown => "unknown",
        }
    }
}

impl MemberState {
    /// The word used in manifests and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Missing => "missing",
        }
    }
}

impl std::fmt::Display for DesiredState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Display for CurrentState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Display for MemberState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

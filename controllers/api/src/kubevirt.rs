//! The few fields of KubeVirt's `VirtualMachine` and `VirtualMachineInstance` that we read.
//!
//! Unknown fields are ignored. We write these objects by patches of single fields only, so nothing
//! that is not named here can get lost.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// `runStrategy` of a VM that should run, and be started again when it stops.
pub const RUN_ALWAYS: &str = "Always";
/// `runStrategy` of a VM that should not run.
pub const RUN_HALTED: &str = "Halted";
/// `runStrategy` of a VM that is started and stopped by calls to KubeVirt's own API.
pub const RUN_MANUAL: &str = "Manual";

/// Spec of a KubeVirt `VirtualMachine`.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "kubevirt.io",
    version = "v1",
    kind = "VirtualMachine",
    plural = "virtualmachines",
    shortname = "vm",
    namespaced,
    status = "VirtualMachineStatus",
    schema = "disabled",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualMachineSpec {
    /// The older switch. A VM has this or `runStrategy`, never both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<bool>,
    /// `Always`, `Halted`, `Manual`, `RerunOnFailure` or `Once`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_strategy: Option<String>,
    /// What its instance looks like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<InstanceTemplate>,
}

/// The instance a `VirtualMachine` makes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceTemplate {
    /// Its spec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<VirtualMachineInstanceSpec>,
}

/// Spec of a KubeVirt `VirtualMachineInstance`.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "kubevirt.io",
    version = "v1",
    kind = "VirtualMachineInstance",
    plural = "virtualmachineinstances",
    shortname = "vmi",
    namespaced,
    status = "VirtualMachineInstanceStatus",
    schema = "disabled",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualMachineInstanceSpec {
    /// Its disks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
}

/// One disk of an instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Volume {
    /// Name of the disk inside the VM.
    pub name: String,
    /// Set when the disk is a claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<ClaimRef>,
    /// Set when the disk is a `DataVolume`. Its claim has the same name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_volume: Option<DataVolumeRef>,
}

/// A claim by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimRef {
    /// Name of the `PersistentVolumeClaim`.
    pub claim_name: String,
}

/// A `DataVolume` by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DataVolumeRef {
    /// Name of the `DataVolume` and of its `PersistentVolumeClaim`.
    pub name: String,
}

/// Status of a `VirtualMachine`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualMachineStatus {
    /// KubeVirt's own word for people: `Running`, `Stopped`, `Starting`, `ErrorUnschedulable`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub printable_status: Option<String>,
    /// Whether its instance is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Its conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<VirtCondition>,
}

/// Status of a `VirtualMachineInstance`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualMachineInstanceStatus {
    /// `Pending`, `Scheduling`, `Scheduled`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The node it runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// Its conditions; `Ready` is the one we read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<VirtCondition>,
}

/// A KubeVirt condition. Unlike Kubernetes' own, any of its texts may be missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtCondition {
    /// Which condition.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Volume {
    /// The claim behind this disk, if it has one.
    pub fn claim(&self) -> Option<&str> {
        self.persistent_volume_claim
            .as_ref()
            .map(|claim| claim.claim_name.as_str())
            .or_else(|| self.data_volume.as_ref().map(|dv| dv.name.as_str()))
    }
}

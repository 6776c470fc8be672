//! `DRBDVolume` of the DRBD Operator, as we read it.
//!
//! The public material does not give this schema, so this one is ours (DECISIONS 7). Every field may
//! be missing, and a word we do not know means "cannot be told", never "all is well".

use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// Spec of a `DRBDVolume`. We read nothing from it.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "drbd.io",
    version = "v1alpha1",
    kind = "DRBDVolume",
    plural = "drbdvolumes",
    status = "DrbdVolumeStatus",
    schema = "disabled",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase", default)]
pub struct DrbdVolumeSpec {}

/// What the operator saw of one volume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DrbdVolumeStatus {
    /// One entry a node that has a replica, or a diskless tie breaker.
    pub replicas: Vec<DrbdReplica>,
}

/// One replica of one volume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DrbdReplica {
    /// Name of the node.
    pub node: String,
    /// The site of the node, where the operator knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// `Primary` or `Secondary`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// `UpToDate`, `Inconsistent`, `Outdated`, `Consistent`, `Diskless`, `Failed`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_state: Option<String>,
    /// `Connected`, or what keeps it from that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Whether this node is in the part that has quorum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<bool>,
    /// DRBD's `may_promote`: it could become primary at this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may_promote: Option<bool>,
}

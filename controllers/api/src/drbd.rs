//! `DRBDVolume` of the DRBD Operator, as we read it.
//!
//! The public material does not give this schema, so this one is ours (DECISIONS 7). Every field may
//! be missing, and a word we do not know means "cannot be told", never "all is well".

use std::collections::BTreeMap;

use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// Spec of a `DRBDVolume`: where copies are kept. Cluster-scoped, named as the storage resource, one
/// object on each workload site, which shows what that site can see.
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
pub struct DrbdVolumeSpec {
    /// Where copies are kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<DrbdPlacement>,
}

/// Where one copy is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DrbdPlacement {
    /// Name of the node.
    pub node: String,
    /// Name of the node's site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// A tie breaker that holds no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diskless: Option<bool>,
}

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
    /// `Primary`, `Secondary` or `Unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Whether something has the device open there. Missing or null when not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_use: Option<bool>,
    /// `UpToDate`, `Inconsistent`, `Outdated`, `Consistent`, `Diskless`, `Failed`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_state: Option<String>,
    /// `Connected` when every peer is, else the worst of the states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// State of the connection to each peer, by the name of the peer's node.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub connections: BTreeMap<String, String>,
    /// Whether this node is in the part that has quorum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<bool>,
    /// DRBD's `may_promote`: it could become primary at this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may_promote: Option<bool>,
}

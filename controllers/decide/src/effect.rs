//! What a decision wants done: verbs with all their data. Nothing is left to choose in performing.
//!
//! **Invariant:** every effect is safe to repeat and safe when stale. Each carries the version it was
//! decided on, and the server must refuse it when that version is no longer the newest.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use siterecovery_api::{DesiredState, SiteName, names, time::micro_time};

use crate::facts::{ObjectVersion, TaintFacts};

/// One thing to do. Perform them in list order and stop at the first that fails: the next pass
/// decides again from what is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Effect {
    /// Create the Lease [`LockClaim::lease`]. That it exists already is a conflict.
    TakeLock(LockClaim),
    /// Replace an expired Lease by [`LockClaim::lease`], on condition of `version`.
    TakeOverLock {
        /// What to write.
        claim: LockClaim,
        /// What it must replace. Uid and resourceVersion both.
        version: ObjectVersion,
    },
    /// Merge [`LockRenewal::patch`] into the Lease, on condition of `version`.
    RenewLock {
        /// What to write.
        renewal: LockRenewal,
        /// What it must change.
        version: ObjectVersion,
    },
    /// Delete the Lease with uid and resourceVersion preconditions. That it is gone is success.
    ReleaseLock {
        /// Where.
        site: SiteName,
        /// In which namespace.
        namespace: String,
        /// Name of the Lease.
        lease: String,
        /// What it must delete.
        version: ObjectVersion,
    },
    /// Merge `{"spec":{"desiredState":…}}` into a `ProtectionGroup`, with uid and resourceVersion of
    /// `version` in `metadata`, so that a group that changed meanwhile is a conflict.
    SetDesiredState {
        /// Where.
        site: SiteName,
        /// In which namespace.
        namespace: String,
        /// Which group.
        group: String,
        /// What to ask for.
        state: DesiredState,
        /// What it must change.
        version: ObjectVersion,
    },
    /// Merge `{"spec":{"taints": keep}}` into a Node, with uid and resourceVersion of `version`.
    RemoveTaints {
        /// Where.
        site: SiteName,
        /// Which node.
        node: String,
        /// The keys that go, for logs.
        keys: Vec<String>,
        /// All taints that stay, in their order.
        keep: Vec<TaintFacts>,
        /// What it must change.
        version: ObjectVersion,
    },
    /// Change how a `VirtualMachine` runs: merge [`RunChange::patch`], with uid and resourceVersion of
    /// `version` in `metadata`.
    SetRunStrategy {
        /// Where.
        site: SiteName,
        /// In which namespace.
        namespace: String,
        /// Which `VirtualMachine`.
        machine: String,
        /// What to write.
        change: RunChange,
        /// What it must change.
        version: ObjectVersion,
    },
}

/// A lock as one failover wants to hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LockClaim {
    /// Where.
    pub site: SiteName,
    /// In which namespace.
    pub namespace: String,
    /// Name of the Lease.
    pub lease: String,
    /// The process that takes it.
    pub holder: String,
    /// The Failover it takes it for.
    pub failover: String,
    /// The uid of that Failover.
    pub failover_uid: String,
    /// How long it lives without renewal.
    pub duration_seconds: i32,
    /// When.
    pub acquired_at: Timestamp,
    /// How often it has changed hands.
    pub transitions: i32,
}

/// A lock that goes on being held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LockRenewal {
    /// Where.
    pub site: SiteName,
    /// In which namespace.
    pub namespace: String,
    /// Name of the Lease.
    pub lease: String,
    /// The process that holds it now. Another one than before after a restart.
    pub holder: String,
    /// When.
    pub renewed_at: Timestamp,
}

/// How a `VirtualMachine`'s way to run changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunChange {
    /// What the group wants with it.
    pub state: DesiredState,
    /// The new `spec.runStrategy`, for a VM that uses it.
    pub run_strategy: Option<String>,
    /// The new `spec.running`, for a VM that uses that.
    pub running: Option<bool>,
    /// What happens to the note of its original strategy.
    pub original: OriginalStrategy,
}

/// What happens to the annotation that remembers a VM's own `runStrategy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum OriginalStrategy {
    /// It stays as it is, there or not.
    Keep,
    /// It is written.
    Remember(String),
    /// It is removed: the VM has its own strategy again.
    Forget,
}

impl Effect {
    /// The site it acts on.
    pub fn site(&self) -> &str {
        match self {
            Self::TakeLock(claim) | Self::TakeOverLock { claim, .. } => &claim.site,
            Self::RenewLock { renewal, .. } => &renewal.site,
            Self::ReleaseLock { site, .. }
            | Self::SetDesiredState { site, .. }
            | Self::RemoveTaints { site, .. }
            | Self::SetRunStrategy { site, .. } => site,
        }
    }

    /// Its name, for logs and metrics.
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::TakeLock(_) => "TakeLock",
            Self::TakeOverLock { .. } => "TakeOverLock",
            Self::RenewLock { .. } => "RenewLock",
            Self::ReleaseLock { .. } => "ReleaseLock",
            Self::SetDesiredState { .. } => "SetDesiredState",
            Self::RemoveTaints { .. } => "RemoveTaints",
            Self::SetRunStrategy { .. } => "SetRunStrategy",
        }
    }

    /// Whether it does not matter in which order this effect and its neighbour in a decision are performed: both do the
    /// same to different machines, or to different nodes.
    pub const fn needs_no_order(&self, neighbour: &Self) -> bool {
        matches!(
            (self, neighbour),
            (Self::SetRunStrategy { .. }, Self::SetRunStrategy { .. })
                | (Self::RemoveTaints { .. }, Self::RemoveTaints { .. })
        )
    }
}

impl LockClaim {
    /// The Lease to create.
    pub fn lease(&self) -> Lease {
        let annotations = BTreeMap::from([
            (names::ANNOTATION_FAILOVER.to_owned(), self.failover.clone()),
            (
                names::ANNOTATION_FAILOVER_UID.to_owned(),
                self.failover_uid.clone(),
            ),
        ]);
        Lease {
            metadata: ObjectMeta {
                name: Some(self.lease.clone()),
                namespace: Some(self.namespace.clone()),
                annotations: Some(annotations),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.holder.clone()),
                lease_duration_seconds: Some(self.duration_seconds),
                acquire_time: Some(micro_time(self.acquired_at)),
                renew_time: Some(micro_time(self.acquired_at)),
                lease_transitions: Some(self.transitions),
                ..LeaseSpec::default()
            }),
        }
    }

    /// The Lease to replace an expired one with, on condition of `version`.
    pub fn lease_replacing(&self, version: &ObjectVersion) -> Lease {
        let mut lease = self.lease();
        lease.metadata.uid = Some(version.uid.clone());
        lease.metadata.resource_version = Some(version.resource_version.clone());
        lease
    }
}

impl LockRenewal {
    /// The merge patch that renews the Lease, on condition of `version`.
    pub fn patch(&self, version: &ObjectVersion) -> serde_json::Value {
        serde_json::json!({
            "metadata": precondition(version),
            "spec": {
                "holderIdentity": self.holder,
                "renewTime": micro_time(self.renewed_at),
            },
        })
    }
}

impl RunChange {
    /// The merge patch that makes the change, on condition of `version`.
    pub fn patch(&self, version: &ObjectVersion) -> serde_json::Value {
        let mut metadata = precondition(version);
        match &self.original {
            OriginalStrategy::Keep => {}
            OriginalStrategy::Remember(strategy) => {
                metadata["annotations"] =
                    serde_json::json!({ names::ANNOTATION_RUN_STRATEGY: strategy });
            }
            OriginalStrategy::Forget => {
                metadata["annotations"] =
                    serde_json::json!({ names::ANNOTATION_RUN_STRATEGY: null });
            }
        }
        let mut spec = serde_json::Map::new();
        if let Some(strategy) = &self.run_strategy {
            spec.insert("runStrategy".to_owned(), strategy.clone().into());
        }
        if let Some(running) = self.running {
            spec.insert("running".to_owned(), running.into());
        }
        serde_json::json!({ "metadata": metadata, "spec": spec })
    }
}

/// The `metadata` of a merge patch that only applies to that very version of that very object.
pub fn precondition(version: &ObjectVersion) -> serde_json::Value {
    serde_json::json!({ "uid": version.uid, "resourceVersion": version.resource_version })
}

/// The merge patch of [`Effect::SetDesiredState`].
pub fn desired_state_patch(state: DesiredState, version: &ObjectVersion) -> serde_json::Value {
    serde_json::json!({
        "metadata": precondition(version),
        "spec": { "desiredState": state },
    })
}

/// The merge patch of [`Effect::RemoveTaints`].
pub fn taints_patch(keep: &[TaintFacts], version: &ObjectVersion) -> serde_json::Value {
    let keep: Vec<_> = keep
        .iter()
        .map(|taint| {
            let mut value = serde_json::json!({ "key": taint.key, "effect": taint.effect });
            if let Some(word) = &taint.value {
                value["value"] = word.clone().into();
            }
            if let Some(at) = taint.time_added {
                value["timeAdded"] = serde_json::json!(siterecovery_api::time::time(at));
            }
            value
        })
        .collect();
    serde_json::json!({ "metadata": precondition(version), "spec": { "taints": keep } })
}

//! What is known about single objects: owned, plain, and printable into a bug report.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use siterecovery_api::kubevirt::VirtualMachineInstance;
use siterecovery_api::{
    CurrentState, DesiredState, FailoverPhase, ProtectionGroup, SiteName, VirtualMachineReport,
};

/// Which object, and which version of it, a fact was read from. Effects carry it as a precondition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ObjectVersion {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
}

/// One `ProtectionGroup` on one site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupFacts {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Version.
    pub version: ObjectVersion,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
    /// What it is asked to do.
    pub desired: DesiredState,
    /// What its controller says it does. `Unknown` where it says nothing.
    pub current: CurrentState,
    /// The generation its controller answered.
    pub observed_generation: Option<i64>,
    /// When its controller last looked.
    pub last_observed: Option<Timestamp>,
    /// Its members as its controller reports them.
    pub reports: Vec<VirtualMachineReport>,
}

/// One virtual machine of a group on one site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MachineFacts {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Whether the `VirtualMachine` exists. Its instance can outlive it for a while.
    pub exists: bool,
    /// Its instance, if there is one.
    pub instance: Option<InstanceFacts>,
    /// Names of the storage resources behind its disks, sorted.
    pub volumes: Vec<String>,
    /// Claims that could not be followed to a storage resource, sorted.
    pub unresolved_claims: Vec<String>,
}

/// One `VirtualMachineInstance`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstanceFacts {
    /// `metadata.uid`.
    pub uid: String,
    /// KubeVirt's phase; empty when KubeVirt has not given one yet.
    pub phase: String,
    /// Whether its `Ready` condition is true.
    pub ready: bool,
    /// The node it was placed on.
    pub node: Option<String>,
    /// Whether it is being deleted.
    pub deleting: bool,
}

/// One node of one site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeFacts {
    /// Name.
    pub name: String,
    /// Version.
    pub version: ObjectVersion,
    /// All its taints, in its own order.
    pub taints: Vec<TaintFacts>,
}

/// One taint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaintFacts {
    /// Key.
    pub key: String,
    /// Value, if any.
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
    /// When it was added, for taints that say so.
    pub time_added: Option<Timestamp>,
}

/// Another group on the same site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NeighbourFacts {
    /// Name.
    pub name: String,
    /// What its controller says it does. `Unknown` where it says nothing.
    pub current: CurrentState,
    /// Its members that have a live instance, sorted.
    pub live: Vec<String>,
    /// Whether it cannot be understood, so that nobody can tell what it does.
    pub malformed: bool,
}

/// Another `Failover`, from anywhere.
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts, each read by one rule"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailoverSummary {
    /// Name.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
    /// The group it moves.
    pub group: String,
    /// Where to, resolved. `None` for a word that is no site.
    pub target: Option<SiteName>,
    /// Where from, once it knows.
    pub source: Option<SiteName>,
    /// Its phase.
    pub phase: FailoverPhase,
    /// Whether it has announced that it will move: `AcquireLock` has begun.
    pub announced: bool,
    /// Whether it has passed its safety check.
    pub passed_safety: bool,
    /// Whether it has begun to start the target.
    pub started_target: bool,
    /// Whether it still owes the source a stop (`SourceFenced=False`).
    pub owes_fencing: bool,
}

/// A lock Lease on one site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeaseFacts {
    /// Name.
    pub name: String,
    /// Version.
    pub version: ObjectVersion,
    /// `spec.holderIdentity`; empty when nobody holds it.
    pub holder: String,
    /// `spec.acquireTime`.
    pub acquired: Option<Timestamp>,
    /// `spec.renewTime`, or where that is missing the acquire time or the creation.
    pub renewed: Option<Timestamp>,
    /// `spec.leaseDurationSeconds`.
    pub duration_seconds: i32,
    /// `spec.leaseTransitions`.
    pub transitions: i32,
    /// Name of the Failover that took it.
    pub failover: Option<String>,
    /// Uid of the Failover that took it.
    pub failover_uid: Option<String>,
}

/// One replicated volume, as the storage layer shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VolumeFacts {
    /// Name of the storage resource: the `PersistentVolume`'s name on both sites.
    pub name: String,
    /// Its replicas, sorted by node.
    pub replicas: Vec<ReplicaFacts>,
}

/// One replica of one volume. What is not said is `None`, and never taken for "all is well".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReplicaFacts {
    /// Its node.
    pub node: String,
    /// The node's site, where it is known.
    pub site: Option<SiteName>,
    /// Whether something has it open there (DRBD primary, LINSTOR `in_use`).
    pub in_use: Option<bool>,
    /// DRBD's word: `UpToDate`, `Inconsistent`, `Outdated`, `Diskless`, …
    pub disk_state: Option<String>,
    /// A tie breaker or client that holds no data.
    pub diskless: bool,
    /// Whether it is connected to each of its peers, by the name of the peer's node.
    pub connections: BTreeMap<String, bool>,
    /// Whether it is in the part that has quorum.
    pub quorum: Option<bool>,
    /// Whether opening it for writing would succeed now (DRBD `may_promote`).
    pub may_promote: Option<bool>,
}

impl GroupFacts {
    /// The facts of a group.
    pub fn of(group: &ProtectionGroup) -> Self {
        crate::read::group(group)
    }

    /// Whether the controller of this group says, about this very spec, that it is in that state.
    pub fn has_settled_as(&self, state: DesiredState) -> bool {
        let answered = self
            .observed_generation
            .is_some_and(|g| g >= self.generation);
        let wanted = match state {
            DesiredState::Running => CurrentState::Running,
            DesiredState::Stopped => CurrentState::Stopped,
        };
        self.desired == state && answered && self.current == wanted
    }
}

impl InstanceFacts {
    /// The facts of an instance.
    pub fn of(instance: &VirtualMachineInstance) -> Self {
        crate::read::instance(instance)
    }

    /// Whether it may still write to its disks: it exists and has not reached a final phase.
    pub fn is_live(&self) -> bool {
        !matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }

    /// Whether it runs and is ready.
    pub fn is_up(&self) -> bool {
        self.phase == "Running" && self.ready && !self.deleting
    }
}

impl MachineFacts {
    /// Whether it has a live instance.
    pub fn is_live(&self) -> bool {
        self.instance.as_ref().is_some_and(InstanceFacts::is_live)
    }

    /// Whether its instance runs and is ready.
    pub fn is_up(&self) -> bool {
        self.instance.as_ref().is_some_and(InstanceFacts::is_up)
    }
}

//! Single Kubernetes objects to single facts.

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use siterecovery_api::kubevirt::VirtualMachineInstance;
use siterecovery_api::names;
use siterecovery_api::protection_group::ProtectionGroup;

use crate::facts::{GroupFacts, InstanceFacts, LeaseFacts, NodeFacts, ObjectVersion, TaintFacts};

pub(crate) fn name(metadata: &ObjectMeta) -> String {
    metadata.name.clone().unwrap_or_default()
}

pub(crate) fn uid(metadata: &ObjectMeta) -> String {
    metadata.uid.clone().unwrap_or_default()
}

pub(crate) fn created(metadata: &ObjectMeta) -> Option<Timestamp> {
    metadata.creation_timestamp.as_ref().map(|time| time.0)
}

pub(crate) fn version(metadata: &ObjectMeta) -> ObjectVersion {
    ObjectVersion {
        uid: uid(metadata),
        resource_version: metadata.resource_version.clone().unwrap_or_default(),
    }
}

pub(crate) fn is(metadata: &ObjectMeta, namespace: &str, name: &str) -> bool {
    metadata.namespace.as_deref() == Some(namespace) && metadata.name.as_deref() == Some(name)
}

pub(crate) fn sorted<T, K: Ord + ?Sized>(
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> &K,
) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_by(|a, b| key(a).cmp(key(b)));
    items
}

pub(crate) fn group(group: &ProtectionGroup) -> GroupFacts {
    let status = group.status.clone().unwrap_or_default();
    GroupFacts {
        namespace: group.metadata.namespace.clone().unwrap_or_default(),
        name: name(&group.metadata),
        version: version(&group.metadata),
        generation: group.metadata.generation.unwrap_or_default(),
        created: created(&group.metadata),
        desired: group.spec.desired_state,
        current: status.current_state.unwrap_or_default(),
        observed_generation: status.observed_generation,
        last_observed: status.last_observed.map(|time| time.0),
        reports: status.virtual_machines,
    }
}

pub(crate) fn instance(vmi: &VirtualMachineInstance) -> InstanceFacts {
    let status = vmi.status.clone().unwrap_or_default();
    InstanceFacts {
        uid: uid(&vmi.metadata),
        phase: status.phase.unwrap_or_default(),
        ready: status
            .conditions
            .iter()
            .any(|c| c.type_ == "Ready" && c.status == "True"),
        node: status.node_name,
        deleting: vmi.metadata.deletion_timestamp.is_some(),
    }
}

pub(crate) fn node(node: &Node) -> NodeFacts {
    let taints = node
        .spec
        .iter()
        .flat_map(|spec| spec.taints.iter().flatten());
    NodeFacts {
        name: name(&node.metadata),
        version: version(&node.metadata),
        taints: taints
            .map(|taint| TaintFacts {
                key: taint.key.clone(),
                value: taint.value.clone(),
                effect: taint.effect.clone(),
                time_added: taint.time_added.as_ref().map(|time| time.0),
            })
            .collect(),
    }
}

pub(crate) fn lease(lease: &Lease) -> LeaseFacts {
    let spec = lease.spec.clone().unwrap_or_default();
    let note = |key: &str| {
        let notes = lease.metadata.annotations.as_ref()?;
        notes.get(key).cloned()
    };
    let acquired = spec.acquire_time.map(|time| time.0);
    LeaseFacts {
        name: name(&lease.metadata),
        version: version(&lease.metadata),
        holder: spec.holder_identity.unwrap_or_default(),
        acquired,
        renewed: spec
            .renew_time
            .map(|time| time.0)
            .or(acquired)
            .or_else(|| created(&lease.metadata)),
        duration_seconds: spec
            .lease_duration_seconds
            .unwrap_or(names::LOCK_TTL_SECONDS),
        transitions: spec.lease_transitions.unwrap_or_default(),
        failover: note(names::ANNOTATION_FAILOVER),
        failover_uid: note(names::ANNOTATION_FAILOVER_UID),
    }
}

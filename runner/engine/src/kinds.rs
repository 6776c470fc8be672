//! The API resource behind each kind that the drill language knows.

use kube::core::{ApiResource, GroupVersionKind};
use sitedrill_model::scenario::ObjectKind;

/// The kinds that are watched on every site in every drill; the others only where a drill names them.
pub(crate) const ALWAYS_WATCHED: [ObjectKind; 6] = [
    ObjectKind::ProtectionGroup,
    ObjectKind::Failover,
    ObjectKind::VirtualMachine,
    ObjectKind::VirtualMachineInstance,
    ObjectKind::Lease,
    ObjectKind::Node,
];

/// What the API server must know of a kind.
struct Spelling {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
}

const fn spelling(kind: ObjectKind) -> Spelling {
    let (group, version, kind, plural) = match kind {
        ObjectKind::ProtectionGroup => (
            "siterecovery.trilio.io",
            "v1alpha1",
            "ProtectionGroup",
            "protectiongroups",
        ),
        ObjectKind::Failover => (
            "siterecovery.trilio.io",
            "v1alpha1",
            "Failover",
            "failovers",
        ),
        ObjectKind::VirtualMachine => ("kubevirt.io", "v1", "VirtualMachine", "virtualmachines"),
        ObjectKind::VirtualMachineInstance => (
            "kubevirt.io",
            "v1",
            "VirtualMachineInstance",
            "virtualmachineinstances",
        ),
        ObjectKind::Lease => ("coordination.k8s.io", "v1", "Lease", "leases"),
        ObjectKind::Node => ("", "v1", "Node", "nodes"),
        ObjectKind::Event => ("", "v1", "Event", "events"),
    };
    Spelling {
        group,
        version,
        kind,
        plural,
    }
}

/// The resource of a kind.
pub(crate) fn resource(kind: ObjectKind) -> ApiResource {
    let it = spelling(kind);
    let gvk = GroupVersionKind::gvk(it.group, it.version, it.kind);
    ApiResource::from_gvk_with_plural(&gvk, it.plural)
}

/// The resource that a manifest's `apiVersion` and `kind` name, known to the language or not.
pub(crate) fn resource_of(api_version: &str, kind: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let gvk = GroupVersionKind::gvk(group, version, kind);
    ALL.iter()
        .map(|&known| spelling(known))
        .find(|known| known.group == group && known.kind == kind)
        .map_or_else(
            || ApiResource::from_gvk(&gvk),
            |known| ApiResource::from_gvk_with_plural(&gvk, known.plural),
        )
}

const ALL: [ObjectKind; 7] = [
    ObjectKind::ProtectionGroup,
    ObjectKind::Failover,
    ObjectKind::VirtualMachine,
    ObjectKind::VirtualMachineInstance,
    ObjectKind::Lease,
    ObjectKind::Node,
    ObjectKind::Event,
];

/// The kind in the singular, as scenarios write it: `protectiongroup`.
pub(crate) fn name(kind: ObjectKind) -> String {
    spelling(kind).kind.to_lowercase()
}

/// The kind in the plural: `protectiongroups`.
pub(crate) const fn plural(kind: ObjectKind) -> &'static str {
    spelling(kind).plural
}

/// Whether objects of the kind live in a namespace.
pub(crate) const fn is_namespaced(kind: ObjectKind) -> bool {
    !matches!(kind, ObjectKind::Node)
}

/// Whether the kind's status is written through a subresource of its own.
/// A `VirtualMachineInstance` has none in KubeVirt.
pub(crate) const fn has_status_subresource(kind: ObjectKind) -> bool {
    matches!(
        kind,
        ObjectKind::ProtectionGroup
            | ObjectKind::Failover
            | ObjectKind::VirtualMachine
            | ObjectKind::Node
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_kind_of_a_manifest_gets_its_plural_from_the_table() {
        let resource = resource_of("siterecovery.trilio.io/v1alpha1", "Failover");
        assert_eq!(resource.plural, "failovers");
        assert_eq!(resource_of("v1", "ConfigMap").plural, "configmaps");
        assert_eq!(resource_of("v1", "Node").api_version, "v1");
    }
}

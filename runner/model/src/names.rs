//! The names that the language knows, and the nearest of them to a name it does not know.

use crate::scenario::ObjectKind;

/// The namespace of everything that is not given another.
pub const NAMESPACE: &str = "site-recovery";

/// The taint keys that `quorum` stands for (DECISIONS 3, step 5).
pub const QUORUM_TAINTS: [&str; 2] = [
    "drbd.linbit.com/lost-quorum",
    "drbd.linbit.com/force-io-error",
];

/// Every site by its canonical name, with its aliases (DECISIONS 1).
const SITES: [(&str, &[&str]); 3] = [
    ("primary", &["cluster1"]),
    ("dr", &["cluster2", "dr-cluster"]),
    ("quorum", &["quorum-cluster"]),
];

/// The canonical name of a site that may be named by an alias.
pub fn canonical_site(name: &str) -> Option<&'static str> {
    SITES
        .iter()
        .find(|(site, aliases)| *site == name || aliases.contains(&name))
        .map(|(site, _)| *site)
}

/// Every name a site goes by.
pub(crate) fn site_names() -> impl Iterator<Item = &'static str> {
    SITES
        .iter()
        .flat_map(|(site, aliases)| std::iter::once(*site).chain(aliases.iter().copied()))
}

/// Every spelling of every kind, as kubectl would take it.
pub(crate) const KINDS: [(&str, ObjectKind); 18] = [
    ("protectiongroup", ObjectKind::ProtectionGroup),
    ("protectiongroups", ObjectKind::ProtectionGroup),
    ("pg", ObjectKind::ProtectionGroup),
    ("failover", ObjectKind::Failover),
    ("failovers", ObjectKind::Failover),
    ("fo", ObjectKind::Failover),
    ("virtualmachine", ObjectKind::VirtualMachine),
    ("virtualmachines", ObjectKind::VirtualMachine),
    ("vm", ObjectKind::VirtualMachine),
    ("virtualmachineinstance", ObjectKind::VirtualMachineInstance),
    (
        "virtualmachineinstances",
        ObjectKind::VirtualMachineInstance,
    ),
    ("vmi", ObjectKind::VirtualMachineInstance),
    ("lease", ObjectKind::Lease),
    ("leases", ObjectKind::Lease),
    ("node", ObjectKind::Node),
    ("nodes", ObjectKind::Node),
    ("event", ObjectKind::Event),
    ("events", ObjectKind::Event),
];

/// The kind that a word names, in any case.
pub(crate) fn kind(word: &str) -> Option<ObjectKind> {
    let word = word.to_lowercase();
    KINDS
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, kind)| *kind)
}

impl ObjectKind {
    /// The kind in one lower-case word, as messages and reports show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ProtectionGroup => "protectiongroup",
            Self::Failover => "failover",
            Self::VirtualMachine => "vm",
            Self::VirtualMachineInstance => "vmi",
            Self::Lease => "lease",
            Self::Node => "node",
            Self::Event => "event",
        }
    }

    /// Whether objects of this kind live in a namespace.
    pub fn namespaced(self) -> bool {
        !matches!(self, Self::Node)
    }
}

/// Kinds in manifests that have no namespace.
pub(crate) const CLUSTER_SCOPED: [&str; 10] = [
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "IngressClass",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "StorageClass",
];

/// The one of `known` that `name` is most likely meant to be, if any is near.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let name = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            let likeness = strsim::jaro_winkler(&name, &candidate.to_lowercase());
            let edits = strsim::osa_distance(&name, &candidate.to_lowercase());
            (candidate, likeness, edits)
        })
        .filter(|(_, likeness, edits)| *likeness > 0.8 || *edits <= 2 && name.len() > 2)
        .max_by(|(_, a, _), (_, b, _)| a.total_cmp(b))
        .map(|(candidate, _, _)| candidate)
}

/// The remedy for an unknown name: the nearest one, or else all of them.
pub fn did_you_mean<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(near) = nearest(name, known.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    match known.as_slice() {
        [] => None,
        names => Some(format!("known here: {}", quoted(names))),
    }
}

/// `` `a` and `b` `` for messages.
pub(crate) fn all_of(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" and ")
}

/// `` `a`, `b` `` for messages.
pub(crate) fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{canonical_site, did_you_mean, kind, nearest};
    use crate::scenario::ObjectKind;

    #[test]
    fn every_alias_names_its_site() {
        assert_eq!(canonical_site("cluster1"), Some("primary"));
        assert_eq!(canonical_site("cluster2"), Some("dr"));
        assert_eq!(canonical_site("dr-cluster"), Some("dr"));
        assert_eq!(canonical_site("quorum-cluster"), Some("quorum"));
        assert_eq!(canonical_site("cluster3"), None);
    }

    #[test]
    fn kinds_are_found_by_their_short_names() {
        assert_eq!(kind("pg"), Some(ObjectKind::ProtectionGroup));
        assert_eq!(kind("VMI"), Some(ObjectKind::VirtualMachineInstance));
        assert_eq!(kind("pod"), None);
    }

    #[test]
    fn only_a_near_name_is_offered() {
        assert_eq!(nearest("actorz", ["actors", "sites"]), Some("actors"));
        assert_eq!(nearest("whatever", ["actors", "sites"]), None);
        assert_eq!(
            did_you_mean("zzz", ["a", "b"]).as_deref(),
            Some("known here: `a`, `b`")
        );
    }
}

//! Who belongs to a group: by name, by label, or both, with the instance and the disks of each.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use siterecovery_api::kubevirt::{VirtualMachine, VirtualMachineInstance};
use siterecovery_api::protection_group::ProtectionGroup;

use crate::facts::MachineFacts;
use crate::read;

/// The objects that members are found among.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MachineObjects<'a> {
    pub(crate) machines: &'a [VirtualMachine],
    pub(crate) instances: &'a [VirtualMachineInstance],
    pub(crate) claims: &'a [PersistentVolumeClaim],
}

/// The members of a group, sorted by namespace and name, each once. A member that is named but does
/// not exist is there with `exists: false`.
pub(crate) fn members_of(
    group: &ProtectionGroup,
    objects: MachineObjects<'_>,
) -> Vec<MachineFacts> {
    let named = objects
        .machines
        .iter()
        .map(|vm| Candidate::of(&vm.metadata));
    keys_of(group, named)
        .into_iter()
        .map(|(namespace, name)| machine(&namespace, &name, objects))
        .collect()
}

/// Of a machine what tells whether a group claims it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) labels: Option<&'a Labels>,
}

/// Labels of an object.
pub(crate) type Labels = BTreeMap<String, String>;

impl<'a> Candidate<'a> {
    fn of(metadata: &'a ObjectMeta) -> Self {
        Self {
            namespace: metadata.namespace.as_deref().unwrap_or_default(),
            name: metadata.name.as_deref().unwrap_or_default(),
            labels: metadata.labels.as_ref(),
        }
    }
}

/// Namespace and name of every member.
pub(crate) fn keys_of<'a>(
    group: &ProtectionGroup,
    machines: impl IntoIterator<Item = Candidate<'a>>,
) -> BTreeSet<(String, String)> {
    let home = group.metadata.namespace.clone().unwrap_or_default();
    let named = group.spec.virtual_machines.iter().map(|member| {
        let namespace = member.namespace.clone().unwrap_or_else(|| home.clone());
        (namespace, member.name.clone())
    });
    let mut keys: BTreeSet<_> = named.collect();
    if let Some(selector) = &group.spec.selector {
        let labelled = machines
            .into_iter()
            .filter(|machine| machine.namespace == home && selects(selector, machine.labels));
        keys.extend(labelled.map(|machine| (home.clone(), machine.name.to_owned())));
    }
    keys
}

/// Whether a label selector selects. One with no terms selects nothing here: a group that claims
/// every virtual machine of its namespace by accident would be a disaster of its own.
pub(crate) fn selects(selector: &LabelSelector, labels: Option<&Labels>) -> bool {
    let empty = BTreeMap::new();
    let labels = labels.unwrap_or(&empty);
    let equal = selector.match_labels.iter().flatten();
    let expressions = selector.match_expressions.iter().flatten();
    let mut terms = 0;
    for (key, value) in equal {
        terms += 1;
        if labels.get(key) != Some(value) {
            return false;
        }
    }
    for term in expressions {
        terms += 1;
        let value = labels.get(&term.key);
        let listed = value.is_some_and(|v| term.values.iter().flatten().any(|x| x == v));
        let fits = match term.operator.as_str() {
            "In" => listed,
            "NotIn" => !listed,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        };
        if !fits {
            return false;
        }
    }
    terms > 0
}

fn machine(namespace: &str, name: &str, objects: MachineObjects<'_>) -> MachineFacts {
    let vm = objects
        .machines
        .iter()
        .find(|vm| read::is(&vm.metadata, namespace, name));
    let vmi = objects
        .instances
        .iter()
        .find(|vmi| read::is(&vmi.metadata, namespace, name));
    // The VM is the plan, the instance is what runs; either names the disks.
    let template = vm.and_then(|vm| vm.spec.template.as_ref()?.spec.as_ref());
    let disks = template
        .into_iter()
        .chain(vmi.map(|vmi| &vmi.spec))
        .flat_map(|spec| &spec.volumes);
    let mut volumes = BTreeSet::new();
    let mut unresolved = BTreeSet::new();
    for claim in disks.filter_map(siterecovery_api::kubevirt::Volume::claim) {
        let found = objects
            .claims
            .iter()
            .find(|pvc| read::is(&pvc.metadata, namespace, claim));
        match found.and_then(|pvc| pvc.spec.as_ref()?.volume_name.clone()) {
            Some(volume) if !volume.is_empty() => {
                volumes.insert(volume);
            }
            _ => {
                unresolved.insert(claim.to_owned());
            }
        }
    }
    MachineFacts {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        exists: vm.is_some(),
        instance: vmi.map(read::instance),
        volumes: volumes.into_iter().collect(),
        unresolved_claims: unresolved.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs.map(|&(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    fn selector(value: serde_json::Value) -> LabelSelector {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_selector_needs_all_of_its_terms() {
        let both = selector(serde_json::json!({
            "matchLabels": {"app": "db"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["gold", "silver"]},
                {"key": "drill", "operator": "DoesNotExist"}
            ]
        }));
        assert!(selects(
            &both,
            Some(&labels(&[("app", "db"), ("tier", "gold")]))
        ));
        assert!(!selects(&both, Some(&labels(&[("app", "db")]))));
        assert!(!selects(
            &both,
            Some(&labels(&[("app", "db"), ("tier", "gold"), ("drill", "")]))
        ));
        assert!(!selects(&both, None));
    }

    #[test]
    fn an_empty_selector_selects_nothing() {
        assert!(!selects(
            &selector(serde_json::json!({})),
            Some(&labels(&[("app", "db")]))
        ));
    }

    #[test]
    fn members_are_named_or_selected_and_each_counts_once() {
        let group: ProtectionGroup = serde_json::from_value(serde_json::json!({
            "apiVersion": "siterecovery.trilio.io/v1alpha1", "kind": "ProtectionGroup",
            "metadata": {"name": "pg-a", "namespace": "here"},
            "spec": {
                "virtualMachines": [{"name": "one"}, {"name": "far", "namespace": "there"}, {"name": "gone"}],
                "selector": {"matchLabels": {"app": "db"}}
            }
        }))
        .unwrap();
        let vm = |name: &str, namespace: &str, claim: &str| -> VirtualMachine {
            serde_json::from_value(serde_json::json!({
                "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
                "metadata": {"name": name, "namespace": namespace, "labels": {"app": "db"}},
                "spec": {"template": {"spec": {"volumes": [
                    {"name": "d", "persistentVolumeClaim": {"claimName": claim}}]}}}
            }))
            .unwrap()
        };
        let claim: PersistentVolumeClaim = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "one-disk", "namespace": "here"}, "spec": {"volumeName": "pvc-1"}
        }))
        .unwrap();
        let machines = [
            vm("one", "here", "one-disk"),
            vm("two", "here", "lost"),
            vm("far", "there", "lost"),
        ];
        let found = members_of(
            &group,
            MachineObjects {
                machines: &machines,
                instances: &[],
                claims: &[claim],
            },
        );
        let brief: Vec<_> = found.iter().map(|m| (m.name.as_str(), m.exists)).collect();
        assert_eq!(
            brief,
            [("gone", false), ("one", true), ("two", true), ("far", true)]
        );
        assert_eq!(found[1].volumes, ["pvc-1"]);
        assert_eq!(found[2].unresolved_claims, ["lost"]);
    }
}

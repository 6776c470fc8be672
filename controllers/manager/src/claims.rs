//! Which groups claim which virtual machines, as the watch of groups shows them.
//!
//! It answers two questions without looking at every group: which groups to look at when a
//! machine changes, and which other groups could claim a group's members.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use siterecovery_api::{ProtectionGroup, ProtectionGroupSpec};

use crate::key::Key;
use crate::relation::Relation;

/// An index over all groups of a site.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    groups: BTreeMap<Key, ProtectionGroup>,
    named: Relation<Key>,
    /// By namespace, label and value: the first label that a selector wants to be equal.
    labelled: Relation<(String, String, String)>,
    /// By namespace: groups whose selector has only expressions.
    expressed: Relation<String>,
    /// Members as the last pass over each group found them.
    found: BTreeMap<Key, BTreeSet<Key>>,
    found_by: Relation<Key>,
}

/// Labels of an object.
pub(crate) type Labels = BTreeMap<String, String>;

impl Claims {
    /// A group exists, new or changed.
    pub(crate) fn put(&mut self, group: ProtectionGroup) {
        let key = Key::of(&group);
        self.unlist(&key);
        for machine in named_members(&group) {
            self.named.add(machine, &key);
        }
        if let Some(slot) = labelled_slot(&group) {
            self.labelled.add(slot, &key);
        } else if group.spec.selector.is_some() {
            self.expressed.add(key.namespace.clone(), &key);
        }
        self.groups.insert(key, group);
    }

    /// This controller has written a group's status. The watch may have shown a newer version already.
    pub(crate) fn wrote(&mut self, group: ProtectionGroup) {
        let known = self.groups.get(&Key::of(&group)).and_then(version);
        if version(&group).is_some_and(|written| known.is_some_and(|known| known < written)) {
            self.put(group);
        }
    }

    /// A group is gone.
    pub(crate) fn remove(&mut self, group: &Key) {
        self.unlist(group);
        self.groups.remove(group);
        self.found_members(group, &[]);
    }

    /// A pass over a group found these members.
    pub(crate) fn found_members(&mut self, group: &Key, members: &[Key]) {
        for machine in self.found.remove(group).unwrap_or_default() {
            self.found_by.remove(&machine, group);
        }
        for machine in members {
            self.found_by.add(machine.clone(), group);
        }
        if !members.is_empty() {
            self.found
                .insert(group.clone(), members.iter().cloned().collect());
        }
    }

    /// The groups that claim, may claim, or were last seen to claim a machine, sorted.
    pub(crate) fn claimants(&self, machine: &Key, labels: Option<&Labels>) -> BTreeSet<Key> {
        let mut keys: BTreeSet<Key> = BTreeSet::new();
        keys.extend(self.named.of(machine).cloned());
        keys.extend(self.found_by.of(machine).cloned());
        keys.extend(self.expressed.of(&machine.namespace).cloned());
        for (label, value) in labels.into_iter().flatten() {
            let slot = (machine.namespace.clone(), label.clone(), value.clone());
            keys.extend(self.labelled.of(&slot).cloned());
        }
        keys
    }

    /// The group of that key, as last seen.
    pub(crate) fn group(&self, key: &Key) -> Option<&ProtectionGroup> {
        self.groups.get(key)
    }

    fn unlist(&mut self, key: &Key) {
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let (machines, slot) = (named_members(group), labelled_slot(group));
        for machine in machines {
            self.named.remove(&machine, key);
        }
        if let Some(slot) = slot {
            self.labelled.remove(&slot, key);
        }
        self.expressed.remove(&key.namespace, key);
    }
}

/// Versions are compared as the API servers number them.
fn version(group: &ProtectionGroup) -> Option<u64> {
    group.resource_version()?.parse().ok()
}

/// The members a group names.
pub(crate) fn named_members(group: &ProtectionGroup) -> Vec<Key> {
    members_named_by(&Key::of(group).namespace, &group.spec)
}

/// The members that a group in this namespace names.
pub(crate) fn members_named_by(home: &str, spec: &ProtectionGroupSpec) -> Vec<Key> {
    let members = spec.virtual_machines.iter();
    members
        .map(|member| Key::new(member.namespace.as_deref().unwrap_or(home), &member.name))
        .collect()
}

fn labelled_slot(group: &ProtectionGroup) -> Option<(String, String, String)> {
    let labels = group.spec.selector.as_ref()?.match_labels.as_ref()?;
    let (label, value) = labels.first_key_value()?;
    Some((Key::of(group).namespace, label.clone(), value.clone()))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
    use siterecovery_api::{DesiredState, GroupMember, ProtectionGroupSpec};

    use super::*;

    fn group(name: &str, machines: &[&str], label: Option<&str>) -> ProtectionGroup {
        let members = machines.iter().map(|name| GroupMember {
            name: (*name).to_owned(),
            namespace: None,
        });
        let selector = label.map(|value| LabelSelector {
            match_labels: Some(Labels::from([("app".to_owned(), value.to_owned())])),
            ..LabelSelector::default()
        });
        let spec = ProtectionGroupSpec {
            desired_state: DesiredState::Running,
            virtual_machines: members.collect(),
            selector,
        };
        let mut group = ProtectionGroup::new(name, spec);
        group.metadata.namespace = Some("site-recovery".to_owned());
        group
    }

    fn names(claims: &Claims, machine: &str, label: Option<&str>) -> Vec<String> {
        let labels = label.map(|value| Labels::from([("app".to_owned(), value.to_owned())]));
        let keys = claims.claimants(&Key::new("site-recovery", machine), labels.as_ref());
        keys.into_iter().map(|key| key.name).collect()
    }

    #[test]
    fn a_machine_leads_to_the_groups_that_name_it_and_to_those_that_select_it() {
        let mut claims = Claims::default();
        claims.put(group("orders", &["orders-1"], None));
        claims.put(group("shop", &[], Some("shop")));
        assert_eq!(names(&claims, "orders-1", Some("shop")), ["orders", "shop"]);
        assert_eq!(names(&claims, "other", Some("blog")), Vec::<String>::new());
    }

    #[test]
    fn an_edited_group_leaves_nothing_behind_in_the_index() {
        let mut claims = Claims::default();
        claims.put(group("orders", &["orders-1"], Some("orders")));
        claims.put(group("orders", &["orders-2"], None));
        assert_eq!(
            names(&claims, "orders-1", Some("orders")),
            Vec::<String>::new()
        );
        claims.remove(&Key::new("site-recovery", "orders"));
        assert!(claims.named.is_empty() && claims.labelled.is_empty() && claims.groups.is_empty());
    }

    #[test]
    fn a_machine_whose_label_was_taken_off_still_leads_to_its_last_group() {
        let mut claims = Claims::default();
        let key = Key::new("site-recovery", "shop");
        claims.put(group("shop", &[], Some("shop")));
        claims.found_members(&key, &[Key::new("site-recovery", "shop-1")]);
        assert_eq!(names(&claims, "shop-1", None), ["shop"]);
        claims.found_members(&key, &[]);
        assert_eq!(names(&claims, "shop-1", None), Vec::<String>::new());
    }
}

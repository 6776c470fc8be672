//! What the watches of a site have shown of its machines so far.
//!
//! Only good for telling that there is nothing to do: it may lag behind, and whatever is done is decided on what is
//! read live.

use std::collections::{BTreeMap, BTreeSet};

use siterecovery_api::ProtectionGroup;
use siterecovery_api::kubevirt::{VirtualMachine, VirtualMachineInstance};
use siterecovery_decide::protection_group::MachineLists;

use crate::claims::named_members;
use crate::key::Key;
use crate::watch::Listing;

/// The machines of a site and their instances.
#[derive(Default)]
pub(crate) struct Shown {
    pub(crate) machines: All<VirtualMachine>,
    pub(crate) instances: All<VirtualMachineInstance>,
}

impl Shown {
    /// The members of a group that names them; `None` where the watches cannot tell: a list is under way, a member is
    /// not understood, or the group goes by labels.
    pub(crate) fn members_of(&self, group: &ProtectionGroup) -> Option<MachineLists> {
        if group.spec.selector.is_some() {
            return None;
        }
        let mut keys = named_members(group);
        keys.sort();
        keys.dedup();
        Some(MachineLists {
            machines: self.machines.of(&keys)?,
            instances: self.instances.of(&keys)?,
        })
    }
}

/// All objects of a kind.
pub(crate) struct All<K> {
    /// By key; nothing for what is there and was not understood.
    objects: BTreeMap<Key, Option<K>>,
    /// What the list that is under way has not shown yet; `None` when all is known.
    unlisted: Option<BTreeSet<Key>>,
}

impl<K> Default for All<K> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            unlisted: Some(BTreeSet::new()),
        }
    }
}

impl<K: Clone> All<K> {
    /// These of them, as far as they exist; `None` where that is not known.
    fn of(&self, keys: &[Key]) -> Option<Vec<K>> {
        if self.unlisted.is_some() {
            return None;
        }
        let found = keys.iter().filter_map(|key| self.objects.get(key));
        found.cloned().collect()
    }
}

impl<K> All<K> {
    /// An object is there, understood or not.
    pub(crate) fn put(&mut self, key: Key, object: Option<K>) {
        if let Some(unlisted) = &mut self.unlisted {
            unlisted.remove(&key);
        }
        self.objects.insert(key, object);
    }

    /// An object is gone.
    pub(crate) fn remove(&mut self, key: &Key) {
        self.objects.remove(key);
    }

    /// A list of all of them begins, or is complete: what it did not show is gone.
    pub(crate) fn listing(&mut self, listing: Listing) {
        match listing {
            Listing::Begins => self.unlisted = Some(self.objects.keys().cloned().collect()),
            Listing::Ends => {
                for key in self.unlisted.take().into_iter().flatten() {
                    self.objects.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new("ns", name)
    }

    #[test]
    fn nothing_is_known_before_a_list_is_complete_or_while_the_next_is_under_way() {
        let mut all = All::default();
        all.listing(Listing::Begins);
        all.put(key("a"), Some(1));
        assert_eq!(all.of(&[key("a")]), None);
        all.listing(Listing::Ends);
        assert_eq!(all.of(&[key("a"), key("b")]), Some(vec![1]));
        all.put(key("b"), Some(2));
        all.listing(Listing::Begins);
        assert_eq!(all.of(&[key("a")]), None);
        all.put(key("b"), Some(3));
        all.listing(Listing::Ends);
        assert_eq!(
            all.of(&[key("a"), key("b")]),
            Some(vec![3]),
            "what a list no longer shows is gone"
        );
        all.remove(&key("b"));
        assert_eq!(all.of(&[key("b")]), Some(Vec::new()));
    }

    #[test]
    fn an_object_that_is_not_understood_leaves_its_group_unknown() {
        let mut all = All::default();
        all.listing(Listing::Ends);
        all.put(key("a"), Some(1));
        all.put(key("b"), None);
        assert_eq!(all.of(&[key("a")]), Some(vec![1]));
        assert_eq!(all.of(&[key("a"), key("b")]), None);
    }
}

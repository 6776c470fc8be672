//! What the watches of a site have shown of its machines so far.
//!
//! Only good for telling that there is nothing to do: it may lag behind, and whatever is done is decided on what is
//! read live.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use siterecovery_api::ProtectionGroup;
use siterecovery_decide::facts::InstanceFacts;
use siterecovery_decide::protection_group::{Listed, Machine, MachineLists};

use crate::claims::named_members;
use crate::key::Key;
use crate::watch::Listing;

/// The machines of a site and their instances.
#[derive(Default)]
pub(crate) struct Shown {
    pub(crate) machines: All<Listed<Machine>>,
    pub(crate) instances: All<Listed<InstanceFacts>>,
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

/// What is known of all objects of a kind.
pub(crate) struct All<Facts> {
    /// By key; nothing for what is there and was not understood.
    objects: BTreeMap<Key, Option<Arc<Facts>>>,
    /// What the list that is under way has not shown yet; `None` when all is known.
    unlisted: Option<BTreeSet<Key>>,
}

impl<Facts> Default for All<Facts> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            unlisted: Some(BTreeSet::new()),
        }
    }
}

impl<Facts> All<Facts> {
    /// These of them, as far as they exist; `None` where that is not known.
    fn of(&self, keys: &[Key]) -> Option<Vec<Arc<Facts>>> {
        if self.unlisted.is_some() {
            return None;
        }
        let found = keys.iter().filter_map(|key| self.objects.get(key));
        found.cloned().collect()
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

impl<Facts: PartialEq> All<Facts> {
    /// An object is there, understood or not. Whether that is news: it is new, says something else than before, or
    /// nobody knows what it says.
    pub(crate) fn put(&mut self, key: Key, facts: Option<Facts>) -> bool {
        if let Some(unlisted) = &mut self.unlisted {
            unlisted.remove(&key);
        }
        let facts = facts.map(Arc::new);
        let is_news = facts.is_none() || self.objects.get(&key) != Some(&facts);
        if is_news {
            self.objects.insert(key, facts);
        }
        is_news
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
        assert_eq!(all.of(&[key("a"), key("b")]), Some(vec![Arc::new(1)]));
        all.put(key("b"), Some(2));
        all.listing(Listing::Begins);
        assert_eq!(all.of(&[key("a")]), None);
        all.put(key("b"), Some(3));
        all.listing(Listing::Ends);
        assert_eq!(
            all.of(&[key("a"), key("b")]),
            Some(vec![Arc::new(3)]),
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
        assert_eq!(all.of(&[key("a")]), Some(vec![Arc::new(1)]));
        assert_eq!(all.of(&[key("a"), key("b")]), None);
    }
}

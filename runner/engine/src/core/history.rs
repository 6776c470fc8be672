//! Every version of every object that was observed, oldest first.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use sitedrill_model::scenario::ObjectKind;

use crate::objects::{self, Change, Key};

/// How many versions of one object are kept. Enough for hours of a lease renewed every few seconds;
/// a limit, because a drill may run for days on real sites.
const KEPT: usize = 10_000;

/// What an object looked like from some time on.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) at: Timestamp,
    /// `None`: gone.
    pub(crate) object: Option<Arc<Value>>,
}

/// The versions of all objects.
#[derive(Default)]
pub(crate) struct History {
    versions: BTreeMap<Key, VecDeque<Version>>,
}

impl History {
    pub(super) fn add(&mut self, change: &Change) {
        let versions = self.versions.entry(change.key.clone()).or_default();
        if versions.len() == KEPT {
            versions.pop_front();
        }
        versions.push_back(Version {
            at: change.at,
            object: change.after.clone(),
        });
    }

    /// The versions of one object, oldest first.
    pub(crate) fn of(&self, key: &Key) -> impl DoubleEndedIterator<Item = &Version> {
        self.versions.get(key).into_iter().flatten()
    }

    /// The versions of one object that held at this time or later.
    pub(crate) fn since(&self, key: &Key, time: Timestamp) -> impl Iterator<Item = &Version> {
        let versions: Vec<&Version> = self.of(key).collect();
        let first = versions.partition_point(|version| version.at <= time);
        versions.into_iter().skip(first.saturating_sub(1))
    }

    /// The objects of this kind and name that were ever observed on any site.
    pub(crate) fn everywhere(&self, kind: ObjectKind, namespace: &str, name: &str) -> Vec<Key> {
        let keys = self
            .versions
            .keys()
            .filter(|key| key.kind == kind && key.namespace == namespace && key.name == name);
        keys.cloned().collect()
    }

    /// Whether this very version of an object was observed.
    pub(crate) fn has_seen(&self, key: &Key, resource_version: &str) -> bool {
        let mut versions = self.of(key).rev().filter_map(|it| it.object.as_deref());
        versions.any(|object| objects::resource_version(object) == resource_version)
    }
}

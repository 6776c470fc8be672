//! Every version of every object that was observed, oldest first.
//!
//! Only the last version of an object is held as a value. The earlier ones are held as text, which takes a tenth of the
//! memory: a drill may run for days.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use sitedrill_model::scenario::ObjectKind;

use crate::objects::{self, Change, Key};

/// How many versions of one object are kept. Enough for hours of a lease renewed every few seconds;
/// a limit, because a drill may run for days on real sites.
const KEPT: usize = 10_000;

/// An object from some time on, and what is most often asked about it.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) at: Timestamp,
    /// Whether it is an instance that runs.
    pub(crate) is_running: bool,
    /// Its resourceVersion; `None`: it was gone.
    revision: Option<Box<str>>,
    object: Held,
}

#[derive(Clone, Debug)]
enum Held {
    /// It was gone.
    Gone,
    Value(Arc<Value>),
    Text(Box<str>),
}

impl Version {
    fn new(at: Timestamp, object: Option<&Arc<Value>>) -> Self {
        let phase = object.and_then(|it| objects::string(it, "/status/phase"));
        Self {
            at,
            is_running: phase == Some("Running"),
            revision: object.map(|it| objects::resource_version(it).into()),
            object: object.map_or(Held::Gone, |it| Held::Value(Arc::clone(it))),
        }
    }

    /// It is not the last one any more.
    fn pack(&mut self) {
        if let Held::Value(value) = &self.object {
            let text =
                serde_json::to_string(value.as_ref()).expect("a value can be written as JSON");
            self.object = Held::Text(text.into());
        }
    }

    /// The object; `None`: it was gone. It takes some time.
    fn whole(&self) -> Option<Arc<Value>> {
        match &self.object {
            Held::Gone => None,
            Held::Value(value) => Some(Arc::clone(value)),
            Held::Text(text) => {
                let value = serde_json::from_str(text);
                Some(Arc::new(value.expect("the text of a value is JSON")))
            }
        }
    }
}

/// The versions of all objects.
#[derive(Default)]
pub(crate) struct History {
    versions: BTreeMap<Key, VecDeque<Version>>,
}

impl History {
    pub(super) fn add(&mut self, change: &Change) {
        let versions = match self.versions.get_mut(&change.key) {
            Some(versions) => versions,
            None => self.versions.entry(change.key.clone()).or_default(),
        };
        if let Some(last) = versions.back_mut() {
            last.pack();
        }
        if versions.len() == KEPT {
            versions.pop_front();
        }
        versions.push_back(Version::new(change.at, change.after.as_ref()));
    }

    /// The versions of one object, oldest first.
    pub(crate) fn of(&self, key: &Key) -> impl DoubleEndedIterator<Item = &Version> {
        self.versions.get(key).into_iter().flatten()
    }

    /// The versions of one object that held at this time or later.
    pub(crate) fn since(&self, key: &Key, time: Timestamp) -> impl Iterator<Item = &Version> {
        let versions = self.versions.get(key).into_iter();
        versions.flat_map(move |versions| {
            let later = versions.partition_point(|version| version.at <= time);
            versions.range(later.saturating_sub(1)..)
        })
    }

    /// The same as whole objects; `None` is one that is gone.
    pub(crate) fn whole_since(
        &self,
        key: &Key,
        time: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, Option<Arc<Value>>)> {
        self.since(key, time)
            .map(|version| (version.at, version.whole()))
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
        let mut versions = self.of(key).rev();
        versions.any(|version| version.revision.as_deref() == Some(resource_version))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_version_can_be_shown_whole() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let seen = [
            Some(
                json!({"metadata": {"resourceVersion": "1"}, "spec": {"a/b": [1, {"c~d": 2}, 3]}}),
            ),
            Some(
                json!({"metadata": {"resourceVersion": "2"}, "spec": {"a/b": [{"c~d": 4}], "": null}, "status": {"phase": "Running"}}),
            ),
            None,
            None,
            Some(
                json!({"metadata": {"resourceVersion": "5", "labels": {"x.y/z": ""}}, "status": [{"phase": "Running"}]}),
            ),
            Some(json!({"metadata": {"resourceVersion": "6"}})),
            None,
        ];
        let mut history = History::default();
        let key = Key {
            site: "dr".to_owned(),
            kind: ObjectKind::VirtualMachineInstance,
            namespace: "ns".to_owned(),
            name: "vm".to_owned(),
        };
        for (object, second) in seen.iter().zip(1..) {
            history.add(&Change {
                at: at(second),
                key: key.clone(),
                before: None,
                after: object.clone().map(Arc::new),
            });
            let so_far = seen.iter().take(usize::try_from(second).unwrap());
            let so_far = so_far.map(|object| object.clone().map(Arc::new));
            let so_far: Vec<_> = (1..).map(at).zip(so_far).collect();
            let whole = |since| history.whole_since(&key, at(since)).collect::<Vec<_>>();
            assert_eq!(whole(0), so_far);
            assert_eq!(whole(second), so_far[so_far.len() - 1..]);
        }
        let runs: Vec<_> = history.of(&key).map(|it| it.is_running).collect();
        assert_eq!(runs, [false, true, false, false, false, false, false]);
        assert_eq!(history.since(&key, at(3)).count(), 5);
        assert!(history.has_seen(&key, "2") && !history.has_seen(&key, "3"));
    }
}

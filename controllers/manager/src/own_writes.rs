//! Which versions of objects a controller has just written itself, so that the watch that shows
//! them does not start a pass that finds nothing new.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::Resource;

use crate::key::Key;

/// The last version written of each object.
#[derive(Debug, Default)]
pub(crate) struct OwnWrites {
    versions: Mutex<BTreeMap<Key, String>>,
}

impl OwnWrites {
    /// A pass wrote this resourceVersion, or wrote nothing.
    pub(crate) fn note(&self, key: &Key, written: Option<String>) {
        if let Some(version) = written {
            self.lock().insert(key.clone(), version);
        }
    }

    /// Whether `object` is exactly what we wrote last.
    pub(crate) fn contains<K: Resource>(&self, object: &K) -> bool {
        let version = object.meta().resource_version.as_ref();
        version.is_some() && self.lock().get(&Key::of(object)) == version
    }

    /// The object is gone, or of no more interest.
    pub(crate) fn forget(&self, key: &Key) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, String>> {
        // The map changes by single calls only, so a panic elsewhere leaves it usable.
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::api::ObjectMeta;

    use super::*;

    fn object(version: Option<&str>) -> ConfigMap {
        let metadata = ObjectMeta {
            name: Some("one".to_owned()),
            namespace: Some("ns".to_owned()),
            resource_version: version.map(str::to_owned),
            ..ObjectMeta::default()
        };
        ConfigMap {
            metadata,
            ..ConfigMap::default()
        }
    }

    #[test]
    fn only_the_very_version_we_wrote_is_ours() {
        let own = OwnWrites::default();
        let key = Key::of(&object(None));
        assert!(!own.contains(&object(None)), "nothing was written yet");
        own.note(&key, Some("7".to_owned()));
        own.note(&key, None);
        assert!(own.contains(&object(Some("7"))));
        assert!(!own.contains(&object(Some("8"))));
        own.forget(&key);
        assert!(!own.contains(&object(Some("7"))));
    }
}

//! Objects as the engine holds them: plain JSON under a key that says where they are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use sitedrill_model::scenario::{ObjectKind, ObjectRef};

use crate::kinds;

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// The site by canonical name.
    pub(crate) site: String,
    pub(crate) kind: ObjectKind,
    /// Empty for kinds without namespaces.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    /// The key of an object that a scenario names.
    pub(crate) fn of(object: &ObjectRef) -> Self {
        Self {
            site: object.site.clone(),
            kind: object.kind,
            namespace: object.namespace.clone().unwrap_or_default(),
            name: object.name.clone(),
        }
    }

    /// The object as `kind/name`.
    pub(crate) fn object(&self) -> String {
        format!("{}/{}", kinds::name(self.kind), self.name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{} on {}",
            kinds::name(self.kind),
            self.name,
            self.site
        )
    }
}

/// Objects by place, sorted.
pub(crate) type Objects = BTreeMap<Key, Arc<Value>>;

/// The objects of a kind in a namespace of a site, by name.
pub(crate) fn of_kind<'o>(
    objects: &'o Objects,
    site: &str,
    kind: ObjectKind,
    namespace: Option<&str>,
) -> impl Iterator<Item = (&'o Key, &'o Arc<Value>)> {
    let first = Key {
        site: site.to_owned(),
        kind,
        namespace: namespace.unwrap_or_default().to_owned(),
        name: String::new(),
    };
    let bound = first.clone();
    objects.range(first..).take_while(move |(key, _)| {
        key.site == bound.site && key.kind == bound.kind && key.namespace == bound.namespace
    })
}

/// One observed change of one object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// When it reached the observer, by the clock of the sites.
    pub(crate) at: Timestamp,
    pub(crate) key: Key,
    /// `None` if the object is new.
    pub(crate) before: Option<Arc<Value>>,
    /// `None` if the object is gone.
    pub(crate) after: Option<Arc<Value>>,
}

impl Change {
    /// The object's resourceVersion after the change, or the last one it had.
    pub(crate) fn resource_version(&self) -> &str {
        let object = self.after.as_deref().or(self.before.as_deref());
        object.map_or("", resource_version)
    }
}

/// The resourceVersion of an object, empty if it has none.
pub(crate) fn resource_version(object: &Value) -> &str {
    string(object, "/metadata/resourceVersion").unwrap_or_default()
}

/// A string inside an object, by JSON pointer.
pub(crate) fn string<'v>(object: &'v Value, pointer: &str) -> Option<&'v str> {
    object.pointer(pointer).and_then(Value::as_str)
}

/// A time inside an object, by JSON pointer.
pub(crate) fn time(object: &Value, pointer: &str) -> Option<Timestamp> {
    string(object, pointer).and_then(|text| text.parse().ok())
}

/// A value by dotted path, such as `status.currentState` or `spec.taints.0.key`.
/// Keys that themselves hold dots, such as those of annotations, need no escape.
pub(crate) fn field<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if path.is_empty() {
        return Some(value);
    }
    match value {
        Value::Object(map) => {
            let ends = path.match_indices('.').map(|(at, _)| at);
            ends.chain([path.len()]).find_map(|end| {
                let rest = path.get(end + 1..).unwrap_or_default();
                field(map.get(&path[..end])?, rest)
            })
        }
        Value::Array(items) => {
            let (index, rest) = path.split_once('.').unwrap_or((path, ""));
            field(items.get(index.parse::<usize>().ok()?)?, rest)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// A scalar as people write it; anything else as JSON; a missing value as kubectl shows it.
pub(crate) fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "<none>".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A span in the shortest form that keeps it readable: `0s`, `2.5s`, `3m20s`, `1h`.
pub(crate) fn span(seconds: f64) -> String {
    // Milliseconds are the finest that a drill's clock tells apart.
    let millis = jiff::SignedDuration::try_from_secs_f64(seconds)
        .unwrap_or(jiff::SignedDuration::MAX)
        .as_millis();
    let (sign, millis) = (if millis < 0 { "-" } else { "" }, millis.unsigned_abs());
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let (whole, part) = (millis / 1000 % 60, millis % 1000);
    let mut out = sign.to_owned();
    for (count, unit) in [(hours, 'h'), (minutes, 'm')] {
        if count > 0 {
            out = format!("{out}{count}{unit}");
        }
    }
    if part > 0 {
        let part = format!("{part:03}");
        out = format!("{out}{whole}.{}s", part.trim_end_matches('0'));
    } else if whole > 0 || hours + minutes == 0 {
        out = format!("{out}{whole}s");
    }
    out
}

/// Seconds from one time to another; negative if the second is earlier.
pub(crate) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_finds_fields_items_and_keys_with_dots() {
        let object = json!({
            "metadata": {"annotations": {"siterecovery.trilio.io/failover": "fo"}},
            "spec": {"taints": [{"key": "a"}]},
        });
        let found = |path| field(&object, path).cloned();
        assert_eq!(found("spec.taints.0.key"), Some(json!("a")));
        assert_eq!(
            found("metadata.annotations.siterecovery.trilio.io/failover"),
            Some(json!("fo"))
        );
        assert_eq!(found("spec.taints.1.key"), None);
        assert_eq!(found("status.currentState"), None);
    }

    #[test]
    fn spans_are_short() {
        let shown = [0.0, 2.5, 60.0, 200.0, 3600.0, 3661.25, -1.0].map(span);
        assert_eq!(
            shown,
            ["0s", "2.5s", "1m", "3m20s", "1h", "1h1m1.25s", "-1s"]
        );
    }
}

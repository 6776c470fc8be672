//! Reads objects without their `metadata.managedFields`: they say nothing about an object, and are often longer than
//! all the rest of it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

/// An object without managed fields.
#[derive(Clone)]
pub(crate) struct Lean(pub(crate) Value);

impl<'de> Deserialize<'de> for Lean {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_map(Fields { of_metadata: false })
            .map(Lean)
    }
}

/// The metadata of an object.
struct LeanMetadata(Value);

impl<'de> Deserialize<'de> for LeanMetadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_map(Fields { of_metadata: true })
            .map(LeanMetadata)
    }
}

struct Fields {
    of_metadata: bool,
}

impl<'de> Visitor<'de> for Fields {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = match (self.of_metadata, name.as_str()) {
                (true, "managedFields") => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                (false, "metadata") => map.next_value::<LeanMetadata>()?.0,
                _ => map.next_value()?,
            };
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

/// Of an object only what tells which version of which object it is.
#[derive(serde::Deserialize)]
pub(crate) struct Sight {
    pub(crate) metadata: SightMetadata,
}

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SightMetadata {
    pub(crate) name: String,
    pub(crate) resource_version: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_read_whole_but_for_its_managed_fields() {
        let mut object = json!({
            "metadata": {"name": "a", "resourceVersion": "7", "managedFields": [{"fieldsV1": {"f:a": {}}}]},
            "spec": {"managedFields": 1, "metadata": {"managedFields": [2]}}, "list": [1, null, "x", 1.5, true],
        });
        let text = object.to_string();
        let Lean(read) = serde_json::from_str(&text).unwrap();
        object["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("managedFields");
        assert_eq!(read, object);
        let sight: Sight = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (
                sight.metadata.name.as_str(),
                sight.metadata.resource_version.as_str()
            ),
            ("a", "7")
        );
    }
}

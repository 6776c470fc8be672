//! Reads objects without what nobody here looks at: `metadata.managedFields`, which is often longer
//! than all the rest, and which kube's types read into trees.

use std::borrow::Cow;
use std::fmt;

use kube::Resource;
use kube::api::{ApiResource, ObjectMeta};
use kube::core::error_boundary::InvalidObject;
use kube::core::{DeserializeGuard, DynamicObject, DynamicResourceScope};
use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::value::RawValue;

/// An object that was read without its `metadata.managedFields`.
#[derive(Debug, Clone)]
pub(crate) struct Slim<K>(pub(crate) K);

impl<'de, K: Deserialize<'de>> Deserialize<'de> for Slim<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let slim = Layer {
            inner: deserializer,
            level: Level::Object,
        };
        K::deserialize(slim).map(Slim)
    }
}

/// A list of objects.
#[derive(Deserialize)]
#[serde(bound = "K: Deserialize<'de>")]
pub(crate) struct SlimList<K> {
    #[serde(default)]
    pub(crate) metadata: PageMeta,
    pub(crate) items: Vec<Slim<K>>,
}

/// A list of objects, each of which may be none that can be understood.
#[derive(Deserialize)]
#[serde(bound = "K: DeserializeOwned")]
pub(crate) struct GuardedList<K> {
    #[serde(default)]
    pub(crate) metadata: PageMeta,
    pub(crate) items: Vec<Guarded<K>>,
}

/// What a list says of itself.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PageMeta {
    #[serde(rename = "continue")]
    goes_on_at: Option<String>,
}

impl PageMeta {
    /// Whether it shows all that was left to show.
    pub(crate) fn is_last(&self) -> bool {
        self.goes_on_at.as_deref().is_none_or(str::is_empty)
    }
}

/// An object behind a guard: itself, or what is wrong with it.
///
/// Unlike [`DeserializeGuard`] by itself this does not read everything into a tree first; nearly every
/// object is what it should be. It needs the object's own text, so it can be read from JSON only.
#[derive(Debug, Clone)]
pub(crate) struct Guarded<K>(pub(crate) DeserializeGuard<K>);

impl<'de, K: DeserializeOwned> Deserialize<'de> for Guarded<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?;
        guarded(text.get()).map(Self).map_err(D::Error::custom)
    }
}

/// Reads an object from its text, or says what is wrong with it.
///
/// # Errors
/// Not even its metadata can be understood.
pub(crate) fn guarded<K: DeserializeOwned>(
    text: &str,
) -> Result<DeserializeGuard<K>, serde_json::Error> {
    let object = match serde_json::from_str(text) {
        Ok(Slim(object)) => Ok(object),
        Err(error) => Err(InvalidObject {
            error: without_place(&error),
            metadata: metadata(text)?,
        }),
    };
    Ok(DeserializeGuard(object))
}

/// The object's metadata, whatever the rest says.
fn metadata(text: &str) -> Result<ObjectMeta, serde_json::Error> {
    serde_json::from_str::<Named>(text).map(|named| named.metadata)
}

/// A column in a text that nobody sees would help nobody.
fn without_place(error: &serde_json::Error) -> String {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = error.to_string();
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

/// An object as a watch brings it: its text, and of its metadata what the watch itself needs.
///
/// One type for all kinds, so that there is one watch in the program and not one a kind.
/// In a watch event the type has to come before the object, as Kubernetes writes it.
#[derive(Debug, Clone)]
pub(crate) struct Brought {
    /// Name, namespace and version.
    metadata: ObjectMeta,
    text: Box<RawValue>,
}

impl Brought {
    /// The whole object, or what is wrong with it.
    pub(crate) fn read<K: DeserializeOwned>(&self) -> Result<K, Box<InvalidObject>> {
        let invalid = |error: serde_json::Error| InvalidObject {
            error: without_place(&error),
            metadata: self.metadata.clone(),
        };
        let guard = guarded(self.text.get()).map_err(invalid)?;
        guard.0.map_err(Box::new)
    }

    /// The whole metadata but for the managed fields; where it cannot be understood, name, namespace and version.
    pub(crate) fn whole_metadata(&self) -> ObjectMeta {
        metadata(self.text.get()).unwrap_or_else(|_| self.metadata.clone())
    }
}

impl<'de> Deserialize<'de> for Brought {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Head {
            metadata: Address,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Address {
            name: Option<String>,
            namespace: Option<String>,
            resource_version: Option<String>,
        }
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let head: Head = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        let metadata = ObjectMeta {
            name: head.metadata.name,
            namespace: head.metadata.namespace,
            resource_version: head.metadata.resource_version,
            ..ObjectMeta::default()
        };
        Ok(Self { metadata, text })
    }
}

/// Of an object only its metadata, whatever the rest says.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) metadata: ObjectMeta,
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Head {
            #[serde(default)]
            metadata: ObjectMeta,
        }
        let Slim(Head { metadata }) = Slim::deserialize(deserializer)?;
        Ok(Self { metadata })
    }
}

/// What can be of any kind: the kind is known to the API handle.
macro_rules! of_any_kind {
    ($type:ty) => {
        impl Resource for $type {
            type DynamicType = ApiResource;
            type Scope = DynamicResourceScope;

            fn kind(resource: &ApiResource) -> Cow<'_, str> {
                DynamicObject::kind(resource)
            }

            fn group(resource: &ApiResource) -> Cow<'_, str> {
                DynamicObject::group(resource)
            }

            fn version(resource: &ApiResource) -> Cow<'_, str> {
                DynamicObject::version(resource)
            }

            fn plural(resource: &ApiResource) -> Cow<'_, str> {
                DynamicObject::plural(resource)
            }

            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

of_any_kind!(Brought);
of_any_kind!(Named);

/// Where in an object we are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Object,
    Metadata,
}

/// A deserializer, visitor, seed or map that leaves out the managed fields.
struct Layer<T> {
    inner: T,
    level: Level,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Layer<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(Layer {
            inner: visitor,
            level: self.level,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = Layer {
            inner: visitor,
            level: self.level,
        };
        self.inner.deserialize_struct(name, fields, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_option(Layer {
            inner: visitor,
            level: self.level,
        })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// What is no map is not ours: it goes on as it is, mostly to be refused.
macro_rules! pass_on {
    ($($method:ident($($value:ident: $type:ty)?)),* $(,)?) => {
        $(fn $method<E: Error>(self, $($value: $type)?) -> Result<V::Value, E> {
            self.inner.$method($($value)?)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Layer<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(formatter)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Fields {
            map,
            level: self.level,
            at_metadata: false,
        })
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Layer {
            inner: deserializer,
            level: self.level,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(seq)
    }

    pass_on! {
        visit_none(), visit_unit(), visit_bool(value: bool), visit_i64(value: i64),
        visit_u64(value: u64), visit_f64(value: f64), visit_str(value: &str),
        visit_borrowed_str(value: &'de str), visit_string(value: String),
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Layer<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Layer {
            inner: deserializer,
            level: self.level,
        })
    }
}

struct Fields<A> {
    map: A,
    level: Level,
    at_metadata: bool,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(Name(name)) = self.map.next_key()? {
            if self.level == Level::Metadata && name == "managedFields" {
                self.map.next_value::<IgnoredAny>()?;
                continue;
            }
            self.at_metadata = self.level == Level::Object && name == "metadata";
            let key = match name {
                Cow::Borrowed(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
                Cow::Owned(name) => seed.deserialize(StringDeserializer::new(name)),
            };
            return key.map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        if self.at_metadata {
            self.map.next_value_seed(Layer {
                inner: seed,
                level: Level::Metadata,
            })
        } else {
            self.map.next_value_seed(seed)
        }
    }
}

/// A field's name, borrowed where it can be.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the name of a field")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }

            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt;
    use kube::core::{DynamicObject, WatchEvent};
    use serde_json::json;

    use super::*;

    fn text(data: &serde_json::Value) -> String {
        let managed = json!([{"manager": "m", "operation": "Update", "fieldsV1": {"f:data": {}}}]);
        let metadata = json!({
            "labels": {"a": "b"}, "managedFields": managed, "name": "one", "uid": "u",
            "annotations": {"managedFields": "an annotation of this name stays"},
        });
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": data, "metadata": metadata})
            .to_string()
    }

    #[test]
    fn everything_is_read_but_the_managed_fields() {
        let text = text(&json!({"metadata": "x", "managedFields": "y"}));
        let Slim(slim) = serde_json::from_str::<Slim<ConfigMap>>(&text).unwrap();
        let mut whole: ConfigMap = serde_json::from_str(&text).unwrap();
        assert!(whole.metadata.managed_fields.take().is_some());
        assert_eq!(slim, whole);
    }

    #[test]
    fn trees_and_typed_objects_are_read_alike() {
        let text = text(&json!({"managedFields": "y"}));
        let Slim(slim) = serde_json::from_str::<Slim<DynamicObject>>(&text).unwrap();
        let mut whole: DynamicObject = serde_json::from_str(&text).unwrap();
        whole.metadata.managed_fields = None;
        assert_eq!(slim, whole);
        let named: Named = serde_json::from_str(&text).unwrap();
        assert_eq!(named.metadata, whole.metadata);
    }

    #[test]
    fn an_object_that_cannot_be_understood_keeps_its_metadata_and_the_reason() {
        let bad = text(&json!("no map"));
        let event = format!(r#"{{"type":"ADDED","object":{bad}}}"#);
        let event: WatchEvent<Brought> = serde_json::from_str(&event).unwrap();
        let WatchEvent::Added(brought) = event else {
            panic!("{event:?}")
        };
        assert_eq!(brought.name_any(), "one");
        let invalid = brought.read::<ConfigMap>().unwrap_err();
        assert_eq!(invalid.metadata, brought.whole_metadata());
        assert_eq!(invalid.metadata.labels.unwrap()["a"], "b");
        let said = r#"invalid type: string "no map", expected a map"#;
        assert_eq!(invalid.error, said);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in [
            "7",
            "null",
            "\"x\"",
            "[]",
            r#"{"metadata": 7}"#,
            r#"{"metadata""#,
        ] {
            assert!(
                serde_json::from_str::<Slim<ConfigMap>>(text).is_err(),
                "{text}"
            );
        }
        let empty = serde_json::from_str::<Slim<ConfigMap>>(r#"{"metadata": null}"#);
        assert_eq!(
            empty.is_ok(),
            serde_json::from_str::<ConfigMap>(r#"{"metadata": null}"#).is_ok()
        );
    }
}

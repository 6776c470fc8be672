//! The few values that may be written in two ways.
//!
//! Read by hand instead of by `untagged`, so that an error keeps its place and says what is possible.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{At, Fact};

/// A text, or a list of texts.
#[derive(Clone, Debug)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<At<String>>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OneOrMany, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMany::Many)
    }
}

impl JsonSchema for OneOrMany {
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
        })
    }
}

/// `true`, or the name of a snapshot.
#[derive(Clone, Debug)]
pub(crate) enum SnapshotName {
    Wanted(bool),
    Named(String),
}

impl<'de> Deserialize<'de> for SnapshotName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SnapshotVisitor)
    }
}

struct SnapshotVisitor;

impl Visitor<'_> for SnapshotVisitor {
    type Value = SnapshotName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`true` or the name of a snapshot")
    }

    fn visit_bool<E: Error>(self, wanted: bool) -> Result<SnapshotName, E> {
        Ok(SnapshotName::Wanted(wanted))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<SnapshotName, E> {
        Ok(SnapshotName::Named(name.to_owned()))
    }
}

impl JsonSchema for SnapshotName {
    fn schema_name() -> Cow<'static, str> {
        "Snapshot".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"const": true}, {"type": "string"}]})
    }
}

/// A number, or a range of numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Count {
    Exactly(u64),
    Between(Between),
}

/// At least and at most so many.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Between {
    /// At least so many; 0 without it.
    pub(crate) min: Option<u64>,
    /// At most so many; no bound without it.
    pub(crate) max: Option<u64>,
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl<'de> Visitor<'de> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a range such as `{min: 1, max: 3}`")
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<Count, E> {
        Ok(Count::Exactly(count))
    }

    fn visit_i64<E: Error>(self, count: i64) -> Result<Count, E> {
        u64::try_from(count)
            .map(Count::Exactly)
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(count), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Count, A::Error> {
        Between::deserialize(MapAccessDeserializer::new(map)).map(Count::Between)
    }
}

impl JsonSchema for Count {
    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let between = generator.subschema_for::<Between>();
        json_schema!({"anyOf": [{"type": "integer", "minimum": 0}, between]})
    }
}

/// A word, or a number that is read as one: `500`, `ErrImagePull`.
#[derive(Clone, Debug)]
pub(crate) struct Code(pub(crate) String);

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CodeVisitor)
    }
}

struct CodeVisitor;

impl Visitor<'_> for CodeVisitor {
    type Value = Code;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a word")
    }

    fn visit_u64<E: Error>(self, code: u64) -> Result<Code, E> {
        Ok(Code(code.to_string()))
    }

    fn visit_i64<E: Error>(self, code: i64) -> Result<Code, E> {
        Ok(Code(code.to_string()))
    }

    fn visit_str<E: Error>(self, code: &str) -> Result<Code, E> {
        Ok(Code(code.to_owned()))
    }
}

impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "integer"}, {"type": "string"}]})
    }
}

/// The name of a built-in invariant, or one of the scenario's own.
#[derive(Debug)]
pub(crate) enum OneInvariant {
    Named(String),
    Own(Box<OwnInvariant>),
}

/// A fact that must always hold, or never.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnInvariant {
    /// What it is called.
    #[schemars(required)]
    pub(crate) name: Option<At<String>>,
    /// What must hold at every instant, from the first step to the end of `then`.
    pub(crate) always: Option<At<Fact>>,
    /// What must not hold at any instant.
    pub(crate) never: Option<At<Fact>>,
}

impl<'de> Deserialize<'de> for OneInvariant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InvariantVisitor)
    }
}

struct InvariantVisitor;

impl<'de> Visitor<'de> for InvariantVisitor {
    type Value = OneInvariant;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an invariant, or `{name: …, always: FACT}`")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<OneInvariant, E> {
        Ok(OneInvariant::Named(name.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneInvariant, A::Error> {
        let own = OwnInvariant::deserialize(MapAccessDeserializer::new(map))?;
        Ok(OneInvariant::Own(Box::new(own)))
    }
}

impl JsonSchema for OneInvariant {
    fn schema_name() -> Cow<'static, str> {
        "Invariant".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let own = generator.subschema_for::<OwnInvariant>();
        json_schema!({"anyOf": [{"type": "string"}, own]})
    }
}

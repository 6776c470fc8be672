//! The JSON Schema of the drill language, for editors.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::syntax::{BlockFile, ScenarioFile, SuiteFile};

/// The JSON Schema (draft 2020-12) of scenario and suite files.
///
/// It says which keys there are and what they mean. What needs more than a shape (names, durations,
/// references between steps) is checked by [`crate::load`](mod@crate::load) only.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let scenario = generator.subschema_for::<ScenarioFile>();
    let suite = generator.subschema_for::<SuiteFile>();
    let block = generator.subschema_for::<BlockFile>();
    let definitions = generator.take_definitions(true);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A drill of sitedrill",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "if": {"properties": {"kind": {"const": "Suite"}}},
        "then": suite,
        "else": {
            "if": {"properties": {"kind": {"const": "Block"}}},
            "then": block,
            "else": scenario,
        },
        "$defs": definitions,
    })
}

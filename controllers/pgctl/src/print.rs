//! Objects as JSON and YAML, as kubectl prints them: one object as itself, several as a `List`.

use kube::api::DynamicObject;
use serde::Serialize;
use serde_json::{Value, json};

use crate::args::Format;
use crate::output::{Output, Stream, write_text};

/// The plain value of an object, without the bookkeeping of server-side apply, as in kubectl.
pub(crate) fn value_of(object: &DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    value
}

/// Several objects as one `List`.
pub(crate) fn list_of(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

/// Writes a value as JSON or YAML to stdout; `false` where the format is a table.
pub(crate) fn print_as(
    format: Format,
    value: &impl Serialize,
    out: &mut (dyn Output + Send),
) -> bool {
    let text = match format {
        Format::Table | Format::Wide => return false,
        Format::Json => serde_json::to_string_pretty(value).map_err(|error| error.to_string()),
        Format::Yaml => serde_saphyr::to_string(value).map_err(|error| error.to_string()),
    };
    match text {
        Ok(text) => write_text(out, Stream::Stdout, &text),
        Err(error) => out.line(
            Stream::Stderr,
            &format!("[ERROR] Cannot print this: {error}"),
        ),
    }
    true
}

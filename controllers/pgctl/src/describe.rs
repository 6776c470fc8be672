//! One object in full, for people: what `kubectl describe` would show, with steps and conditions as
//! tables.

use k8s_openapi::api::core::v1::Event;
use serde_json::{Map, Value};

use crate::age::age;
use crate::table::{column, table};

/// Lists inside a status that are shown as tables of their own, below the fields.
const TABLES: [&str; 3] = ["steps", "virtualMachines", "conditions"];

/// The text of one object that lives on `site`.
pub(crate) fn describe(
    site: &str,
    object: &Value,
    events: &[Event],
    now: jiff::Timestamp,
) -> Vec<String> {
    let mut lines = heading(site, object, now);
    for part in ["spec", "status"] {
        let Some(fields) = object.get(part).and_then(Value::as_object) else {
            continue;
        };
        lines.push(format!("{}:", words(part)));
        lines.extend(field_lines(fields, 2));
        lines.extend(steps(fields));
        lines.extend(machines(fields));
        lines.extend(conditions(fields, now));
    }
    lines.extend(event_lines(events, now));
    lines
}

/// Only the events, as `kubectl describe` shows them.
fn event_lines(events: &[Event], now: jiff::Timestamp) -> Vec<String> {
    if events.is_empty() {
        return vec!["Events:  <none>".to_owned()];
    }
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by_cached_key(|event| {
        (
            last_seen(event),
            written(event),
            event.metadata.name.clone(),
        )
    });
    let rows: Vec<Vec<String>> = events
        .iter()
        .map(|event| {
            vec![
                event.type_.clone().unwrap_or_default(),
                event.reason.clone().unwrap_or_default(),
                age(last_seen(event), now),
                source(event),
                event.message.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let columns = ["TYPE", "REASON", "AGE", "FROM", "MESSAGE"].map(column);
    section("Events:", &table(&columns, &rows))
}

fn heading(site: &str, object: &Value, now: jiff::Timestamp) -> Vec<String> {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
    let created = text("/metadata/creationTimestamp");
    let since = created.and_then(|created| created.parse().ok());
    let mut rows = vec![
        (
            "Name",
            text("/metadata/name").unwrap_or_default().to_owned(),
        ),
        (
            "Namespace",
            text("/metadata/namespace").unwrap_or_default().to_owned(),
        ),
        ("Site", site.to_owned()),
        (
            "Created",
            format!(
                "{} ({} ago)",
                created.unwrap_or("<unknown>"),
                age(since, now)
            ),
        ),
    ];
    for (title, pointer) in [
        ("Labels", "/metadata/labels"),
        ("Annotations", "/metadata/annotations"),
    ] {
        let pairs = object.pointer(pointer).and_then(Value::as_object);
        for (key, value) in pairs.into_iter().flatten() {
            rows.push((title, format!("{key}={}", plain(value))));
        }
    }
    rows.into_iter()
        .map(|(title, value)| format!("{:<13}{value}", format!("{title}:")))
        .collect()
}

/// Fields of one object, values aligned; nested objects and lists indented below their key.
fn field_lines(fields: &Map<String, Value>, indent: usize) -> Vec<String> {
    let mut shown: Vec<(&String, &Value)> = fields
        .iter()
        .filter(|(key, value)| !value.is_null() && !is_table(key, value))
        .collect();
    shown.sort_by_key(|(key, _)| *key);
    let width = shown
        .iter()
        .filter(|(_, value)| !value.is_object() && !value.is_array())
        .map(|(key, _)| words(key).len() + 1)
        .max()
        .unwrap_or_default();
    let pad = " ".repeat(indent);
    let mut lines = Vec::new();
    for (key, value) in shown {
        let title = format!("{}:", words(key));
        match value {
            Value::Object(inner) => {
                lines.push(format!("{pad}{title}"));
                lines.extend(field_lines(inner, indent + 2));
            }
            Value::Array(items) => {
                lines.push(format!("{pad}{title}"));
                lines.extend(items.iter().flat_map(|item| item_lines(item, indent + 2)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                lines.push(format!("{pad}{title:<width$}  {}", plain(value)));
            }
        }
    }
    lines
}

fn item_lines(item: &Value, indent: usize) -> Vec<String> {
    item.as_object().map_or_else(
        || vec![format!("{}{}", " ".repeat(indent), plain(item))],
        |fields| field_lines(fields, indent),
    )
}

fn steps(status: &Map<String, Value>) -> Vec<String> {
    let row = |step: &Value| {
        let (started, finished) = (text(step, "startedAt"), text(step, "finishedAt"));
        let took = match (started.parse::<jiff::Timestamp>(), finished.parse()) {
            (Ok(from), Ok(to)) => age(Some(from), to),
            _ => String::new(),
        };
        vec![
            text(step, "name"),
            text(step, "state"),
            started,
            took,
            text(step, "message"),
        ]
    };
    rows_of(
        status,
        "steps",
        ["NAME", "STATE", "STARTED", "TOOK", "MESSAGE"],
        row,
    )
}

fn machines(status: &Map<String, Value>) -> Vec<String> {
    let row = |vm: &Value| {
        ["name", "state", "reason"]
            .map(|key| text(vm, key))
            .to_vec()
    };
    rows_of(status, "virtualMachines", ["NAME", "STATE", "REASON"], row)
}

fn conditions(status: &Map<String, Value>, now: jiff::Timestamp) -> Vec<String> {
    let row = |condition: &Value| {
        let since = text(condition, "lastTransitionTime").parse().ok();
        vec![
            text(condition, "type"),
            text(condition, "status"),
            text(condition, "reason"),
            age(since, now),
            text(condition, "message"),
        ]
    };
    rows_of(
        status,
        "conditions",
        ["TYPE", "STATUS", "REASON", "AGE", "MESSAGE"],
        row,
    )
}

fn rows_of<const N: usize>(
    fields: &Map<String, Value>,
    key: &str,
    headings: [&'static str; N],
    row: impl Fn(&Value) -> Vec<String>,
) -> Vec<String> {
    let items = fields.get(key).filter(|value| is_table(key, value));
    let rows: Vec<Vec<String>> = items
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(row)
        .collect();
    if rows.is_empty() {
        return Vec::new();
    }
    section(
        &format!("{}:", words(key)),
        &table(&headings.map(column), &rows),
    )
}

fn section(title: &str, lines: &[String]) -> Vec<String> {
    std::iter::once(title.to_owned())
        .chain(lines.iter().map(|line| format!("  {line}")))
        .collect()
}

/// A list of objects under one of the known keys; anything else stays a plain field.
fn is_table(key: &str, value: &Value) -> bool {
    TABLES.contains(&key)
        && value.as_array().is_some_and(|items| {
            items
                .iter()
                .all(|item| item.get("state").is_some() || item.get("status").is_some())
        })
}

/// `protectionGroup` becomes `Protection Group`, as in `kubectl describe`.
fn words(key: &str) -> String {
    let mut title = String::new();
    for (at, letter) in key.chars().enumerate() {
        if at == 0 {
            title.extend(letter.to_uppercase());
            continue;
        }
        if letter.is_uppercase() {
            title.push(' ');
        }
        title.push(letter);
    }
    title
}

fn text(object: &Value, key: &str) -> String {
    object.get(key).map(plain).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Of what happened in the same second, what was written first comes first. Versions are compared as the API servers
/// number them.
fn written(event: &Event) -> Option<u64> {
    event.metadata.resource_version.as_ref()?.parse().ok()
}

fn last_seen(event: &Event) -> Option<jiff::Timestamp> {
    event
        .last_timestamp
        .as_ref()
        .map(|time| time.0)
        .or_else(|| event.event_time.as_ref().map(|time| time.0))
        .or_else(|| {
            event
                .metadata
                .creation_timestamp
                .as_ref()
                .map(|time| time.0)
        })
}

fn source(event: &Event) -> String {
    event
        .reporting_component
        .clone()
        .filter(|component| !component.is_empty())
        .or_else(|| {
            event
                .source
                .as_ref()
                .and_then(|source| source.component.clone())
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_failover_is_shown_with_its_spec_status_and_steps() {
        let object = serde_json::json!({
            "metadata": {
                "name": "failover-pg-a-1730407200",
                "namespace": "site-recovery",
                "creationTimestamp": "2024-10-31T20:40:00Z",
            },
            "spec": {"protectionGroup": "pg-a", "targetCluster": "cluster2", "force": false},
            "status": {
                "phase": "Failed",
                "message": "failover lock is held",
                "lock": {"lease": "failover-lock-pg-a"},
                "steps": [{
                    "name": "Validate",
                    "state": "Succeeded",
                    "startedAt": "2024-10-31T20:40:01Z",
                    "finishedAt": "2024-10-31T20:40:03Z",
                }],
            },
        });
        let now = "2024-10-31T20:45:00Z".parse().unwrap();
        insta::assert_snapshot!(describe("quorum", &object, &[], now).join("\n"), @r"
        Name:        failover-pg-a-1730407200
        Namespace:   site-recovery
        Site:        quorum
        Created:     2024-10-31T20:40:00Z (5m ago)
        Spec:
          Force:             false
          Protection Group:  pg-a
          Target Cluster:    cluster2
        Status:
          Lock:
            Lease:  failover-lock-pg-a
          Message:  failover lock is held
          Phase:    Failed
        Steps:
          NAME      STATE      STARTED               TOOK  MESSAGE
          Validate  Succeeded  2024-10-31T20:40:01Z  2s
        Events:  <none>
        ");
    }
}

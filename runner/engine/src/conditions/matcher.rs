//! Partial match of a value with a pattern: maps by key, lists by position and length, scalars exactly.
//!
//! `null` in a pattern means: not there, or null. Numbers are equal if their values are.

use serde_json::Value;

/// One place where a value is not as the pattern says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Such as `status.virtualMachines[0].state`; empty for the value itself.
    pub(crate) path: String,
    pub(crate) expected: String,
    pub(crate) seen: String,
}

/// The longest text that is shown of one value.
const SHOWN_CHARS: usize = 200;

/// Every difference, in the pattern's order; none if the value matches.
pub(crate) fn differences(pattern: &Value, seen: Option<&Value>) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(pattern, seen, &mut Path::default(), &mut found);
    found
}

/// Whether a value matches, without saying where not.
pub(crate) fn matches(pattern: &Value, seen: Option<&Value>) -> bool {
    differences(pattern, seen).is_empty()
}

/// The differences as lines, `-` expected and `+` seen.
pub(crate) fn diff(differences: &[Difference]) -> String {
    let lines = differences.iter().flat_map(|it| {
        let path = if it.path.is_empty() {
            "value"
        } else {
            &it.path
        };
        [
            format!("- {path}: {}", it.expected),
            format!("+ {path}: {}", it.seen),
        ]
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The pattern itself in one line: `status.currentState: running, status.ready: 2/2`.
pub(crate) fn leaves(pattern: &Value) -> String {
    project(pattern, Some(pattern))
}

/// Those parts of a value that the pattern speaks of, in one line.
pub(crate) fn project(pattern: &Value, seen: Option<&Value>) -> String {
    let mut parts = Vec::new();
    pick(pattern, seen, &mut Path::default(), &mut parts);
    parts.join(", ")
}

#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn within<T>(&mut self, part: String, run: impl FnOnce(&mut Self) -> T) -> T {
        self.0.push(part);
        let result = run(self);
        self.0.pop();
        result
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for part in &self.0 {
            if !text.is_empty() && !part.starts_with('[') {
                text.push('.');
            }
            text.push_str(part);
        }
        text
    }
}

fn compare(pattern: &Value, seen: Option<&Value>, path: &mut Path, found: &mut Vec<Difference>) {
    let same = match (pattern, seen) {
        (Value::Object(keys), Some(Value::Object(map))) => {
            for (key, inner) in keys {
                path.within(key.clone(), |path| {
                    compare(inner, map.get(key), path, found);
                });
            }
            return;
        }
        // Each field of a missing object is missing, which reads better than "the object is missing".
        (Value::Object(keys), None | Some(Value::Null)) if !keys.is_empty() => {
            for (key, inner) in keys {
                path.within(key.clone(), |path| compare(inner, None, path, found));
            }
            return;
        }
        (Value::Array(wanted), Some(Value::Array(items))) if wanted.len() == items.len() => {
            for (index, (inner, item)) in wanted.iter().zip(items).enumerate() {
                path.within(format!("[{index}]"), |path| {
                    compare(inner, Some(item), path, found);
                });
            }
            return;
        }
        (Value::Null, None | Some(Value::Null)) => true,
        (Value::Number(wanted), Some(Value::Number(number))) => equal_numbers(wanted, number),
        (scalar, Some(value)) => scalar == value && !value.is_object() && !value.is_array(),
        (_, None) => false,
    };
    if !same {
        found.push(Difference {
            path: path.text(),
            expected: show(Some(pattern)),
            seen: show(seen),
        });
    }
}

fn equal_numbers(wanted: &serde_json::Number, seen: &serde_json::Number) -> bool {
    // Integers compare as integers: as floats, two big ones could fall together.
    wanted == seen || (wanted.is_f64() || seen.is_f64()) && wanted.as_f64() == seen.as_f64()
}

fn pick(pattern: &Value, seen: Option<&Value>, path: &mut Path, parts: &mut Vec<String>) {
    match (pattern, seen) {
        (Value::Object(keys), _) if !keys.is_empty() => {
            for (key, inner) in keys {
                let value = seen.and_then(|seen| seen.get(key));
                path.within(key.clone(), |path| pick(inner, value, path, parts));
            }
        }
        (Value::Array(wanted), Some(Value::Array(items)))
            if !wanted.is_empty() && wanted.len() == items.len() =>
        {
            for (index, (inner, item)) in wanted.iter().zip(items).enumerate() {
                path.within(format!("[{index}]"), |path| {
                    pick(inner, Some(item), path, parts);
                });
            }
        }
        _ => {
            let path = path.text();
            let shown = show(seen);
            parts.push(if path.is_empty() {
                shown
            } else {
                format!("{path}: {shown}")
            });
        }
    }
}

/// A value in one line; strings bare where nothing else could be meant.
fn show(value: Option<&Value>) -> String {
    let text = match value {
        None => "(absent)".to_owned(),
        Some(Value::String(text)) if is_plain(text) => text.clone(),
        Some(other) => other.to_string(),
    };
    if text.chars().count() <= SHOWN_CHARS {
        return text;
    }
    let cut: String = text.chars().take(SHOWN_CHARS).collect();
    format!("{cut}…")
}

fn is_plain(text: &str) -> bool {
    let looks_like_another_type =
        text.parse::<f64>().is_ok() || matches!(text, "true" | "false" | "null" | "" | "(absent)");
    !looks_like_another_type && text.trim() == text && !text.contains('\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn diff_of(pattern: &Value, seen: Option<&Value>) -> String {
        diff(&differences(pattern, seen))
    }

    #[test]
    fn a_field_that_differs_is_shown_with_its_path() {
        let pattern = json!({"status": {"currentState": "running"}});
        let seen = json!({"status": {"currentState": "mixed", "ready": "1/2"}});
        let expected = "- status.currentState: running\n+ status.currentState: mixed";
        assert_eq!(diff_of(&pattern, Some(&seen)), expected);
    }

    #[test]
    fn a_missing_object_is_shown_as_its_missing_fields() {
        let pattern = json!({"status": {"currentState": "running"}});
        let expected = "- status.currentState: running\n+ status.currentState: (absent)";
        assert_eq!(diff_of(&pattern, None), expected);
        assert_eq!(diff_of(&pattern, Some(&json!({"status": null}))), expected);
    }

    #[test]
    fn lists_match_by_position_and_length() {
        let seen = json!({"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}});
        assert!(matches(
            &json!({"spec": {"taints": [{"key": "a"}]}}),
            Some(&seen)
        ));
        assert!(!matches(&json!({"spec": {"taints": []}}), Some(&seen)));
        let longer = json!({"spec": {"taints": [{"key": "a"}, {"key": "b"}]}});
        assert!(diff_of(&longer, Some(&seen)).starts_with("- spec.taints: ["));
        let other = json!({"spec": {"taints": [{"key": "b"}]}});
        assert_eq!(
            diff_of(&other, Some(&seen)),
            "- spec.taints[0].key: b\n+ spec.taints[0].key: a"
        );
    }

    #[test]
    fn scalars_match_exactly_and_their_types_show() {
        let seen = json!({"a": "2", "b": 2, "c": true});
        assert!(matches(&json!({"b": 2.0}), Some(&seen)));
        assert!(!matches(&json!({"c": "true"}), Some(&seen)));
        assert_eq!(diff_of(&json!({"a": 2}), Some(&seen)), "- a: 2\n+ a: \"2\"");
    }

    #[test]
    fn null_means_not_there() {
        let pattern = json!({"metadata": {"deletionTimestamp": null}});
        assert!(matches(&pattern, Some(&json!({"metadata": {}}))));
        assert!(!matches(
            &pattern,
            Some(&json!({"metadata": {"deletionTimestamp": "t"}}))
        ));
    }

    #[test]
    fn a_projection_holds_only_what_the_pattern_speaks_of() {
        let pattern = json!({"status": {"currentState": "running", "ready": "2/2"}});
        let seen = json!({"status": {"currentState": "mixed"}, "spec": {"x": 1}});
        assert_eq!(
            project(&pattern, Some(&seen)),
            "status.currentState: mixed, status.ready: (absent)"
        );
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-d]", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_matches_itself(value in json_value()) {
            prop_assert_eq!(differences(&value, Some(&value)), vec![]);
        }

        #[test]
        fn more_fields_never_break_a_match(value in json_value(), extra in json_value()) {
            let mut larger = value.clone();
            if let Some(map) = larger.as_object_mut() {
                map.insert("z".to_owned(), extra);
            }
            prop_assert!(matches(&value, Some(&larger)));
        }

        #[test]
        fn a_match_is_equality_of_the_parts_that_are_spoken_of(a in json_value(), b in json_value()) {
            let same = matches(&a, Some(&b));
            prop_assert_eq!(same, differences(&a, Some(&b)).is_empty());
            if same && !holds_null_or_map(&a) {
                prop_assert_eq!(&a, &b);
            }
            let lines = diff_of(&a, Some(&b));
            prop_assert_eq!(lines.lines().count(), 2 * differences(&a, Some(&b)).len());
        }
    }

    fn holds_null_or_map(value: &Value) -> bool {
        match value {
            Value::Null | Value::Object(_) => true,
            Value::Array(items) => items.iter().any(holds_null_or_map),
            _ => false,
        }
    }
}

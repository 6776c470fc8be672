//! Values that steps save, and the steps that use them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;
use sitedrill_model::scenario::{Action, Scenario, Step};
use sitedrill_model::variables::has_variable;
use sitedrill_model::{Failure, FailureKind};

/// How a value is written into a text of another language.
type Quote = fn(&str) -> String;

/// Where texts of another language stand in an action, and how a value is written there: what a site has put into a
/// value must not be read as more than one word, or as more than one text.
const QUOTED: [(&str, Quote); 3] = [
    ("/program/command/shell/line", word),
    ("/expect/cel/text", literal),
    ("/await/cel/text", literal),
];

/// Whether any step saves a value.
pub(super) fn are_saved(scenario: &Scenario) -> bool {
    let actors = scenario.actors.iter().flat_map(|actor| &actor.steps);
    let mut steps = actors.chain(&scenario.then).chain(&scenario.always);
    steps.any(|step| matches!(step.action, Action::Save(_)))
}

/// The step with values in the place of `${name}`.
pub(super) fn resolved<'s>(
    step: &'s Step,
    saved: &BTreeMap<String, String>,
) -> Result<Cow<'s, Step>, Failure> {
    let value = serde_json::to_value(&step.action);
    let mut value = value.map_err(|error| broken(&error))?;
    let mut changed = false;
    // Taken out meanwhile.
    let quoted = QUOTED.map(|(place, _)| value.pointer_mut(place).map(Value::take));
    replace(&mut value, saved, &mut changed)?;
    for ((place, quote), text) in QUOTED.into_iter().zip(quoted) {
        if let (Some(Value::String(text)), Some(place)) = (text, value.pointer_mut(place)) {
            let values = saved
                .iter()
                .map(|(name, value)| (name.clone(), quote(value)));
            changed |= has_variable(&text);
            *place = Value::String(filled(&text, &values.collect())?);
        }
    }
    if !changed {
        return Ok(Cow::Borrowed(step));
    }
    let action = serde_json::from_value(value).map_err(|error| broken(&error))?;
    Ok(Cow::Owned(Step {
        action,
        ..step.clone()
    }))
}

fn broken(error: &serde_json::Error) -> Failure {
    let message = format!("the step cannot be understood with its values: {error}");
    Failure::new(FailureKind::NeverChecked, message)
}

fn replace(
    value: &mut Value,
    saved: &BTreeMap<String, String>,
    changed: &mut bool,
) -> Result<(), Failure> {
    match value {
        Value::String(text) if has_variable(text) => {
            *text = filled(text, saved)?;
            *changed = true;
            Ok(())
        }
        Value::Array(items) => items
            .iter_mut()
            .try_for_each(|item| replace(item, saved, changed)),
        Value::Object(map) => map
            .values_mut()
            .try_for_each(|item| replace(item, saved, changed)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// One word of a shell, whatever a site has put into the value.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// One text of CEL, which is written as JSON writes it.
fn literal(text: &str) -> String {
    Value::from(text).to_string()
}

fn filled(text: &str, saved: &BTreeMap<String, String>) -> Result<String, Failure> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            filled.push_str("${");
            rest = after;
            continue;
        };
        let Some(value) = saved.get(name) else {
            let message = format!("`{name}` has no value yet: its `save` step has not run");
            return Err(Failure::new(FailureKind::NeverChecked, message));
        };
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_of_a_shell_whatever_is_in_it() {
        assert_eq!(word("a; rm 'x'"), "'a; rm '\\''x'\\'''");
    }

    #[test]
    fn a_value_is_one_text_of_an_expression_whatever_is_in_it() {
        assert_eq!(literal("a\" || true || \"\n"), r#""a\" || true || \"\n""#);
    }

    #[test]
    fn every_name_is_replaced_by_its_value_and_a_missing_one_is_told() {
        let saved = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        assert_eq!(filled("x ${a}${a} y ${", &saved).unwrap(), "x 11 y ${");
        let failure = filled("${b}", &saved).unwrap_err();
        assert!(failure.message.contains("`b` has no value yet"));
    }
}

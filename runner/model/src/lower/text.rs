//! A step in one line, for people.

use std::time::Duration;

use serde_json::Value;

use super::{duration, words};
use crate::scenario::{
    Action, Bound, Command, Condition, ExpectedOutcome, FailoverOrder, LockIs, ObjectRef,
};

/// The longest line; what is longer ends in an ellipsis.
const LONGEST: usize = 160;

pub(super) fn step(
    action: &Action,
    within: Option<Duration>,
    throughout: Option<Duration>,
) -> String {
    let mut line = match action {
        Action::Pgctl(pgctl) => {
            let command = words::join(&pgctl.args);
            match outcome(&pgctl.expect) {
                Some(outcome) => format!("pgctl {command}, expect {outcome}"),
                None => format!("pgctl {command}"),
            }
        }
        Action::Program(program) => {
            let line = match &program.command {
                Command::Kubectl { site, args } => format!("kubectl {site} {}", words::join(args)),
                Command::Shell { line } => format!("shell {line}"),
            };
            match program.expect.exit_code {
                0 => line,
                code => format!("{line}, expect exit code {code}"),
            }
        }
        Action::Failover(order) => failover(order),
        Action::Patch(patch) => format!("patch {} {}", object(&patch.object), flow(&patch.merge)),
        Action::Apply(apply) => {
            let text = |path| apply.manifest.pointer(path).and_then(Value::as_str);
            let kind = text("/kind").unwrap_or("?").to_lowercase();
            let name = text("/metadata/name").unwrap_or("?");
            format!("apply {} {kind}/{name}", apply.site)
        }
        Action::Delete(target) => format!("delete {}", object(target)),
        Action::Await(fact) => format!("await {}", condition(fact)),
        Action::Expect(fact) => format!("expect {}", condition(fact)),
        Action::Observe(observe) => format!(
            "observe {} {} as {}",
            object(&observe.object),
            observe.fields.join(" "),
            observe.name
        ),
        Action::Return(back) => format!("return {} to {}", back.group, back.to),
        Action::Sleep(sleep) => format!(
            "sleep {} because {}",
            duration::show(sleep.duration),
            sleep.because
        ),
        Action::Fault(step) => format!("fault {}: {}", step.name, step.fault),
        Action::Save(save) => format!(
            "save {} of {} as {}",
            save.field,
            object(&save.object),
            save.name
        ),
        Action::Measure(save) => format!(
            "measure {} of {} as {}",
            save.field,
            object(&save.object),
            save.name
        ),
        Action::Lift(name) => format!("lift {name}"),
    };
    line = line.replace(['\n', '\r', '\t'], " ");
    if line.chars().count() > LONGEST {
        line = line.chars().take(LONGEST - 1).chain(['…']).collect();
    }
    if let Some(within) = within {
        line.push_str(" within ");
        line.push_str(&duration::show(within));
    }
    if let Some(throughout) = throughout {
        line.push_str(" throughout ");
        line.push_str(&duration::show(throughout));
    }
    line
}

fn failover(order: &FailoverOrder) -> String {
    let mut line = "failover".to_owned();
    if let Some(name) = &order.name {
        line = format!("{line} {name} of");
    }
    line = format!("{line} {} to {}", order.group, order.to);
    if order.force {
        line.push_str(", forced");
    }
    for (step, time) in order.timeouts.all() {
        if let Some(time) = time {
            line = format!("{line}, {step} {}", duration::show(time));
        }
    }
    match outcome(&order.expect) {
        Some(outcome) => format!("{line}, expect {outcome}"),
        None => line,
    }
}

fn outcome(expected: &ExpectedOutcome) -> Option<String> {
    match expected {
        ExpectedOutcome::Success => None,
        ExpectedOutcome::NoOp => Some("no-op".to_owned()),
        ExpectedOutcome::Forced => Some("forced".to_owned()),
        ExpectedOutcome::Refused {
            reason,
            holder: None,
        } => Some(format!("refused {reason}")),
        ExpectedOutcome::Refused {
            reason,
            holder: Some(holder),
        } => Some(format!("refused {reason} by {holder}")),
        ExpectedOutcome::Failed { message } => Some(format!("failed \"{message}\"")),
    }
}

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::Matches { object, matches } => {
            format!("{} matches {}", self::object(object), flow(matches))
        }
        Condition::Absent { object } => format!("{} absent", self::object(object)),
        Condition::Count {
            site,
            kind,
            namespace: _,
            name_prefix,
            matches,
            count,
        } => {
            let prefix = name_prefix.as_deref().unwrap_or("");
            let count = bound(*count);
            let mut text = format!("{site} {count} {}/{prefix}*", kind.name());
            if matches.as_object().is_some_and(|map| !map.is_empty()) {
                text.push_str(" matches ");
                text.push_str(&flow(matches));
            }
            text
        }
        Condition::Sequence { observed, values } => {
            format!("{observed} went through {}", values.join(", "))
        }
        Condition::Lock { group, is } => match is {
            LockIs::Held => format!("lock of {group} held"),
            LockIs::Free => format!("lock of {group} free"),
        },
        Condition::Cel(expression) => one_line(expression.text.text()),
        Condition::Actor { actor, step: None } => format!("end of {actor}"),
        Condition::Actor {
            actor,
            step: Some(step),
        } => format!("end of {step} of {actor}"),
    }
}

fn bound(bound: Bound) -> String {
    match (bound.min, bound.max) {
        (min, Some(max)) if min == max => format!("exactly {min}"),
        (0, Some(max)) => format!("at most {max}"),
        (min, Some(max)) => format!("{min} to {max}"),
        (min, None) => format!("at least {min}"),
    }
}

fn object(object: &ObjectRef) -> String {
    format!("{} {}/{}", object.site, object.kind.name(), object.name)
}

/// A text of several lines as one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A value in YAML's flow style, as people write it in scenarios.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let entries = map.iter().map(|(k, v)| format!("{k}: {}", flow(v)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Array(list) => {
            let entries: Vec<String> = list.iter().map(flow).collect();
            format!("[{}]", entries.join(", "))
        }
        Value::String(text) if is_plain(text) => text.clone(),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Whether a text needs no quotes: it cannot be taken for anything else.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "-_./ ".contains(c);
    let word = text.starts_with(char::is_alphabetic) && text.chars().all(plain);
    word && text.trim() == text && !matches!(text, "true" | "false" | "null")
}

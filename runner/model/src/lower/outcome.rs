//! Commands and how they must end.

use super::fact;
use super::lint::Lint;
use super::words;
use crate::names::nearest;
use crate::scenario::{ExpectedOutcome, Pgctl};
use crate::syntax::{At, Fact, OneOrMany};

/// What pgctl can be told to do, and the two scripts (DECISIONS 8).
const COMMANDS: [&str; 9] = [
    "failover",
    "operations",
    "status",
    "groups",
    "locks",
    "config",
    "doctor",
    "intelligent-pg-failover.sh",
    "intelligent-pg-failover-crd.sh",
];

pub(super) fn pgctl(
    lint: &mut Lint<'_>,
    written: &At<OneOrMany>,
    expect: Option<&At<Fact>>,
) -> Option<Pgctl> {
    let args = match &written.value {
        OneOrMany::Many(words) => words.iter().map(|word| word.value.clone()).collect(),
        OneOrMany::One(command) => match words::split(command) {
            Ok(words) => words,
            Err(reason) => {
                lint.error(written.pos, format!("the command has {reason}"));
                return None;
            }
        },
    };
    let expect = match expect {
        None => Some(ExpectedOutcome::Success),
        Some(expect) => outcome(lint, expect),
    };
    let Some(first) = args.first().cloned() else {
        lint.error(written.pos, "the command is empty");
        return None;
    };
    if first == "pgctl" {
        lint.error_help(
            written.pos,
            "`pgctl` stands twice",
            "leave out the second one",
        );
        return None;
    }
    // An unknown command may be what is drilled, but then the scenario says that it fails.
    let may_fail = matches!(expect, Some(ExpectedOutcome::Failed { .. }) | None);
    if !may_fail && !first.starts_with('-') && !COMMANDS.contains(&first.as_str()) {
        let first = At {
            value: first,
            pos: written.pos,
        };
        let known = nearest(&first.value, COMMANDS).map_or(COMMANDS.to_vec(), |near| vec![near]);
        lint.unknown("command", &first, known);
    }
    Some(Pgctl {
        args,
        expect: expect?,
    })
}

/// How a command or a Failover must end.
pub(super) fn outcome(lint: &mut Lint<'_>, expect: &At<Fact>) -> Option<ExpectedOutcome> {
    let shape = fact::shape(lint, expect, &fact::OUTCOMES)?;
    let fact = &expect.value;
    if let Some(outcome) = &fact.outcome {
        return named_outcome(lint, outcome);
    }
    if let Some(reason) = &fact.refused {
        let camel = reason.value.starts_with(|c: char| c.is_ascii_uppercase())
            && reason.value.chars().all(|c| c.is_ascii_alphanumeric());
        if !camel {
            lint.error_help(
                reason.pos,
                format!("`{}` is no reason of a refusal", reason.value),
                "reasons are CamelCase words, such as `LockHeld` and `SafetyCheck`",
            );
        }
        return Some(ExpectedOutcome::Refused {
            reason: reason.value.clone(),
            holder: fact.holder.as_ref().map(|holder| holder.value.clone()),
        });
    }
    if let Some(message) = &fact.failed {
        if message.value.trim().is_empty() {
            lint.error(message.pos, "an empty text is in every message");
        }
        return Some(ExpectedOutcome::Failed {
            message: message.value.clone(),
        });
    }
    lint.error_help(
        expect.pos,
        format!("`{shape}` does not say how this ends"),
        "beside `pgctl` and `failover` say `outcome`, `refused` or `failed`; check the rest in a step of its own",
    );
    None
}

fn named_outcome(lint: &mut Lint<'_>, outcome: &At<String>) -> Option<ExpectedOutcome> {
    match outcome.value.as_str() {
        "success" => Some(ExpectedOutcome::Success),
        "no-op" => Some(ExpectedOutcome::NoOp),
        "forced" => Some(ExpectedOutcome::Forced),
        _ => {
            lint.unknown("outcome", outcome, ["success", "no-op", "forced"]);
            None
        }
    }
}

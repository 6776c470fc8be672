//! Facts that steps check or wait for.

use serde_json::{Map, Value};

use super::expression;
use super::lint::Lint;
use super::object::{self, Written};
use super::step::Scope;
use crate::names::{all_of, quoted};
use crate::scenario::{Bound, Condition, LockIs};
use crate::syntax::{At, Count, Fact, Pos};

/// The shapes a fact can have: the key that tells it, and the keys that go with that.
const SHAPES: [(&str, &[&str]); 9] = [
    ("object", &["site", "namespace", "matches", "absent"]),
    (
        "kind",
        &["site", "namespace", "namePrefix", "matches", "count"],
    ),
    ("observed", &["sequence"]),
    ("lock", &["is"]),
    ("cel", &["namespace"]),
    ("actor", &["step"]),
    ("outcome", &[]),
    ("refused", &["holder"]),
    ("failed", &[]),
];

/// The keys that tell what a condition is about.
const CONDITIONS: [&str; 6] = ["object", "kind", "observed", "lock", "cel", "actor"];

/// The keys that say how a command or a Failover ends.
pub(super) const OUTCOMES: [&str; 3] = ["outcome", "refused", "failed"];

/// The condition that a fact states. How a command ended is none: see [`super::outcome`].
pub(super) fn condition(lint: &mut Lint<'_>, scope: &Scope, fact: &At<Fact>) -> Option<Condition> {
    match shape(lint, fact, &CONDITIONS)? {
        "object" => object(lint, scope, fact),
        "kind" => count(lint, scope, fact),
        "observed" => sequence(lint, fact),
        "lock" => lock(lint, scope, fact),
        "cel" => expression::condition(lint, scope, fact),
        "actor" => {
            let actor = fact.value.actor.as_ref()?;
            Some(Condition::Actor {
                actor: actor.value.clone(),
                step: fact.value.step.as_ref().map(|step| step.value.clone()),
            })
        }
        key => {
            lint.error_help(
                fact.pos,
                format!("`{key}` says how a command ends"),
                "put it beside the `pgctl` or the `failover` of the same step",
            );
            None
        }
    }
}

/// The key that tells what a fact is about, once no other key contradicts it.
/// `offered` are the keys that would fit where the fact stands.
pub(super) fn shape(
    lint: &mut Lint<'_>,
    fact: &At<Fact>,
    offered: &[&str],
) -> Option<&'static str> {
    let present = present(&fact.value);
    let heads: Vec<&(&str, &[&str])> = SHAPES
        .iter()
        .filter(|(head, _)| present.iter().any(|(key, _)| key == head))
        .collect();
    let [(head, companions)] = heads.as_slice() else {
        let names: Vec<&str> = heads.iter().map(|(head, _)| *head).collect();
        let (message, help) = if names.is_empty() {
            let message = "nothing says what this is about".to_owned();
            (message, format!("name one of {}", quoted(offered)))
        } else {
            let message = format!("{} do not go together", all_of(&names));
            (message, "use one step for each".to_owned())
        };
        lint.error_help(fact.pos, message, help);
        return None;
    };
    let mut sound = true;
    for (key, pos) in present {
        if key != *head && !companions.contains(&key) {
            sound = false;
            let message = format!("`{key}` does not go with `{head}`");
            let help = match *companions {
                [] => format!("`{head}` stands alone"),
                keys => format!("with `{head}` go {}", quoted(keys)),
            };
            lint.error_help(pos, message, help);
        }
    }
    sound.then_some(*head)
}

/// The keys of a fact that are written, with their places.
pub(super) fn present(fact: &Fact) -> Vec<(&'static str, Pos)> {
    let Fact {
        site,
        object,
        kind,
        namespace,
        name_prefix,
        matches,
        absent,
        count,
        observed,
        sequence,
        lock,
        is,
        cel,
        actor,
        step,
        outcome,
        refused,
        holder,
        failed,
        exit_code,
        contains,
    } = fact;
    let keys = [
        ("site", site.as_ref().map(|at| at.pos)),
        ("object", object.as_ref().map(|at| at.pos)),
        ("kind", kind.as_ref().map(|at| at.pos)),
        ("namespace", namespace.as_ref().map(|at| at.pos)),
        ("namePrefix", name_prefix.as_ref().map(|at| at.pos)),
        ("matches", matches.as_ref().map(|at| at.pos)),
        ("absent", absent.as_ref().map(|at| at.pos)),
        ("count", count.as_ref().map(|at| at.pos)),
        ("observed", observed.as_ref().map(|at| at.pos)),
        ("sequence", sequence.as_ref().map(|at| at.pos)),
        ("lock", lock.as_ref().map(|at| at.pos)),
        ("is", is.as_ref().map(|at| at.pos)),
        ("cel", cel.as_ref().map(|at| at.pos)),
        ("actor", actor.as_ref().map(|at| at.pos)),
        ("step", step.as_ref().map(|at| at.pos)),
        ("outcome", outcome.as_ref().map(|at| at.pos)),
        ("refused", refused.as_ref().map(|at| at.pos)),
        ("holder", holder.as_ref().map(|at| at.pos)),
        ("failed", failed.as_ref().map(|at| at.pos)),
        ("exitCode", exit_code.as_ref().map(|at| at.pos)),
        ("contains", contains.as_ref().map(|at| at.pos)),
    ];
    let present = keys.into_iter();
    present.filter_map(|(key, pos)| Some((key, pos?))).collect()
}

fn object(lint: &mut Lint<'_>, scope: &Scope, fact: &At<Fact>) -> Option<Condition> {
    let written = Written {
        site: fact.value.site.as_ref(),
        object: fact.value.object.as_ref(),
        namespace: fact.value.namespace.as_ref(),
        pos: fact.pos,
    };
    match (&fact.value.matches, &fact.value.absent) {
        (None, None) => {
            lint.error_help(
                fact.pos,
                "nothing is said of the object",
                "say what it `matches`, or that it is `absent: true`",
            );
            None
        }
        (Some(_), Some(absent)) => {
            lint.error(absent.pos, "an object that is absent matches nothing");
            None
        }
        (None, Some(absent)) => {
            if !absent.value {
                lint.error_help(
                    absent.pos,
                    "`absent` is `true` or left out",
                    "that the object exists is `matches: {}`",
                );
            }
            let object = object::object(lint, scope, &written)?;
            Some(Condition::Absent { object })
        }
        (Some(matches), None) => {
            let matches = matched(lint, matches);
            let object = object::present(lint, scope, &written)?;
            Some(Condition::Matches {
                object,
                matches: matches?,
            })
        }
    }
}

/// The part of an object that matters, which is a map.
fn matched(lint: &mut Lint<'_>, written: &At<Value>) -> Option<Value> {
    if !written.value.is_object() {
        lint.error_help(
            written.pos,
            "`matches` is a map that looks like the object",
            "such as `matches: {status: {phase: Succeeded}}`",
        );
        return None;
    }
    Some(written.value.clone())
}

fn count(lint: &mut Lint<'_>, scope: &Scope, fact: &At<Fact>) -> Option<Condition> {
    let Fact {
        site,
        kind,
        namespace,
        name_prefix,
        matches,
        count,
        ..
    } = &fact.value;
    let site = lint.need(site.as_ref(), fact.pos, "site");
    let site = site.and_then(|site| lint.site(&scope.sites, site));
    let kind = object::kind(lint, kind.as_ref()?);
    let matches = match matches {
        None => Some(Value::Object(Map::new())),
        Some(matches) => matched(lint, matches),
    };
    let count = lint.need(count.as_ref(), fact.pos, "count")?;
    let count = bound(lint, count);
    let kind = kind?;
    Some(Condition::Count {
        site: site?,
        kind,
        namespace: object::namespace(lint, kind, namespace.as_ref()),
        name_prefix: name_prefix.as_ref().map(|prefix| prefix.value.clone()),
        matches: matches?,
        count: count?,
    })
}

fn bound(lint: &mut Lint<'_>, written: &At<Count>) -> Option<Bound> {
    let bound = match written.value {
        Count::Exactly(count) => Bound {
            min: count,
            max: Some(count),
        },
        Count::Between(range) => Bound {
            min: range.min.unwrap_or(0),
            max: range.max,
        },
    };
    if bound.max.is_some_and(|max| max < bound.min) {
        lint.error(written.pos, "no number is in that range");
        return None;
    }
    if bound.min == 0 && bound.max.is_none() {
        lint.error(written.pos, "every number is in that range");
        return None;
    }
    Some(bound)
}

fn sequence(lint: &mut Lint<'_>, fact: &At<Fact>) -> Option<Condition> {
    let observed = fact.value.observed.as_ref()?;
    let sequence = lint.need(fact.value.sequence.as_ref(), fact.pos, "sequence")?;
    if sequence.value.is_empty() {
        lint.error(sequence.pos, "the sequence is empty");
    }
    for pair in sequence.value.windows(2) {
        if pair[0].value == pair[1].value {
            lint.error_help(
                pair[1].pos,
                format!("`{}` stands twice in a row", pair[1].value),
                "a value that stays the same is recorded once",
            );
        }
    }
    Some(Condition::Sequence {
        observed: observed.value.clone(),
        values: sequence
            .value
            .iter()
            .map(|value| value.value.clone())
            .collect(),
    })
}

fn lock(lint: &mut Lint<'_>, scope: &Scope, fact: &At<Fact>) -> Option<Condition> {
    let group = object::group(lint, scope, fact.value.lock.as_ref()?);
    let is = lint.need(fact.value.is.as_ref(), fact.pos, "is")?;
    let is = match is.value.as_str() {
        "held" => LockIs::Held,
        "free" => LockIs::Free,
        _ => {
            lint.unknown("state of a lock", is, ["held", "free"]);
            return None;
        }
    };
    Some(Condition::Lock { group: group?, is })
}

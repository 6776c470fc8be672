//! Conditions of a scenario, judged on the facts of one instant. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use sitedrill_model::scenario::{Bound, Condition, LockIs, ObjectKind};

mod expression;
pub(crate) mod matcher;

use crate::core::{Board, Recording, Standing};
use crate::kinds;
use crate::lock::{Lock, lease_name};
use crate::objects::{self, Key, Objects};

/// Everything that a condition can speak of, at one instant.
pub(crate) struct Facts<'f> {
    pub(crate) objects: &'f Objects,
    /// Sites and kinds that do not exist there.
    pub(crate) unserved: &'f BTreeSet<(String, ObjectKind)>,
    pub(crate) recordings: &'f BTreeMap<String, Recording>,
    pub(crate) board: &'f Board,
    /// The sites by canonical name.
    pub(crate) sites: &'f [String],
    /// The namespace of locks.
    pub(crate) namespace: &'f str,
    pub(crate) now: Timestamp,
}

/// What a condition comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It is true; this was seen.
    Holds { seen: String },
    /// It is not true.
    Fails(Mismatch),
}

/// Why a condition is not true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// What was seen instead, in one line.
    pub(crate) seen: String,
    /// `-` expected and `+` seen, one line a path.
    pub(crate) diff: String,
    /// Why it can never become true any more, if it cannot.
    pub(crate) never: Option<String>,
    /// When it must be judged again although nothing changed: time itself can make it true.
    pub(crate) again: Option<Timestamp>,
}

impl Judgement {
    /// What was seen, true or not.
    pub(crate) fn seen(&self) -> &str {
        match self {
            Self::Holds { seen } | Self::Fails(Mismatch { seen, .. }) => seen,
        }
    }

    fn of(holds: bool, seen: String, diff: impl FnOnce(&str) -> String) -> Self {
        if holds {
            return Self::Holds { seen };
        }
        let diff = diff(&seen);
        Self::Fails(Mismatch {
            seen,
            diff,
            never: None,
            again: None,
        })
    }

    fn never(seen: String, diff: String, reason: String) -> Self {
        Self::Fails(Mismatch {
            seen,
            diff,
            never: Some(reason),
            again: None,
        })
    }
}

/// What is expected, in one line.
pub(crate) fn describe(condition: &Condition) -> String {
    match condition {
        Condition::Matches { object, matches } => {
            format!("{} with {}", Key::of(object), matcher::leaves(matches))
        }
        Condition::Absent { object } => format!("{} absent", Key::of(object)),
        Condition::Count {
            site,
            kind,
            name_prefix,
            matches,
            count,
            namespace: _,
        } => {
            let named = name_prefix
                .as_ref()
                .map_or_else(String::new, |prefix| format!(" {prefix}*"));
            let with = if matches_anything(matches) {
                String::new()
            } else {
                format!(" with {}", matcher::leaves(matches))
            };
            let (count, kind) = (bound(*count), kinds::plural(*kind));
            format!("{count} {kind}{named} on {site}{with}")
        }
        Condition::Sequence { observed, values } => {
            format!("{observed} went through {}", values.join(", "))
        }
        Condition::Lock { group, is } => format!("the lock of {group} {}", word(*is)),
        Condition::Cel(expression) => {
            let text = expression.text.text();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        }
        Condition::Actor {
            actor,
            step: Some(step),
        } => format!("{actor} done with its step {step}"),
        Condition::Actor { actor, step: None } => format!("{actor} done"),
    }
}

/// Judges a condition.
pub(crate) fn judge(condition: &Condition, facts: &Facts<'_>) -> Judgement {
    match condition {
        Condition::Matches { object, matches } => {
            let key = Key::of(object);
            let seen = facts.objects.get(&key).map(AsRef::as_ref);
            let differences = matcher::differences(matches, seen);
            let shown = shown(
                matches,
                seen,
                facts.unserved.contains(&(key.site, key.kind)),
            );
            Judgement::of(seen.is_some() && differences.is_empty(), shown, |_| {
                matcher::diff(&differences)
            })
        }
        Condition::Absent { object } => {
            let seen = facts.objects.get(&Key::of(object));
            let shown = seen.map_or_else(|| "(absent)".to_owned(), |seen| lifecycle(seen));
            Judgement::of(seen.is_none(), shown, |seen| plain_diff("(absent)", seen))
        }
        Condition::Count { .. } => judge_count(condition, facts),
        Condition::Sequence { observed, values } => {
            judge_sequence(facts.recordings.get(observed), values)
        }
        Condition::Lock { group, is } => judge_lock(group, *is, facts),
        Condition::Cel(expression) => expression::judge(expression, facts),
        Condition::Actor { actor, step } => judge_actor(actor, step.as_deref(), facts.board),
    }
}

/// Whether a change of this object can change what the condition comes to.
pub(crate) fn concerns(condition: &Condition, key: &Key) -> bool {
    match condition {
        Condition::Matches { object, .. } | Condition::Absent { object } => Key::of(object) == *key,
        Condition::Count { site, kind, .. } => *site == key.site && *kind == key.kind,
        Condition::Lock { group, .. } => {
            key.kind == ObjectKind::Lease && key.name == lease_name(group)
        }
        Condition::Cel(expression) => expression::concerns(expression, key),
        Condition::Sequence { .. } => true,
        Condition::Actor { .. } => false,
    }
}

/// What an object looks like to a pattern; says so where the site cannot have it at all.
pub(crate) fn shown(pattern: &Value, seen: Option<&Value>, unserved: bool) -> String {
    match seen {
        Some(seen) => matcher::project(pattern, Some(seen)),
        None if unserved => "(absent: the site does not serve this kind)".to_owned(),
        None => "(absent)".to_owned(),
    }
}

fn lifecycle(object: &Value) -> String {
    let phase = objects::string(object, "/status/phase");
    let phase = phase.map_or_else(String::new, |phase| format!(", phase {phase}"));
    let deleted = object.pointer("/metadata/deletionTimestamp").is_some();
    let deleted = if deleted { ", being deleted" } else { "" };
    format!("(present{phase}{deleted})")
}

fn judge_count(condition: &Condition, facts: &Facts<'_>) -> Judgement {
    let Condition::Count {
        site,
        kind,
        namespace,
        name_prefix,
        matches,
        count,
    } = condition
    else {
        unreachable!("judge_count is only called with a count");
    };
    let prefix = name_prefix.as_deref().unwrap_or_default();
    let names: Vec<&str> = objects::of_kind(facts.objects, site, *kind, namespace.as_deref())
        .filter(|(key, _)| key.name.starts_with(prefix))
        .filter(|(_, object)| matches_anything(matches) || matcher::matches(matches, Some(object)))
        .map(|(key, _)| key.name.as_str())
        .collect();
    let found = names.len() as u64;
    let holds = found >= count.min && count.max.is_none_or(|max| found <= max);
    let seen = if names.is_empty() {
        "0".to_owned()
    } else {
        format!("{found}: {}", names.join(", "))
    };
    Judgement::of(holds, seen, |seen| {
        format!("- count: {}\n+ count: {seen}", bound(*count))
    })
}

fn matches_anything(pattern: &Value) -> bool {
    pattern.is_null() || pattern.as_object().is_some_and(serde_json::Map::is_empty)
}

fn judge_sequence(recording: Option<&Recording>, expected: &[String]) -> Judgement {
    let seen: Vec<&str> = recording.map_or_else(Vec::new, |it| {
        it.values.iter().map(|seen| seen.value.as_str()).collect()
    });
    let shown = seen.join(", ");
    if recording.is_none() {
        let reason = "nothing is recorded under this name: its observe step has not run".to_owned();
        return Judgement::never("(not recorded)".to_owned(), String::new(), reason);
    }
    if seen == expected {
        return Judgement::Holds { seen: shown };
    }
    let diff = plain_diff(&expected.join(", "), &shown);
    let is_on_the_way =
        seen.len() < expected.len() && seen.iter().zip(expected).all(|(a, b)| a == b);
    if is_on_the_way {
        return Judgement::of(false, shown, |_| diff);
    }
    let at = seen
        .iter()
        .zip(expected)
        .take_while(|(a, b)| a == b)
        .count();
    let wrong = seen.get(at).copied().unwrap_or_default();
    let reason = format!(
        "value {} is `{wrong}`, and values are never taken back",
        at + 1
    );
    Judgement::never(shown, diff, reason)
}

fn judge_lock(group: &str, is: LockIs, facts: &Facts<'_>) -> Judgement {
    let locks: Vec<(&str, Lock)> = facts
        .sites
        .iter()
        .filter_map(|site| {
            let key = lock_key(site, facts.namespace, group);
            Some((site.as_str(), Lock::read(facts.objects.get(&key)?)?))
        })
        .filter(|(_, lock)| lock.is_live(facts.now))
        .collect();
    let seen = if locks.is_empty() {
        "free".to_owned()
    } else {
        let held = locks
            .iter()
            .map(|(site, lock)| format!("held by {} on {site}", lock.describe()));
        held.collect::<Vec<_>>().join(", ")
    };
    let holds = match is {
        LockIs::Held => !locks.is_empty(),
        LockIs::Free => locks.is_empty(),
    };
    let mut judgement = Judgement::of(holds, seen, |seen| plain_diff(word(is), seen));
    if let Judgement::Fails(mismatch) = &mut judgement {
        // A lock that nobody renews becomes free by time alone, without any change.
        mismatch.again = locks.iter().filter_map(|(_, lock)| lock.expires).min();
    }
    judgement
}

/// The Lease of a group on a site.
pub(crate) fn lock_key(site: &str, namespace: &str, group: &str) -> Key {
    Key {
        site: site.to_owned(),
        kind: ObjectKind::Lease,
        namespace: namespace.to_owned(),
        name: lease_name(group),
    }
}

fn judge_actor(actor: &str, step: Option<&str>, board: &Board) -> Judgement {
    let standing = board.standing(actor, step);
    match standing {
        Standing::Done => Judgement::Holds {
            seen: "done".to_owned(),
        },
        Standing::Under(progress) => {
            Judgement::of(false, progress, |seen| plain_diff("done", seen))
        }
        Standing::Never(reason) => {
            let diff = plain_diff("done", &reason);
            Judgement::never(reason.clone(), diff, reason)
        }
    }
}

fn plain_diff(expected: &str, seen: &str) -> String {
    format!("- {expected}\n+ {seen}")
}

const fn word(is: LockIs) -> &'static str {
    match is {
        LockIs::Held => "held",
        LockIs::Free => "free",
    }
}

fn bound(count: Bound) -> String {
    match (count.min, count.max) {
        (min, Some(max)) if min == max => format!("exactly {min}"),
        (0, Some(max)) => format!("at most {max}"),
        (min, Some(max)) => format!("{min} to {max}"),
        (min, None) => format!("at least {min}"),
    }
}

#[cfg(test)]
mod tests;

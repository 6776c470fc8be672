//! Judging a condition for a step: now, or within the step's time.

use std::time::Duration;

use jiff::Timestamp;
use sitedrill_model::event::StepOutcome;
use sitedrill_model::scenario::{Condition, Step};
use sitedrill_model::{Failure, FailureKind, SeenValue};
use tokio::time::Instant;

use crate::conditions::{self, Judgement, Mismatch};
use crate::core::{Core, WaitId};
use crate::objects::{Key, span};
use crate::reads;
use crate::shared::Look;
use crate::steps::{Stage, failed, passed};

/// How many values of an object's way are shown, the latest.
const SHOWN: usize = 20;

/// Judges a condition on what the sites say now.
pub(crate) async fn judge_now(
    condition: &Condition,
    step: &Step,
    kind: FailureKind,
    stage: &Stage<'_>,
) -> StepOutcome {
    match live(condition, stage).await {
        Err(failure) => failed(failure.at(&step.location)),
        Ok(Judgement::Holds { seen }) => passed(format!("matched: {seen}")),
        Ok(Judgement::Fails(mismatch)) => {
            let seen = on_the_way(condition, &stage.shared.core(), stage.shared.now());
            let verb = "is not so";
            failed(not_met(condition, step, kind, (verb, &mismatch, seen)))
        }
    }
}

/// Waits for a condition on what is observed; at the end of the time, looks once more at what the sites say.
pub(crate) async fn judge_within(
    condition: &Condition,
    within: Duration,
    step: &Step,
    kind: FailureKind,
    stage: &Stage<'_>,
) -> StepOutcome {
    let shared = stage.shared;
    let started = shared.now();
    let id = shared.core().wait(condition, started);
    // A span too long to be a time is as good as a day.
    let deadline = Instant::now() + within.min(Duration::from_secs(86_400));
    let end = shared
        .until(deadline, |core, now| look(core, id, condition, now))
        .await;
    let (changes, mut seen) = {
        let core = shared.core();
        let waited = core.waited(id);
        let way = on_the_way(condition, &core, shared.now());
        let seen = if way.is_empty() {
            waited.seen.clone()
        } else {
            way
        };
        (waited.changes, seen)
    };
    match end {
        Some(Judgement::Holds { .. }) => passed(matched(changes, started, shared.now())),
        Some(Judgement::Fails(mismatch)) => {
            let why = mismatch.never.clone().unwrap_or_default();
            let verb = format!("can no longer be so: {why}");
            failed(not_met(condition, step, kind, (&verb, &mismatch, seen)))
        }
        None => match live(condition, stage).await {
            Err(failure) => failed(failure.at(&step.location)),
            Ok(Judgement::Holds { .. }) => passed(
                "matched by a last read of the site; its watch had not brought it".to_owned(),
            ),
            Ok(Judgement::Fails(mismatch)) => {
                let verb = format!("was not so within {}", span(within.as_secs_f64()));
                let last = SeenValue {
                    at: shared.now(),
                    value: mismatch.seen.clone(),
                };
                if seen.last().is_none_or(|it| it.value != last.value) {
                    seen.push(last);
                }
                failed(not_met(condition, step, kind, (&verb, &mismatch, seen)))
            }
        },
    }
}

/// How long what was observed may lag behind what a site says.
const LAG: Duration = Duration::from_secs(30);

/// Watches over a condition that holds now and must go on to hold, through every observed change.
pub(crate) async fn judge_throughout(
    condition: &Condition,
    length: Duration,
    step: &Step,
    stage: &Stage<'_>,
) -> StepOutcome {
    let kind = FailureKind::ExpectationNotMet;
    // On what the sites say: what was observed may be older than what this very actor has done.
    let at_first = judge_now(condition, step, kind, stage).await;
    if at_first.failure.is_some() {
        return at_first;
    }
    let observed = judge_within(condition, LAG, step, kind, stage).await;
    if observed.failure.is_some() {
        return observed;
    }
    let shared = stage.shared;
    let started = shared.now();
    let id = shared.core().guard(condition, started);
    let deadline = Instant::now() + length.min(Duration::from_secs(86_400));
    let broken = shared
        .until(deadline, |core, _| match &core.waited(id).end {
            Some(end) => Look::Answer(end.clone()),
            None => Look::Later(None),
        })
        .await;
    let Some(Judgement::Fails(mismatch)) = broken else {
        let (changes, length) = (shared.core().waited(id).changes, span(length.as_secs_f64()));
        return match judge_now(condition, step, kind, stage).await {
            end if end.failure.is_some() => end,
            _ => passed(format!("held for {length}, through {changes} changes")),
        };
    };
    let after = span(crate::objects::seconds_between(started, shared.now()));
    let seen = shared.core().waited(id).seen.clone();
    let verb = format!("held for {after} of {} only", span(length.as_secs_f64()));
    failed(not_met(condition, step, kind, (&verb, &mismatch, seen)))
}

fn look(core: &mut Core, id: WaitId, condition: &Condition, now: Timestamp) -> Look<Judgement> {
    let waited = core.waited(id);
    if let Some(end) = &waited.end {
        return Look::Answer(end.clone());
    }
    let again = waited.last.as_ref().and_then(|it| it.again);
    if again.is_some_and(|again| again <= now) {
        // Time alone has made it true, as it frees a lock that nobody renews.
        return match conditions::judge(condition, &core.facts(now)) {
            Judgement::Fails(mismatch) => Look::Later(mismatch.again),
            holds @ Judgement::Holds { .. } => Look::Answer(holds),
        };
    }
    Look::Later(again)
}

/// Judges a condition on what the sites say now, and on what is recorded where it speaks of that.
async fn live(condition: &Condition, stage: &Stage<'_>) -> Result<Judgement, Failure> {
    if let Condition::Sequence { observed, .. } = condition {
        let object = stage.recorded_object(observed);
        if let Some(object) = object {
            reads::settle(&object, stage.target, stage.shared).await?;
        }
    }
    let objects = reads::objects_of(condition, stage.target).await?;
    let core = stage.shared.core();
    let facts = core.facts_of(&objects, stage.shared.now());
    Ok(conditions::judge(condition, &facts))
}

fn not_met(
    condition: &Condition,
    step: &Step,
    kind: FailureKind,
    (verb, mismatch, seen): (&str, &Mismatch, Vec<SeenValue>),
) -> Failure {
    let expected = conditions::describe(condition);
    let message = format!("{expected}: {verb}; last seen {}", mismatch.seen);
    let kind = match (kind, condition) {
        (FailureKind::ExpectationNotMet, Condition::Sequence { .. }) => {
            FailureKind::SequenceDiffers
        }
        (kind, _) => kind,
    };
    let mut failure = Failure::new(kind, message).at(&step.location);
    failure.expected = Some(expected);
    failure.last_seen = Some(mismatch.seen.clone());
    failure.diff = Some(mismatch.diff.clone()).filter(|diff| !diff.is_empty());
    failure.seen = seen;
    failure
}

fn matched(changes: u64, started: Timestamp, now: Timestamp) -> String {
    let took = span(crate::objects::seconds_between(started, now));
    match changes {
        0 if started == now => "matched at once".to_owned(),
        1 => format!("matched after 1 change, {took}"),
        changes => format!("matched after {changes} changes, {took}"),
    }
}

/// The values that the condition's object went through since the chapter began, without immediate repetitions.
fn on_the_way(condition: &Condition, core: &Core, now: Timestamp) -> Vec<SeenValue> {
    let began = core.act().began;
    let keys: Vec<Key> = match condition {
        Condition::Matches { object, .. } | Condition::Absent { object } => vec![Key::of(object)],
        Condition::Lock { group, .. } => core.lock_keys(group),
        Condition::Sequence { observed, .. } => return core.recorded(observed),
        Condition::Count { .. } | Condition::Cel(_) | Condition::Actor { .. } => Vec::new(),
    };
    let mut versions: Vec<_> = keys
        .iter()
        .flat_map(|key| {
            let whole = core.history().whole_since(key, began);
            whole.map(move |(at, object)| (at, key, object))
        })
        .collect();
    versions.sort_by_key(|(at, _, _)| *at);
    let mut objects = crate::objects::Objects::new();
    let mut seen: Vec<SeenValue> = Vec::new();
    for (at, key, object) in versions {
        match object {
            Some(object) => objects.insert(key.clone(), object),
            None => objects.remove(key),
        };
        let facts = core.facts_of(&objects, at.min(now));
        let judgement = conditions::judge(condition, &facts);
        let value = judgement.seen().to_owned();
        if seen.last().is_none_or(|last| last.value != value) {
            seen.push(SeenValue { at, value });
        }
    }
    let shown = seen.len().saturating_sub(SHOWN);
    seen.split_off(shown)
}

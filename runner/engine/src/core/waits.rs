//! The conditions that actors wait for, judged at every change.

use std::collections::BTreeMap;

use sitedrill_model::SeenValue;
use sitedrill_model::scenario::Condition;

use crate::conditions::{self, Facts, Judgement, Mismatch};
use crate::objects::Key;

/// How many values a wait remembers, the latest; enough to see how something came about.
const REMEMBERED: usize = 20;

/// Names a wait of a chapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WaitId(u64);

/// How a wait stands.
pub(crate) struct Waited {
    condition: Condition,
    /// Whether it is watched over: it ends when it does not hold.
    is_guard: bool,
    /// Set once it holds or can never hold; then nothing changes any more.
    pub(crate) end: Option<Judgement>,
    /// The last mismatch.
    pub(crate) last: Option<Mismatch>,
    /// The values seen on the way, without immediate repetitions.
    pub(crate) seen: Vec<SeenValue>,
    /// How many observed changes were judged.
    pub(crate) changes: u64,
}

/// All waits of a chapter.
#[derive(Default)]
pub(super) struct Waits {
    next: u64,
    waits: BTreeMap<WaitId, Waited>,
}

impl Waits {
    pub(super) fn add(&mut self, condition: &Condition) -> WaitId {
        self.insert(condition, false)
    }

    pub(super) fn guard(&mut self, condition: &Condition) -> WaitId {
        self.insert(condition, true)
    }

    fn insert(&mut self, condition: &Condition, is_guard: bool) -> WaitId {
        let id = WaitId(self.next);
        self.next += 1;
        let waited = Waited {
            condition: condition.clone(),
            is_guard,
            end: None,
            last: None,
            seen: Vec::new(),
            changes: 0,
        };
        self.waits.insert(id, waited);
        id
    }

    pub(super) fn get(&self, id: WaitId) -> &Waited {
        self.waits
            .get(&id)
            .expect("a wait is kept until its chapter ends, and its waiter with it")
    }

    pub(super) fn judge(&mut self, facts: &Facts<'_>, changed: Option<&Key>) {
        for waited in self.waits.values_mut().filter(|it| it.end.is_none()) {
            if changed.is_none_or(|key| conditions::concerns(&waited.condition, key)) {
                waited.changes += u64::from(changed.is_some());
                waited.judge(facts);
            }
        }
    }
}

impl Waited {
    fn judge(&mut self, facts: &Facts<'_>) {
        let judgement = conditions::judge(&self.condition, facts);
        let value = judgement.seen();
        if self.seen.last().is_none_or(|last| last.value != value) {
            if self.seen.len() == REMEMBERED {
                self.seen.remove(0);
            }
            self.seen.push(SeenValue {
                at: facts.now,
                value: value.to_owned(),
            });
        }
        match judgement {
            Judgement::Holds { .. } if self.is_guard => {}
            failing @ Judgement::Fails(_) if self.is_guard => self.end = Some(failing),
            Judgement::Fails(mismatch) if mismatch.never.is_none() => self.last = Some(mismatch),
            end => self.end = Some(end),
        }
    }
}

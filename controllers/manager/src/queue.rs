//! When each object is due for its next pass: the bookkeeping of [`crate::driver`], without tasks.
//!
//! **Invariant:** an object is never in two passes at once, and a trigger that arrives during
//! a pass is never lost.
//! **Invariant:** objects that are due at the same instant leave in the order of their keys.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// Due times by key. The earliest request for a key wins.
#[derive(Debug)]
pub(crate) struct WorkQueue<K> {
    due: BTreeMap<K, Instant>,
    order: BTreeSet<(Instant, K)>,
    running: BTreeSet<K>,
    /// Keys whose last pass has ended a moment ago, with the end of their pause.
    resting: BTreeMap<K, Instant>,
    /// The same in the order in which the passes ended, to forget the oldest.
    rested: VecDeque<(Instant, K)>,
}

/// Pauses are shorter than this; what is older is forgotten.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl<K: Ord + Clone> WorkQueue<K> {
    pub(crate) fn new() -> Self {
        Self {
            due: BTreeMap::new(),
            order: BTreeSet::new(),
            running: BTreeSet::new(),
            resting: BTreeMap::new(),
            rested: VecDeque::new(),
        }
    }

    /// Something has changed, so `key` wants a pass now, but not before the pause after its last one is over.
    pub(crate) fn trigger(&mut self, key: K, now: Instant) {
        let rested = self.resting.get(&key).copied();
        self.add(key, rested.map_or(now, |rested| rested.max(now)));
    }

    /// Asks for a pass over `key` at `at`, or earlier if one was already asked for.
    pub(crate) fn add(&mut self, key: K, at: Instant) {
        let known = self.due.get(&key).copied();
        if known.is_some_and(|known| known <= at) {
            return;
        }
        if let Some(known) = known {
            self.order.remove(&(known, key.clone()));
        }
        if !self.running.contains(&key) {
            self.order.insert((at, key.clone()));
        }
        self.due.insert(key, at);
    }

    /// Takes the next key that is due and in no pass, and counts it as running.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<K> {
        let (at, _) = self.order.first()?;
        if *at > now {
            return None;
        }
        let (_, key) = self.order.pop_first()?;
        self.due.remove(&key);
        self.running.insert(key.clone());
        Some(key)
    }

    /// The pass over `key` has ended; what was asked for meanwhile can start, but not before
    /// `earliest`. The pause lets a burst of changes become one pass, and keeps an object that
    /// triggers itself, or two processes that trigger each other, from standing time still.
    pub(crate) fn finish(&mut self, key: &K, earliest: Instant) {
        self.running.remove(key);
        self.forget_rested(earliest);
        self.resting.insert(key.clone(), earliest);
        self.rested.push_back((earliest, key.clone()));
        if let Some(at) = self.due.get_mut(key) {
            *at = (*at).max(earliest);
            self.order.insert((*at, key.clone()));
        }
    }

    fn forget_rested(&mut self, now: Instant) {
        while let Some((rested, key)) = self.rested.front()
            && *rested + LONGEST_PAUSE <= now
        {
            // Another pass over it may have ended since.
            if self.resting.get(key) == Some(rested) {
                self.resting.remove(key);
            }
            self.rested.pop_front();
        }
    }

    /// When the next key that is in no pass falls due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn keys_that_are_due_together_leave_in_their_own_order() {
        let now = Instant::now();
        let mut queue = WorkQueue::new();
        for key in ["c", "a", "b"] {
            queue.add(key, now);
        }
        let taken: Vec<_> = std::iter::from_fn(|| queue.take_due(now)).collect();
        assert_eq!(taken, ["a", "b", "c"]);
    }

    #[test]
    fn the_earliest_request_wins() {
        let now = Instant::now();
        let mut queue = WorkQueue::new();
        queue.add("a", now + SECOND);
        queue.add("a", now + SECOND * 9);
        assert_eq!(queue.next_due(), Some(now + SECOND));
        queue.add("a", now);
        assert_eq!(queue.take_due(now), Some("a"));
        assert_eq!(queue.take_due(now + SECOND * 10), None);
    }

    #[test]
    fn a_trigger_during_a_pass_starts_another_one_after_it() {
        let now = Instant::now();
        let mut queue = WorkQueue::new();
        queue.add("a", now);
        assert_eq!(queue.take_due(now), Some("a"));
        queue.add("a", now);
        assert_eq!(queue.take_due(now), None, "one pass at a time");
        queue.finish(&"a", now + SECOND);
        assert_eq!(queue.take_due(now), None, "a pause first");
        assert_eq!(queue.take_due(now + SECOND), Some("a"));
    }

    #[test]
    fn a_trigger_right_after_a_pass_waits_for_the_pause_and_what_the_pass_itself_asked_for_does_not()
     {
        let now = Instant::now();
        let mut queue = WorkQueue::new();
        for key in ["a", "b"] {
            queue.add(key, now);
            assert_eq!(queue.take_due(now), Some(key));
            queue.finish(&key, now + SECOND / 2);
        }
        queue.trigger("a", now);
        queue.add("b", now);
        assert_eq!(queue.take_due(now), Some("b"));
        assert_eq!(queue.take_due(now), None, "a pause first");
        assert_eq!(queue.take_due(now + SECOND / 2), Some("a"));
        queue.finish(&"a", now + SECOND * 9);
        assert_eq!(queue.resting.len(), 1, "old pauses are forgotten");
    }
}

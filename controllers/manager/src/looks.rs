//! How closely the pass that is due over a group has to look.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::key::Key;

/// How far the members of a group have come is reported at once, and then once in this time at most: a group of many
/// machines would be written for each step of each of them.
const BETWEEN_REPORTS: Duration = Duration::from_secs(1);

/// What a pass is due for; the later ones include the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Look {
    /// Members have come further; all there is to do is to say so.
    Progress,
    /// The watches showed something to do, which a pass that was under way may have done meanwhile.
    News,
    /// The group is to be looked at as it is, whatever the watches show.
    Closely,
}

/// The passes that are due because of what the watches show.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    due: Mutex<BTreeMap<Key, Look>>,
    /// When progress was last reported.
    reported: Mutex<BTreeMap<Key, Instant>>,
}

impl Looks {
    /// A pass is due. Whether none was that looks as closely.
    pub(crate) fn due(&self, key: &Key, look: Look) -> bool {
        let mut due = self.lock();
        let known = due.get(key).copied();
        let is_more = known < Some(look);
        if is_more {
            due.insert(key.clone(), look);
        }
        is_more
    }

    /// A pass begins; one that is due for another reason, as time has passed, looks closely.
    pub(crate) fn begins(&self, key: &Key) -> Look {
        self.lock().remove(key).unwrap_or(Look::Closely)
    }

    /// Progress is reported now.
    pub(crate) fn reports(&self, key: &Key, now: Instant) {
        self.reports_by_group().insert(key.clone(), now);
    }

    /// How long a report of progress has to wait, if it has to.
    pub(crate) fn waits(&self, key: &Key, now: Instant) -> Option<Duration> {
        let last = self.reports_by_group().get(key).copied()?;
        let left = BETWEEN_REPORTS.checked_sub(now.duration_since(last))?;
        (!left.is_zero()).then_some(left)
    }

    /// A group is gone.
    pub(crate) fn forget(&self, key: &Key) {
        self.reports_by_group().remove(key);
    }

    fn reports_by_group(&self) -> MutexGuard<'_, BTreeMap<Key, Instant>> {
        // As below.
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Look>> {
        // The map changes by single calls only, so a panic elsewhere leaves it usable.
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_looks_as_closely_as_any_reason_for_it_asks() {
        let (looks, key) = (Looks::default(), Key::new("ns", "pg-a"));
        assert!(looks.due(&key, Look::Progress));
        assert!(!looks.due(&key, Look::Progress), "it is due already");
        assert!(looks.due(&key, Look::Closely));
        assert!(!looks.due(&key, Look::News), "it will see that, too");
        assert_eq!(looks.begins(&key), Look::Closely);
        assert!(looks.due(&key, Look::News));
        assert_eq!(looks.begins(&key), Look::News);
        assert_eq!(looks.begins(&key), Look::Closely, "time has passed");
    }

    #[test]
    fn progress_is_reported_at_once_and_then_once_a_second() {
        let (looks, key) = (Looks::default(), Key::new("ns", "pg-a"));
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        assert_eq!(looks.waits(&key, at(0)), None);
        looks.reports(&key, at(0));
        assert_eq!(looks.waits(&key, at(300)), Some(Duration::from_millis(700)));
        assert_eq!(looks.waits(&key, at(1000)), None);
        assert_eq!(looks.waits(&Key::new("ns", "pg-b"), at(300)), None);
        looks.forget(&key);
        assert_eq!(looks.waits(&key, at(300)), None);
    }
}

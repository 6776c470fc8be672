//! What of a watch is news: most changes of an object are of no interest to anybody here.

use std::collections::BTreeMap;

use crate::key::Key;
use crate::slim::Brought;
use crate::watch::Seen;

/// What a watch has shown of each object so far, to tell news from repetition.
pub(crate) struct News<Facts> {
    shown: BTreeMap<Key, Facts>,
    gone: Option<Facts>,
}

impl<Facts> Default for News<Facts> {
    /// That an object is gone is always news.
    fn default() -> Self {
        Self {
            shown: BTreeMap::new(),
            gone: None,
        }
    }
}

impl<Facts> News<Facts> {
    /// An object that is gone is to all who look as one with these facts.
    pub(crate) fn with_gone_as(facts: Facts) -> Self {
        Self {
            gone: Some(facts),
            ..Self::default()
        }
    }
}

impl<Facts: PartialEq> News<Facts> {
    /// Whether these facts of the object differ from the last ones, or the object is gone.
    pub(crate) fn is(&mut self, seen: &Seen, facts: impl FnOnce(&Brought) -> Facts) -> bool {
        let key = Key::of(seen.object());
        match seen {
            Seen::Gone(_) => {
                let last = self.shown.remove(&key);
                self.gone.is_none() || last != self.gone
            }
            // Changes may have been missed before a new start, on whatever site was cut off.
            Seen::Listed(object) => {
                self.shown.insert(key, facts(object));
                true
            }
            Seen::Changed(object) => {
                let facts = facts(object);
                let known = self.shown.get(&key) == Some(&facts);
                self.shown.insert(key, facts);
                !known
            }
        }
    }
}

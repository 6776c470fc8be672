//! What of a watch is news: most changes of an object are of no interest to anybody here.

use std::collections::BTreeMap;

use crate::key::Key;
use crate::slim::Brought;
use crate::watch::Seen;

/// What a watch has shown of each object so far, to tell news from repetition.
pub(crate) struct News<Facts>(BTreeMap<Key, Facts>);

impl<Facts> Default for News<Facts> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<Facts: PartialEq> News<Facts> {
    /// Whether these facts of the object differ from the last ones, or the object is gone.
    pub(crate) fn is(&mut self, seen: &Seen, facts: impl FnOnce(&Brought) -> Facts) -> bool {
        let key = Key::of(seen.object());
        match seen {
            Seen::Gone(_) => {
                self.0.remove(&key);
                true
            }
            // Changes may have been missed before a new start, on whatever site was cut off.
            Seen::Listed(object) => {
                self.0.insert(key, facts(object));
                true
            }
            Seen::Changed(object) => {
                let facts = facts(object);
                let known = self.0.get(&key) == Some(&facts);
                self.0.insert(key, facts);
                !known
            }
        }
    }
}

//! The last changes that concern one subject, to be shown with a violation.

use std::collections::VecDeque;

use jiff::Timestamp;
use sitedrill_model::SeenValue;

/// How many changes a violation shows: enough to see how it came about, few enough to read.
const SHOWN: usize = 12;

/// The last changes of one subject.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline(VecDeque<SeenValue>);

impl Timeline {
    /// Adds a change, unless it says what the last one said.
    pub(super) fn add(&mut self, at: Timestamp, value: String) {
        if self.0.back().is_some_and(|last| last.value == value) {
            return;
        }
        if self.0.len() == SHOWN {
            self.0.pop_front();
        }
        self.0.push_back(SeenValue { at, value });
    }

    /// The changes, oldest first.
    pub(super) fn shown(&self) -> Vec<SeenValue> {
        self.0.iter().cloned().collect()
    }
}

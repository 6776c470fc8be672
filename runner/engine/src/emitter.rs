//! Numbers the events of one drill, whoever emits them.

use std::sync::{Arc, Mutex, PoisonError};

use sitedrill_model::event::{Event, EventKind};

use crate::{EventSink, Now};

/// Numbers the events of one drill and stamps them with the time of its sites. Clones share the numbering.
///
/// **Invariant:** events reach the sink in the order of their numbers, without a hole.
#[derive(Clone)]
pub struct Emitter {
    drill: String,
    now: Now,
    sink: EventSink,
    next: Arc<Mutex<u64>>,
}

impl Emitter {
    /// An emitter of the drill of this name, whose first event has the number 0.
    pub fn new(drill: impl Into<String>, now: Now, sink: EventSink) -> Self {
        Self {
            drill: drill.into(),
            now,
            sink,
            next: Arc::default(),
        }
    }

    /// The same numbering under another clock: that of the fresh sites on which a drill is tried again.
    #[must_use]
    pub fn on_clock(&self, now: Now) -> Self {
        Self {
            now,
            ..self.clone()
        }
    }

    /// Emits an event of a chapter, or of the drill itself.
    pub fn emit(&self, chapter: Option<usize>, kind: EventKind) {
        self.forward(Event {
            seq: 0,
            drill: Some(self.drill.clone()),
            chapter,
            at: Some((self.now)()),
            kind,
        });
    }

    /// A sink for somebody else's events of the same drill, such as `run_drill`'s: only their number is replaced.
    pub fn sink(&self) -> EventSink {
        let emitter = self.clone();
        Arc::new(move |event| emitter.forward(event))
    }

    fn forward(&self, mut event: Event) {
        // Held while the sink runs: otherwise two emitters could swap the order of their numbers.
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        event.seq = *next;
        *next += 1;
        (self.sink)(event);
    }
}

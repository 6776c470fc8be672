//! What the drills of a run come to, told from its events.

use std::collections::BTreeMap;

use sitedrill_model::Verdict;
use sitedrill_model::event::{Event, EventKind};

use super::worst;

/// The verdicts of the drills that have ended, and of the tries of those that have not.
#[derive(Debug, Default)]
pub struct Verdicts {
    tries: BTreeMap<String, Vec<Verdict>>,
    ended: Vec<Verdict>,
}

impl Verdicts {
    /// Takes the next event of the run.
    pub fn take(&mut self, event: &Event) {
        let drill = event.drill.as_deref().unwrap_or_default();
        if let EventKind::DrillRetried { verdict, .. } = &event.kind {
            let tries = self.tries.entry(drill.to_owned()).or_default();
            tries.push(*verdict);
        }
        if let EventKind::DrillFinished { verdict, .. } = &event.kind {
            let tries = self.tries.remove(drill).unwrap_or_default();
            let tries = tries.into_iter().chain([*verdict]);
            self.ended.push(Verdict::of_tries(tries));
        }
    }

    /// The worst of the drills that have ended.
    pub fn worst(self) -> Verdict {
        worst(self.ended)
    }
}

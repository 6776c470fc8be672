//! Completing the reports of a run that was killed.
//!
//! Its sites lived in the process, or ended with it; nothing is left to be cleaned up on them. What they had on disk is
//! removed, and programs that drills had started are ended. What had begun is said to be aborted, what had not begun is
//! said to be skipped, and every report is written.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use sitedrill_model::event::{Event, EventKind, StepId, StepOutcome, Wall};
use sitedrill_model::record::RunRecord;
use sitedrill_model::{Failure, FailureKind, Verdict};

use super::folder::RunFolder;
use super::verdicts::Verdicts;
use super::{Ran, of_run};
use crate::Exit;
use crate::clock::wall_now;
use crate::lab::scratch::{Cleared, Scratch};

/// Cleans up after the run in this folder and completes its reports. What was left of it goes to `cleared`.
pub async fn resume(path: &Path, cleared: impl FnOnce(Cleared)) -> io::Result<Ran> {
    let (mut folder, mut events, plan) = RunFolder::reopen(path)?;
    let is_over = |event: &Event| matches!(event.kind, EventKind::RunFinished { .. });
    if !events.iter().any(is_over) {
        if let Some(scratch) = Scratch::noted(&plan.scratch) {
            cleared(scratch.clear().await?);
        }
        let mut missing = Vec::new();
        for drill in open_drills(&events) {
            missing.extend(drill.ending());
        }
        let known = |name: &str| events.iter().any(|it| it.drill.as_deref() == Some(name));
        for info in plan.drills.iter().filter(|info| !known(&info.name)) {
            let reason = "the run was killed before this drill started".to_owned();
            let info = info.clone();
            let name = info.name.clone();
            missing.push(event(
                &name,
                0,
                None,
                EventKind::DrillSkipped { info, reason },
            ));
        }
        events.extend(missing.iter().cloned());
        let end = end_of(&events);
        missing.push(end.clone());
        events.push(end);
        for event in &missing {
            folder.append(std::slice::from_ref(event))?;
        }
    }
    let record = RunRecord::from_events(&events);
    folder.write_reports(&record)?;
    let verdict = record
        .end
        .as_ref()
        .map_or(Verdict::Aborted, |end| end.verdict);
    Ok(Ran {
        record,
        exit: Exit::of(verdict),
    })
}

fn end_of(events: &[Event]) -> Event {
    let mut verdicts = Verdicts::default();
    for event in events {
        verdicts.take(event);
    }
    // A run that was killed is never better than aborted, whatever its drills had come to.
    let verdict = verdicts.worst().max(Verdict::Aborted);
    of_run(
        1,
        EventKind::RunFinished {
            verdict,
            exit_code: Exit::of(verdict).code(),
            wall: now(),
        },
    )
}

fn now() -> Wall {
    Wall {
        finished: wall_now(),
        seconds: 0.0,
    }
}

/// A drill that had begun and not ended.
struct Open {
    name: String,
    seq: u64,
    chapter: Option<usize>,
    steps: Vec<StepId>,
    last: Option<jiff::Timestamp>,
}

fn open_drills(events: &[Event]) -> Vec<Open> {
    let mut open: BTreeMap<&str, Open> = BTreeMap::new();
    for event in events {
        let Some(name) = event.drill.as_deref() else {
            continue;
        };
        let drill = open.entry(name).or_insert_with(|| Open {
            name: name.to_owned(),
            seq: 0,
            chapter: None,
            steps: Vec::new(),
            last: None,
        });
        drill.seq = event.seq;
        drill.last = event.at.or(drill.last);
        match &event.kind {
            EventKind::ChapterStarted(_) => drill.chapter = event.chapter,
            EventKind::ChapterFinished { .. } => drill.chapter = None,
            EventKind::StepStarted { step, .. } => drill.steps.push(step.clone()),
            EventKind::StepFinished { step, .. } => drill.steps.retain(|it| it != step),
            EventKind::DrillRetried { .. } => {
                drill.chapter = None;
                drill.steps.clear();
            }
            EventKind::DrillFinished { .. } | EventKind::DrillSkipped { .. } => {
                open.remove(name);
            }
            _ => {}
        }
    }
    open.into_values().collect()
}

impl Open {
    /// The events that it lacks.
    fn ending(self) -> Vec<Event> {
        let killed = || Failure::new(FailureKind::Aborted, "the run was killed");
        let mut kinds: Vec<(Option<usize>, EventKind)> = Vec::new();
        for step in self.steps {
            let outcome = StepOutcome {
                verdict: Verdict::Aborted,
                detail: killed().message,
                failure: Some(killed()),
            };
            kinds.push((self.chapter, EventKind::StepFinished { step, outcome }));
        }
        if self.chapter.is_some() {
            let verdict = Verdict::Aborted;
            kinds.push((self.chapter, EventKind::ChapterFinished { verdict }));
        }
        let ended = EventKind::DrillFinished {
            verdict: Verdict::Aborted,
            failure: Some(killed()),
            wall: now(),
        };
        kinds.push((None, ended));
        let (name, last) = (self.name, self.last);
        let numbered = (self.seq + 1..).zip(kinds);
        let events = numbered.map(|(seq, (chapter, kind))| Event {
            at: last,
            ..event(&name, seq, chapter, kind)
        });
        events.collect()
    }
}

fn event(drill: &str, seq: u64, chapter: Option<usize>, kind: EventKind) -> Event {
    Event {
        seq,
        drill: Some(drill.to_owned()),
        chapter,
        at: None,
        kind,
    }
}

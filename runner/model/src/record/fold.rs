//! The fold itself: one arm for each kind of event, and no wildcard, so that a new kind cannot be forgotten.

use std::collections::BTreeMap;

use crate::Verdict;
use crate::event::{DrillInfo, Event, EventKind, MeasuredValue, StepId};
use crate::record::{
    ChapterRecord, DrillRecord, RunEnd, RunRecord, StepRecord, Tally, TimedFaultNote,
    TimedObservation, TranscriptLine,
};

/// A record on its way.
#[derive(Default)]
pub(super) struct Fold {
    run: RunRecord,
    drills: BTreeMap<String, DrillFold>,
}

struct DrillFold {
    /// The try that goes on.
    record: DrillRecord,
    /// Its chapters.
    chapters: BTreeMap<usize, ChapterRecord>,
    /// The tries before it.
    earlier: Vec<DrillRecord>,
}

impl Fold {
    pub(super) fn take(&mut self, event: &Event) {
        if let (Some(at), Some(drill)) = (event.at, self.drill(event)) {
            let (first, last) = drill.record.span.unwrap_or((at, at));
            drill.record.span = Some((first.min(at), last.max(at)));
        }
        match &event.kind {
            EventKind::RunStarted(info) => self.run.run = Some(info.clone()),
            EventKind::RunFinished {
                verdict,
                exit_code,
                wall,
            } => {
                self.run.end = Some(RunEnd {
                    verdict: *verdict,
                    exit_code: *exit_code,
                    wall: *wall,
                });
            }
            EventKind::DrillSkipped { info, reason } => {
                let drill = self.start(info);
                drill.record.verdict = Verdict::Skipped;
                drill.record.skipped = Some(reason.clone());
            }
            EventKind::DrillStarted { info, wall: _ } => {
                let drill = self.start(info);
                drill.record.span = event.at.map(|at| (at, at));
            }
            EventKind::SiteReady(_)
            | EventKind::ChapterStarted(_)
            | EventKind::DrillRetried { .. }
            | EventKind::DrillFinished { .. } => {
                if let Some(drill) = self.drill(event) {
                    drill.take(event);
                }
            }
            EventKind::Prepared { .. }
            | EventKind::StepStarted { .. }
            | EventKind::Output { .. }
            | EventKind::StepFinished { .. }
            | EventKind::StepSkipped { .. }
            | EventKind::Observed(_)
            | EventKind::Fault(_)
            | EventKind::ValueMeasured(_)
            | EventKind::FailoverMeasured(_)
            | EventKind::InvariantJudged(_)
            | EventKind::ChapterFailure(_)
            | EventKind::ChapterFinished { .. } => {
                let chapter = self
                    .drill(event)
                    .and_then(|drill| drill.chapter(event.chapter));
                if let Some(chapter) = chapter {
                    chapter.take(event);
                }
            }
        }
    }

    pub(super) fn finish(mut self) -> RunRecord {
        self.run.drills = self.drills.into_values().map(DrillFold::finish).collect();
        self.run.drills.sort_by_key(|drill| drill.info.index);
        self.run.tallies = tallies(&self.run.drills);
        self.run
    }

    fn drill(&mut self, event: &Event) -> Option<&mut DrillFold> {
        self.drills.get_mut(event.drill.as_deref()?)
    }

    /// A drill that starts anew; one that is named twice keeps its later start.
    fn start(&mut self, info: &DrillInfo) -> &mut DrillFold {
        let fresh = DrillFold {
            record: begun(info.clone(), 1),
            chapters: BTreeMap::new(),
            earlier: Vec::new(),
        };
        self.drills.insert(info.name.clone(), fresh);
        self.drills
            .get_mut(&info.name)
            .expect("the drill was put there one line above")
    }
}

/// A try of which nothing is known but that it has begun.
fn begun(info: DrillInfo, attempt: u32) -> DrillRecord {
    DrillRecord {
        info,
        verdict: Verdict::Aborted,
        flaky: false,
        attempt,
        attempts: Vec::new(),
        skipped: None,
        sites: Vec::new(),
        chapters: Vec::new(),
        failure: None,
        span: None,
        wall: None,
    }
}

/// Counts the measured values of drills that were run more than once. A drill is known by its file.
fn tallies(drills: &[DrillRecord]) -> Vec<Tally> {
    let mut runs: BTreeMap<&str, u64> = BTreeMap::new();
    for drill in drills {
        *runs.entry(&drill.info.file).or_default() += 1;
    }
    let mut tallies: Vec<Tally> = Vec::new();
    let repeated = drills
        .iter()
        .filter(|drill| runs.get(drill.info.file.as_str()) > Some(&1));
    for chapter in repeated.flat_map(|drill| &drill.chapters) {
        for MeasuredValue { name, value } in &chapter.values {
            let of = |it: &&mut Tally| it.drill == chapter.info.name && it.name == *name;
            if let Some(tally) = tallies.iter_mut().find(of) {
                *tally.counts.entry(value.clone()).or_default() += 1;
            } else {
                tallies.push(Tally {
                    drill: chapter.info.name.clone(),
                    name: name.clone(),
                    counts: BTreeMap::from([(value.clone(), 1)]),
                });
            }
        }
    }
    tallies
}

impl DrillFold {
    /// Takes the events that concern the drill as a whole.
    fn take(&mut self, event: &Event) {
        if let EventKind::SiteReady(site) = &event.kind {
            self.record.sites.push(site.clone());
        }
        if let EventKind::ChapterStarted(info) = &event.kind {
            let fresh = ChapterRecord {
                info: info.clone(),
                verdict: Verdict::Aborted,
                prepared: Vec::new(),
                steps: Vec::new(),
                observations: Vec::new(),
                faults: Vec::new(),
                values: Vec::new(),
                failovers: Vec::new(),
                invariants: Vec::new(),
                failures: Vec::new(),
            };
            let position = event.chapter.unwrap_or(self.chapters.len());
            self.chapters.insert(position, fresh);
        }
        if let EventKind::DrillFinished {
            verdict,
            failure,
            wall,
        }
        | EventKind::DrillRetried {
            verdict,
            failure,
            wall,
            seed: _,
        } = &event.kind
        {
            self.record.verdict = *verdict;
            self.record.failure.clone_from(failure);
            self.record.wall = Some(*wall);
        }
        if let EventKind::DrillRetried { seed, .. } = &event.kind {
            self.again(*seed);
        }
    }

    /// The next try begins.
    fn again(&mut self, seed: u64) {
        let info = DrillInfo {
            seed,
            ..self.record.info.clone()
        };
        let next = begun(info, self.record.attempt.saturating_add(1));
        let mut ended = std::mem::replace(&mut self.record, next);
        ended.chapters = std::mem::take(&mut self.chapters).into_values().collect();
        self.earlier.push(ended);
    }

    /// The chapter of an event; one without a chapter belongs to the last that started.
    fn chapter(&mut self, position: Option<usize>) -> Option<&mut ChapterRecord> {
        match position {
            Some(position) => self.chapters.get_mut(&position),
            None => self.chapters.values_mut().next_back(),
        }
    }

    /// The drill as the try that shows best what it came to, with all others beside it.
    fn finish(mut self) -> DrillRecord {
        self.record.chapters = self.chapters.into_values().collect();
        let mut tries = self.earlier;
        tries.push(self.record);
        let verdict = Verdict::of_tries(tries.iter().map(|it| it.verdict));
        let telling = tries.iter().position(|it| it.verdict == verdict);
        let mut drill = tries.remove(telling.expect("the verdict is that of one of the tries"));
        drill.flaky = verdict == Verdict::Passed && !tries.is_empty();
        drill.attempts = tries;
        drill
    }
}

impl ChapterRecord {
    /// Takes the events that concern one chapter.
    fn take(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Prepared { what } => self.prepared.push(what.clone()),
            EventKind::StepStarted { .. }
            | EventKind::Output { .. }
            | EventKind::StepFinished { .. }
            | EventKind::StepSkipped { .. } => self.take_step(event),
            EventKind::Observed(observation) => self.observations.push(TimedObservation {
                at: event.at,
                observation: observation.clone(),
            }),
            EventKind::Fault(note) => self.faults.push(TimedFaultNote {
                at: event.at,
                note: note.clone(),
            }),
            EventKind::ValueMeasured(value) => self.values.push(value.clone()),
            EventKind::FailoverMeasured(measure) => self.failovers.push(measure.clone()),
            EventKind::InvariantJudged(invariant) => self.invariants.push(invariant.clone()),
            EventKind::ChapterFailure(failure) => self.failures.push(failure.clone()),
            EventKind::ChapterFinished { verdict } => self.verdict = *verdict,
            EventKind::RunStarted(_)
            | EventKind::DrillSkipped { .. }
            | EventKind::DrillStarted { .. }
            | EventKind::SiteReady(_)
            | EventKind::ChapterStarted(_)
            | EventKind::DrillRetried { .. }
            | EventKind::DrillFinished { .. }
            | EventKind::RunFinished { .. } => {}
        }
    }

    fn take_step(&mut self, event: &Event) {
        if let EventKind::StepStarted {
            step,
            text,
            location,
        } = &event.kind
        {
            let mut fresh = StepRecord::new(step, text, location);
            fresh.started = event.at;
            self.steps.push(fresh);
        }
        if let EventKind::StepSkipped {
            step,
            text,
            location,
            reason,
        } = &event.kind
        {
            let mut fresh = StepRecord::new(step, text, location);
            fresh.skipped = Some(reason.clone());
            self.steps.push(fresh);
        }
        if let EventKind::Output { step, stream, line } = &event.kind
            && let Some(known) = self.step(step)
        {
            known.transcript.push(TranscriptLine {
                at: event.at,
                stream: *stream,
                line: line.clone(),
            });
        }
        if let EventKind::StepFinished { step, outcome } = &event.kind
            && let Some(known) = self.step(step)
        {
            known.finished = event.at;
            known.outcome = Some(outcome.clone());
        }
    }

    /// The latest step of that name.
    fn step(&mut self, id: &StepId) -> Option<&mut StepRecord> {
        self.steps.iter_mut().rev().find(|step| step.id == *id)
    }
}

impl StepRecord {
    fn new(id: &StepId, text: &str, location: &crate::Location) -> Self {
        Self {
            id: id.clone(),
            text: text.to_owned(),
            location: location.clone(),
            started: None,
            finished: None,
            outcome: None,
            skipped: None,
            transcript: Vec::new(),
        }
    }
}

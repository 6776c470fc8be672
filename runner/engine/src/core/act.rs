//! What is known of the chapter that runs: its actors, its invariants, its measures, its verdict so far.

use std::borrow::Cow;
use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::Timestamp;
use sitedrill_model::event::{EventKind, FaultChange, FaultNote};
use sitedrill_model::scenario::{Objectives, Scenario, Step};
use sitedrill_model::{Failure, FailureKind, Location, Verdict};

use super::own::Own;
use super::{Board, History, Recording, variables};
use crate::beats;
use crate::invariants::InForce;
use crate::measure::Measure;
use crate::objects::{Change, Objects};
use crate::target::Beat;

/// The chapter that runs.
pub(crate) struct Act {
    /// Its position in the drill; `None` before the first.
    pub(crate) index: Option<usize>,
    /// When it began.
    pub(crate) began: Timestamp,
    pub(crate) board: Board,
    pub(super) recordings: BTreeMap<String, Recording>,
    pub(super) measure: Measure,
    /// How many expectations were judged.
    pub(super) checks: u64,
    /// The worst so far.
    pub(crate) verdict: Verdict,
    wanted: Vec<sitedrill_model::scenario::Invariant>,
    in_force: Vec<InForce>,
    pub(super) own: Own,
    objectives: Objectives,
    file: String,
    /// By name, in the order in which they were injected.
    faults: IndexMap<String, Broken>,
    /// Whether steps of the scenario save values at all.
    saves: bool,
    saved: BTreeMap<String, String>,
}

/// What is broken on purpose.
struct Broken {
    text: String,
    location: Location,
    took_effect: bool,
    is_over: bool,
}

impl Default for Act {
    fn default() -> Self {
        Self {
            index: None,
            began: Timestamp::UNIX_EPOCH,
            board: Board::default(),
            recordings: BTreeMap::new(),
            measure: Measure::default(),
            checks: 0,
            verdict: Verdict::Passed,
            wanted: Vec::new(),
            in_force: Vec::new(),
            own: Own::default(),
            objectives: Objectives::default(),
            file: String::new(),
            faults: IndexMap::new(),
            saves: false,
            saved: BTreeMap::new(),
        }
    }
}

impl Act {
    pub(super) fn new(
        index: usize,
        scenario: &Scenario,
        aliases: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Self {
        Self {
            index: Some(index),
            began: now,
            board: Board::of(scenario),
            measure: match scenario.objectives.rpo {
                Some(_) => Measure::new(aliases.clone()).with_markers(beats::INTERVAL),
                None => Measure::new(aliases.clone()),
            },
            wanted: scenario.invariants.clone(),
            own: Own::of(scenario),
            objectives: scenario.objectives.clone(),
            file: scenario.file.clone(),
            saves: variables::are_saved(scenario),
            ..Self::default()
        }
    }

    /// When time alone can break an invariant next.
    pub(crate) fn next_tick(&self) -> Option<Timestamp> {
        let ticks = self.in_force.iter().filter_map(InForce::next_tick);
        ticks.min()
    }

    pub(super) fn save(&mut self, name: String, value: String) {
        self.saved.insert(name, value);
    }

    /// The step with the saved values in the place of their names.
    pub(crate) fn resolved<'s>(&self, step: &'s Step) -> Result<Cow<'s, Step>, Failure> {
        if self.saves {
            variables::resolved(step, &self.saved)
        } else {
            Ok(Cow::Borrowed(step))
        }
    }

    pub(super) fn fault(&mut self, note: FaultNote, place: &Location, out: &mut Vec<EventKind>) {
        let broken = self
            .faults
            .entry(note.name.clone())
            .or_insert_with(|| Broken {
                text: note.fault.clone(),
                location: place.clone(),
                took_effect: false,
                is_over: false,
            });
        match note.what {
            FaultChange::Injected => broken.is_over = false,
            FaultChange::TookEffect => broken.took_effect = true,
            FaultChange::Lifted | FaultChange::LeftOver => broken.is_over = true,
        }
        out.push(EventKind::Fault(note));
    }

    /// The faults in force, with their texts and places.
    pub(crate) fn faults_in_force(&self) -> Vec<(String, String, Location)> {
        let faults = self.faults.iter().filter(|(_, it)| !it.is_over);
        faults
            .map(|(name, it)| (name.clone(), it.text.clone(), it.location.clone()))
            .collect()
    }

    /// Whether a fault was seen to work.
    pub(crate) fn has_taken_effect(&self, name: &str) -> bool {
        self.faults.get(name).is_some_and(|it| it.took_effect)
    }

    pub(super) fn fail(&mut self, failure: Failure, out: &mut Vec<EventKind>) {
        self.verdict = self.verdict.max(failure.kind.verdict());
        out.push(EventKind::ChapterFailure(failure));
    }

    pub(super) fn arm(&mut self, objects: &Objects, now: Timestamp, out: &mut Vec<EventKind>) {
        self.measure.open();
        self.in_force = self.wanted.iter().map(InForce::new).collect();
        for (key, object) in objects {
            let present = Change {
                at: now,
                key: key.clone(),
                before: None,
                after: Some(object.clone()),
            };
            self.watch_over(&present, out);
        }
    }

    pub(super) fn observe(
        &mut self,
        change: &Change,
        objects: &Objects,
        history: &History,
        out: &mut Vec<EventKind>,
    ) {
        let measured = self.measure.observe(change, objects, history);
        out.extend(measured.into_iter().map(EventKind::FailoverMeasured));
        self.watch_over(change, out);
    }

    pub(super) fn beat(
        &mut self,
        beats: &[Beat],
        now: Timestamp,
        objects: &Objects,
        history: &History,
    ) -> Vec<EventKind> {
        let measured = self.measure.beat(beats, now, objects, history);
        let measured = measured.into_iter();
        measured.map(EventKind::FailoverMeasured).collect()
    }

    pub(super) fn tick(&mut self, now: Timestamp, out: &mut Vec<EventKind>) {
        let broken: Vec<Failure> = self
            .in_force
            .iter_mut()
            .filter_map(|it| it.tick(now))
            .collect();
        for failure in broken {
            self.fail(failure, out);
        }
    }

    pub(super) fn clean_up(&mut self) {
        self.measure.close();
    }

    /// Judges what only the whole can show.
    ///
    /// That something was never checked counts only against a chapter that would otherwise be green:
    /// in one that failed or was stopped, most things were not reached, which says nothing.
    pub(super) fn end(
        &mut self,
        objects: &Objects,
        history: &History,
        now: Timestamp,
        out: &mut Vec<EventKind>,
    ) -> Verdict {
        self.tick(now, out);
        let measured = self.measure.finish(objects, history);
        out.extend(measured.into_iter().map(EventKind::FailoverMeasured));
        for failure in self.measure.missed(&self.objectives, now) {
            self.fail(failure, out);
        }
        let mut records: Vec<_> = self.in_force.iter().map(InForce::record).collect();
        records.extend(self.own.records());
        out.extend(records.into_iter().map(EventKind::InvariantJudged));
        if self.verdict == Verdict::Passed {
            for failure in self.never_checked() {
                self.fail(failure, out);
            }
        }
        self.verdict
    }

    fn watch_over(&mut self, change: &Change, out: &mut Vec<EventKind>) {
        let looks = self.in_force.iter_mut();
        let broken: Vec<Failure> = looks.filter_map(|it| it.observe(change)).collect();
        for failure in broken {
            self.fail(failure, out);
        }
    }

    fn never_checked(&self) -> Vec<Failure> {
        let mut failures = Vec::new();
        if self.checks == 0 {
            let start = Location {
                file: self.file.clone(),
                line: 1,
                column: 1,
            };
            let message = "no expectation of this scenario was judged";
            failures.push(Failure::new(FailureKind::NeverChecked, message).at(&start));
        }
        let blind = self.in_force.iter().filter_map(InForce::never_checked);
        failures.extend(blind);
        failures.extend(self.own.never_checked());
        failures.extend(self.measure.never_checked(&self.objectives));
        let idle = self.faults.iter().filter(|(_, it)| !it.took_effect);
        failures.extend(idle.map(|(name, it)| {
            let text = &it.text;
            let message = format!("fault {name} ({text}) was never seen to take effect");
            Failure::new(FailureKind::FaultNotSeen, message).at(&it.location)
        }));
        failures
    }
}

//! The one synchronous place that takes every observed change and every step's end in turn.
//!
//! No runtime is needed to drive it: [`Core::handle`] is given an [`Input`] and the time, and answers with events.
//! Conditions that actors wait for are judged here, change by change, so that no state that held for an instant is missed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use sitedrill_model::event::{EventKind, FaultNote, Observation, StepId, StepOutcome, Stream};
use sitedrill_model::scenario::{Action, Condition, ObjectKind, Observe, Scenario, Step};
use sitedrill_model::{Failure, FailureKind, Location, SeenValue, Verdict};

mod act;
mod board;
mod history;
mod own;
mod recording;
mod variables;
mod waits;

pub(crate) use act::Act;
pub(crate) use board::{ALWAYS, Board, Standing, THEN};
pub(crate) use history::{History, Version};
pub(crate) use recording::Recording;
pub(crate) use waits::{WaitId, Waited};

use crate::conditions::{Facts, lock_key};
use crate::objects::{self, Change, Key, Objects};
use crate::target::Beat;
use crate::{kinds, notes};
use board::State;
use waits::Waits;

/// One list and watch: a kind in a namespace of a site.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    pub(crate) site: String,
    pub(crate) kind: ObjectKind,
    /// Empty for kinds without namespaces.
    pub(crate) namespace: String,
}

impl Source {
    /// The key of an object of this source.
    pub(crate) fn key(&self, object: &Value) -> Key {
        self.key_of(objects::string(object, "/metadata/name").unwrap_or_default())
    }

    /// The key of the object of that name.
    pub(crate) fn key_of(&self, name: &str) -> Key {
        Key {
            site: self.site.clone(),
            kind: self.kind,
            namespace: self.namespace.clone(),
            name: name.to_owned(),
        }
    }

    fn holds(&self, key: &Key) -> bool {
        key.site == self.site && key.kind == self.kind && key.namespace == self.namespace
    }
}

/// Something that happened, for the core to take in.
pub(crate) enum Input<'i> {
    /// The first list of a source.
    Listed {
        source: &'i Source,
        objects: Vec<Value>,
    },
    /// The source had to be listed again: what happened since `unseen_since` was not observed.
    ListedAgain {
        source: &'i Source,
        objects: Vec<Value>,
        unseen_since: Timestamp,
        why: String,
    },
    /// The site does not have this kind.
    Unserved(&'i Source),
    /// An object is new or has changed.
    Applied { source: &'i Source, object: Value },
    /// An object is gone.
    Deleted { source: &'i Source, object: Value },
    /// A step starts.
    StepStarted {
        id: &'i StepId,
        step: &'i Step,
        /// What it does, with its values filled in; nothing where one is missing.
        action: Option<&'i Action>,
    },
    /// A step's command printed a line.
    Output {
        id: &'i StepId,
        stream: Stream,
        line: &'i str,
    },
    /// A step ended.
    StepFinished {
        id: &'i StepId,
        outcome: StepOutcome,
    },
    /// A step is not run.
    StepSkipped {
        id: &'i StepId,
        step: &'i Step,
        reason: &'i str,
    },
    /// An `observe` step starts its recording.
    Record(&'i Observe),
    /// A value was saved.
    Saved { name: String, value: String },
    /// An expectation is being judged.
    Checked,
    /// Something happened to a fault.
    Fault {
        note: FaultNote,
        location: &'i Location,
    },
    /// A failure that belongs to no step.
    Failed(Failure),
    /// Time has passed.
    Tick,
}

/// What is known of the sites and of the chapter that runs.
pub(crate) struct Core {
    namespace: String,
    sites: Vec<String>,
    /// Every name of a site to its canonical name.
    aliases: BTreeMap<String, String>,
    objects: Objects,
    history: History,
    unserved: BTreeSet<(String, ObjectKind)>,
    waits: Waits,
    act: Act,
}

impl Core {
    /// A core that has seen nothing of these sites, given with their aliases.
    pub(crate) fn new(namespace: &str, sites: &[(String, Vec<String>)]) -> Self {
        let names = sites.iter().flat_map(|(name, aliases)| {
            let names = aliases.iter().chain([name]);
            names.map(move |alias| (alias.clone(), name.clone()))
        });
        Self {
            namespace: namespace.to_owned(),
            sites: sites.iter().map(|(name, _)| name.clone()).collect(),
            aliases: names.collect(),
            objects: Objects::new(),
            history: History::default(),
            unserved: BTreeSet::new(),
            waits: Waits::default(),
            act: Act::default(),
        }
    }

    /// Takes one thing in and says what is to be told of it.
    #[must_use = "the events are the only trace of what was taken in"]
    pub(crate) fn handle(&mut self, input: Input<'_>, now: Timestamp) -> Vec<EventKind> {
        let mut out = Vec::new();
        match input {
            Input::Listed { source, objects } => self.first_list(source, objects, now),
            Input::ListedAgain {
                source,
                objects,
                unseen_since,
                why,
            } => {
                self.act
                    .fail(gap(source, unseen_since, now, &why), &mut out);
                self.list_again(source, objects, now, &mut out);
            }
            Input::Unserved(source) => {
                self.unserved.insert((source.site.clone(), source.kind));
            }
            Input::Applied { source, object } => {
                self.apply(source.key(&object), Some(object), now, &mut out);
            }
            Input::Deleted { source, object } => {
                self.apply(source.key(&object), None, now, &mut out);
            }
            Input::Record(observe) => self.record(observe, now),
            Input::Saved { name, value } => self.act.save(name, value),
            Input::Checked => self.act.checks += 1,
            Input::Fault { note, location } => self.act.fault(note, location, &mut out),
            Input::Failed(failure) => self.act.fail(failure, &mut out),
            Input::Tick => self.act.tick(now, &mut out),
            Input::StepStarted { .. }
            | Input::Output { .. }
            | Input::StepFinished { .. }
            | Input::StepSkipped { .. } => self.step(input, now, &mut out),
        }
        self.judge_waits(None, now);
        out
    }

    /// Takes in what machines found and wrote. Nothing that is waited for depends on it.
    #[must_use = "the events are the only trace of what was taken in"]
    pub(crate) fn beat(&mut self, beats: &[Beat], now: Timestamp) -> Vec<EventKind> {
        self.act.beat(beats, now, &self.objects, &self.history)
    }

    /// The chapter that runs.
    pub(crate) fn act(&self) -> &Act {
        &self.act
    }

    /// Starts a chapter: what is waited for and recorded is forgotten, what was observed stays known.
    pub(crate) fn begin(&mut self, index: usize, scenario: &Scenario, now: Timestamp) {
        self.waits = Waits::default();
        self.act = Act::new(index, scenario, &self.aliases, now);
    }

    /// Puts the chapter's invariants in force, on the present state as their base.
    #[must_use = "the events are the only trace of what was taken in"]
    pub(crate) fn arm(&mut self, now: Timestamp) -> Vec<EventKind> {
        let mut out = Vec::new();
        self.act.arm(&self.objects, now, &mut out);
        self.act.own.arm();
        self.judge_own(None, now, &mut out);
        out
    }

    /// From here on, failovers belong to the cleanup and are held against no objective.
    pub(crate) fn clean_up(&mut self) {
        self.act.own.disarm();
        self.act.clean_up();
    }

    /// Judges the chapter as a whole.
    #[must_use = "the events are the only trace of what was taken in"]
    pub(crate) fn end(&mut self, now: Timestamp) -> (Vec<EventKind>, Verdict) {
        let mut out = Vec::new();
        let verdict = self.act.end(&self.objects, &self.history, now, &mut out);
        (out, verdict)
    }

    /// The facts of this instant.
    pub(crate) fn facts(&self, now: Timestamp) -> Facts<'_> {
        self.facts_of(&self.objects, now)
    }

    /// The same with objects that were read from a site just now.
    pub(crate) fn facts_of<'f>(&'f self, objects: &'f Objects, now: Timestamp) -> Facts<'f> {
        Facts {
            objects,
            unserved: &self.unserved,
            recordings: &self.act.recordings,
            board: &self.act.board,
            sites: &self.sites,
            namespace: &self.namespace,
            now,
        }
    }

    /// The objects as observed.
    pub(crate) fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The versions of all objects.
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// The Leases that can lock a group.
    pub(crate) fn lock_keys(&self, group: &str) -> Vec<Key> {
        let sites = self.sites.iter();
        sites
            .map(|site| lock_key(site, &self.namespace, group))
            .collect()
    }

    /// The values recorded under a name.
    pub(crate) fn recorded(&self, name: &str) -> Vec<SeenValue> {
        let recording = self.act.recordings.get(name);
        recording.map_or_else(Vec::new, |it| it.values.clone())
    }

    /// Starts to wait for a condition.
    pub(crate) fn wait(&mut self, condition: &Condition, now: Timestamp) -> WaitId {
        let id = self.waits.add(condition);
        self.judge_waits(None, now);
        id
    }

    /// Starts to watch over a condition that must go on to hold.
    pub(crate) fn guard(&mut self, condition: &Condition, now: Timestamp) -> WaitId {
        let id = self.waits.guard(condition);
        self.judge_waits(None, now);
        id
    }

    /// How a wait stands.
    pub(crate) fn waited(&self, id: WaitId) -> &Waited {
        self.waits.get(id)
    }

    /// Judges the waits that an observed change of this object concerns, or all of them.
    fn judge_waits(&mut self, changed: Option<&Key>, now: Timestamp) {
        let mut waits = std::mem::take(&mut self.waits);
        waits.judge(&self.facts(now), changed);
        self.waits = waits;
    }

    /// Judges the scenario's own invariants that a change concerns, or all of them.
    fn judge_own(&mut self, changed: Option<&Key>, now: Timestamp, out: &mut Vec<EventKind>) {
        let mut own = std::mem::take(&mut self.act.own);
        let broken = own.judge(&self.facts(now), changed);
        self.act.own = own;
        for failure in broken {
            self.act.fail(failure, out);
        }
    }

    fn first_list(&mut self, source: &Source, objects: Vec<Value>, now: Timestamp) {
        for object in objects {
            let change = Change {
                at: now,
                key: source.key(&object),
                before: None,
                after: Some(Arc::new(object)),
            };
            self.history.add(&change);
            self.objects.extend(change.after.map(|it| (change.key, it)));
        }
    }

    fn list_again(
        &mut self,
        source: &Source,
        listed: Vec<Value>,
        now: Timestamp,
        out: &mut Vec<EventKind>,
    ) {
        let present: BTreeSet<Key> = listed.iter().map(|object| source.key(object)).collect();
        let known = self.objects.keys().filter(|key| source.holds(key));
        let gone: Vec<Key> = known
            .filter(|key| !present.contains(key))
            .cloned()
            .collect();
        for key in gone {
            self.apply(key, None, now, out);
        }
        for object in listed {
            self.apply(source.key(&object), Some(object), now, out);
        }
    }

    fn apply(&mut self, key: Key, object: Option<Value>, now: Timestamp, out: &mut Vec<EventKind>) {
        let before = self.objects.get(&key).cloned();
        let known = before.as_deref().map(objects::resource_version);
        let is_news = match &object {
            // A watch that is taken up again may repeat its last event.
            Some(object) => known != Some(objects::resource_version(object)),
            None => before.is_some(),
        };
        if !is_news {
            return;
        }
        let change = Change {
            at: now,
            key,
            before,
            after: object.map(Arc::new),
        };
        self.take(&change, out);
    }

    fn take(&mut self, change: &Change, out: &mut Vec<EventKind>) {
        let key = &change.key;
        match &change.after {
            Some(object) => self.objects.insert(key.clone(), Arc::clone(object)),
            None => self.objects.remove(key),
        };
        self.history.add(change);
        for recording in self.act.recordings.values_mut() {
            if recording.key == *key {
                recording.add(change.after.as_deref(), change.at);
            }
        }
        let observed = notes::of(change).into_iter().map(|what| {
            EventKind::Observed(Observation {
                site: key.site.clone(),
                object: key.object(),
                what,
                resource_version: change.resource_version().to_owned(),
            })
        });
        out.extend(observed);
        self.act.observe(change, &self.objects, &self.history, out);
        self.judge_own(Some(key), change.at, out);
        self.judge_waits(Some(key), change.at);
    }

    fn record(&mut self, observe: &Observe, now: Timestamp) {
        let mut recording = Recording::new(observe);
        let present = self.objects.get(&recording.key).cloned();
        recording.add(present.as_deref(), now);
        self.act.recordings.insert(observe.name.clone(), recording);
    }

    fn step(&mut self, input: Input<'_>, now: Timestamp, out: &mut Vec<EventKind>) {
        let act = &mut self.act;
        match input {
            Input::StepStarted { id, step, action } => {
                act.board.set(id, State::Running);
                if let Some(action) = action {
                    act.measure.step_started(id, action, now);
                }
                out.push(EventKind::StepStarted {
                    step: id.clone(),
                    text: step.text.clone(),
                    location: step.location.clone(),
                });
            }
            Input::Output { id, stream, line } => {
                act.measure.output(id, line);
                out.push(EventKind::Output {
                    step: id.clone(),
                    stream,
                    line: line.to_owned(),
                });
            }
            Input::StepFinished { id, outcome } => {
                let passed = outcome.verdict == Verdict::Passed;
                let state = if passed { State::Passed } else { State::Lost };
                act.board.set(id, state);
                act.measure.step_finished(id);
                act.verdict = act.verdict.max(outcome.verdict);
                let step = id.clone();
                out.push(EventKind::StepFinished { step, outcome });
            }
            Input::StepSkipped { id, step, reason } => {
                act.board.set(id, State::Lost);
                out.push(EventKind::StepSkipped {
                    step: id.clone(),
                    text: step.text.clone(),
                    location: step.location.clone(),
                    reason: reason.to_owned(),
                });
            }
            _ => unreachable!("handle sends only the inputs of steps here"),
        }
    }
}

fn gap(source: &Source, from: Timestamp, to: Timestamp, why: &str) -> Failure {
    let (kind, site) = (kinds::plural(source.kind), &source.site);
    Failure::new(
        FailureKind::ObservationGap,
        format!("changes of {kind} on {site} were not observed from {from} to {to}: {why}"),
    )
}

#[cfg(test)]
mod tests;

//! How long failovers took: from the request to `running` on the target, step by step and machine by machine. And what
//! they lost, where machines write data markers. Pure.
//!
//! The request is the start of the command that created the Failover; where none did, the time it was first seen.
//! Only failovers that began while the actors acted are measured; those of `given` and `always` are housekeeping.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use sitedrill_model::event::{FailoverMeasurement, MarkerEvidence, StepDuration, StepId};
use sitedrill_model::scenario::{Action, ObjectKind, Objectives};
use sitedrill_model::{Failure, FailureKind, SeenValue};

mod downtime;
mod requests;
mod rpo;
mod writers;

use crate::core::History;
use crate::objects::{self, Change, Key, Objects, seconds_between, span};
use crate::target::Beat;
use requests::Requests;
use writers::Writers;

/// The failovers of a chapter.
#[derive(Default)]
pub(crate) struct Measure {
    /// Every name of a site to its canonical name.
    aliases: BTreeMap<String, String>,
    /// Whether a failover that begins now is to be measured.
    is_open: bool,
    requests: Requests,
    tracked: BTreeMap<Key, Tracked>,
    /// What machines wrote and found, and how often they write; `None` where there is no RPO objective.
    markers: Option<(Writers, Duration)>,
}

struct Tracked {
    group: String,
    /// As written in the Failover.
    target: String,
    first_seen: Timestamp,
    /// The steps whose command may have created it.
    candidates: Vec<usize>,
    /// Whether the group ran on the target already when the failover was first seen: nothing is moved then.
    ran_there: bool,
    running_at: Option<Timestamp>,
    /// The last version.
    failover: Value,
    measured: Option<FailoverMeasurement>,
}

impl Measure {
    /// Measures nothing yet.
    pub(crate) fn new(aliases: BTreeMap<String, String>) -> Self {
        Self {
            aliases,
            ..Self::default()
        }
    }

    /// Measures what is lost, too, from markers that are written this often.
    #[must_use]
    pub(crate) fn with_markers(mut self, interval: Duration) -> Self {
        self.markers = Some((Writers::default(), interval));
        self
    }

    /// From now on, failovers are measured.
    pub(crate) fn open(&mut self) {
        self.is_open = true;
    }

    /// From now on, failovers that begin are not measured any more.
    pub(crate) fn close(&mut self) {
        self.is_open = false;
    }

    /// A step starts, with its values filled in, that may request a failover.
    pub(crate) fn step_started(&mut self, id: &StepId, action: &Action, now: Timestamp) {
        self.requests.started(id, action, now);
    }

    /// A step's command printed a line.
    pub(crate) fn output(&mut self, id: &StepId, line: &str) {
        self.requests.printed(id, line);
    }

    /// A step ended.
    pub(crate) fn step_finished(&mut self, id: &StepId) {
        self.requests.finished(id);
    }

    /// Takes in a change; answers with the failovers that it ends.
    pub(crate) fn observe(
        &mut self,
        change: &Change,
        objects: &Objects,
        history: &History,
    ) -> Vec<FailoverMeasurement> {
        match change.key.kind {
            ObjectKind::Failover => self.failover_changed(change, objects),
            ObjectKind::ProtectionGroup => self.group_changed(change),
            _ => return Vec::new(),
        }
        self.settled(objects, history)
    }

    /// Takes in what machines found and wrote; answers with the failovers that could not be measured without it.
    pub(crate) fn beat(
        &mut self,
        beats: &[Beat],
        now: Timestamp,
        objects: &Objects,
        history: &History,
    ) -> Vec<FailoverMeasurement> {
        if let Some((writers, _)) = &mut self.markers {
            writers.beat(beats, now);
        }
        self.settled(objects, history)
    }

    /// The failovers that ended and were not settled; for the end of a chapter.
    pub(crate) fn finish(
        &mut self,
        objects: &Objects,
        history: &History,
    ) -> Vec<FailoverMeasurement> {
        self.ended(|_, _, it| it.is_terminal(), objects, history)
    }

    /// The failures of the objectives, where there are any.
    pub(crate) fn missed(&self, objectives: &Objectives, now: Timestamp) -> Vec<Failure> {
        let mut missed = self.missed_rto(objectives, now);
        let lost = self.measured();
        missed.extend(lost.filter_map(|it| rpo::missed(it, objectives)));
        missed
    }

    fn missed_rto(&self, objectives: &Objectives, now: Timestamp) -> Vec<Failure> {
        let Some(rto) = objectives.rto.map(|rto| rto.as_secs_f64()) else {
            return Vec::new();
        };
        let missed = self.tracked.iter().filter_map(|(key, tracked)| {
            let (what, seen) = tracked.missed(rto, now)?;
            let (name, group, most) = (&key.name, &tracked.group, span(rto));
            let message = format!("rto: {name} of {group} {what}, and the objective is {most}");
            let mut failure = Failure::new(FailureKind::ObjectiveMissed, message);
            failure.location.clone_from(&objectives.location);
            failure.expected = Some(format!("at most {most}"));
            failure.last_seen = Some(span(seen));
            failure.seen = tracked.step_times();
            Some(failure)
        });
        missed.collect()
    }

    /// The failures of objectives that no failover was held against.
    pub(crate) fn never_checked(&self, objectives: &Objectives) -> Vec<Failure> {
        let any = |is_told: fn(&FailoverMeasurement) -> bool| self.measured().any(is_told);
        let held = [
            ("rto", objectives.rto, any(|it| it.rto_seconds.is_some())),
            ("rpo", objectives.rpo, any(|it| it.rpo_seconds.is_some())),
        ];
        let idle = held
            .into_iter()
            .filter(|(_, objective, is_told)| objective.is_some() && !is_told);
        let failures = idle.map(|(name, ..)| {
            let message = format!("{name}: no failover was measured that it could be judged on");
            let mut failure = Failure::new(FailureKind::NeverChecked, message);
            failure.location.clone_from(&objectives.location);
            failure
        });
        failures.collect()
    }

    fn measured(&self) -> impl Iterator<Item = &FailoverMeasurement> {
        self.tracked.values().filter_map(|it| it.measured.as_ref())
    }

    fn failover_changed(&mut self, change: &Change, objects: &Objects) {
        let Some(failover) = change.after.as_deref() else {
            return; // What a vanished failover means is for the invariants to say.
        };
        if let Some(tracked) = self.tracked.get_mut(&change.key) {
            tracked.failover = failover.clone();
            return;
        }
        if !self.is_open || change.before.is_some() {
            return;
        }
        let text = |pointer| {
            objects::string(failover, pointer)
                .unwrap_or_default()
                .to_owned()
        };
        let (group, target) = (text("/spec/protectionGroup"), text("/spec/targetCluster"));
        let group_there = objects.get(&self.group_key(&target, &change.key.namespace, &group));
        let tracked = Tracked {
            candidates: self.requests.candidates(&change.key.name, &group),
            first_seen: change.at,
            ran_there: group_there.is_some_and(|it| is_running(it)),
            running_at: None,
            failover: failover.clone(),
            measured: None,
            group,
            target,
        };
        self.tracked.insert(change.key.clone(), tracked);
    }

    fn group_changed(&mut self, change: &Change) {
        let came_to_run = change.after.as_deref().is_some_and(is_running)
            && !change.before.as_deref().is_some_and(is_running);
        if !came_to_run {
            return;
        }
        for (key, tracked) in &mut self.tracked {
            let is_target = self.aliases.get(&tracked.target) == Some(&change.key.site);
            let is_group =
                tracked.group == change.key.name && key.namespace == change.key.namespace;
            if is_target && is_group && tracked.running_at.is_none() && tracked.measured.is_none() {
                tracked.running_at = Some(change.at);
            }
        }
    }

    /// Measures the failovers of which nothing more is to be expected.
    fn settled(&mut self, objects: &Objects, history: &History) -> Vec<FailoverMeasurement> {
        let is_settled = |this: &Self, key: &Key, it: &Tracked| {
            it.is_settled() && this.has_seen_markers(key, it, objects)
        };
        self.ended(is_settled, objects, history)
    }

    fn ended(
        &mut self,
        is_ready: impl Fn(&Self, &Key, &Tracked) -> bool,
        objects: &Objects,
        history: &History,
    ) -> Vec<FailoverMeasurement> {
        let ready = self
            .tracked
            .iter()
            .filter(|(key, it)| it.measured.is_none() && is_ready(self, key, it));
        let ready: Vec<Key> = ready.map(|(key, _)| key.clone()).collect();
        let measured = ready.into_iter().map(|key| {
            let measurement = self.measurement(&key, objects, history);
            if let Some(tracked) = self.tracked.get_mut(&key) {
                tracked.measured = Some(measurement.clone());
            }
            measurement
        });
        measured.collect()
    }

    fn measurement(
        &mut self,
        key: &Key,
        objects: &Objects,
        history: &History,
    ) -> FailoverMeasurement {
        let tracked = &self.tracked[key];
        let markers = self.evidence(key, tracked, objects);
        let asked = self.requests.claim(&tracked.candidates, &key.name);
        let requested_at = asked.unwrap_or(tracked.first_seen);
        let group = self.group_key(&tracked.target, &key.namespace, &tracked.group);
        let succeeded = tracked.phase() == "Succeeded";
        let running_at = tracked.running_at.filter(|_| succeeded);
        FailoverMeasurement {
            failover: key.name.clone(),
            group: tracked.group.clone(),
            target: tracked.target.clone(),
            phase: tracked.phase().to_owned(),
            requested_at,
            running_at,
            rto_seconds: running_at.map(|at| seconds_between(requested_at, at)),
            steps: tracked.steps(),
            downtime: downtime::of_group(&group, tracked.first_seen, objects, history),
            rpo_seconds: markers.as_ref().and_then(rpo::seconds),
            records_lost: markers.as_ref().and_then(rpo::records),
            markers,
        }
    }

    /// What the markers of the group's machines say of a failover that has moved it.
    fn evidence(&self, key: &Key, tracked: &Tracked, objects: &Objects) -> Option<MarkerEvidence> {
        let (writers, interval) = self.markers.as_ref()?;
        if tracked.phase() != "Succeeded" || tracked.ran_there {
            return None;
        }
        let group = self.group_key(&tracked.target, &key.namespace, &tracked.group);
        let machines = downtime::members(&group, objects).into_iter();
        let machines = machines.filter_map(|(namespace, vm)| {
            writers.lost((&namespace, &vm), &group.site, tracked.first_seen)
        });
        Some(MarkerEvidence {
            interval_seconds: interval.as_secs_f64(),
            machines: machines.collect(),
        })
    }

    /// Whether every machine that has come to run on the target has told what it found there.
    fn has_seen_markers(&self, key: &Key, tracked: &Tracked, objects: &Objects) -> bool {
        let evidence = self.evidence(key, tracked, objects);
        let mut machines = evidence.iter().flat_map(|it| &it.machines);
        machines.all(|machine| machine.records_lost.is_some())
    }

    fn group_key(&self, target: &str, namespace: &str, group: &str) -> Key {
        Key {
            site: self.aliases.get(target).cloned().unwrap_or_default(),
            kind: ObjectKind::ProtectionGroup,
            namespace: namespace.to_owned(),
            name: group.to_owned(),
        }
    }
}

impl Tracked {
    fn phase(&self) -> &str {
        objects::string(&self.failover, "/status/phase").unwrap_or("Pending")
    }

    fn is_terminal(&self) -> bool {
        matches!(self.phase(), "Succeeded" | "Failed")
    }

    /// Whether nothing more is to be expected: the group's `running` may be observed after the failover's end.
    fn is_settled(&self) -> bool {
        match self.phase() {
            "Failed" => true,
            "Succeeded" => self.running_at.is_some() || self.ran_there,
            _ => false,
        }
    }

    /// What went wrong and how long it took, if this failover misses the objective.
    fn missed(&self, rto: f64, now: Timestamp) -> Option<(String, f64)> {
        let Some(measured) = &self.measured else {
            let elapsed = seconds_between(self.first_seen, now);
            let what = format!("had not ended after {}", span(elapsed));
            return (elapsed > rto).then_some((what, elapsed));
        };
        match measured.rto_seconds {
            Some(seconds) => (seconds > rto).then(|| (format!("took {}", span(seconds)), seconds)),
            None if measured.phase == "Succeeded" && !self.ran_there => {
                let elapsed = seconds_between(measured.requested_at, now);
                let what = "succeeded, but the group was never seen running on the target";
                Some((what.to_owned(), elapsed))
            }
            None => None,
        }
    }

    fn steps(&self) -> Vec<StepDuration> {
        let steps = self
            .failover
            .pointer("/status/steps")
            .and_then(Value::as_array);
        let steps = steps.into_iter().flatten().filter_map(|step| {
            let started = objects::time(step, "/startedAt")?;
            let finished = objects::time(step, "/finishedAt")?;
            Some(StepDuration {
                step: objects::string(step, "/name")?.to_owned(),
                seconds: seconds_between(started, finished),
            })
        });
        steps.collect()
    }

    fn step_times(&self) -> Vec<SeenValue> {
        let steps = self
            .failover
            .pointer("/status/steps")
            .and_then(Value::as_array);
        let steps = steps.into_iter().flatten().filter_map(|step| {
            let at = objects::time(step, "/startedAt")?;
            let took = objects::time(step, "/finishedAt").map_or_else(
                || "has not ended".to_owned(),
                |end| format!("took {}", span(seconds_between(at, end))),
            );
            let value = format!("{} {took}", objects::string(step, "/name")?);
            Some(SeenValue { at, value })
        });
        steps.collect()
    }
}

fn is_running(group: &Value) -> bool {
    objects::string(group, "/status/currentState") == Some("running")
}

#[cfg(test)]
mod tests;

//! Drills on threads: each has a runtime of its own, and all of them send their events to one place.

use std::cmp::Reverse;
use std::io;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use sitedrill_model::event::{DrillInfo, Event, EventKind, TimeMode, Wall};
use sitedrill_model::scenario::Drill;
use sitedrill_model::{Failure, FailureKind, LoadedDrill, Verdict, derive_seed, try_seed};

use super::RunConfig;
use super::verdicts::Verdicts;
use crate::clock::wall_now;
use crate::lab::{LabConfig, Voice, run_in_lab};
use crate::signals::Shutdown;

/// A drill with its place in the run.
#[derive(Clone, Debug)]
pub struct Selected {
    /// What reports say of it.
    pub info: DrillInfo,
    /// What is run.
    pub drill: Drill,
}

impl Selected {
    /// The drill that is run in this place.
    pub fn new(loaded: &LoadedDrill, index: usize, run_seed: u64) -> Self {
        Self {
            info: loaded.info(index, run_seed),
            drill: loaded.drill.clone(),
        }
    }

    /// Why it cannot be run as time passes.
    pub fn needs_other_time(&self, time: TimeMode) -> Option<String> {
        if time == TimeMode::Virtual
            && let Some((step, program)) = self.drill.first_program()
        {
            let (name, line) = (program.command.name(), step.location.line);
            return Some(format!(
                "its `{name}` step in line {line} starts a program, which needs real time; add --time real, or --sites envtest"
            ));
        }
        let needed = self.drill.time.filter(|needed| *needed != time)?;
        Some(match needed {
            TimeMode::Virtual => "it needs virtual time, which only embedded sites have".to_owned(),
            TimeMode::Real => "it needs real time; add --time real, or --sites envtest".to_owned(),
        })
    }
}

/// The threads of a run.
pub struct Pool {
    events: Receiver<Event>,
    /// For how long events are collected before they are handed on.
    collected: Duration,
}

/// In virtual time thousands of events come in a second; to wake up and to write for each would slow down the drills.
/// In real time each is handed on at once, because what it tells of outlives a process that is killed.
const COLLECTED: Duration = Duration::from_millis(5);

/// What the threads share.
struct Shared {
    /// The longest first, so that no thread is left with a suite when the others have nothing to do.
    drills: Vec<Selected>,
    lab: LabConfig,
    fail_fast: bool,
    retries: u32,
    next: AtomicUsize,
    stopped: AtomicBool,
    shutdown: Shutdown,
}

impl Pool {
    /// Starts the threads; they end by themselves when there is nothing left to run.
    pub fn start(config: &RunConfig, shutdown: &Shutdown) -> Self {
        let mut drills = config.drills.clone();
        drills.sort_by_key(|selected| Reverse(selected.drill.chapters.len()));
        let shared = Arc::new(Shared {
            drills,
            lab: config.lab.clone(),
            fail_fast: config.fail_fast,
            retries: config.retries,
            next: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            shutdown: shutdown.clone(),
        });
        let (sender, events) = channel();
        for _ in 0..config.jobs.min(config.drills.len()) {
            let (shared, sender) = (shared.clone(), sender.clone());
            thread::spawn(move || work(&shared, &sender));
        }
        let collected = match config.lab.time {
            TimeMode::Virtual => COLLECTED,
            TimeMode::Real => Duration::ZERO,
        };
        Self { events, collected }
    }

    /// Hands on every event until all threads have ended, and gives the worst verdict.
    pub fn drain(self, take: &mut impl FnMut(Vec<Event>) -> io::Result<()>) -> io::Result<Verdict> {
        let mut verdicts = Verdicts::default();
        while let Ok(first) = self.events.recv() {
            self.collect();
            let batch: Vec<Event> = iter::once(first).chain(self.events.try_iter()).collect();
            for event in &batch {
                verdicts.take(event);
            }
            take(batch)?;
        }
        Ok(verdicts.worst())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this thread has no runtime, and no drill waits for it"
    )]
    fn collect(&self) {
        thread::sleep(self.collected);
    }
}

fn work(shared: &Shared, sender: &Sender<Event>) {
    while let Some(selected) = shared
        .drills
        .get(shared.next.fetch_add(1, Ordering::Relaxed))
    {
        let sink = sender.clone();
        // A receiver that is gone means the run could not write its reports, and has said so.
        let sink = Arc::new(move |event| drop(sink.send(event)));
        let voice = Voice::new(&selected.drill.name, shared.lab.time, sink);
        if let Some(reason) = reason_to_skip(selected, shared) {
            let info = selected.info.clone();
            voice.say(EventKind::DrillSkipped { info, reason });
            continue;
        }
        let verdict = run_one(selected, shared, voice);
        if shared.fail_fast && verdict > Verdict::Passed {
            shared.stopped.store(true, Ordering::Relaxed);
        }
    }
}

fn reason_to_skip(selected: &Selected, shared: &Shared) -> Option<String> {
    if let Some(reason) = selected.needs_other_time(shared.lab.time) {
        return Some(reason);
    }
    if shared.shutdown.is_asked_for() {
        return Some("the run was interrupted before this drill started".to_owned());
    }
    let stopped = shared.stopped.load(Ordering::Relaxed);
    stopped.then(|| "an earlier drill did not pass, and --fail-fast was given".to_owned())
}

/// Runs a drill, again and again where it does not pass, up to the number of tries it has.
fn run_one(selected: &Selected, shared: &Shared, mut voice: Voice) -> Verdict {
    let info = selected.info.clone();
    voice.say(EventKind::DrillStarted {
        info,
        wall: wall_now(),
    });
    let mut tries = Vec::new();
    let mut number = 1;
    loop {
        let (verdict, failure, wall) = one_try(selected, shared, number, &voice);
        tries.push(verdict);
        let is_last = number > shared.retries || shared.shutdown.is_asked_for();
        if is_last || !may_pass_next_time(verdict) {
            voice.say(EventKind::DrillFinished {
                verdict,
                failure,
                wall,
            });
            return Verdict::of_tries(tries);
        }
        number += 1;
        let seed = try_seed(shared.lab.seed, number);
        voice.say(EventKind::DrillRetried {
            verdict,
            failure,
            seed: derive_seed(seed, &selected.drill.name),
            wall,
        });
        voice = voice.of_next_try(shared.lab.time);
    }
}

/// Whether another try makes sense: one that was stopped from outside was not meant to go on.
fn may_pass_next_time(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Failed | Verdict::Inconclusive => true,
        Verdict::Passed | Verdict::Skipped | Verdict::Aborted => false,
    }
}

/// One try of a drill, on sites of its own.
fn one_try(
    selected: &Selected,
    shared: &Shared,
    number: u32,
    voice: &Voice,
) -> (Verdict, Option<Failure>, Wall) {
    let started = tokio::time::Instant::now();
    let lab = LabConfig {
        seed: try_seed(shared.lab.seed, number),
        ..shared.lab.clone()
    };
    let run = || run_in_lab(&selected.drill, &lab, voice, &shared.shutdown);
    let (verdict, failure) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
        .unwrap_or_else(|panic| {
            let message = format!(
                "sitedrill itself panicked, which is our bug: {}",
                said(panic.as_ref())
            );
            (
                Verdict::Inconclusive,
                Some(Failure::new(FailureKind::EnvironmentFailed, message)),
            )
        });
    let wall = Wall {
        finished: wall_now(),
        seconds: started.elapsed().as_secs_f64(),
    };
    (verdict, failure, wall)
}

fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

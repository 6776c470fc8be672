//! Drills as tests, for the harness in `scenarios/` and for this crate's own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use sitedrill_model::event::{Event, EventKind, TimeMode, Wall};
use sitedrill_model::record::{DrillRecord, RunRecord};
use sitedrill_model::{LoadError, Verdict};
use sitedrill_reports::{Look, summary};
use sitedrill_sites::Provider;
use siterecovery_decide::Sabotage;

use crate::clock::VIRTUAL_EPOCH;
use crate::lab::mutation::Mutation;
use crate::lab::scratch::Scratch;
use crate::lab::{LabConfig, Voice, run_in_lab};
use crate::runs::Selected;
use crate::signals;
use crate::snapshots::SnapshotMode;

/// The drills below a folder.
#[derive(Debug)]
pub struct Drills {
    tests: Vec<DrillTest>,
}

/// One drill as a test.
#[derive(Clone, Debug)]
pub struct DrillTest {
    root: PathBuf,
    selected: Selected,
    seed: u64,
    mutations: Vec<Mutation>,
}

/// Loads the drills below a folder, or says in one text what is wrong with them. No drills are an error.
pub fn load(root: &Path) -> Result<Drills, String> {
    let seed = seed()?;
    let loaded = sitedrill_model::load(&[root.to_owned()]).map_err(|error| match error {
        LoadError::Invalid(problems) => problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n\n"),
        LoadError::NothingToRun { .. } => error.to_string(),
    })?;
    let tests = loaded
        .drills
        .iter()
        .enumerate()
        .map(|(index, loaded)| DrillTest {
            root: root.to_owned(),
            selected: Selected::new(loaded, index, seed),
            seed,
            mutations: Vec::new(),
        });
    Ok(Drills {
        tests: tests.collect(),
    })
}

/// `SITEDRILL_SEED`, else the default of `run`.
fn seed() -> Result<u64, String> {
    match std::env::var("SITEDRILL_SEED") {
        Ok(text) => text
            .parse()
            .map_err(|_| format!("SITEDRILL_SEED is not a number: {text}")),
        Err(_) => Ok(1),
    }
}

impl Drills {
    /// All of them.
    pub fn tests(&self) -> &[DrillTest] {
        &self.tests
    }

    /// The one of this name.
    pub fn named(&self, name: &str) -> Option<&DrillTest> {
        self.tests
            .iter()
            .find(|test| test.selected.drill.name == name)
    }
}

impl DrillTest {
    /// The path of its file below the folder, without the ending.
    pub fn name(&self) -> String {
        let file = Path::new(&self.selected.drill.file);
        let below = file.strip_prefix(&self.root).unwrap_or(file);
        below.with_extension("").display().to_string()
    }

    /// The same drill against controllers that are made wrong.
    #[must_use]
    pub fn sabotaged(mut self, how: Sabotage) -> Self {
        self.mutations.push(Mutation::Decision(how));
        self
    }

    /// The same drill under another seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self.selected.info.seed = sitedrill_model::derive_seed(seed, &self.selected.drill.name);
        self
    }

    /// Runs it in virtual time; what went wrong is a text for people.
    pub fn run(&self) -> Result<(), String> {
        let (record, run) = self.record();
        if record.verdict == Verdict::Passed {
            return Ok(());
        }
        let seed = self.seed;
        let name = self.name();
        let repeat = format!("SITEDRILL_SEED={seed} cargo test -p scenarios {name}");
        Err(format!(
            "{}\nrepeat with: {repeat}",
            summary(&run, Look::default())
        ))
    }

    /// Runs it in virtual time, and gives what is known of it.
    pub fn record(&self) -> (DrillRecord, RunRecord) {
        let events = self.events();
        let record = RunRecord::from_events(&events);
        let drill = record
            .drills
            .first()
            .expect("the first event names the drill")
            .clone();
        (drill, record)
    }

    /// Runs it in virtual time, and gives every event.
    pub fn events(&self) -> Vec<Event> {
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = events.clone();
        let voice = Voice::new(
            &self.selected.drill.name,
            TimeMode::Virtual,
            Arc::new(move |event| sink.lock().expect("no other holder panics").push(event)),
        );
        let info = self.selected.info.clone();
        voice.say(EventKind::DrillStarted {
            info,
            wall: VIRTUAL_EPOCH,
        });
        let config = LabConfig {
            provider: Provider::Embedded,
            scratch: Scratch::shared(),
            time: TimeMode::Virtual,
            seed: self.seed,
            snapshots: snapshot_mode(),
            mutations: self.mutations.clone(),
            by_hand: None,
        };
        let (_stop, shutdown) = signals::pair();
        let (verdict, failure) = run_in_lab(&self.selected.drill, &config, &voice, &shutdown);
        let wall = Wall {
            finished: VIRTUAL_EPOCH,
            seconds: 0.0,
        };
        voice.say(EventKind::DrillFinished {
            verdict,
            failure,
            wall,
        });
        let events = events.lock().expect("no other holder panics");
        events.clone()
    }
}

/// As insta does it: `INSTA_UPDATE=always` writes, and under CI nothing is written.
fn snapshot_mode() -> SnapshotMode {
    let set = |name| std::env::var(name).ok();
    match (set("INSTA_UPDATE").as_deref(), set("CI")) {
        (_, Some(_)) => SnapshotMode::ReadOnly,
        (Some("always"), None) => SnapshotMode::Update,
        (_, None) => SnapshotMode::Compare,
    }
}

//! A run: many drills, one stream of events, and the reports on disk.

pub mod folder;
pub mod pool;
pub mod repeat;
pub mod resume;
pub mod verdicts;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use sitedrill_model::Verdict;
use sitedrill_model::event::{Event, EventKind, FORMAT, RunInfo, Wall, WallStart};
use sitedrill_model::record::RunRecord;
use sitedrill_reports::Terminal;

use crate::Exit;
use crate::clock::wall_now;
use crate::lab::LabConfig;
use crate::signals::Shutdown;
use folder::{Plan, RunFolder};
use pool::Pool;

pub use pool::Selected;

/// A run that has been checked and can start.
pub struct RunConfig {
    /// What to run, in order.
    pub drills: Vec<Selected>,
    /// How.
    pub lab: LabConfig,
    /// How many drills run at once.
    pub jobs: usize,
    /// Start no further drill once one has not passed in any of its tries.
    pub fail_fast: bool,
    /// How often a drill that did not pass is tried again.
    pub retries: u32,
    /// The folder of the reports.
    pub out: PathBuf,
    /// The name of this very run.
    pub run_id: String,
    /// The command that repeats the run.
    pub command: String,
    /// Drills that take longer than this here are marked as slow.
    pub slow: Option<Duration>,
}

/// What a run left behind.
pub struct Ran {
    /// Everything that is known of it.
    pub record: RunRecord,
    /// What to say to whoever started it.
    pub exit: Exit,
}

/// Runs all drills and writes the reports. Progress goes to `terminal` as it happens.
pub fn run(config: &RunConfig, terminal: &mut Terminal, shutdown: &Shutdown) -> io::Result<Ran> {
    let started = tokio::time::Instant::now();
    let mut folder = RunFolder::create(&config.out)?;
    folder.plan(&Plan {
        drills: config.drills.iter().map(|it| it.info.clone()).collect(),
        scratch: config.lab.scratch.path().to_owned(),
    })?;
    let _scratch = config.lab.scratch.make()?;
    let mut events = Vec::new();
    let mut take = |batch: Vec<Event>| -> io::Result<()> {
        folder.append(&batch)?;
        for event in &batch {
            // Talk that nobody can read must not end the run.
            let _ = terminal.take(event);
        }
        events.extend(batch);
        Ok(())
    };
    take(vec![of_run(0, EventKind::RunStarted(run_info(config)))])?;
    let verdict = Pool::start(config, shutdown).drain(&mut take)?;
    let exit = if shutdown.is_asked_for() {
        Exit::Interrupted
    } else {
        Exit::of(verdict)
    };
    let wall = Wall {
        finished: wall_now(),
        seconds: started.elapsed().as_secs_f64(),
    };
    let finished = EventKind::RunFinished {
        verdict,
        exit_code: exit.code(),
        wall,
    };
    take(vec![of_run(1, finished)])?;
    let record = RunRecord::from_events(&events);
    folder.write_reports(&record)?;
    Ok(Ran { record, exit })
}

pub(crate) fn of_run(seq: u64, kind: EventKind) -> Event {
    Event {
        seq,
        drill: None,
        chapter: None,
        at: None,
        kind,
    }
}

fn run_info(config: &RunConfig) -> RunInfo {
    RunInfo {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        seed: config.lab.seed,
        time: config.lab.time,
        sites: config.lab.provider.name().to_owned(),
        selected: config.drills.len(),
        command: config.command.clone(),
        slow_seconds: config.slow.map(|slow| slow.as_secs_f64()),
        wall: WallStart {
            started: wall_now(),
            run: config.run_id.clone(),
            out: config.out.display().to_string(),
            host: host(),
        },
    }
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() {
        "unknown".to_owned()
    } else {
        name.to_owned()
    }
}

/// The verdict of a run: the worst of its drills; `Skipped` when there is none that ran.
pub fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    verdicts.into_iter().max().unwrap_or(Verdict::Skipped)
}

//! `sitedrill run`: arguments into one resolved configuration, and that into a run.

use std::env;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use jiff::tz::TimeZone;
use sitedrill_model::event::TimeMode;
use sitedrill_reports::{Look, Terminal, summary};
use sitedrill_sites::Provider;

use super::provider::provider;
use super::{load, print, say};
use crate::Exit;
use crate::args::{HandArgs, OutputArg, RunArgs, TimeArg};
use crate::clock::wall_now;
use crate::lab::LabConfig;
use crate::lab::pace::{ByHand, Enters};
use crate::lab::scratch::{Cleared, Scratch};
use crate::runs::{self, Ran, RunConfig, Selected};
use crate::signals;
use crate::snapshots::SnapshotMode;

pub(super) fn run(args: RunArgs) -> Exit {
    let output = args.output;
    if let Some(folder) = &args.resume {
        return resume(folder, output);
    }
    let timeout = args.timeout;
    let config = match resolve(args) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let folder = config.out.display().to_string();
    let scratch = config.lab.scratch.clone();
    let shutdown = signals::of_process(timeout, move || {
        say("stopped at once, before the cleanup had ended; sites in this process went with it");
        say(&format!(
            "what happened until now is in {folder}/events.jsonl"
        ));
        if scratch.holds_anything() {
            say(&format!(
                "files of the sites, and programs that drills had started, are left behind in {}",
                scratch.path().display()
            ));
        }
        say(&format!(
            "`sitedrill run --resume {folder}` removes what is left and completes the reports"
        ));
    });
    let mut talk = look(io::stderr().is_terminal());
    // A line that is redrawn and one that asks do not go together.
    talk.live &= config.lab.by_hand.is_none();
    let mut terminal = Terminal::new(Box::new(io::stderr()), talk);
    match runs::run(&config, &mut terminal, &shutdown) {
        Ok(ran) => tell(&ran, output),
        Err(error) => {
            say(&format!("error: {error}"));
            match error.kind() {
                io::ErrorKind::AlreadyExists => Exit::Usage,
                _ => Exit::Inconclusive,
            }
        }
    }
}

/// Cleans up after a run that was killed, and completes its reports.
fn resume(folder: &Path, output: OutputArg) -> Exit {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let resumed = runtime.and_then(|runtime| {
        let cleared = |cleared: Cleared| cleared.to_string().lines().for_each(say);
        runtime.block_on(runs::resume::resume(folder, cleared))
    });
    match resumed {
        Ok(ran) => tell(&ran, output),
        Err(error) => {
            say(&format!("error: {error}"));
            Exit::Usage
        }
    }
}

fn tell(Ran { record, exit }: &Ran, output: OutputArg) -> Exit {
    print(&match output {
        OutputArg::Text => summary(record, look(io::stdout().is_terminal())),
        OutputArg::Json => sitedrill_reports::json(record),
    });
    *exit
}

fn resolve(args: RunArgs) -> Result<RunConfig, Exit> {
    let provider = provider(&args.sites)?;
    let time = time(args.time, &provider)?;
    let command = repeat(&args);
    let by_hand = by_hand(&args, time)?;
    let drills = load::select(load::load(&args.paths)?, &args.select, args.seed)?;
    refuse_programs(&drills, time)?;
    let drills = runs::repeat::repeated(drills, args.repeat, args.seed);
    let run_id = run_id();
    Ok(RunConfig {
        jobs: by_hand
            .is_some()
            .then_some(1)
            .or(args.jobs.map(usize::from))
            .unwrap_or_else(|| default_jobs(time, &provider, drills.len())),
        lab: LabConfig {
            provider,
            scratch: Scratch::of_run(&run_id),
            time,
            seed: args.seed,
            snapshots: snapshot_mode(args.update_snapshots),
            mutations: Vec::new(),
            by_hand,
        },
        drills,
        fail_fast: args.fail_fast,
        retries: args.retries,
        out: args
            .out
            .unwrap_or_else(|| PathBuf::from("sitedrill-runs").join(&run_id)),
        run_id,
        command,
        slow: Some(args.slow.unwrap_or(match time {
            TimeMode::Virtual => Duration::from_secs(10),
            TimeMode::Real => Duration::from_secs(600),
        })),
    })
}

/// Virtual time is for what stays in the process: a socket's bytes would arrive after the clock has jumped.
fn time(asked: Option<TimeArg>, provider: &Provider) -> Result<TimeMode, Exit> {
    match (asked, provider) {
        (None | Some(TimeArg::Virtual), Provider::Embedded) => Ok(TimeMode::Virtual),
        (Some(TimeArg::Real), Provider::Embedded)
        | (None | Some(TimeArg::Real), Provider::Envtest(_)) => Ok(TimeMode::Real),
        (Some(TimeArg::Virtual), Provider::Envtest(_)) => {
            say(
                "error: --time virtual needs --sites embedded: real control planes live in real time",
            );
            Err(Exit::Usage)
        }
    }
}

/// Who follows the drills by hand needs a terminal, and to look at sites real time.
fn by_hand(args: &RunArgs, time: TimeMode) -> Result<Option<ByHand>, Exit> {
    let HandArgs {
        step,
        pause_on_failure,
    } = args.by_hand;
    if !step && !pause_on_failure {
        return Ok(None);
    }
    let refuse = |message: &str| {
        say(&format!("error: {message}"));
        Err(Exit::Usage)
    };
    if pause_on_failure && time == TimeMode::Virtual {
        return refuse(
            "--pause-on-failure needs --time real: in virtual time no other program can look at the sites",
        );
    }
    if !io::stdin().is_terminal() {
        return refuse("--step and --pause-on-failure wait for Enter, and stdin is no terminal");
    }
    Ok(Some(ByHand {
        steps: step,
        pauses: pause_on_failure,
        enters: Enters::of_stdin(),
    }))
}

/// A run of nothing but drills that start programs is refused in virtual time; among others they are skipped.
fn refuse_programs(drills: &[Selected], time: TimeMode) -> Result<(), Exit> {
    let reasons = drills.iter().map(|one| one.needs_other_time(time));
    let Some(reasons) = reasons.collect::<Option<Vec<_>>>() else {
        return Ok(());
    };
    let programs = drills.iter().zip(&reasons);
    let mut programs = programs.filter(|(one, _)| one.drill.first_program().is_some());
    match programs.next() {
        Some((one, reason)) if time == TimeMode::Virtual => {
            say(&format!("error: {} cannot be run: {reason}", one.info.name));
            Err(Exit::Usage)
        }
        _ => Ok(()),
    }
}

/// In virtual time drills keep a core busy; in real time they mostly wait for their machines.
/// Three real control planes keep two cores busy while they start, and take 1.5 GB.
fn default_jobs(time: TimeMode, provider: &Provider, drills: usize) -> usize {
    match (time, provider) {
        (TimeMode::Virtual, _) => available_parallelism().map_or(1, usize::from),
        (TimeMode::Real, Provider::Embedded) => drills.max(1),
        (TimeMode::Real, Provider::Envtest(_)) => 2,
    }
}

/// Under CI nothing is written beside the scenarios unless it was asked for.
fn snapshot_mode(update: bool) -> SnapshotMode {
    if update {
        SnapshotMode::Update
    } else if env::var_os("CI").is_some() {
        SnapshotMode::ReadOnly
    } else {
        SnapshotMode::Compare
    }
}

/// The time, for people, and an end that two runs in the same second do not share.
pub(super) fn run_id() -> String {
    let now = wall_now();
    let time = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ");
    let tail =
        (u64::from(std::process::id()) << 20) ^ u64::from(now.subsec_nanosecond().unsigned_abs());
    format!("{time}-{:05x}", tail & 0xf_ffff)
}

/// The command that repeats the run.
fn repeat(args: &RunArgs) -> String {
    let mut words = vec!["sitedrill".to_owned(), "run".to_owned()];
    words.extend(args.paths.iter().map(|path| path.display().to_string()));
    if args.sites != "embedded" {
        words.push(format!("--sites {}", args.sites));
    }
    if args.time == Some(TimeArg::Real) {
        words.push("--time real".to_owned());
    }
    words.push(format!("--seed {}", args.seed));
    if let Some((text, _)) = &args.select.filter {
        words.push(format!("--filter '{text}'"));
    }
    words.extend(args.select.tags.iter().map(|tag| format!("--tag {tag}")));
    words.extend(args.select.shard.map(|shard| format!("--shard {shard}")));
    words.extend(args.repeat.map(|count| format!("--repeat {count}")));
    if args.retries > 0 {
        words.push(format!("--retries {}", args.retries));
    }
    words.join(" ")
}

fn look(is_terminal: bool) -> Look {
    Look::detect(
        is_terminal,
        env::var_os("NO_COLOR").as_deref(),
        env::var_os("TERM").as_deref(),
    )
}

//! Everything that must pass, one stage after another, on any machine with a Rust toolchain.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::clients;
use crate::control_plane;
use crate::repo::{Repo, say};
use crate::storm;
use crate::tidy;

/// Crates that must compile without what other crates of the workspace would bring along.
pub const PURE: [&str; 4] = [
    "siterecovery-api",
    "siterecovery-decide",
    "sitedrill-model",
    "sitedrill-reports",
];

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// An earlier stage failed.
    NotRun,
}

/// A stage that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageResult {
    /// Its name.
    pub name: &'static str,
    /// How it ended.
    pub end: End,
    /// How long it took.
    pub took: Duration,
}

/// Tests counted over all test programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that were not run.
    pub ignored: u64,
}

/// How everything is to be run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Go on after a failed stage.
    pub keep_going: bool,
    /// Leave out what needs a real control plane, and say so.
    pub without_control_plane: bool,
}

/// What stages leave for those after them.
#[derive(Debug, Default)]
struct Course {
    without_control_plane: bool,
    /// The folder of a real control plane's binaries.
    assets: Option<PathBuf>,
    /// What is left out, and why.
    left_out: Vec<String>,
    counts: Counts,
}

type Stage = (&'static str, fn(&Repo, &mut Course) -> anyhow::Result<()>);

const STAGES: [Stage; 9] = [
    ("format", |repo, _| {
        pass(repo.cargo(&["fmt", "--all", "--check"]))
    }),
    ("tidy", |repo, _| tidy_stage(repo)),
    ("clippy", |repo, _| {
        pass(repo.cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    }),
    ("pure crates alone", |repo, _| pure(repo)),
    ("docs", |repo, _| {
        let mut command = repo.cargo(&["doc", "--workspace", "--no-deps"]);
        command.env("RUSTDOCFLAGS", "-Dwarnings");
        pass(command)
    }),
    ("control plane", |_, course| find_control_plane(course)),
    ("clients", |_, course| find_clients(course)),
    ("tests", tests),
    ("storm", |repo, _| storm::stage(repo)),
];

/// Runs the stages and prints a summary; says whether all passed.
///
/// # Errors
///
/// Only where the summary itself cannot be made; a stage that fails is a result.
pub fn run(repo: &Repo, options: Options) -> anyhow::Result<bool> {
    let mut course = Course {
        without_control_plane: options.without_control_plane,
        ..Course::default()
    };
    let mut results: Vec<StageResult> = Vec::new();
    for (name, stage) in STAGES {
        let stopped = results.iter().any(|result| result.end == End::Failed) && !options.keep_going;
        let started = now();
        let end = if stopped {
            End::NotRun
        } else {
            say(&format!("\n=== {name}"));
            match stage(repo, &mut course) {
                Ok(()) => End::Passed,
                Err(error) => {
                    say(&format!("error: {error:#}"));
                    End::Failed
                }
            }
        };
        let took = started.elapsed();
        if !stopped {
            say(&format!("=== {name}: {} in {}", word(end), seconds(took)));
        }
        results.push(StageResult { name, end, took });
    }
    for line in &course.left_out {
        say(&format!("NOT RUN: {line}"));
    }
    say(&summary(&results, course.counts));
    Ok(results.iter().all(|result| result.end == End::Passed))
}

/// The stages with their times, and the tests counted.
pub fn summary(results: &[StageResult], counts: Counts) -> String {
    let mut text = String::from("\n");
    for result in results {
        let took = match result.end {
            End::Passed | End::Failed => seconds(result.took),
            End::NotRun => String::new(),
        };
        let line = format!("{:<8} {:<18} {took:>8}", word(result.end), result.name);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let Counts {
        passed,
        failed,
        ignored,
    } = counts;
    let all = results.iter().all(|result| result.end == End::Passed);
    let verdict = if all {
        "all is well"
    } else {
        "NOT all is well"
    };
    let _ = write!(
        text,
        "{passed} tests passed, {failed} failed, {ignored} ignored; {verdict}"
    );
    text
}

fn word(end: End) -> &'static str {
    match end {
        End::Passed => "ok",
        End::Failed => "FAILED",
        End::NotRun => "not run",
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

/// Starts a program and waits for it; its output goes straight to the terminal.
pub(crate) fn pass(mut command: Command) -> anyhow::Result<()> {
    let shown = show(&command);
    say(&format!("$ {shown}"));
    let status = command
        .status()
        .with_context(|| format!("failed to start {shown}"))?;
    if !status.success() {
        bail!("{shown} ended with {status}");
    }
    Ok(())
}

/// The command as one would type it.
fn show(command: &Command) -> String {
    let args = command.get_args().map(|arg| arg.to_string_lossy());
    let words: Vec<_> = std::iter::once("cargo".into()).chain(args).collect();
    words.join(" ")
}

fn tidy_stage(repo: &Repo) -> anyhow::Result<()> {
    let problems = tidy::problems(repo)?;
    for problem in &problems {
        say(problem);
    }
    if !problems.is_empty() {
        bail!("not tidy: {} problems", problems.len());
    }
    Ok(())
}

fn pure(repo: &Repo) -> anyhow::Result<()> {
    for name in PURE {
        pass(repo.cargo(&["check", "-p", name]))?;
    }
    Ok(())
}

fn find_control_plane(course: &mut Course) -> anyhow::Result<()> {
    if course.without_control_plane {
        let line = "every test on a real kube-apiserver, because of --without-control-plane";
        say(&format!("NOT RUN: {line}"));
        course.left_out.push(line.to_owned());
        return Ok(());
    }
    let folder = control_plane::find_or_make().context(
        "failed to get a real control plane; --without-control-plane leaves out what needs one",
    )?;
    say(&format!("control plane: {}", folder.display()));
    course.assets = Some(folder);
    Ok(())
}

/// A client that cannot be had leaves its tests out, which the summary repeats.
fn find_clients(course: &mut Course) -> anyhow::Result<()> {
    for missing in clients::find_or_fetch()? {
        let line = format!("every test with it; {missing}");
        say(&format!("NOT RUN: {line}"));
        course.left_out.push(line);
    }
    Ok(())
}

/// Runs all tests, shows their output line by line, and counts them.
fn tests(repo: &Repo, course: &mut Course) -> anyhow::Result<()> {
    let mut command = repo.cargo(&["test", "--workspace", "--no-fail-fast"]);
    match &course.assets {
        Some(folder) => command.env("KUBEBUILDER_ASSETS", folder),
        // An empty folder, so that nothing is found by chance and half the tests run.
        None => command.env("KUBEBUILDER_ASSETS", ""),
    };
    let counts = &mut course.counts;
    let shown = show(&command);
    say(&format!("$ {shown}"));
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start {shown}"))?;
    let output = child.stdout.take().expect("its output was asked for");
    let mut stdout = std::io::stdout();
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("failed to read the output of the tests")?;
        let line = String::from_utf8_lossy(&line);
        counts.add(&line);
        // A reader that went away must not stop the tests.
        let _ = writeln!(stdout, "{line}");
    }
    let status = child.wait().context("failed to wait for the tests")?;
    if !status.success() {
        bail!("{shown} ended with {status}");
    }
    if counts.passed == 0 {
        bail!("no test was run");
    }
    Ok(())
}

impl Counts {
    /// Adds what a line of output says, if it is the closing line of a test program.
    pub fn add(&mut self, line: &str) {
        let Some((_, rest)) = line.split_once("test result: ") else {
            return;
        };
        for part in rest.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a stage took on this machine is what is asked for"
)]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

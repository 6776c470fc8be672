//! The arguments as the user typed them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sitedrill_model::select::{Filter, FilterError, Shard};

use crate::up::groups::Groups;

/// Declarative disaster-recovery drills for Kubernetes sites that run virtual machines.
#[derive(Debug, Parser)]
#[command(
    name = "sitedrill",
    version,
    after_help = "Exit codes of `run`: 0 all passed; 1 a drill failed; 2 usage or an invalid file; 3 inconclusive or the environment failed; 4 nothing to run; 130 interrupted, after cleanup."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run drills and leave reports behind.
    Run(RunArgs),
    /// List the drills below the given files and folders.
    List(ListArgs),
    /// Check scenario and suite files without running anything.
    Lint(LintArgs),
    /// Print the JSON Schema of the drill language, for editors.
    Schema,
    /// Make the system under test wrong in known ways and demand that drills turn red.
    Selftest(SelftestArgs),
    /// Render the reports of a run again, from its record or its events.
    Report(ReportArgs),
    /// Keep three sites up for kubectl and pgctl, with the simulated world and both controllers, in real time.
    Up(UpArgs),
    /// Stop the sites that `up` keeps, wherever it runs.
    Down(DownArgs),
    /// Be pgctl: the folder that `up` fills has a command of that name.
    #[command(disable_help_flag = true, disable_version_flag = true)]
    Pgctl(PgctlArgs),
}

/// Arguments of `run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Scenario and suite files, or folders of them.
    #[arg(value_name = "PATH", default_value = "scenarios")]
    pub paths: Vec<PathBuf>,
    /// Where the sites come from: `embedded` in this process, `envtest` from real kube-apiserver and etcd.
    #[arg(long, value_name = "KIND", default_value = "embedded")]
    pub sites: String,
    /// How time passes [default: virtual on embedded sites, real on all others].
    #[arg(long, value_enum)]
    pub time: Option<TimeArg>,
    /// Everything random comes from this number; the same seed gives the same run.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Which of the drills.
    #[command(flatten)]
    pub select: SelectArgs,
    /// How many drills run at once [default: one a core in virtual time, all of them in real time, two on real control planes].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Start no further drill once one has not passed in any of its tries.
    #[arg(long)]
    pub fail_fast: bool,
    /// Try a drill that failed or was inconclusive up to N times more, on fresh sites. If it passes then, it has passed,
    /// and every report marks it as flaky. Each try has a seed of its own, since in virtual time the same seed would give
    /// the same end; `--seed` with the one in the report repeats that try.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10))]
    pub retries: u32,
    /// What is done by hand.
    #[command(flatten)]
    pub by_hand: HandArgs,
    /// Mark drills in the summary that took longer than this here [default: 10s in virtual time, 10m in real time].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub slow: Option<Duration>,
    /// End the run after this time as Ctrl-C would: `90s`, `10m`, `2h`.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Run each drill so many times, each time under another seed.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub repeat: Option<u32>,
    /// Clean up after a run that was killed: end its processes, remove its files, complete its reports. Starts nothing.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "sites", "time", "filter", "tags", "shard"])]
    pub resume: Option<PathBuf>,
    /// Write the snapshots of transcripts instead of comparing them.
    #[arg(long)]
    pub update_snapshots: bool,
    /// The folder of the reports [default: sitedrill-runs/TIME-ID].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What stdout carries: a summary for people, or the record as JSON.
    #[arg(long, value_enum, default_value_t = OutputArg::Text)]
    pub output: OutputArg,
}

/// What is done by hand.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct HandArgs {
    /// Wait for Enter before each step; one drill at a time.
    #[arg(long, conflicts_with = "jobs")]
    pub step: bool,
    /// When a drill does not pass, leave its sites as they are, say how to reach them, and wait for Enter before the
    /// cleanup. Needs real time; one drill at a time.
    #[arg(long, conflicts_with = "jobs")]
    pub pause_on_failure: bool,
}

/// Which of the drills.
#[derive(Args, Clone, Debug, Default)]
pub struct SelectArgs {
    /// Only drills whose name or file contains this text, or an expression of name(TEXT), file(TEXT), tag(WORD) and
    /// requirement(TEXT) with !, &, | and brackets.
    #[arg(long, value_name = "EXPR", value_parser = filter)]
    pub filter: Option<(String, Filter)>,
    /// Only drills with this tag; given more than once, with any of them.
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
    /// Only one of N shares of the drills. A drill stays in its share whatever others come or go.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
}

fn filter(text: &str) -> Result<(String, Filter), FilterError> {
    Ok((text.to_owned(), text.parse()?))
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("write a number and s, m or h, such as 10m".to_owned()),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "write a whole number and s, m or h, such as 10m".to_owned())?;
    Ok(Duration::from_secs(number.saturating_mul(factor)))
}

/// Arguments of `selftest`.
#[derive(Args, Debug)]
pub struct SelftestArgs {
    /// Scenario and suite files, or folders of them.
    #[arg(value_name = "PATH", default_value = "scenarios")]
    pub paths: Vec<PathBuf>,
    /// Only this mutation; may be given more than once.
    #[arg(long = "mutation", value_name = "NAME")]
    pub mutations: Vec<String>,
    /// Everything random comes from this number.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Which of the drills.
    #[command(flatten)]
    pub select: SelectArgs,
    /// How many drills run at once [default: one a core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// The matrix for people, or as JSON.
    #[arg(long, value_enum, default_value_t = OutputArg::Text)]
    pub output: OutputArg,
}

/// Arguments of `list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Scenario and suite files, or folders of them.
    #[arg(value_name = "PATH", default_value = "scenarios")]
    pub paths: Vec<PathBuf>,
    /// Which of the drills.
    #[command(flatten)]
    pub select: SelectArgs,
    /// A table for people, or JSON.
    #[arg(long, value_enum, default_value_t = OutputArg::Text)]
    pub output: OutputArg,
}

/// Arguments of `lint`.
#[derive(Args, Debug)]
pub struct LintArgs {
    /// Scenario and suite files, or folders of them.
    #[arg(value_name = "PATH", default_value = "scenarios")]
    pub paths: Vec<PathBuf>,
}

/// Arguments of `report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// A folder that `run` left, or its `record.json` or `events.jsonl`.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Which report to print to stdout.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
}

/// Arguments of `up`.
#[derive(Args, Clone, Debug)]
pub struct UpArgs {
    /// Where the sites come from: `embedded` in this process, `envtest` from real kube-apiserver and etcd.
    #[arg(long, value_name = "KIND", default_value = "embedded")]
    pub sites: String,
    /// Protection groups that run at primary: how many, or their names with commas between [default: those of the guide].
    #[arg(long, value_name = "N|NAMES")]
    pub groups: Option<Groups>,
    /// How many virtual machines each group has.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub vms: u32,
    /// The port of the first embedded site, the others follow [default: any that are free].
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..=65_533))]
    pub port: Option<u16>,
    /// Everything random comes from this number.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The folder for kubeconfigs and the like [default: sitedrill/up in the user's state folder].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Return once the sites are up, and keep them in the background until `sitedrill down`.
    #[arg(long)]
    pub detach: bool,
    /// Set by `--detach` for the process in the background.
    #[arg(long, hide = true, conflicts_with = "detach")]
    pub detached: bool,
}

/// Arguments of `down`.
#[derive(Args, Debug)]
pub struct DownArgs {
    /// The folder that was given to `up`.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Arguments of `pgctl`.
#[derive(Args, Debug)]
pub struct PgctlArgs {
    /// What pgctl is told.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

/// How time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TimeArg {
    /// Jumps to the next thing that happens; only on embedded sites.
    Virtual,
    /// The machine's.
    Real,
}

/// What stdout carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputArg {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The reports that can be rendered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// The summary that `run` prints.
    Text,
    /// JUnit XML.
    Junit,
    /// One self-contained page.
    Html,
    /// The record.
    Json,
}

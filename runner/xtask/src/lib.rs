//! Every task of this repository, as a library with a thin program, so that tests call what people call.
//!
//! In the order in which to read it:
//!
//! - [`repo`]: the files of the repository, and programs started in it;
//! - [`layers`]: who may use whom;
//! - [`tidy`]: what a machine can see of style;
//! - [`generated`]: files that are written from code;
//! - [`control_plane`]: the binaries of a real API server, found or built;
//! - [`clients`]: stock clients that tests use, found or fetched;
//! - [`mod@bench`]: figures of the embedded API server beside those of the real one;
//! - [`release`]: programs in their release build;
//! - [`stages`]: everything that must pass, one stage after another;
//! - [`bless`]: writing anew what tests compare with.
//!
//! Each check has a pure core that takes values and returns problems; tests hand it wrong values and see it turn red.

pub mod bench;
pub mod bless;
pub mod clients;
pub mod control_plane;
pub mod generated;
pub mod layers;
pub mod release;
pub mod repo;
pub mod stages;
pub mod storm;
pub mod tidy;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::repo::{Repo, say};
use crate::stages::Options;

/// The tasks of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run everything that must pass, stage by stage.
    Test {
        /// Go on after a failed stage.
        #[arg(long)]
        keep_going: bool,
        /// Leave out every test that needs a real kube-apiserver.
        #[arg(long)]
        without_control_plane: bool,
    },
    /// Find or build the binaries of a real control plane, and print their folder.
    ControlPlane,
    /// Find or fetch kubectl, helm and Python's Kubernetes clients for the tests that use them.
    Clients,
    /// Run seeded simulations of faults over the real controllers; `--help` says more.
    Storm {
        /// What goes to the program.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Check layers, file sizes, module docs, spaces, scenarios and generated files.
    Tidy,
    /// Write the custom resource definitions to controllers/deploy/crds/.
    Crds {
        /// Only say whether they are fresh.
        #[arg(long)]
        check: bool,
    },
    /// Write the manifests that install the controllers, with their rights, to controllers/deploy/.
    Deploy {
        /// Only say whether they are fresh.
        #[arg(long)]
        check: bool,
    },
    /// Write the JSON Schema of the drill language to scenarios/.
    Schema {
        /// Only say whether it is fresh.
        #[arg(long)]
        check: bool,
    },
    /// Write anew all generated files, samples and snapshots; then read the diff.
    Bless,
    /// Measure, in a release build.
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// The embedded API server beside kube-apiserver with etcd, both over TCP with TLS.
    Apiserver {
        /// The file for the figures as JSON.
        #[arg(
            long,
            value_name = "FILE",
            default_value = "target/bench/apiserver.json"
        )]
        out: PathBuf,
    },
    /// What the engine adds to a drill, a step.
    Engine,
    /// What a failover adds to the time that machines take to stop and to start.
    Failover {
        /// How many failovers on each kind of site.
        #[arg(long, default_value_t = 40)]
        failovers: usize,
        /// The file for the figures as JSON.
        #[arg(
            long,
            value_name = "FILE",
            default_value = "target/bench/failover.json"
        )]
        out: PathBuf,
    },
    /// Many groups of ten machines that fail over at once.
    Scale {
        /// How many groups; several sizes, one after the other.
        #[arg(long, value_delimiter = ',', default_values_t = [10, 100, 1000])]
        groups: Vec<u32>,
        /// The file for the figures as JSON.
        #[arg(long, value_name = "FILE", default_value = "target/bench/scale.json")]
        out: PathBuf,
    },
}

/// Runs the task runner with these arguments, the first being its own name.
///
/// Exit codes: 0 done and all is well; 1 something is not; 2 usage.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // To stdout for --help, to stderr for mistakes; a closed stream is nobody's error.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match run(&args.verb, &Repo::here()) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(verb: &Verb, repo: &Repo) -> anyhow::Result<ExitCode> {
    let well = match verb {
        Verb::Test {
            keep_going,
            without_control_plane,
        } => {
            let (keep_going, without_control_plane) = (*keep_going, *without_control_plane);
            stages::run(
                repo,
                Options {
                    keep_going,
                    without_control_plane,
                },
            )?
        }
        Verb::ControlPlane => {
            let folder = control_plane::find_or_make()?;
            writeln!(std::io::stdout(), "{}", folder.display()).context("failed to print")?;
            true
        }
        Verb::Clients => report(&clients::find_or_fetch()?, "clients"),
        Verb::Storm { args } => Command::new(release::Program::Storm.build(repo)?)
            .args(args)
            .status()
            .context("failed to start the storm")?
            .success(),
        Verb::Tidy => report(&tidy::problems(repo)?, "tidy"),
        Verb::Crds { check } => generate(repo, &generated::crds()?, *check)?,
        Verb::Deploy { check } => generate(repo, &generated::deploy()?, *check)?,
        Verb::Schema { check } => generate(repo, &[generated::schema()?], *check)?,
        Verb::Bless => bless::run(repo)?,
        Verb::Bench { what } => {
            let table = measured(what, repo)?;
            write!(std::io::stdout(), "{table}").context("failed to print")?;
            true
        }
    };
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Measures, and gives the table.
fn measured(what: &Bench, repo: &Repo) -> anyhow::Result<String> {
    match what {
        Bench::Apiserver { out } => bench::apiserver(repo, out),
        Bench::Engine => bench::engine::engine(repo),
        Bench::Failover { failovers, out } => bench::failover::failover(repo, *failovers, out),
        Bench::Scale { groups, out } => bench::scale::scale(repo, groups, out),
    }
}

fn generate(repo: &Repo, files: &[generated::Generated], check: bool) -> anyhow::Result<bool> {
    if check {
        return Ok(report(&generated::stale(repo, files)?, "generated files"));
    }
    for file in generated::write(repo, files)? {
        say(&format!("wrote {file}"));
    }
    Ok(true)
}

/// Prints problems, one a line, and says whether there are none.
fn report(problems: &[String], what: &str) -> bool {
    for problem in problems {
        say(problem);
    }
    match problems.len() {
        0 => say(&format!("{what}: all is well")),
        1 => say(&format!("{what}: 1 problem")),
        many => say(&format!("{what}: {many} problems")),
    }
    problems.is_empty()
}

//! The command line.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser;
use siterecovery_decide::Sabotage;

use crate::history::History;
use crate::judge::judge;
use crate::lab::{Options, run};
use crate::storm::{Storm, plan, storm};
use crate::table::{passed, report};

/// Seeded simulations of everything that can go wrong, over the real controllers in virtual time.
///
/// Exit codes: 0 no violation, and everything was reached where there were enough seeds; 1 otherwise; 2 usage.
#[derive(Debug, Parser)]
#[command(name = "sitedrill-storm", bin_name = "cargo xtask storm")]
pub struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// On how many threads [default: as many as there are cores].
    #[arg(long)]
    jobs: Option<usize>,
    /// Only these faults of each plan, by number: `1,3`, or `none`.
    #[arg(long, value_name = "NUMBERS")]
    only_faults: Option<String>,
    /// Make the controllers wrong in this way, to see that the storm notices.
    #[arg(long, value_name = "RULE")]
    sabotage: Option<String>,
    /// Do not look for the shortest list of faults of what broke.
    #[arg(long)]
    no_shrink: bool,
    /// Print the plan and everything that happened; for a single seed.
    #[arg(long)]
    trace: bool,
    /// Let the controllers say what they do on stderr, as `RUST_LOG` asks.
    #[arg(long)]
    logs: bool,
}

/// Runs the program with these arguments, the first being its own name.
pub fn main(args: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // To stdout for --help, to stderr for mistakes; a closed stream is nobody's error.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match args.storm() {
        Ok(storm) => run_storm(&args, &storm),
        Err(problem) => {
            say(&format!("error: {problem}"));
            ExitCode::from(2)
        }
    }
}

impl Args {
    fn storm(&self) -> Result<Storm, String> {
        let only_faults = self.only_faults.as_deref().map(numbers).transpose()?;
        let sabotage = self.sabotage.as_deref().map(rule).transpose()?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Storm {
            from: self.from,
            seeds: self.seeds,
            jobs: self.jobs.unwrap_or(cores),
            only_faults,
            shrinks: !self.no_shrink,
            options: Options { sabotage },
        })
    }
}

fn numbers(list: &str) -> Result<Vec<usize>, String> {
    if list == "none" {
        return Ok(Vec::new());
    }
    let numbers = list.split(',').map(|number| number.trim().parse());
    let numbers: Result<_, _> = numbers.collect();
    numbers.map_err(|error| format!("--only-faults {list}: {error}"))
}

/// The rule of that name, as the enum spells it or in words with dashes.
fn rule(word: &str) -> Result<Sabotage, String> {
    let plain = |text: &str| text.replace('-', "").to_lowercase();
    let known = Sabotage::ALL;
    let found = known
        .iter()
        .find(|rule| plain(&format!("{rule:?}")) == plain(word));
    found.copied().ok_or_else(|| {
        let known: Vec<String> = known.iter().map(|rule| format!("{rule:?}")).collect();
        format!("--sabotage {word}: there are {}", known.join(", "))
    })
}

fn run_storm(args: &Args, wanted: &Storm) -> ExitCode {
    if args.logs {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .without_time()
            .with_writer(std::io::stderr)
            .try_init();
    }
    if args.trace {
        // The plan first: a simulation that does not come to its end has no more to show.
        let plan = plan(wanted, wanted.from);
        print(&(serde_json::to_string_pretty(&plan).unwrap_or_default() + "\n"));
        print(&trace(&run(&plan, &wanted.options)));
    }
    let started = now();
    let shows = std::io::stderr().is_terminal();
    let outcome = storm(wanted, |seed, violations| {
        if let Some(first) = violations.first() {
            say(&format!(
                "seed {seed}: {}, {}",
                first.rule.as_str(),
                first.message
            ));
        } else if seed % if shows { 100 } else { 1000 } == 0 {
            say(&format!("seed {seed}"));
        }
    });
    let took = started.elapsed();
    print(&report(&outcome, args.sabotage.as_deref()));
    let each = took.as_secs_f64() * 1000.0
        / f64::from(u32::try_from(outcome.seeds.max(1)).unwrap_or(u32::MAX));
    say(&format!(
        "{:.1} s on {} threads, {each:.1} ms a seed",
        took.as_secs_f64(),
        wanted.jobs
    ));
    if passed(&outcome) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A history as lines, for somebody who looks for a bug.
fn trace(history: &History) -> String {
    let mut text = String::new();
    for entry in &history.entries {
        let at = entry.at.duration_since(history.began).as_millis();
        let what = crate::history::in_words(&entry.what);
        let _ = writeln!(text, "{at:>9}  {what}");
    }
    let _ = writeln!(text, "{:?}", history.end);
    for violation in judge(history) {
        let _ = writeln!(text, "{violation:?}");
    }
    text
}

fn print(text: &str) {
    // A reader that went away is nobody's error.
    let _ = write!(std::io::stdout(), "{text}");
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long it took on this machine is what is asked for"
)]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

//! One scenario or suite file is one test, named by its path below `scenarios/` without the ending.
//!
//! `cargo test -p scenarios -- --list` lists them; `cargo test -p scenarios lock` runs those with `lock` in the name.
//! `SITEDRILL_SEED=N` runs them under another seed; a failure prints the seed and the command that repeats it.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use sitedrill::testing::{self, Drills};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let drills = match testing::load(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        Ok(drills) => drills,
        Err(problems) => {
            // To stderr, and nobody to tell if that is closed.
            let _ = writeln!(std::io::stderr(), "{problems}");
            return ExitCode::FAILURE;
        }
    };
    libtest_mimic::run(&arguments, trials(&drills)).exit_code()
}

fn trials(drills: &Drills) -> Vec<Trial> {
    let trial = |test: &testing::DrillTest| {
        let run = test.clone();
        Trial::test(test.name(), move || run.run().map_err(Failed::from))
    };
    drills.tests().iter().map(trial).collect()
}

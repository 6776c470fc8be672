//! `sitedrill lint`: every check that needs no site.

use super::{load, say};
use crate::Exit;
use crate::args::LintArgs;

pub(super) fn lint(args: &LintArgs) -> Exit {
    match load::load(&args.paths) {
        Ok(loaded) => {
            let (count, noun) = (
                loaded.len(),
                if loaded.len() == 1 { "drill" } else { "drills" },
            );
            say(&format!(
                "{count} {noun} checked, nothing to complain about"
            ));
            Exit::Passed
        }
        Err(exit) => exit,
    }
}

//! `sitedrill lint`: every check that needs no site.

use super::{load, say};
use crate::Exit;
use crate::args::LintArgs;

pub(super) fn lint(args: &LintArgs) -> Exit {
    match load::load_all(&args.paths) {
        Ok(loaded) => {
            let unused = sitedrill_model::load::unused_blocks(&args.paths, &loaded);
            if !unused.is_empty() {
                return load::refuse(&unused);
            }
            let count = loaded.drills.len();
            let noun = if count == 1 { "drill" } else { "drills" };
            say(&format!(
                "{count} {noun} checked, nothing to complain about"
            ));
            Exit::Passed
        }
        Err(exit) => exit,
    }
}

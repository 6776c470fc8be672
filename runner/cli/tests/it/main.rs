//! The program as its users call it.

mod ends;
mod orders;
mod program;
mod programs;
mod repeat;
mod retries;
mod same_seed;
mod selection;
mod selftest;
mod sites;
mod turns_red;
mod up;

use std::path::PathBuf;

/// The guide's drills: enough for what is tested here; all of them are tests of their own.
fn guide() -> PathBuf {
    scenarios().join("guide")
}

/// The drills of this repository.
fn scenarios() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

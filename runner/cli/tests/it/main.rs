//! The program as its users call it.

mod program;
mod same_seed;
mod sites;
mod turns_red;

use std::path::PathBuf;

/// The drills of this repository.
fn scenarios() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

//! The short storm that is a stage of `cargo xtask test`.

use std::process::Command;

use anyhow::{Context as _, bail};

use crate::release::Program;
use crate::repo::{Repo, say};

/// All steps, refusals and faults are reached by so many seeds.
const SEEDS: &str = "500";

/// The stage of `cargo xtask test`.
///
/// # Errors
/// It cannot be built, something was violated, or something was never reached.
pub fn stage(repo: &Repo) -> anyhow::Result<()> {
    say(&format!("$ cargo xtask storm --seeds {SEEDS}"));
    let status = Command::new(Program::Storm.build(repo)?)
        .args(["--seeds", SEEDS])
        .status()
        .context("failed to start the storm")?;
    if !status.success() {
        bail!("the storm ended with {status}");
    }
    Ok(())
}

//! The storm, built together with the program that people run, so that both share every crate's release build.

use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::repo::{Repo, say};

/// As many seeds as the stage of `cargo xtask test` runs. All steps, refusals and faults are reached by then.
const SEEDS: &str = "500";

/// Builds the storm, and gives the command that runs it.
///
/// # Errors
/// It cannot be built.
pub fn command(repo: &Repo) -> anyhow::Result<Command> {
    let args = [
        "build",
        "--release",
        "--quiet",
        "-p",
        "sitedrill",
        "-p",
        "sitedrill-storm",
        "--message-format=json-render-diagnostics",
    ];
    let output = repo
        .cargo(&args)
        .stderr(Stdio::inherit())
        .output()
        .context("failed to start cargo")?;
    if !output.status.success() {
        bail!("building the storm ended with {}", output.status);
    }
    let program = program(&String::from_utf8_lossy(&output.stdout));
    Ok(Command::new(
        program.context("cargo says nothing of the storm's program")?,
    ))
}

/// The stage of `cargo xtask test`.
///
/// # Errors
/// It cannot be built, something was violated, or something was never reached.
pub fn stage(repo: &Repo) -> anyhow::Result<()> {
    say(&format!("$ cargo xtask storm --seeds {SEEDS}"));
    let status = command(repo)?
        .args(["--seeds", SEEDS])
        .status()
        .context("failed to start the storm")?;
    if !status.success() {
        bail!("the storm ended with {status}");
    }
    Ok(())
}

/// Where cargo put the program, from what it says line by line.
fn program(said: &str) -> Option<String> {
    let lines = said
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = lines.filter(|line| line["target"]["name"] == "sitedrill-storm");
    programs.find_map(|line| Some(line["executable"].as_str()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_the_one_that_cargo_names() {
        let said = r#"{"reason":"compiler-artifact","target":{"name":"sitedrill"},"executable":"/t/sitedrill"}
{"reason":"compiler-artifact","target":{"name":"sitedrill-storm"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"sitedrill-storm"},"executable":"/t/sitedrill-storm"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(program(said).as_deref(), Some("/t/sitedrill-storm"));
        assert_eq!(program(""), None);
    }
}

//! Release builds of the programs that tasks run. All are built as if beside the program that people run, so that they
//! share every crate's build with it: cargo builds a crate anew for other features.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::repo::Repo;

/// A program that tasks run.
#[derive(Debug, Clone, Copy)]
pub enum Program {
    /// What people run.
    Sitedrill,
    /// The storm itself.
    Storm,
    /// What `cargo xtask bench scale` runs.
    Scale,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Sitedrill => "sitedrill",
            Self::Storm => "sitedrill-storm",
            Self::Scale => "scale",
        }
    }

    fn select(self) -> &'static str {
        match self {
            Self::Sitedrill | Self::Storm => "--bin",
            Self::Scale => "--example",
        }
    }

    /// Builds it, and says where it is.
    ///
    /// # Errors
    /// It cannot be built.
    pub fn build(self, repo: &Repo) -> anyhow::Result<PathBuf> {
        let name = self.name();
        let args = [
            "build",
            "--release",
            "-p",
            "sitedrill",
            "-p",
            "sitedrill-storm",
            self.select(),
            name,
            "--message-format=json-render-diagnostics",
        ];
        let output = repo
            .cargo(&args)
            .stderr(Stdio::inherit())
            .output()
            .context("failed to start cargo")?;
        if !output.status.success() {
            bail!("building {name} ended with {}", output.status);
        }
        let program = executable(&String::from_utf8_lossy(&output.stdout), name);
        let program = program.with_context(|| format!("cargo does not say where {name} is"))?;
        Ok(program.into())
    }
}

/// Where cargo put a program, from what it says line by line.
fn executable(said: &str, name: &str) -> Option<String> {
    let lines = said
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = lines.filter(|line| line["target"]["name"] == name);
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
        let named = |program: Program| executable(said, program.name());
        assert_eq!(named(Program::Sitedrill).as_deref(), Some("/t/sitedrill"));
        assert_eq!(named(Program::Storm).as_deref(), Some("/t/sitedrill-storm"));
        assert_eq!(named(Program::Scale), None);
    }
}

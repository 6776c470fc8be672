//! The files of the repository, and programs started in it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// Folders that hold nothing people wrote.
const NOT_OURS: [&str; 3] = ["target", ".git", "sitedrill-runs"];

/// A checked-out repository.
#[derive(Clone, Debug)]
pub struct Repo {
    root: PathBuf,
}

/// A text file of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// From the root, with `/` between parts.
    pub path: String,
    /// What it holds.
    pub text: String,
}

impl Repo {
    /// The repository this program was built from.
    pub fn here() -> Self {
        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = crate_folder.ancestors().nth(2);
        Self::at(root.expect("this crate stands two folders below the root"))
    }

    /// The repository with this root.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// A path below the root.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A command that starts in the root.
    pub fn command(&self, program: impl Into<OsString>) -> Command {
        let mut command = Command::new(program.into());
        command.current_dir(&self.root);
        command
    }

    /// The cargo that runs this program, or the one of the path.
    ///
    /// It does not see what cargo has told this program about itself. Some build scripts look at that, so most crates
    /// would be built anew with each change between `cargo xtask` and plain cargo.
    pub fn cargo(&self, args: &[&str]) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = self.command(cargo);
        command.args(args);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(is_about_a_package) {
                command.env_remove(name);
            }
        }
        command
    }

    /// Every text file that people wrote or that is committed, sorted by path.
    ///
    /// # Errors
    ///
    /// Where a folder or file cannot be read. A file that is no text is left out.
    pub fn files(&self) -> anyhow::Result<Vec<SourceFile>> {
        let mut files = Vec::new();
        collect(&self.root, "", &mut files)
            .with_context(|| format!("failed to read the files below {}", self.root.display()))?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }
}

/// Whether cargo sets a variable for the one package that it runs or builds.
fn is_about_a_package(variable: &str) -> bool {
    ["CARGO_MANIFEST_", "CARGO_PKG_"]
        .iter()
        .any(|prefix| variable.starts_with(prefix))
}

/// Adds the text files of a folder and of those below it.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<SourceFile>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !NOT_OURS.contains(&name) {
                collect(&entry.path(), &format!("{prefix}{name}/"), files)?;
            }
        } else if kind.is_file() {
            match fs::read_to_string(entry.path()) {
                Ok(text) => files.push(SourceFile {
                    path: format!("{prefix}{name}"),
                    text,
                }),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Says something to the person at the terminal.
#[expect(
    clippy::print_stderr,
    reason = "the one place where the task runner talks; cargo talks on the same stream"
)]
pub fn say(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_started_as_a_person_would_start_it() {
        // Cargo sets both for the program that runs this test.
        for variable in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME"] {
            assert!(std::env::var_os(variable).is_some(), "{variable}");
            let cargo = Repo::here().cargo(&["build"]);
            let removed = |(name, value): (&std::ffi::OsStr, Option<&std::ffi::OsStr>)| {
                name == variable && value.is_none()
            };
            assert!(cargo.get_envs().any(removed), "{variable}");
        }
    }
}

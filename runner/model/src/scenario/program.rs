//! Programs that a drill starts. They live in real time.

use serde::{Deserialize, Serialize};

/// A program that is started, and how it must end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Program {
    /// What is started.
    pub command: Command,
    /// How it must end.
    pub expect: ProgramEnd,
}

/// What is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Command {
    /// kubectl, pointed at a site.
    Kubectl {
        /// The site by canonical name.
        site: String,
        /// The words after `kubectl`.
        args: Vec<String>,
    },
    /// A line for `sh`.
    Shell {
        /// The line.
        line: String,
    },
}

impl Command {
    /// The name of the step that starts it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Kubectl { .. } => "kubectl",
            Self::Shell { .. } => "shell",
        }
    }
}

/// How a program must end. What it prints to both streams counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgramEnd {
    /// The exit code.
    pub exit_code: u8,
    /// Texts that are printed.
    pub contains: Vec<String>,
    /// A regular expression that is found in what is printed; `^` and `$` stand for the ends of lines.
    pub matches: Option<String>,
}

//! The exit codes of the program: a contract that CI jobs rely on.

use std::process::ExitCode;

use sitedrill_model::Verdict;

/// What the program says to whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Every drill passed.
    Passed = 0,
    /// At least one drill failed: the system under test did something wrong.
    Failed = 1,
    /// Wrong arguments, or a file that is not valid; nothing was started.
    Usage = 2,
    /// The run could not tell: observation had a gap, or the environment failed.
    Inconclusive = 3,
    /// There was nothing to run. Doing nothing is not success.
    NothingToRun = 4,
    /// Stopped by a signal, after cleanup.
    Interrupted = 130,
}

impl Exit {
    /// The exit code for the worst verdict of a run.
    pub fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passed => Self::Passed,
            Verdict::Failed => Self::Failed,
            Verdict::Inconclusive => Self::Inconclusive,
            Verdict::Aborted => Self::Interrupted,
            Verdict::Skipped => Self::NothingToRun,
        }
    }

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_has_its_documented_code() {
        let codes = [
            Verdict::Passed,
            Verdict::Failed,
            Verdict::Inconclusive,
            Verdict::Skipped,
            Verdict::Aborted,
        ]
        .map(|verdict| Exit::of(verdict).code());
        assert_eq!(codes, [0, 1, 3, 4, 130]);
    }
}

//! What a drill came to, and why.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Location;

/// What a drill came to.
///
/// Ordered from best to worst, so that the verdict of many is the greatest of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Not run, for a reason that stands in the record.
    Skipped,
    /// Every check was made and held.
    Passed,
    /// The run could not tell: the environment failed, or observation had a gap.
    Inconclusive,
    /// Stopped from outside before it could end.
    Aborted,
    /// The system under test did something wrong.
    Failed,
}

impl Verdict {
    /// What the tries of one drill, in their order, come to: passed once the last of them has, else the worst of all.
    /// One that failed must not end as inconclusive because its last try could not tell.
    pub fn of_tries(tries: impl IntoIterator<Item = Self>) -> Self {
        let tries = tries.into_iter();
        tries
            .reduce(|before, last| match last {
                Self::Passed => last,
                Self::Skipped | Self::Inconclusive | Self::Aborted | Self::Failed => {
                    before.max(last)
                }
            })
            .unwrap_or(Self::Skipped)
    }
}

/// Why a check did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FailureKind {
    /// An object did not come to look as expected in time.
    ExpectationNotMet,
    /// A command ended in another way than expected.
    OutcomeDiffers,
    /// The values a field went through were not those expected.
    SequenceDiffers,
    /// A fact that an actor waited for was not observed in time.
    AwaitTimedOut,
    /// An invariant was broken at some instant of the run.
    InvariantViolated,
    /// RTO or RPO was above its objective.
    ObjectiveMissed,
    /// A transcript differs from its snapshot, or has none yet.
    SnapshotDiffers,
    /// A write (patch, apply, delete) was refused by the site.
    WriteRefused,
    /// Something that was to be checked never was.
    NeverChecked,
    /// The `always` block could not restore the sites.
    CleanupFailed,
    /// A site could not be prepared or reached: says nothing about the system under test.
    EnvironmentFailed,
    /// Changes of a site could not be observed without a gap.
    ObservationGap,
    /// A fault was injected and never seen to work, so the drill did not show what it says.
    FaultNotSeen,
    /// The run was stopped from outside.
    Aborted,
}

impl FailureKind {
    /// The verdict that a failure of this kind leads to.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::EnvironmentFailed | Self::ObservationGap | Self::FaultNotSeen => {
                Verdict::Inconclusive
            }
            Self::Aborted => Verdict::Aborted,
            Self::ExpectationNotMet
            | Self::OutcomeDiffers
            | Self::SequenceDiffers
            | Self::AwaitTimedOut
            | Self::InvariantViolated
            | Self::ObjectiveMissed
            | Self::SnapshotDiffers
            | Self::WriteRefused
            | Self::NeverChecked
            | Self::CleanupFailed => Verdict::Failed,
        }
    }
}

/// One check that did not hold, with everything a reader needs to understand it without a second run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The class of the failure; also the `type` in JUnit.
    pub kind: FailureKind,
    /// The cause in one line.
    pub message: String,
    /// The step, invariant or objective in the user's file.
    pub location: Option<Location>,
    /// What was expected, as text.
    pub expected: Option<String>,
    /// What was last seen, as text.
    pub last_seen: Option<String>,
    /// The difference between the two, one line a path, `-` expected and `+` seen.
    pub diff: Option<String>,
    /// The values seen on the way, oldest first.
    pub seen: Vec<SeenValue>,
}

impl Failure {
    /// A failure with a message only; the fields are filled in where there is more to say.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            location: None,
            expected: None,
            last_seen: None,
            diff: None,
            seen: Vec::new(),
        }
    }

    /// The same failure with its place.
    #[must_use]
    pub fn at(mut self, location: &Location) -> Self {
        self.location = Some(location.clone());
        self
    }
}

/// A value that was observed, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenValue {
    /// When the change reached the observer, by the clock of the run.
    pub at: Timestamp,
    /// The value, as text.
    pub value: String,
}

#[cfg(test)]
mod tests {
    use super::Verdict::{self, Failed, Inconclusive, Passed, Skipped};

    #[test]
    fn tries_pass_once_the_last_of_them_has_and_are_else_as_bad_as_the_worst() {
        let of = |tries: &[Verdict]| Verdict::of_tries(tries.iter().copied());
        assert_eq!(of(&[Failed, Inconclusive, Passed]), Passed);
        assert_eq!(of(&[Failed, Inconclusive]), Failed);
        assert_eq!(of(&[Inconclusive, Inconclusive]), Inconclusive);
        assert_eq!(of(&[Passed]), Passed);
        assert_eq!(of(&[]), Skipped);
    }
}

//! Ways to make the controllers wrong on purpose, for tests of the drills.
//!
//! A drill that cannot fail shows nothing. Behind the cargo feature `sabotage`, one rule at a time
//! can be switched off; without the feature the checks below are constants and cost nothing.

use serde::Serialize;

/// A rule that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Sabotage {
    /// Behave as if no one else could hold the lock of a group.
    IgnoreLock,
    /// Behave as if no other group were on the target.
    SkipSafetyCheck,
    /// Start the target without waiting for the source and its storage.
    StartBeforeRelease,
    /// Set the source to running again even after the target was started.
    RollBackAfterStart,
    /// Go on after the lock was lost.
    IgnoreLostLock,
    /// Take an expired lock over without comparing its version.
    TakeOverWithoutCompare,
    /// Leave the source alone when it comes back.
    ForgetFencing,
    /// Make the safety check although force was set.
    IgnoreForce,
    /// Leave the quorum taints of the target where they are.
    LeaveTaints,
    /// Go on although machines run at both sites.
    IgnoreSplitBrain,
    /// Go on with a failover that is under way without looking at its lock.
    ResumeWithoutLock,
    /// Believe what other groups' statuses say, though their machines say otherwise.
    BelieveStaleStatus,
    /// Decide the end of a failover that has ended once more.
    RewriteTheEnd,
}

impl Sabotage {
    /// Every rule that can be switched off.
    pub const ALL: [Self; 13] = [
        Self::IgnoreLock,
        Self::SkipSafetyCheck,
        Self::StartBeforeRelease,
        Self::RollBackAfterStart,
        Self::IgnoreLostLock,
        Self::TakeOverWithoutCompare,
        Self::ForgetFencing,
        Self::IgnoreForce,
        Self::LeaveTaints,
        Self::IgnoreSplitBrain,
        Self::ResumeWithoutLock,
        Self::BelieveStaleStatus,
        Self::RewriteTheEnd,
    ];
}

//! The few numbers that a drill comes down to.

use jiff::Timestamp;
use sitedrill_model::event::FailoverMeasurement;
use sitedrill_model::record::{ChapterRecord, DrillRecord};
use sitedrill_model::{FailureKind, Verdict};

use crate::units::between;

/// A recovery time, or a loss of data, that was measured, and what it was to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measured {
    /// What was measured, in seconds.
    pub(crate) seconds: f64,
    /// The objective of the chapter, in seconds.
    pub(crate) objective_seconds: Option<f64>,
}

impl Measured {
    /// Whether the objective was met; true where there is none.
    pub(crate) fn is_met(self) -> bool {
        self.objective_seconds
            .is_none_or(|objective| self.seconds <= objective)
    }
}

/// The failovers that a chapter was about: those of its `always` block do not count against an objective.
pub(crate) fn judged_failovers(
    chapter: &ChapterRecord,
) -> impl Iterator<Item = &FailoverMeasurement> {
    let cleanup = cleanup_start(chapter);
    chapter
        .failovers
        .iter()
        .filter(move |failover| cleanup.is_none_or(|start| failover.requested_at < start))
}

/// When the `always` block of a chapter started.
pub(crate) fn cleanup_start(chapter: &ChapterRecord) -> Option<Timestamp> {
    let steps = chapter.steps.iter();
    steps
        .filter(|step| step.id.actor == "always")
        .filter_map(|step| step.started)
        .min()
}

/// The longest recovery of a chapter.
pub(crate) fn chapter_rto(chapter: &ChapterRecord) -> Option<Measured> {
    let measured = judged_failovers(chapter).filter_map(|failover| failover.rto_seconds);
    greatest(measured, chapter.info.rto_objective_seconds)
}

/// The greatest loss of data of a chapter.
pub(crate) fn chapter_rpo(chapter: &ChapterRecord) -> Option<Measured> {
    let measured = judged_failovers(chapter).filter_map(|failover| failover.rpo_seconds);
    greatest(measured, chapter.info.rpo_objective_seconds)
}

fn greatest(
    measured: impl Iterator<Item = f64>,
    objective_seconds: Option<f64>,
) -> Option<Measured> {
    measured.max_by(f64::total_cmp).map(|seconds| Measured {
        seconds,
        objective_seconds,
    })
}

/// The recovery of a drill that matters most: one that missed its objective, else the longest.
pub(crate) fn drill_rto(drill: &DrillRecord) -> Option<Measured> {
    most_serious(drill.chapters.iter().filter_map(chapter_rto))
}

/// The loss of a drill that matters most: one that missed its objective, else the greatest.
pub(crate) fn drill_rpo(drill: &DrillRecord) -> Option<Measured> {
    most_serious(drill.chapters.iter().filter_map(chapter_rpo))
}

fn most_serious(all: impl Iterator<Item = Measured>) -> Option<Measured> {
    all.max_by(|a, b| {
        let missed = (!a.is_met()).cmp(&!b.is_met());
        missed.then(a.seconds.total_cmp(&b.seconds))
    })
}

/// How long the drill took by the clock of its sites, in seconds.
pub(crate) fn site_seconds(drill: &DrillRecord) -> Option<f64> {
    drill.span.map(|(first, last)| between(first, last))
}

/// How long the drill took on the machine that ran it, in seconds.
pub(crate) fn wall_seconds(drill: &DrillRecord) -> Option<f64> {
    drill.wall.map(|wall| wall.seconds)
}

/// How many drills came to each verdict: `3 passed (1 flaky), 1 failed`.
pub(crate) fn counts(drills: &[DrillRecord]) -> String {
    let flaky = drills.iter().filter(|drill| drill.flaky).count();
    let counts = tally(drills).into_iter().map(|(verdict, count)| {
        let name = verdict_name(verdict);
        if verdict == Verdict::Passed && flaky > 0 {
            format!("{count} {name} ({flaky} flaky)")
        } else {
            format!("{count} {name}")
        }
    });
    counts.collect::<Vec<_>>().join(", ")
}

/// How many drills came to each verdict, in the order in which people read them.
fn tally(drills: &[DrillRecord]) -> Vec<(Verdict, usize)> {
    let order = [
        Verdict::Passed,
        Verdict::Failed,
        Verdict::Inconclusive,
        Verdict::Aborted,
        Verdict::Skipped,
    ];
    let count = |verdict| drills.iter().filter(|d| d.verdict == verdict).count();
    order
        .into_iter()
        .map(|verdict| (verdict, count(verdict)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// The verdict as a word of a sentence.
pub(crate) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Skipped => "skipped",
        Verdict::Passed => "passed",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Aborted => "aborted",
        Verdict::Failed => "failed",
    }
}

/// The class of a failure as it stands in the record.
pub(crate) fn kind_name(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::ExpectationNotMet => "ExpectationNotMet",
        FailureKind::OutcomeDiffers => "OutcomeDiffers",
        FailureKind::SequenceDiffers => "SequenceDiffers",
        FailureKind::AwaitTimedOut => "AwaitTimedOut",
        FailureKind::InvariantViolated => "InvariantViolated",
        FailureKind::ObjectiveMissed => "ObjectiveMissed",
        FailureKind::SnapshotDiffers => "SnapshotDiffers",
        FailureKind::WriteRefused => "WriteRefused",
        FailureKind::NeverChecked => "NeverChecked",
        FailureKind::CleanupFailed => "CleanupFailed",
        FailureKind::EnvironmentFailed => "EnvironmentFailed",
        FailureKind::ObservationGap => "ObservationGap",
        FailureKind::FaultNotSeen => "FaultNotSeen",
        FailureKind::Aborted => "Aborted",
    }
}

//! What a command prints: told as it comes, kept for its step, and compared with a snapshot.

use std::sync::{Arc, Mutex, PoisonError};

use sitedrill_model::event::{StepId, Stream};
use sitedrill_model::scenario::{DrillKind, Step};
use sitedrill_model::{Failure, FailureKind};

use super::Stage;
use crate::core::Input;
use crate::{OutputSink, SnapshotVerdict};

/// How many of the last lines a failure shows.
pub(super) const TAIL: usize = 12;

/// The lines of one command.
#[derive(Clone, Default)]
pub(super) struct Transcript(Arc<Mutex<Vec<(Stream, String)>>>);

impl Transcript {
    /// The lines so far, in the order in which they were printed.
    pub(super) fn take(&self) -> Vec<(Stream, String)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A sink that tells of each line and keeps it.
pub(super) fn open(id: &StepId, stage: &Stage<'_>) -> (OutputSink, Transcript) {
    let transcript = Transcript::default();
    let (kept, shared, id) = (transcript.clone(), Arc::clone(stage.shared), id.clone());
    let sink = move |stream, line: &str| {
        let mut lines = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push((stream, line.to_owned()));
        drop(lines);
        let id = &id;
        shared.take(Input::Output { id, stream, line });
    };
    (Arc::new(sink), transcript)
}

/// Compares the transcript with its snapshot, where the step has one; answers with what there is to say of it.
pub(super) fn compare(
    step: &Step,
    lines: &[String],
    stage: &Stage<'_>,
) -> Result<Option<String>, Failure> {
    let Some(snapshot) = &step.snapshot else {
        return Ok(None);
    };
    // Two chapters of a suite may use the same short name.
    let name = match stage.kind {
        DrillKind::Scenario => snapshot.clone(),
        DrillKind::Suite => format!("{}__{snapshot}", stage.scenario.name),
    };
    match stage.target.snapshots.compare(&name, &lines.join("\n")) {
        SnapshotVerdict::Same => Ok(Some("transcript as in its snapshot".to_owned())),
        SnapshotVerdict::Written { path } => Ok(Some(format!("snapshot written to {path}"))),
        SnapshotVerdict::Missing { path } => {
            let message = format!("the transcript has no snapshot yet: {path}");
            let mut failure = Failure::new(FailureKind::SnapshotDiffers, message);
            failure.expected = Some(format!("a snapshot at {path}"));
            failure.last_seen = Some(lines.join("\n"));
            Err(failure)
        }
        SnapshotVerdict::Differs { path, diff } => {
            let message = format!("the transcript differs from its snapshot {path}");
            let mut failure = Failure::new(FailureKind::SnapshotDiffers, message);
            failure.expected = Some(format!("the transcript in {path}"));
            failure.last_seen = Some(lines.join("\n"));
            failure.diff = Some(diff);
            Err(failure)
        }
    }
}

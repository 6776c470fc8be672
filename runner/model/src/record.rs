//! The record of a run: a fold over its events.
//!
//! **Invariant:** the record holds nothing that is not in the events, so any old run can be rendered again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::fold::Fold;
use crate::event::{
    ChapterInfo, DrillInfo, Event, FailoverMeasurement, FaultNote, InvariantRecord, MeasuredValue,
    Observation, RunInfo, SiteInfo, StepId, StepOutcome, Stream, Wall,
};
use crate::{Failure, Location, Verdict};

mod fold;

/// Everything that is known of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRecord {
    /// What the run is; `None` only where the first event was lost.
    pub run: Option<RunInfo>,
    /// The drills in the run's order.
    pub drills: Vec<DrillRecord>,
    /// How often each measured value came, over the repetitions of drills.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tallies: Vec<Tally>,
    /// `None` while the run goes on, or where it was killed.
    pub end: Option<RunEnd>,
}

/// How often each value of one measure came, over the repetitions of one drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// The scenario that was repeated.
    pub drill: String,
    /// The name of the measure.
    pub name: String,
    /// How often each value came.
    pub counts: BTreeMap<String, u64>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunEnd {
    /// The worst verdict of all drills.
    pub verdict: Verdict,
    /// The exit code of the program.
    pub exit_code: u8,
    /// Of the machine that ran the drills.
    pub wall: Wall,
}

/// Everything that is known of a drill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrillRecord {
    /// What the drill is, with the seed of this try.
    pub info: DrillInfo,
    /// Its verdict; `Aborted` while it has not ended.
    pub verdict: Verdict,
    /// Whether it passed only when it was tried again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub flaky: bool,
    /// Which of its tries this is, from 1: the one that passed, or else the first that led to the verdict.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub attempt: u32,
    /// All its other tries in their order; none of these has tries of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Self>,
    /// Why it was skipped.
    pub skipped: Option<String>,
    /// Its sites.
    pub sites: Vec<SiteInfo>,
    /// Its chapters in order; one for a scenario standing alone.
    pub chapters: Vec<ChapterRecord>,
    /// A failure outside every chapter.
    pub failure: Option<Failure>,
    /// First and last time of the drill by the clock of the sites.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Of the machine that ran it.
    pub wall: Option<Wall>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

const fn first() -> u32 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_first(attempt: &u32) -> bool {
    *attempt == first()
}

/// Everything that is known of a chapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChapterRecord {
    /// What the chapter is.
    pub info: ChapterInfo,
    /// Its verdict; `Aborted` while it has not ended.
    pub verdict: Verdict,
    /// What was done to bring `given` about.
    pub prepared: Vec<String>,
    /// The steps in the order in which they started.
    pub steps: Vec<StepRecord>,
    /// What was observed on the sites.
    pub observations: Vec<TimedObservation>,
    /// What happened to faults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<TimedFaultNote>,
    /// What `measure` steps read, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<MeasuredValue>,
    /// The failovers that ended, with their measures.
    pub failovers: Vec<FailoverMeasurement>,
    /// The invariants.
    pub invariants: Vec<InvariantRecord>,
    /// Failures that belong to no step.
    pub failures: Vec<Failure>,
}

/// Everything that is known of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepRecord {
    /// Which step.
    pub id: StepId,
    /// The step in one line.
    pub text: String,
    /// Where it stands in the file.
    pub location: Location,
    /// When it started; `None` if it was not run.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<StepOutcome>,
    /// Why it was not run.
    pub skipped: Option<String>,
    /// Its transcript.
    pub transcript: Vec<TranscriptLine>,
}

/// A line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TranscriptLine {
    /// When it was printed, by the clock of the sites.
    pub at: Option<Timestamp>,
    /// Which stream it came from.
    pub stream: Stream,
    /// The line.
    pub line: String,
}

/// An observation with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimedObservation {
    /// When, by the clock of the sites.
    pub at: Option<Timestamp>,
    /// What was observed.
    #[serde(flatten)]
    pub observation: Observation,
}

/// What happened to a fault, with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimedFaultNote {
    /// When, by the clock of the sites.
    pub at: Option<Timestamp>,
    /// What happened.
    #[serde(flatten)]
    pub note: FaultNote,
}

impl RunRecord {
    /// Folds the events of a run. Drills may be interleaved; the order within a drill counts.
    ///
    /// Never panics, whatever is missing: a file that was cut off gives what stands in it, with the
    /// verdict `Aborted` on everything that has no end. An event of a drill, chapter or step
    /// that never started is left out, since nothing says what it belongs to.
    pub fn from_events<'e>(events: impl IntoIterator<Item = &'e Event>) -> Self {
        let mut fold = Fold::default();
        for event in events {
            fold.take(event);
        }
        fold.finish()
    }
}

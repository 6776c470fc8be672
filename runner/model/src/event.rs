//! The only thing a run produces.
//!
//! Events are written to `events.jsonl`, one JSON object a line, while the run goes on.
//! Everything else (record, JUnit, HTML, the terminal) is derived from them.
//!
//! **Invariant:** times of the machine that ran the drill stand only in fields named `wall`;
//! two runs with the same seed in virtual time differ nowhere else.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::scenario::DrillKind;
use crate::{Failure, Location, Verdict};

pub use self::markers::{Marker, MarkerEvidence, VmMarkers};

mod markers;

/// The version of the event and record formats. Grows when a reader must know of a change.
pub const FORMAT: u32 = 1;

/// One thing that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Position among the events of the same drill (or of the run itself), from 0.
    pub seq: u64,
    /// The drill it belongs to; `None` for the run itself.
    pub drill: Option<String>,
    /// The chapter of the drill, from 0.
    pub chapter: Option<usize>,
    /// When, by the clock of the sites: virtual time where time is virtual. `None` for the run itself.
    pub at: Option<Timestamp>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum EventKind {
    /// First event of a run.
    RunStarted(RunInfo),
    /// A drill was not run, for this reason.
    DrillSkipped {
        /// What was to be run.
        info: DrillInfo,
        /// Why not.
        reason: String,
    },
    /// A drill starts; its sites do not exist yet.
    DrillStarted {
        /// What is run.
        info: DrillInfo,
        /// Of the machine that runs the drill.
        wall: Timestamp,
    },
    /// A site is up.
    SiteReady(SiteInfo),
    /// A chapter starts: its `given` is being brought about.
    ChapterStarted(ChapterInfo),
    /// Something done to bring `given` about.
    Prepared {
        /// In one line.
        what: String,
    },
    /// A step starts.
    StepStarted {
        /// Which step.
        step: StepId,
        /// The step in one line.
        text: String,
        /// Where it stands in the file.
        location: Location,
    },
    /// A line of a step's transcript.
    Output {
        /// Which step.
        step: StepId,
        /// Which of the command's streams.
        stream: Stream,
        /// The line, without its end.
        line: String,
    },
    /// A step ended.
    StepFinished {
        /// Which step.
        step: StepId,
        /// How.
        outcome: StepOutcome,
    },
    /// A step was not run.
    StepSkipped {
        /// Which step.
        step: StepId,
        /// The step in one line.
        text: String,
        /// Where it stands in the file.
        location: Location,
        /// Why not.
        reason: String,
    },
    /// A change of a site that matters to people: a phase, a state, a lock, a machine.
    Observed(Observation),
    /// A fault was injected, was seen to work, or is gone.
    Fault(FaultNote),
    /// A `measure` step read a value.
    ValueMeasured(MeasuredValue),
    /// A failover came to its end and was measured.
    FailoverMeasured(FailoverMeasurement),
    /// How an invariant fared over a chapter.
    InvariantJudged(InvariantRecord),
    /// A failure that belongs to no step: an invariant, an objective, a site.
    ChapterFailure(Failure),
    /// A chapter ended.
    ChapterFinished {
        /// What it came to.
        verdict: Verdict,
    },
    /// A drill did not pass, its sites are gone, and it is tried again on fresh ones. What follows belongs to the next try.
    DrillRetried {
        /// What the try that ended came to.
        verdict: Verdict,
        /// A failure outside every chapter.
        failure: Option<Failure>,
        /// The seed of the drill in its next try.
        seed: u64,
        /// How long the try that ended took on the machine that ran it.
        wall: Wall,
    },
    /// A drill ended; its sites are gone.
    DrillFinished {
        /// What it came to; of a drill that was tried again, its last try.
        verdict: Verdict,
        /// A failure outside every chapter: a site did not come up, or did not go away.
        failure: Option<Failure>,
        /// How long it took on the machine that ran it.
        wall: Wall,
    },
    /// Last event of a run.
    RunFinished {
        /// The worst verdict of all drills.
        verdict: Verdict,
        /// The exit code of the program.
        exit_code: u8,
        /// How long it took on the machine that ran it.
        wall: Wall,
    },
}

/// What a run is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunInfo {
    /// See [`FORMAT`].
    pub format: u32,
    /// Version of the program.
    pub version: String,
    /// Everything random in the run comes from it.
    pub seed: u64,
    /// Virtual or real.
    pub time: TimeMode,
    /// Where the sites come from: `embedded`, `envtest`, …
    pub sites: String,
    /// How many drills were selected.
    pub selected: usize,
    /// The command that repeats the run.
    pub command: String,
    /// Drills that took longer than this on the machine are marked as slow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_seconds: Option<f64>,
    /// Of the machine that runs the drills.
    pub wall: WallStart,
}

/// How time passes in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeMode {
    /// Time jumps to the next thing that happens.
    Virtual,
    /// Time is the machine's.
    Real,
}

/// What a run knows of its machine at the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WallStart {
    /// When the run started.
    pub started: Timestamp,
    /// A name for this very run, unique in practice; also the end of the default folder's name.
    pub run: String,
    /// The folder of the reports.
    pub out: String,
    /// Host name.
    pub host: String,
}

/// A span of the time of the machine that ran the drill.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wall {
    /// When it ended.
    pub finished: Timestamp,
    /// How long it took.
    pub seconds: f64,
}

/// What a drill is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrillInfo {
    /// Position in the run's order, from 0.
    pub index: usize,
    /// From `metadata.name`.
    pub name: String,
    /// The folder it stands in, below what the user named, with `.` between parts; for JUnit.
    pub classname: String,
    /// Scenario or suite.
    pub kind: DrillKind,
    /// The file.
    pub file: String,
    /// One sentence for people.
    pub summary: String,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// The requirements it shows.
    pub requirements: Vec<String>,
    /// SHA-256 of the file's bytes, hex.
    pub sha256: String,
    /// The seed of this drill, derived from the run's seed and the drill's name; of another try, see [`crate::try_seed`].
    pub seed: u64,
}

/// A site that is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SiteInfo {
    /// Canonical name.
    pub name: String,
    /// `primary`, `dr` or `quorum`.
    pub role: String,
    /// Where it comes from: `embedded`, …
    pub provider: String,
    /// UID of its `kube-system` namespace.
    pub uid: String,
    /// What its API server says its version is.
    pub kubernetes: String,
}

/// What a chapter is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChapterInfo {
    /// From `metadata.name` of the scenario.
    pub name: String,
    /// The scenario's file.
    pub file: String,
    /// One sentence for people.
    pub summary: String,
    /// The requirements it shows.
    pub requirements: Vec<String>,
    /// The RTO objective in seconds.
    pub rto_objective_seconds: Option<f64>,
    /// The RPO objective in seconds.
    pub rpo_objective_seconds: Option<f64>,
}

/// Names a step of a chapter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepId {
    /// The actor, or `then` or `always`.
    pub actor: String,
    /// Position in the actor's list, from 0.
    pub index: usize,
}

/// Which stream of a command a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepOutcome {
    /// Whether it did what the scenario says.
    pub verdict: Verdict,
    /// What happened in a few words: `refused: LockHeld`, `matched after 3 changes`.
    pub detail: String,
    /// What went wrong.
    pub failure: Option<Failure>,
}

/// A change of a site that matters to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// The site.
    pub site: String,
    /// The object, as `kind/name`.
    pub object: String,
    /// What changed, in a few words: `phase Running -> Succeeded`, `lock taken by …`.
    pub what: String,
    /// The object's resourceVersion on that site.
    pub resource_version: String,
}

/// What happened to a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultNote {
    /// The fault's name in the scenario.
    pub name: String,
    /// What is broken, in one line.
    pub fault: String,
    /// What happened to it.
    pub what: FaultChange,
    /// How that is known, in one line; empty where it was only asked for.
    pub evidence: String,
}

/// What can happen to a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultChange {
    /// It was asked for.
    Injected,
    /// It was seen to work.
    TookEffect,
    /// It was lifted by a step, and is seen to be gone.
    Lifted,
    /// No step had lifted it; it was lifted at the end, and is seen to be gone.
    LeftOver,
}

impl FaultChange {
    /// The change in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Injected => "injected",
            Self::TookEffect => "took effect",
            Self::Lifted => "lifted",
            Self::LeftOver => "left over, lifted at the end",
        }
    }
}

/// A value that a drill puts into its report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MeasuredValue {
    /// The name that the step gives it.
    pub name: String,
    /// The value as text.
    pub value: String,
}

/// The measure of one failover that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailoverMeasurement {
    /// The Failover object's name.
    pub failover: String,
    /// The group.
    pub group: String,
    /// The target as written in the Failover.
    pub target: String,
    /// `Succeeded` or `Failed`.
    pub phase: String,
    /// When it was requested: start of the command, or else when the object was first seen.
    pub requested_at: Timestamp,
    /// When the group was first seen `running` on the target after that.
    pub running_at: Option<Timestamp>,
    /// RTO: from request to running, in seconds.
    pub rto_seconds: Option<f64>,
    /// The steps with their durations, in order.
    pub steps: Vec<StepDuration>,
    /// Downtime of each machine.
    pub downtime: Vec<VmDowntime>,
    /// RPO: the span of acknowledged writes that were not found on the target, in seconds, of the machine that lost most.
    /// `None` where it was not asked for, or cannot be told of a machine that wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo_seconds: Option<f64>,
    /// The most acknowledged markers that a machine lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_lost: Option<u64>,
    /// What the RPO comes from; `None` where no markers were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markers: Option<MarkerEvidence>,
}

/// How long a step of a failover took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepDuration {
    /// The step's name, such as `StopSource`.
    pub step: String,
    /// Its length in seconds.
    pub seconds: f64,
}

/// How long a machine ran nowhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VmDowntime {
    /// The machine.
    pub vm: String,
    /// From its last `Running` on the source to its first on the target, in seconds; `None` if it did not come back.
    pub seconds: Option<f64>,
}

/// How an invariant fared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvariantRecord {
    /// Its name as written in scenarios.
    pub name: String,
    /// How many observed changes it was judged on.
    pub observations: u64,
    /// The first violation, if any.
    pub violation: Option<Failure>,
}

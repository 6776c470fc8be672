//! What a checked scenario or suite says.
//!
//! Values of this module come from the parser and have passed every check that needs no site:
//! names are resolved, durations are numbers, each step is exactly one action.
//! The syntax as written by people lives elsewhere; the engine only ever sees this.

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Location;
use crate::event::TimeMode;

pub use self::expression::{Cel, Expression, Reading, SITES};
pub use self::failover::{FailoverOrder, StepTimeouts};
pub use self::fault::{Calls, Controller, Fault, FaultStep, StartFailure};
pub use self::program::{Command, Program, ProgramEnd};

mod expression;
mod failover;
mod fault;
mod program;

/// One unit of a run: a scenario standing alone, or a suite whose chapters share sites and state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drill {
    /// Unique in a run; from `metadata.name`.
    pub name: String,
    /// Scenario or suite.
    pub kind: DrillKind,
    /// The file it was read from.
    pub file: String,
    /// One sentence for people.
    pub summary: String,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// The requirements it shows, such as `operations-api/scenario-2`.
    pub requirements: Vec<String>,
    /// SHA-256 of the file's bytes (for a suite: of the suite and its members in order), hex.
    pub sha256: String,
    /// The only mode of time that it makes sense in.
    pub time: Option<TimeMode>,
    /// How often it is run, each time under another seed.
    pub repeat: u32,
    /// The sites by canonical name, in the order written.
    pub sites: Vec<String>,
    /// The scenarios in order; exactly one for a scenario standing alone.
    pub chapters: Vec<Scenario>,
}

impl Drill {
    /// Every step of every chapter.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.chapters.iter().flat_map(Scenario::steps)
    }

    /// The first step that starts a program, which needs real time.
    pub fn first_program(&self) -> Option<(&Step, &Program)> {
        let mut programs = self.steps().filter_map(|step| match &step.action {
            Action::Program(program) => Some((step, program)),
            _ => None,
        });
        programs.next()
    }
}

/// What a drill's file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DrillKind {
    /// `kind: Scenario`
    Scenario,
    /// `kind: Suite`
    Suite,
}

/// One checked scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scenario {
    /// From `metadata.name`.
    pub name: String,
    /// The file it was read from.
    pub file: String,
    /// One sentence for people.
    pub summary: String,
    /// The requirements it shows.
    pub requirements: Vec<String>,
    /// Recovery objectives.
    pub objectives: Objectives,
    /// What must be so before the actors start.
    pub given: Given,
    /// What must hold for the whole run.
    pub invariants: Vec<Invariant>,
    /// What else must hold, from the first step to the end of `then`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own_invariants: Vec<OwnInvariant>,
    /// Concurrent, in the order written.
    pub actors: Vec<Actor>,
    /// After all actors have ended without failure.
    pub then: Vec<Step>,
    /// Always, whatever happened before.
    pub always: Vec<Step>,
}

impl Scenario {
    /// Every step: those of the actors, of `then`, and of `always`.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        let acted = self.actors.iter().flat_map(|actor| &actor.steps);
        acted.chain(&self.then).chain(&self.always)
    }
}

/// Recovery objectives of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Objectives {
    /// The longest time allowed from the request of a failover to the group's `running` on the target.
    pub rto: Option<Duration>,
    /// The longest span of lost writes allowed.
    pub rpo: Option<Duration>,
    /// Where the objectives stand in the file.
    pub location: Option<Location>,
}

/// What must be so before the actors of a scenario start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Given {
    /// Protection groups by name.
    pub groups: IndexMap<String, GivenGroup>,
    /// Quorum taint keys that every node of a site carries, by site. A site not named has none.
    pub taints: IndexMap<String, Vec<String>>,
}

/// A protection group that must exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GivenGroup {
    /// How many virtual machines it has; at least 1.
    pub vms: u32,
    /// The site at which it runs (canonical name).
    pub at: String,
    /// Whether it runs there.
    pub state: GivenState,
    /// Where it stands in the file.
    pub location: Location,
}

/// The state of a given group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GivenState {
    /// All machines run at the site.
    #[default]
    Running,
    /// No machine runs anywhere.
    Stopped,
}

/// An invariant put in force for the whole scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invariant {
    /// Which one.
    pub kind: InvariantKind,
    /// Where it stands in the file.
    pub location: Location,
}

/// A fact that must hold at every instant, or at none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnInvariant {
    /// Unique in the scenario.
    pub name: String,
    /// The fact.
    pub condition: Condition,
    /// Whether it must hold; otherwise it must not.
    pub holds: bool,
    /// Where it stands in the file.
    pub location: Location,
}

/// The built-in invariants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InvariantKind {
    /// Never two live copies of a virtual machine.
    SinglePrimary,
    /// Never more than one holder of a group's failover lock.
    OneLockHolder,
    /// A Failover in a terminal phase never changes its outcome and never vanishes.
    AuditAppendOnly,
    /// No Failover runs beyond the sum of its deadlines.
    FailoverDeadline,
}

impl InvariantKind {
    /// Every built-in invariant.
    pub const ALL: [Self; 4] = [
        Self::SinglePrimary,
        Self::OneLockHolder,
        Self::AuditAppendOnly,
        Self::FailoverDeadline,
    ];

    /// The name as written in scenarios.
    pub fn name(self) -> &'static str {
        match self {
            Self::SinglePrimary => "single-primary",
            Self::OneLockHolder => "one-lock-holder",
            Self::AuditAppendOnly => "audit-append-only",
            Self::FailoverDeadline => "failover-deadline",
        }
    }
}

/// A named sequence of steps that runs beside the other actors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// Unique in the scenario.
    pub name: String,
    /// In order; at least one.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Where the step starts in the file.
    pub location: Location,
    /// The step in one line, as a reader of the file would recognise it.
    pub text: String,
    /// A name other actors may await (`await: {actor: a, step: NAME}`).
    pub name: Option<String>,
    /// What it does.
    pub action: Action,
    /// How long the step may take; always there on `await`, never on a step that does not wait.
    pub within: Option<Duration>,
    /// How long the fact of an `expect` must hold at every instant; never together with `within`.
    pub throughout: Option<Duration>,
    /// Compare the transcript with a snapshot file of this name (file stem without the drill's name).
    pub snapshot: Option<String>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Run pgctl, or one of the failover scripts, with these words.
    Pgctl(Pgctl),
    /// Start a program.
    Program(Program),
    /// Create a Failover and wait for its end.
    Failover(FailoverOrder),
    /// Merge-patch an object.
    Patch(Patch),
    /// Server-side apply a manifest on a site.
    Apply(Apply),
    /// Delete an object.
    Delete(ObjectRef),
    /// Wait for a fact that somebody else causes.
    Await(Condition),
    /// Check a fact: now, or within the step's time.
    Expect(Condition),
    /// Start to record the values of fields of an object under a name.
    Observe(Observe),
    /// Move a group back and wait until it runs there (only in `always`).
    Return(Return),
    /// Let time pass, for a reason.
    Sleep(Sleep),
    /// Keep the value of a field for later steps.
    Save(Save),
    /// Keep the value of a field in the report.
    Measure(Save),
    /// Break something on purpose.
    Fault(FaultStep),
    /// End the fault of this name.
    Lift(String),
}

/// A pgctl command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pgctl {
    /// The words after `pgctl`; the first may be the name of one of the two scripts.
    pub args: Vec<String>,
    /// How it must end.
    pub expect: ExpectedOutcome,
}

/// How a command or a Failover must end. Outcomes are data: a refusal that was expected is a pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExpectedOutcome {
    /// Exit code 0.
    #[default]
    Success,
    /// Exit code 0, and nothing had to be done.
    NoOp,
    /// Exit code 0, with checks skipped by force.
    Forced,
    /// Refused for this reason (CamelCase, such as `LockHeld`), optionally naming this holder.
    Refused {
        /// The reason.
        reason: String,
        /// The holder that the refusal must name.
        holder: Option<String>,
    },
    /// Failed with a message that contains this text.
    Failed {
        /// Part of the message.
        message: String,
    },
}

/// An object of a site.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// The site by canonical name.
    pub site: String,
    /// The kind as kubectl would take it in lower case, resolved: see [`ObjectKind`].
    pub kind: ObjectKind,
    /// The namespace; `None` for kinds without one.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

/// The kinds that the language knows by a short name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectKind {
    /// `siterecovery.trilio.io/v1alpha1` `ProtectionGroup`
    ProtectionGroup,
    /// `siterecovery.trilio.io/v1alpha1` Failover
    Failover,
    /// `kubevirt.io/v1` `VirtualMachine`
    VirtualMachine,
    /// `kubevirt.io/v1` `VirtualMachineInstance`
    VirtualMachineInstance,
    /// `coordination.k8s.io/v1` Lease
    Lease,
    /// `v1` Node
    Node,
    /// `v1` Event
    Event,
}

/// What must be true of an object, a lock or an actor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Condition {
    /// An object looks like this, in part: maps match by key, lists by position and length, scalars exactly.
    Matches {
        /// Which object.
        object: ObjectRef,
        /// The part of it that matters.
        matches: Value,
    },
    /// An object does not exist.
    Absent {
        /// Which object.
        object: ObjectRef,
    },
    /// So many objects of a kind exist and match.
    Count {
        /// The site by canonical name.
        site: String,
        /// The kind.
        kind: ObjectKind,
        /// The namespace; `None` for kinds without one.
        namespace: Option<String>,
        /// Only objects whose name starts with this.
        name_prefix: Option<String>,
        /// Only objects that match this in part.
        matches: Value,
        /// How many.
        count: Bound,
    },
    /// The values recorded by an `observe` step, without immediate repetitions, are exactly these so far.
    Sequence {
        /// The name that the `observe` step gave.
        observed: String,
        /// The values in order; of several fields, separated by one space.
        values: Vec<String>,
    },
    /// A group's failover lock is held, or free.
    Lock {
        /// The group.
        group: String,
        /// Held or free.
        is: LockIs,
    },
    /// An expression about the objects of one or several sites is true.
    Cel(Expression),
    /// Another actor has ended, or has ended a named step.
    Actor {
        /// The other actor.
        actor: String,
        /// The step; `None` for its end.
        step: Option<String>,
    },
}

/// A bound on a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bound {
    /// At least.
    pub min: u64,
    /// At most; `None` for no bound.
    pub max: Option<u64>,
}

/// The state of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockIs {
    /// Somebody holds it and it has not expired.
    Held,
    /// Nobody holds it.
    Free,
}

/// A merge patch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Patch {
    /// What to patch.
    pub object: ObjectRef,
    /// The JSON merge patch.
    pub merge: Value,
}

/// A server-side apply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Apply {
    /// The site by canonical name.
    pub site: String,
    /// The object, with `apiVersion`, `kind` and `metadata.name`; the namespace has been filled in.
    pub manifest: Value,
}

/// The start of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observe {
    /// The name of the recording, unique in the scenario.
    pub name: String,
    /// Which object.
    pub object: ObjectRef,
    /// Dotted paths such as `status.currentState`; at least one.
    pub fields: Vec<String>,
}

/// Moving a group back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Return {
    /// The group.
    pub group: String,
    /// The site by canonical name.
    pub to: String,
}

/// A value to be kept, in the report or for later steps, which write it as `${name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Save {
    /// The name of the value.
    pub name: String,
    /// Where it is read.
    pub object: ObjectRef,
    /// A dotted path.
    pub field: String,
}

/// A pause with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sleep {
    /// How long.
    pub duration: Duration,
    /// Why no fact can be awaited instead.
    pub because: String,
}

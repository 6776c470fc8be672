//! Everything the engine is handed: sites, clock, and the few things it cannot do itself.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use sitedrill_model::event::{Event, Marker, SiteInfo, Stream};
use sitedrill_model::scenario::{Command, Fault, Given};

/// The time of the sites.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a drill is run against.
#[derive(Clone)]
pub struct Target {
    /// The sites in the drill's order.
    pub sites: Vec<Site>,
    /// The namespace of groups, failovers and locks.
    pub namespace: String,
    /// The time of the sites.
    pub now: Now,
    /// The seed of this drill.
    pub seed: u64,
    /// Runs operators' commands.
    pub operator: Arc<dyn Operator>,
    /// Brings `given` about.
    pub fixture: Arc<dyn Fixture>,
    /// Compares transcripts.
    pub snapshots: Arc<dyn Snapshots>,
    /// Breaks things on purpose.
    pub disturber: Arc<dyn Disturber>,
    /// Has machines write data markers; `None` where nobody can.
    pub markers: Option<Arc<dyn Markers>>,
    /// Follows the drill by hand; `None` where it goes at its own pace.
    pub pace: Option<Arc<dyn Pace>>,
}

/// One site.
#[derive(Clone)]
pub struct Site {
    /// Name, role, provider, versions.
    pub info: SiteInfo,
    /// Other names of the site.
    pub aliases: Vec<String>,
    /// Client of the observer: watches and reads, and the writes of `patch`, `apply` and `delete` steps.
    pub client: kube::Client,
}

/// Takes events as they happen, in order. Cheap; never blocks for long.
pub type EventSink = Arc<dyn Fn(Event) + Send + Sync>;

/// Takes lines of a command as they are printed.
pub type OutputSink = Arc<dyn Fn(Stream, &str) + Send + Sync>;

/// Acts in the names of actors: runs their commands, and has their ways to the sites.
#[async_trait]
pub trait Operator: Send + Sync {
    /// The client with which an actor speaks to a site by itself, in its own name.
    ///
    /// # Errors
    /// The site is not one of those that operators reach.
    fn client(&self, _actor: &str, site: &str) -> Result<kube::Client, TargetError> {
        Err(TargetError {
            attempt: format!("reach site {site}: operators have no clients here"),
            source: None,
        })
    }

    /// Runs pgctl with these words in the name of an actor, and says how it ended.
    async fn pgctl(&self, actor: &str, args: &[String], output: OutputSink) -> CommandResult;

    /// Starts a program in the name of an actor, and answers with its exit code once it has ended, with all that it
    /// started. Where the future is dropped they end at once.
    async fn program(
        &self,
        _actor: &str,
        command: &Command,
        _output: OutputSink,
    ) -> Result<i32, TargetError> {
        Err(TargetError {
            attempt: format!("start {}: no program is started here", command.name()),
            source: None,
        })
    }
}

/// Somebody who follows a drill by hand.
#[async_trait]
pub trait Pace: Send + Sync {
    /// Returns when a step may begin.
    async fn before_step(&self, actor: &str, text: &str);

    /// Returns when the cleanup of a chapter that did not pass may begin.
    async fn after_failure(&self, chapter: &str);
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandResult {
    /// The exit code of the program.
    pub exit_code: u8,
    /// What the exit code means.
    pub outcome: CommandOutcome,
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandOutcome {
    /// Done as asked.
    Done,
    /// Nothing had to be done.
    NoOp,
    /// Done with checks skipped by force.
    Forced,
    /// Refused before or during the work.
    Refused {
        /// CamelCase, such as `LockHeld`.
        reason: String,
        /// Who holds the lock, where the refusal says so.
        holder: Option<String>,
        /// In one line.
        message: String,
    },
    /// Failed.
    Failed {
        /// In one line.
        message: String,
    },
}

/// Something the target could not do; says nothing about the system under test.
#[derive(Debug, thiserror::Error)]
#[error("{attempt}")]
pub struct TargetError {
    /// What was attempted, as a lower-case phrase.
    pub attempt: String,
    /// Why it failed.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Brings `given` about.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Makes it so, whatever was there before, and says in lines what it did (nothing if nothing was to be done).
    /// Returns when it is so on the sites.
    async fn ensure(&self, given: &Given) -> Result<Vec<String>, TargetError>;

    /// Moves a group back to a site and waits until it runs there.
    async fn return_group(&self, group: &str, to: &str) -> Result<String, TargetError>;
}

/// Compares transcripts with files.
pub trait Snapshots: Send + Sync {
    /// Compares a text with the snapshot of this name, after redaction. Blocking, short.
    fn compare(&self, name: &str, text: &str) -> SnapshotVerdict;
}

/// How a comparison went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotVerdict {
    /// Equal.
    Same,
    /// Written anew or over the old one, because that was asked for.
    Written {
        /// The file.
        path: String,
    },
    /// There is no such file, and writing was not asked for.
    Missing {
        /// The file that would hold it.
        path: String,
    },
    /// Different.
    Differs {
        /// The file.
        path: String,
        /// A unified diff, `-` snapshot and `+` now.
        diff: String,
    },
}

/// Breaks things on purpose, and proves that it did. Faults are known by their names.
#[async_trait]
pub trait Disturber: Send + Sync {
    /// Starts a fault. Returns when it is in force, or lies in wait for its moment.
    async fn inject(&self, name: &str, fault: &Fault) -> Result<(), TargetError>;

    /// How it is known that the fault has taken effect, in one line; `None` as long as it is not.
    fn seen(&self, name: &str) -> Option<String>;

    /// Waits until the fault has taken effect.
    async fn effect(&self, name: &str) -> String;

    /// Ends a fault, and says in one line how it is known to be gone.
    async fn lift(&self, name: &str) -> Result<String, TargetError>;
}

/// Has machines write data markers, by which it is told after a failover what was lost.
#[async_trait]
pub trait Markers: Send + Sync {
    /// Lets every machine that runs find its last marker and write the next one. A machine that cannot be asked is left
    /// out.
    async fn beat(&self) -> Vec<Beat>;
}

/// What one machine found and wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The site at which it runs, by canonical name.
    pub site: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub vm: String,
    /// The newest marker that it had before it wrote.
    pub found: Option<Marker>,
    /// What it wrote; `None` where that was not acknowledged.
    pub wrote: Option<Marker>,
}

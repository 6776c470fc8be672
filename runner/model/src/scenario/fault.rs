//! Faults: what a drill breaks on purpose.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A fault, and the name by which it is lifted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultStep {
    /// Unique in the scenario.
    pub name: String,
    /// What is broken.
    pub fault: Fault,
}

/// What is broken on purpose. It lasts until it is lifted, but for what happens once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "fault",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Fault {
    /// A controller dies, and is started again when the fault is lifted.
    Kill {
        /// Which.
        controller: Controller,
        /// Only the one of this site; all of them otherwise.
        site: Option<String>,
        /// Not at once, but when it has reported that a failover entered this step.
        at: Option<String>,
    },
    /// A controller stands still: nothing that it sends leaves, nothing that is sent to it arrives.
    Pause {
        /// Which.
        controller: Controller,
        /// Only the one of this site; all of them otherwise.
        site: Option<String>,
        /// Not at once, but when it has reported that a failover entered this step.
        at: Option<String>,
    },
    /// The clock of a controller goes wrong.
    SkewClock {
        /// Which.
        controller: Controller,
        /// Only the one of this site; all of them otherwise.
        site: Option<String>,
        /// How far it is ahead; negative where it is behind.
        by_seconds: i64,
    },
    /// A site cannot be reached from anywhere else, and replication to it is cut.
    CutOff {
        /// The site.
        site: String,
    },
    /// A site's API cannot be reached from anywhere else.
    ApiDown {
        /// The site.
        site: String,
    },
    /// A site's API takes longer.
    SlowApi {
        /// The site.
        site: String,
        /// How much longer.
        by: Duration,
    },
    /// A site's API answers with an error.
    FailApi {
        /// The site.
        site: String,
        /// The HTTP code.
        code: u16,
        /// Which requests.
        calls: Calls,
    },
    /// A site's API does as it is told, and the answer is lost.
    LoseAnswers {
        /// The site.
        site: String,
        /// Which requests.
        calls: Calls,
    },
    /// Every open watch of a site breaks, once.
    DropWatches {
        /// The site.
        site: String,
    },
    /// Every watch of a site says nothing.
    MuteWatches {
        /// The site.
        site: String,
    },
    /// A node loses power.
    NodeDown {
        /// The site.
        site: String,
        /// The node.
        node: String,
    },
    /// A machine dies once.
    VmCrash {
        /// The site.
        site: String,
        /// The machine.
        vm: String,
    },
    /// A machine ignores its shutdown.
    VmStuck {
        /// The site.
        site: String,
        /// The machine.
        vm: String,
    },
    /// A machine does not come to run.
    VmUnstartable {
        /// The site.
        site: String,
        /// The machine.
        vm: String,
        /// What is reported of it.
        reason: StartFailure,
    },
    /// Something keeps a volume open.
    HoldVolume {
        /// The volume.
        volume: String,
        /// A site or node.
        on: String,
    },
    /// Disks of a volume are not up to date.
    DegradeDisk {
        /// The volume.
        volume: String,
        /// A site or node.
        on: String,
        /// DRBD's word.
        state: String,
    },
    /// Everything that machines and storage do at a site takes longer.
    SlowSite {
        /// The site.
        site: String,
        /// How many times as long.
        factor: f64,
    },
    /// Replication between two sites is cut.
    CutLink {
        /// The two.
        between: [String; 2],
    },
    /// The nodes of a site lose quorum.
    QuorumLost {
        /// The site.
        site: String,
    },
    /// The nodes of a site carry taints.
    Taint {
        /// The site.
        site: String,
        /// The keys.
        keys: Vec<String>,
        /// Whether an agent puts them back when they are removed.
        put_back: bool,
    },
}

/// One of the two controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Controller {
    /// The Failover Controller, on the management sites.
    FailoverController,
    /// The Protection Group Controller, on the workload sites.
    ProtectionGroupController,
}

impl Controller {
    /// The name as written, which is also that of its account.
    pub fn name(self) -> &'static str {
        match self {
            Self::FailoverController => "failover-controller",
            Self::ProtectionGroupController => "protection-group-controller",
        }
    }
}

/// Which requests a fault of an API meets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Calls {
    /// In RBAC's words; all where it is empty.
    pub verbs: Vec<String>,
    /// A plural, or `plural/subresource`; all without it.
    pub resource: Option<String>,
    /// No more than so many.
    pub times: Option<u64>,
}

/// Why a machine does not come to run, in KubeVirt's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartFailure {
    /// No node has room.
    Unschedulable,
    /// The launcher image cannot be had.
    ErrImagePull,
    /// The domain cannot be defined.
    SyncFailed,
    /// The domain dies as soon as it starts.
    CrashLoopBackOff,
}

impl StartFailure {
    /// Every reason with its word.
    pub const ALL: [(&'static str, Self); 4] = [
        ("Unschedulable", Self::Unschedulable),
        ("ErrImagePull", Self::ErrImagePull),
        ("SyncFailed", Self::SyncFailed),
        ("CrashLoopBackOff", Self::CrashLoopBackOff),
    ];
}

impl Fault {
    /// Whether the drill needs the clients of controllers and operators to go through the lab's own lines.
    pub fn is_on_the_wire(&self) -> bool {
        match self {
            Self::Kill { at, .. } => at.is_some(),
            Self::Pause { .. }
            | Self::CutOff { .. }
            | Self::ApiDown { .. }
            | Self::SlowApi { .. }
            | Self::FailApi { .. }
            | Self::LoseAnswers { .. }
            | Self::DropWatches { .. }
            | Self::MuteWatches { .. } => true,
            Self::SkewClock { .. }
            | Self::NodeDown { .. }
            | Self::VmCrash { .. }
            | Self::VmStuck { .. }
            | Self::VmUnstartable { .. }
            | Self::HoldVolume { .. }
            | Self::DegradeDisk { .. }
            | Self::SlowSite { .. }
            | Self::CutLink { .. }
            | Self::QuorumLost { .. }
            | Self::Taint { .. } => false,
        }
    }
}

/// The fault in one line.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |site: &Option<String>| match site {
            Some(site) => format!(" of {site}"),
            None => String::new(),
        };
        let when = |at: &Option<String>| match at {
            Some(step) => format!(" at {step}"),
            None => String::new(),
        };
        match self {
            Self::Kill {
                controller,
                site,
                at,
            } => write!(f, "kill {}{}{}", controller.name(), of(site), when(at)),
            Self::Pause {
                controller,
                site,
                at,
            } => write!(f, "pause {}{}{}", controller.name(), of(site), when(at)),
            Self::SkewClock {
                controller,
                site,
                by_seconds,
            } => {
                let name = controller.name();
                write!(f, "skew clock of {name}{} by {by_seconds}s", of(site))
            }
            Self::CutOff { site } => write!(f, "cut off {site}"),
            Self::ApiDown { site } => write!(f, "API of {site} down"),
            Self::SlowApi { site, by } => {
                write!(f, "API of {site} slower by {}s", by.as_secs_f64())
            }
            Self::FailApi { site, code, calls } => write!(f, "API of {site} answers {code}{calls}"),
            Self::LoseAnswers { site, calls } => write!(f, "answers of {site} lost{calls}"),
            Self::DropWatches { site } => write!(f, "watches of {site} dropped"),
            Self::MuteWatches { site } => write!(f, "watches of {site} mute"),
            Self::NodeDown { node, .. } => write!(f, "node {node} down"),
            Self::VmCrash { site, vm } => write!(f, "{vm} on {site} crashes"),
            Self::VmStuck { site, vm } => write!(f, "{vm} on {site} does not stop"),
            Self::VmUnstartable { site, vm, reason } => {
                write!(f, "{vm} on {site} does not start: {reason:?}")
            }
            Self::HoldVolume { volume, on } => write!(f, "{volume} held open on {on}"),
            Self::DegradeDisk { volume, on, state } => write!(f, "{volume} {state} on {on}"),
            Self::SlowSite { site, factor } => write!(f, "{site} slower by factor {factor}"),
            Self::CutLink { between: [a, b] } => write!(f, "replication of {a} and {b} cut"),
            Self::QuorumLost { site } => write!(f, "{site} without quorum"),
            Self::Taint {
                site,
                keys,
                put_back,
            } => {
                let agent = if *put_back {
                    ", put back by an agent"
                } else {
                    ""
                };
                write!(f, "taints {} on {site}{agent}", keys.join(", "))
            }
        }
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.verbs.is_empty() {
            write!(f, " to {}", self.verbs.join(", "))?;
        }
        if let Some(resource) = &self.resource {
            write!(f, " of {resource}")?;
        }
        if let Some(times) = self.times {
            write!(f, ", {times} times")?;
        }
        Ok(())
    }
}

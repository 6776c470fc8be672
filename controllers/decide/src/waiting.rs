//! "Not yet", as a value: what is waited for, where, and since when.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use siterecovery_api::{SiteName, reasons};

/// What a controller waits for. `Display` is the message people see; `reason()` is the word for
/// conditions, events and metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum WaitingOn {
    /// The status must be stored before the next step acts.
    Write,
    /// The lock is being written.
    Lock {
        /// Name of the Lease.
        lease: String,
    },
    /// A site cannot be reached.
    Site {
        /// Which.
        site: SiteName,
        /// Since when.
        since: Timestamp,
        /// What the last try said.
        error: String,
    },
    /// The storage layer cannot be read.
    StorageView {
        /// What the last try said.
        error: String,
    },
    /// Replicas on the target are not up to date yet.
    Replication {
        /// What is missing, a phrase a volume.
        volumes: Vec<String>,
    },
    /// Another failover to the same target decides first.
    OtherFailover {
        /// Its name.
        failover: String,
        /// Its group.
        group: String,
    },
    /// An earlier failover must first stop the copy on the target.
    Fencing {
        /// Its name.
        failover: String,
        /// Where.
        site: SiteName,
    },
    /// The target's nodes carry quorum taints.
    Taints {
        /// Where.
        site: SiteName,
        /// `node key`, sorted.
        taints: Vec<String>,
        /// Whether they were removed before and came back.
        returned: bool,
    },
    /// The target's nodes are clear, but not for long enough.
    TaintsSettle {
        /// Where.
        site: SiteName,
        /// Since when.
        since: Timestamp,
    },
    /// Virtual machines are stopping.
    Stop {
        /// Where.
        site: SiteName,
        /// The group.
        group: String,
        /// Those with a live instance, sorted.
        machines: Vec<String>,
    },
    /// Volumes are still in use on the source, or not promotable on the target.
    StorageRelease {
        /// What is missing, a phrase a volume.
        volumes: Vec<String>,
    },
    /// Virtual machines are starting.
    Start {
        /// Where.
        site: SiteName,
        /// The group.
        group: String,
        /// Those that do not run yet, with the reason where one is known, sorted.
        machines: Vec<String>,
    },
}

impl WaitingOn {
    /// The CamelCase word for conditions, events and metric labels.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Write => reasons::WAITING_FOR_WRITE,
            Self::Lock { .. } => reasons::WAITING_FOR_LOCK,
            Self::Site { .. } => reasons::WAITING_FOR_SITE,
            Self::StorageView { .. } => reasons::WAITING_FOR_STORAGE_VIEW,
            Self::Replication { .. } => reasons::WAITING_FOR_REPLICATION,
            Self::OtherFailover { .. } => reasons::WAITING_FOR_OTHER_FAILOVER,
            Self::Fencing { .. } => reasons::WAITING_FOR_FENCING,
            Self::Taints { .. } | Self::TaintsSettle { .. } => reasons::WAITING_FOR_TAINTS,
            Self::Stop { .. } => reasons::WAITING_FOR_STOP,
            Self::StorageRelease { .. } => reasons::WAITING_FOR_STORAGE_RELEASE,
            Self::Start { .. } => reasons::WAITING_FOR_START,
        }
    }
}

impl fmt::Display for WaitingOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write => f.write_str("waiting for the status to be stored"),
            Self::Lock { lease } => write!(f, "waiting for the lock {lease} to be written"),
            Self::Site { site, since, error } => {
                write!(
                    f,
                    "waiting for site {site}, unreachable since {since:.0} ({error})"
                )
            }
            Self::StorageView { error } => {
                write!(f, "waiting for the storage layer to answer ({error})")
            }
            Self::Replication { volumes } => {
                write!(f, "waiting for replication: {}", volumes.join("; "))
            }
            Self::OtherFailover { failover, group } => {
                write!(
                    f,
                    "waiting for {failover} of {group}, which moves to the same target"
                )
            }
            Self::Fencing { failover, site } => {
                write!(
                    f,
                    "waiting for {failover} to stop its left-over copy on {site}"
                )
            }
            Self::Taints { .. } | Self::TaintsSettle { .. } => self.fmt_taints(f),
            Self::StorageRelease { volumes } => {
                write!(f, "waiting for storage: {}", volumes.join("; "))
            }
            Self::Stop {
                site,
                group,
                machines,
            } => fmt_group(f, (group, site), ("stop", "stopped"), machines),
            Self::Start {
                site,
                group,
                machines,
            } => fmt_group(f, (group, site), ("start", "running"), machines),
        }
    }
}

impl WaitingOn {
    fn fmt_taints(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taints {
                site,
                taints,
                returned,
            } => {
                let again = if *returned {
                    ", put back after they were removed"
                } else {
                    ""
                };
                write!(
                    f,
                    "waiting for quorum taints on {site}{again}: {}",
                    taints.join(", ")
                )
            }
            Self::TaintsSettle { site, since } => {
                write!(
                    f,
                    "waiting for the nodes of {site} to stay clear, clear since {since:.0}"
                )
            }
            other => f.write_str(other.reason()),
        }
    }
}

/// `waiting for pg-a on dr to start: vm-1`, or to report it when no machine is late.
fn fmt_group(
    f: &mut fmt::Formatter<'_>,
    (group, site): (&str, &str),
    (verb, state): (&str, &str),
    machines: &[String],
) -> fmt::Result {
    if machines.is_empty() {
        write!(f, "waiting for {group} on {site} to report {state}")
    } else {
        write!(
            f,
            "waiting for {group} on {site} to {verb}: {}",
            machines.join(", ")
        )
    }
}

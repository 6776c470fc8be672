//! Why a failover does not happen, each with its evidence.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use siterecovery_api::{FailoverRefusal, SiteName, reasons};

/// A reason to end a failover as `Failed`. `Display` is the message, with the remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Refusal {
    /// Another failover holds the lock.
    LockHeld {
        /// The group.
        group: String,
        /// The process that holds it.
        holder: String,
        /// The Failover it holds it for, where the Lease says.
        failover: Option<String>,
        /// When it expires unless renewed.
        expires: Option<Timestamp>,
    },
    /// Somebody else has the lock that this failover held.
    LockLost {
        /// The group.
        group: String,
        /// The process that holds it now.
        holder: String,
    },
    /// The lock could not be written in time.
    LockNotAcquired {
        /// Name of the Lease.
        lease: String,
    },
    /// Other groups are in the way.
    SafetyCheck {
        /// The target, as the user typed it.
        target: String,
        /// The groups, sorted.
        blockers: Vec<String>,
        /// Those of them whose status says more than their VMs show.
        stale: Vec<String>,
    },
    /// The group runs on both sites.
    SplitBrain {
        /// `vm on site`, sorted.
        copies: Vec<String>,
    },
    /// The group does not exist where it must.
    NoSuchGroup {
        /// The group.
        group: String,
        /// Where it was looked for.
        site: SiteName,
    },
    /// The target is no site.
    NoSuchSite {
        /// What was typed.
        asked: String,
        /// What could have been typed.
        known: Vec<String>,
    },
    /// The target runs no virtual machines.
    NotAWorkloadSite {
        /// What was typed.
        asked: String,
        /// What could have been typed.
        known: Vec<String>,
    },
    /// The group has no members on the target.
    NoMembers {
        /// The group.
        group: String,
        /// Where it was looked for.
        site: SiteName,
    },
    /// The target's replicas cannot be promoted.
    StorageNotPromotable {
        /// Where.
        site: SiteName,
        /// A phrase a volume.
        volumes: Vec<String>,
    },
    /// The storage layer could not be read in time.
    StorageUnknown {
        /// What the last try said.
        error: String,
    },
    /// The source cannot be reached, and storage does not prove that the target would be the only
    /// writer.
    SourceUnreachable {
        /// Which site.
        site: SiteName,
        /// What the last try said.
        error: String,
        /// What is missing for the proof, a phrase a volume.
        unproven: Vec<String>,
    },
    /// The target cannot be reached.
    TargetUnreachable {
        /// Which site.
        site: SiteName,
        /// What the last try said.
        error: String,
    },
    /// The spec was edited on the way.
    SpecChanged {
        /// The generation the failover began with.
        began: i64,
        /// The generation it has now.
        now: i64,
    },
    /// The object makes no sense.
    Invalid {
        /// What is wrong.
        problem: String,
    },
    /// A step took too long.
    Deadline {
        /// How long it was given, in seconds.
        seconds: i64,
        /// The word for it.
        reason: &'static str,
        /// What was waited for.
        waited: String,
    },
}

impl Refusal {
    /// The CamelCase word for conditions, events, metric labels and `status.refusal.reason`.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::LockHeld { .. } => reasons::LOCK_HELD,
            Self::LockLost { .. } => reasons::LOCK_LOST,
            Self::LockNotAcquired { .. } => reasons::LOCK_NOT_ACQUIRED,
            Self::SafetyCheck { .. } => reasons::SAFETY_CHECK,
            Self::SplitBrain { .. } => reasons::SPLIT_BRAIN,
            Self::NoSuchGroup { .. } => reasons::NO_SUCH_GROUP,
            Self::NoSuchSite { .. } => reasons::NO_SUCH_SITE,
            Self::NotAWorkloadSite { .. } => reasons::NOT_A_WORKLOAD_SITE,
            Self::NoMembers { .. } => reasons::NO_MEMBERS,
            Self::StorageNotPromotable { .. } => reasons::STORAGE_NOT_PROMOTABLE,
            Self::StorageUnknown { .. } => reasons::STORAGE_UNKNOWN,
            Self::SourceUnreachable { .. } => reasons::SOURCE_UNREACHABLE,
            Self::TargetUnreachable { .. } => reasons::TARGET_UNREACHABLE,
            Self::SpecChanged { .. } => reasons::SPEC_CHANGED,
            Self::Invalid { .. } => reasons::INVALID,
            Self::Deadline { reason, .. } => reason,
        }
    }

    /// The same as data, for `status.refusal`.
    pub fn evidence(&self) -> FailoverRefusal {
        let mut evidence = FailoverRefusal {
            reason: self.reason().to_owned(),
            ..FailoverRefusal::default()
        };
        match self {
            Self::LockHeld { holder, .. } | Self::LockLost { holder, .. } => {
                evidence.holder = Some(holder.clone());
            }
            Self::SafetyCheck {
                blockers, stale, ..
            } => {
                evidence.blockers.clone_from(blockers);
                evidence.stale.clone_from(stale);
            }
            Self::LockNotAcquired { .. }
            | Self::SplitBrain { .. }
            | Self::NoSuchGroup { .. }
            | Self::NoSuchSite { .. }
            | Self::NotAWorkloadSite { .. }
            | Self::NoMembers { .. }
            | Self::StorageNotPromotable { .. }
            | Self::StorageUnknown { .. }
            | Self::SourceUnreachable { .. }
            | Self::TargetUnreachable { .. }
            | Self::SpecChanged { .. }
            | Self::Invalid { .. }
            | Self::Deadline { .. } => {}
        }
        evidence
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LockHeld { .. } | Self::LockLost { .. } | Self::LockNotAcquired { .. } => {
                self.fmt_lock(f)
            }
            Self::NoSuchGroup { .. }
            | Self::NoSuchSite { .. }
            | Self::NotAWorkloadSite { .. }
            | Self::NoMembers { .. }
            | Self::SpecChanged { .. }
            | Self::Invalid { .. } => self.fmt_request(f),
            Self::SafetyCheck {
                target,
                blockers,
                stale,
            } => {
                write!(
                    f,
                    "UNSAFE to remove taints on {target} - other Protection Groups have running VMs: {}",
                    blockers.join(", ")
                )?;
                if !stale.is_empty() {
                    write!(
                        f,
                        "; stale: {} (status says running or unknown, but no VMI is live; set spec.desiredState to stopped there)",
                        stale.join(", ")
                    )?;
                }
                Ok(())
            }
            Self::SplitBrain { copies } => write!(
                f,
                "split-brain detected: {}; stop the copy on one site, confirm that its VMIs are gone, then retry",
                copies.join(", ")
            ),
            Self::StorageNotPromotable { site, volumes } => write!(
                f,
                "storage on {site} cannot be promoted: {}; repair replication, then retry",
                volumes.join("; ")
            ),
            Self::StorageUnknown { error } => {
                write!(
                    f,
                    "the storage layer does not answer: {error}; nothing is moved blindly"
                )
            }
            Self::SourceUnreachable {
                site,
                error,
                unproven,
            } => write!(
                f,
                "site {site} is unreachable ({error}), and storage does not prove that the target would be the only writer: {}",
                unproven.join("; ")
            ),
            Self::TargetUnreachable { site, error } => {
                write!(f, "the target {site} is unreachable ({error})")
            }
            Self::Deadline {
                seconds, waited, ..
            } => {
                write!(f, "gave up after {seconds} s {waited}")
            }
        }
    }
}

impl Refusal {
    fn fmt_lock(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LockHeld {
                group,
                holder,
                failover,
                ..
            } => {
                write!(
                    f,
                    "Failed to acquire failover lock for {group}: Failover lock is held by: {holder}"
                )?;
                match failover {
                    Some(failover) => write!(f, " (for {failover})"),
                    None => Ok(()),
                }
            }
            Self::LockLost { group, holder } => write!(
                f,
                "lost the failover lock for {group} to {holder}; stopped before the next change, and rolled nothing back"
            ),
            Self::LockNotAcquired { lease } => write!(f, "the lock {lease} could not be written"),
            other => write!(f, "{}", other.reason()),
        }
    }

    fn fmt_request(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchGroup { group, site } => write!(
                f,
                "there is no ProtectionGroup {group} on {site}; create it there, or name another group"
            ),
            Self::NoSuchSite { asked, known } => {
                write!(
                    f,
                    "there is no site {asked}; use one of: {}",
                    known.join(", ")
                )
            }
            Self::NotAWorkloadSite { asked, known } => write!(
                f,
                "site {asked} runs no virtual machines; use one of: {}",
                known.join(", ")
            ),
            Self::NoMembers { group, site } => write!(
                f,
                "ProtectionGroup {group} on {site} has no virtual machine that exists; check spec.virtualMachines and spec.selector"
            ),
            Self::SpecChanged { began, now } => write!(
                f,
                "the spec was edited after the failover began (generation {began}, now {now}); create a new Failover instead"
            ),
            Self::Invalid { problem } => {
                write!(
                    f,
                    "the Failover cannot be understood: {problem}; create a new one"
                )
            }
            other => write!(f, "{}", other.reason()),
        }
    }
}

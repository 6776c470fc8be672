//! What happened, as it happened: every change that a judge may want to know of, in the order of the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use siterecovery_api::{CurrentState, DesiredState, Failover};
use tokio::sync::Notify;

use crate::plan::Plan;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Seen,
}

/// What can be seen.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A Failover changed, or is gone.
    Failover {
        /// Where it lives.
        site: String,
        /// Its name.
        name: String,
        /// Who changed it.
        user: String,
        /// What it is now; boxed where it is known.
        now: Option<Arc<Failover>>,
    },
    /// A group's spec or status changed.
    Group {
        /// Where it lives.
        site: String,
        /// Its name.
        name: String,
        /// Who changed it.
        user: String,
        /// What it is now.
        now: GroupLook,
        /// What it was asked before.
        before: Option<DesiredState>,
    },
    /// A lock changed.
    Lock {
        /// Where it lives.
        site: String,
        /// Its group.
        group: String,
        /// Who changed it.
        user: String,
        /// What it is now.
        now: Option<LockLook>,
    },
    /// Whether nodes of a site carry quorum taints changed.
    Tainted {
        /// The site.
        site: String,
        /// Its nodes with such a taint.
        nodes: BTreeSet<String>,
    },
    /// Who writes where changed: machine and site.
    Writers(BTreeSet<(String, String)>),
    /// A controller is about to write.
    Effect {
        /// Which: `failover@quorum`.
        controller: String,
        /// What, in words.
        what: String,
    },
    /// A controller died.
    Died {
        /// Which.
        controller: String,
    },
    /// A fault began.
    FaultBegan {
        /// Its number in the plan.
        number: usize,
    },
    /// A fault ended.
    FaultEnded {
        /// Its number in the plan.
        number: usize,
    },
    /// A fault was seen to do something.
    FaultHit {
        /// Its number in the plan.
        number: usize,
    },
    /// A person's operation came to an end, in one word: `Done`, or the reason of a refusal.
    Operated {
        /// Its place in the plan.
        index: usize,
        /// The word.
        word: String,
    },
}

/// A group as a judge sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupLook {
    /// What it is asked.
    pub desired: DesiredState,
    /// What its controller says.
    pub current: Option<CurrentState>,
    /// Whether that answers the spec as it is.
    pub answered: bool,
}

/// A lock as a judge sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockLook {
    /// The Failover it names by uid; else the holder.
    pub owner: String,
    /// When it ends unless renewed.
    pub expires: Timestamp,
}

/// How a simulation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing was left to do.
    Settled,
    /// Time was up; what was left to do.
    Unsettled(Vec<String>),
    /// Somebody wrote again and again without a pause.
    Endless,
    /// The simulation itself went wrong.
    Broken(String),
}

/// One simulation that has been run.
#[derive(Clone, Debug)]
pub struct History {
    /// What was to happen.
    pub plan: Plan,
    /// When the plan's time began.
    pub began: Timestamp,
    /// What happened.
    pub entries: Vec<Entry>,
    /// How it ended.
    pub end: End,
    /// The groups at the end, by site and name.
    pub groups: BTreeMap<(String, String), GroupLook>,
}

/// Where a running simulation writes its history.
#[derive(Clone)]
pub(crate) struct Log {
    entries: Arc<Mutex<Vec<Entry>>>,
    now: crate::lab::Now,
    full: Arc<Notify>,
}

/// More than ever happens where somebody comes to rest now and then; with time that costs nothing, a loop without
/// a pause is the one thing that no deadline ends.
const LIMIT: usize = 40_000;

impl Log {
    pub(crate) fn new(now: crate::lab::Now) -> Self {
        Self {
            entries: Arc::default(),
            now,
            full: Arc::default(),
        }
    }

    /// Completes when more has happened than can be right.
    pub(crate) async fn is_full(&self) {
        self.full.notified().await;
    }

    pub(crate) fn note(&self, what: Seen) {
        let at = (self.now)();
        let mut entries = self.lock();
        entries.push(Entry { at, what });
        if entries.len() == LIMIT {
            self.full.notify_one();
        }
    }

    pub(crate) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        // Nothing panics between two lines of a history.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thing in one line, for somebody who looks for a bug.
pub fn in_words(what: &Seen) -> String {
    match what {
        Seen::Failover {
            site,
            name,
            user,
            now,
        } => {
            let Some(now) = now else {
                return format!("{user}: {name} on {site} is gone");
            };
            let status = now.status.clone().unwrap_or_default();
            let steps: Vec<String> = status
                .steps
                .iter()
                .map(|step| format!("{}={:?}", step.name, step.state))
                .collect();
            let phase = status
                .phase
                .map_or("-", siterecovery_api::FailoverPhase::as_str);
            let spec = &now.spec;
            format!(
                "{user}: {name} on {site} ({} to {}{}) {phase} [{}] {}",
                spec.protection_group,
                spec.target_cluster,
                if spec.force { ", forced" } else { "" },
                steps.join(" "),
                status.message.unwrap_or_default()
            )
        }
        Seen::Group {
            site,
            name,
            user,
            now,
            ..
        } => format!(
            "{user}: {name} on {site} asked {:?} is {:?}{}",
            now.desired,
            now.current,
            if now.answered { "" } else { " (unanswered)" }
        ),
        Seen::Lock {
            site,
            group,
            user,
            now,
        } => {
            let now = now.as_ref().map_or_else(
                || "free".to_owned(),
                |lock| format!("held by {} until {}", lock.owner, lock.expires),
            );
            format!("{user}: lock of {group} on {site} {now}")
        }
        other => format!("{other:?}"),
    }
}

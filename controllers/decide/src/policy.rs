//! The rules' numbers: deadlines, the lock's life, and how long to wait before looking again.

use jiff::SignedDuration;
use serde::Serialize;
use siterecovery_api::{FailoverTimeouts, StepName, names};

use crate::sabotage::Sabotage;

/// Everything a decision needs besides what was observed and the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// The namespace of groups, failovers and locks where nothing else says.
    pub namespace: String,
    /// This process, as `holderIdentity` of the locks it takes: `failover-controller-<suffix>`.
    pub identity: String,
    /// The taints that a failover removes from the target's nodes.
    pub taint_keys: Vec<String>,
    /// Deadlines of the steps, where the Failover does not give its own.
    pub timeouts: Timeouts,
    /// How long a lock lives after its last renewal. The guide says 300 seconds.
    pub lock_ttl_seconds: i32,
    /// A lock is renewed when it is this old. A third of its life leaves two more tries.
    pub lock_renew_after: SignedDuration,
    /// How wrong two clocks may be about each other. A foreign lock counts as expired only this long
    /// after its end, and our own counts as unsafe to act under this long before it.
    pub clock_skew: SignedDuration,
    /// Nodes must stay without quorum taints for this long after a taint was removed.
    pub taint_settle: SignedDuration,
    /// The shortest time between two tries of the same action, such as removing a taint that an
    /// agent puts back.
    pub retry_after: SignedDuration,
    /// A site must have been silent for this long before it counts as lost.
    pub unreachable_grace: SignedDuration,
    /// How long to wait before looking again at something no watch tells about.
    pub poll_every: SignedDuration,
    /// How old `lastObserved` of a group may get before it is written again.
    pub observe_every: SignedDuration,
    #[cfg(feature = "sabotage")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sabotage: Vec<Sabotage>,
}

/// Deadlines of the steps (DECISIONS 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Timeouts {
    /// For each step that only looks: Validate, `LocateGroup`, `SafetyCheck`.
    pub look: SignedDuration,
    /// `AcquireLock`, and `ReleaseLock` with the rollback before it.
    pub lock: SignedDuration,
    /// `ClearTaints`.
    pub clear_taints: SignedDuration,
    /// `StopSource`.
    pub stop_source: SignedDuration,
    /// `ReleaseStorage`.
    pub release_storage: SignedDuration,
    /// `StartTarget`.
    pub start_target: SignedDuration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            look: SignedDuration::from_mins(1),
            lock: SignedDuration::from_mins(1),
            clear_taints: SignedDuration::from_mins(1),
            stop_source: SignedDuration::from_mins(5),
            release_storage: SignedDuration::from_mins(2),
            start_target: SignedDuration::from_mins(10),
        }
    }
}

impl Timeouts {
    /// These deadlines with those that a Failover gives itself.
    #[must_use]
    pub fn with(mut self, own: Option<&FailoverTimeouts>) -> Self {
        let Some(own) = own else { return self };
        let set = |slot: &mut SignedDuration, seconds: Option<i32>| {
            // The schema refuses less than a second; a server without it must not make us panic.
            if let Some(seconds) = seconds {
                *slot = SignedDuration::from_secs(i64::from(seconds.max(1)));
            }
        };
        set(&mut self.clear_taints, own.clear_taints_seconds);
        set(&mut self.stop_source, own.stop_source_seconds);
        set(&mut self.release_storage, own.release_storage_seconds);
        set(&mut self.start_target, own.start_target_seconds);
        self
    }

    /// How long that step may take.
    pub const fn of(&self, step: StepName) -> SignedDuration {
        match step {
            StepName::Validate | StepName::LocateGroup | StepName::SafetyCheck => self.look,
            StepName::AcquireLock | StepName::ReleaseLock => self.lock,
            StepName::ClearTaints => self.clear_taints,
            StepName::StopSource => self.stop_source,
            StepName::ReleaseStorage => self.release_storage,
            StepName::StartTarget => self.start_target,
        }
    }
}

impl Policy {
    /// The default rules, for the process of that identity.
    pub fn new(identity: impl Into<String>) -> Self {
        Self {
            namespace: names::DEFAULT_NAMESPACE.to_owned(),
            identity: identity.into(),
            taint_keys: names::DEFAULT_TAINT_KEYS.map(str::to_owned).to_vec(),
            timeouts: Timeouts::default(),
            lock_ttl_seconds: names::LOCK_TTL_SECONDS,
            lock_renew_after: SignedDuration::from_secs(100),
            clock_skew: SignedDuration::from_secs(15),
            taint_settle: SignedDuration::from_secs(5),
            retry_after: SignedDuration::from_secs(1),
            unreachable_grace: SignedDuration::from_secs(10),
            poll_every: SignedDuration::from_secs(1),
            observe_every: SignedDuration::from_secs(30),
            #[cfg(feature = "sabotage")]
            sabotage: Vec::new(),
        }
    }

    /// Whether a rule is switched off on purpose. Always `false` without the feature `sabotage`.
    #[cfg(not(feature = "sabotage"))]
    #[expect(
        clippy::unused_self,
        reason = "the same signature with and without the feature"
    )]
    pub(crate) const fn sabotaged(&self, _rule: Sabotage) -> bool {
        false
    }

    /// Whether a rule is switched off on purpose.
    #[cfg(feature = "sabotage")]
    pub(crate) fn sabotaged(&self, rule: Sabotage) -> bool {
        self.sabotage.contains(&rule)
    }

    /// The same rules with one of them made wrong.
    #[cfg(feature = "sabotage")]
    #[must_use]
    pub fn with_sabotage(mut self, rule: Sabotage) -> Self {
        self.sabotage.push(rule);
        self
    }
}

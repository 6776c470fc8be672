//! Ways to make the system under test wrong on purpose: decisions, lies on the lines, and a slow world.

use std::sync::Arc;

use sitedrill_model::scenario::Calls;
use sitedrill_world::{Fault, World};
use siterecovery_decide::Sabotage;

use super::lie::Lie;
use super::wire::{Effect, Party, Rule, Wires};

/// One way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// The controllers decide wrongly.
    Decision(Sabotage),
    /// The Failover Controller takes locks in another name than its own.
    WrongHolder,
    /// A Failover that is over is deleted.
    AuditDeleted,
    /// A Failover that has succeeded is rewritten to have failed.
    PhaseRewritten,
    /// The status of groups is never written.
    StatusNeverUpdated,
    /// No Event is created.
    EventMissing,
    /// A line that operators read has changed.
    OutputLineChanged,
    /// Machines take far longer to start than the objectives allow.
    TooSlow,
    /// Storage acknowledges what no other site has got.
    ReplicaNotWritten,
}

impl Mutation {
    /// Every mutation with its name.
    pub const ALL: [(&'static str, Self); 17] = [
        ("lock-ignored", Self::Decision(Sabotage::IgnoreLock)),
        (
            "safety-check-skipped",
            Self::Decision(Sabotage::SkipSafetyCheck),
        ),
        ("force-ignored", Self::Decision(Sabotage::IgnoreForce)),
        ("taints-left", Self::Decision(Sabotage::LeaveTaints)),
        (
            "start-before-stop",
            Self::Decision(Sabotage::StartBeforeRelease),
        ),
        ("wrong-holder", Self::WrongHolder),
        ("audit-object-deleted", Self::AuditDeleted),
        ("status-never-updated", Self::StatusNeverUpdated),
        ("event-missing", Self::EventMissing),
        ("phase-rewritten", Self::PhaseRewritten),
        ("output-line-changed", Self::OutputLineChanged),
        ("rto-exceeded", Self::TooSlow),
        ("replica-not-written", Self::ReplicaNotWritten),
        (
            "rollback-after-start",
            Self::Decision(Sabotage::RollBackAfterStart),
        ),
        (
            "lost-lock-ignored",
            Self::Decision(Sabotage::IgnoreLostLock),
        ),
        ("fencing-forgotten", Self::Decision(Sabotage::ForgetFencing)),
        (
            "split-brain-ignored",
            Self::Decision(Sabotage::IgnoreSplitBrain),
        ),
    ];

    /// The decision that is made wrongly.
    pub fn decision(self) -> Option<Sabotage> {
        match self {
            Self::Decision(how) => Some(how),
            _ => None,
        }
    }

    /// The lie that the lines tell, about which requests.
    pub(super) fn lie(self) -> Option<(Lie, Calls)> {
        let calls = |verbs: &[&str], resource: &str| Calls {
            verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
            resource: Some(resource.to_owned()),
            times: None,
        };
        let status = ["patch", "update"];
        match self {
            Self::AuditDeleted => Some((Lie::AuditDeleted, calls(&status, "failovers/status"))),
            Self::PhaseRewritten => Some((Lie::PhaseRewritten, calls(&status, "failovers/status"))),
            Self::StatusNeverUpdated => {
                let calls = calls(&status, "protectiongroups/status");
                Some((Lie::Frozen(Arc::default()), calls))
            }
            Self::EventMissing => Some((Lie::NothingCreated, calls(&["create"], "events"))),
            Self::Decision(_)
            | Self::WrongHolder
            | Self::OutputLineChanged
            | Self::TooSlow
            | Self::ReplicaNotWritten => None,
        }
    }

    /// Makes it so, where it is a matter of lines or of the world.
    pub(super) fn apply(self, wires: Option<&Wires>, world: &World) {
        if let (Some((lie, calls)), Some(wires)) = (self.lie(), wires) {
            for name in ["failover-controller", "protection-group-controller"] {
                let party = Party {
                    name: name.to_owned(),
                    home: None,
                };
                let mut rule = Rule::of(party, Effect::Lie(lie.clone()));
                rule.calls = calls.clone();
                wires.add(rule);
            }
        }
        for fault in self.faults() {
            // A drill without this site is disturbed at the other one.
            let _ = world.knobs().inject(fault);
        }
    }

    /// What is wrong with the world.
    fn faults(self) -> Vec<Fault> {
        let sites = ["primary", "dr"].map(str::to_owned).into_iter();
        match self {
            Self::TooSlow => sites
                .map(|site| Fault::Slow { site, factor: SLOW })
                .collect(),
            Self::ReplicaNotWritten => sites.map(|site| Fault::SilentLoss { site }).collect(),
            Self::Decision(_)
            | Self::WrongHolder
            | Self::AuditDeleted
            | Self::PhaseRewritten
            | Self::StatusNeverUpdated
            | Self::EventMissing
            | Self::OutputLineChanged => Vec::new(),
        }
    }
}

/// Slow enough to miss an objective of minutes, and not so slow that the failover itself gives up.
const SLOW: f64 = 12.0;

//! A very small world that does what it is told, to crash in after every single write.

use jiff::Timestamp;
use siterecovery_api::{
    CurrentState, DesiredState, FailoverPhase, FailoverStatus, SiteDirectory, StepName, names,
};

use super::builder::{at, policy, volumes};
use crate::conditions;
use crate::effect::Effect;
use crate::facts::{LeaseFacts, ObjectVersion, VolumeFacts};
use crate::failover::{Observed, SiteView, StorageView, decide};
use crate::policy::Policy;

/// What goes wrong in a run.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one trouble, and any may be combined"
)]
#[derive(Clone, Copy, Default)]
struct Trouble {
    /// The process dies after this many writes.
    crash_after: Option<usize>,
    /// The last write before the crash was done, but nobody heard of it. Changes nothing here, for
    /// the next process reads everything anew; kept apart so that both are run.
    answer_lost: bool,
    /// The source's machines never stop.
    source_hangs: bool,
    /// The target's machines never start.
    target_hangs: bool,
    /// The target's first node is tainted at the beginning.
    tainted: bool,
    /// The source is silent from the beginning, and cut off from its peers.
    source_lost: bool,
}

struct World {
    seen: Observed,
    now: Timestamp,
    writes: usize,
    policy: Policy,
    trouble: Trouble,
    version: u64,
}

impl World {
    fn new(trouble: Trouble) -> Self {
        let mut seen = Observed::calm_in(SiteDirectory::linstor());
        seen.failover.spec.force = trouble.tainted;
        if trouble.tainted {
            seen = seen.with_taint(names::TAINT_LOST_QUORUM);
        }
        if trouble.source_lost {
            seen = seen
                .with_site_lost("primary", at(-100))
                .with_volumes(|all| cut_off(all));
        }
        Self {
            seen,
            now: at(0),
            writes: 0,
            policy: policy(),
            trouble,
            version: 1,
        }
    }

    /// Runs until nothing more happens. A world that never comes to rest is a failure.
    fn run(mut self) -> Self {
        for _ in 0..3000 {
            let before = self.seen.failover.status.phase;
            let rested = self.pass();
            let after = self.seen.failover.status.phase;
            if before.is_some_and(FailoverPhase::is_terminal) {
                assert_eq!(before, after, "a terminal phase changed");
            }
            if rested {
                return self;
            }
            self.tick();
            self.assert_one_copy();
        }
        panic!("never came to rest: {:?}", self.seen.failover.status);
    }

    /// One pass, ended early by the crash. Returns whether there is nothing left to do.
    fn pass(&mut self) -> bool {
        let decision = decide(&self.seen, &self.policy, self.now);
        let settled = decision.effects.is_empty()
            && !decision.persist
            && decision
                .status
                .phase
                .is_some_and(FailoverPhase::is_terminal);
        for effect in &decision.effects {
            self.perform(effect);
            if self.dies() {
                return false;
            }
        }
        if decision.persist {
            self.seen.failover.status = round_trip(&decision.status);
            self.dies();
        }
        settled
    }

    fn dies(&mut self) -> bool {
        self.writes += 1;
        let dies = self.trouble.crash_after == Some(self.writes);
        if dies {
            self.policy = Policy::new("failover-controller-after-the-crash");
            if self.trouble.answer_lost {
                self.now = self
                    .now
                    .checked_add(jiff::SignedDuration::from_secs(20))
                    .unwrap();
            }
        }
        dies
    }

    fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    fn perform(&mut self, effect: &Effect) {
        let fresh = self.next_version();
        match effect {
            Effect::TakeLock(claim) => {
                let slot = &mut self.seen.site(&claim.site).lock;
                assert!(slot.is_none(), "took a lock that exists");
                *slot = Some(LeaseFacts {
                    name: claim.lease.clone(),
                    version: ObjectVersion {
                        uid: "lease".to_owned(),
                        resource_version: fresh,
                    },
                    holder: claim.holder.clone(),
                    acquired: Some(claim.acquired_at),
                    renewed: Some(claim.acquired_at),
                    duration_seconds: claim.duration_seconds,
                    transitions: claim.transitions,
                    failover: Some(claim.failover.clone()),
                    failover_uid: Some(claim.failover_uid.clone()),
                });
            }
            Effect::TakeOverLock { .. } => panic!("nobody else is here"),
            Effect::RenewLock { renewal, version } => {
                let lock = self.seen.site(&renewal.site).lock.as_mut().unwrap();
                assert_eq!(lock.version, *version);
                lock.renewed = Some(renewal.renewed_at);
                lock.holder.clone_from(&renewal.holder);
                lock.version.resource_version = fresh;
            }
            Effect::ReleaseLock { site, version, .. } => {
                let slot = &mut self.seen.site(site).lock;
                assert_eq!(slot.as_ref().map(|lock| &lock.version), Some(version));
                *slot = None;
            }
            Effect::SetDesiredState {
                site,
                state,
                version,
                ..
            } => {
                let group = self.seen.site(site).group.as_mut().unwrap();
                assert_eq!(group.version, *version);
                group.desired = *state;
                group.generation += 1;
                group.version.resource_version = fresh;
            }
            Effect::RemoveTaints {
                site,
                node,
                keep,
                version,
                ..
            } => {
                let nodes = &mut self.seen.site(site).nodes;
                let node = nodes.iter_mut().find(|n| n.name == *node).unwrap();
                assert_eq!(node.version, *version);
                node.taints.clone_from(keep);
                node.version.resource_version = fresh;
            }
            Effect::SetRunStrategy { .. } => panic!("a failover never touches machines"),
        }
    }

    /// One second: groups drive their machines, and storage follows the machines.
    fn tick(&mut self) {
        self.now = self
            .now
            .checked_add(jiff::SignedDuration::from_secs(1))
            .unwrap();
        for site in ["primary", "dr"] {
            let stuck = match site {
                "primary" => self.trouble.source_hangs,
                _ => self.trouble.target_hangs,
            };
            let Some(SiteView::Reachable(facts)) = self.seen.sites.get_mut(site) else {
                continue;
            };
            let clean = facts.nodes.iter().all(|node| node.taints.is_empty());
            let group = facts.group.as_mut().unwrap();
            let wanted = group.desired == DesiredState::Running;
            if !stuck && (!wanted || clean) {
                facts.machines = super::builder::machines(wanted);
            }
            let live = facts.machines[0].is_live();
            group.current = if live {
                CurrentState::Running
            } else {
                CurrentState::Stopped
            };
            group.observed_generation = Some(group.generation);
        }
        let writer = ["primary", "dr"].into_iter().find(|site| {
            self.seen
                .facts(site)
                .is_some_and(|facts| facts.machines[0].is_live())
        });
        let mut now_written = volumes(writer);
        if self.trouble.source_lost {
            cut_off(&mut now_written);
        }
        if let StorageView::Known { volumes, .. } = &mut self.seen.storage {
            *volumes = now_written;
        }
    }

    fn assert_one_copy(&self) {
        let live = ["primary", "dr"].map(|site| {
            self.seen.facts(site).is_some_and(|facts| {
                facts
                    .machines
                    .iter()
                    .any(crate::facts::MachineFacts::is_live)
            })
        });
        assert_ne!(live, [true, true], "two copies live at {}", self.now);
    }

    /// What must be the same however often the process died on the way.
    fn end(&self) -> End {
        let status = &self.seen.failover.status;
        let verdict = status.condition(conditions::SUCCEEDED).unwrap();
        let groups = ["primary", "dr"].into_iter().filter_map(|site| {
            let facts = self.seen.facts(site)?;
            Some((
                site.to_owned(),
                facts.group.as_ref()?.desired,
                facts.machines[0].is_live(),
            ))
        });
        let locked = self
            .seen
            .facts("quorum")
            .is_some_and(|facts| facts.lock.is_some());
        (
            status.phase.unwrap(),
            verdict.reason.clone(),
            groups.collect(),
            locked,
        )
    }
}

/// Phase, reason, what each site's group is asked and does, and whether the lock is still there.
type End = (
    FailoverPhase,
    String,
    Vec<(String, DesiredState, bool)>,
    bool,
);

fn cut_off(volumes: &mut [VolumeFacts]) {
    for replica in volumes.iter_mut().flat_map(|volume| &mut volume.replicas) {
        if replica.site.as_deref() == Some("dr") {
            replica.connections.insert("primary-1".to_owned(), false);
            replica.may_promote = Some(true);
        } else {
            replica.in_use = None;
        }
    }
}

/// As the API server stores it.
fn round_trip(status: &FailoverStatus) -> FailoverStatus {
    let stored: FailoverStatus =
        serde_json::from_value(serde_json::to_value(status).unwrap()).unwrap();
    assert_eq!(stored, *status, "a status must survive being stored");
    stored
}

/// Runs a flow once undisturbed, and once for every write after which the process can die.
fn same_end_wherever_it_dies(trouble: Trouble) -> World {
    let clean = World::new(trouble).run();
    assert!(clean.writes > 3);
    for crash_after in 1..=clean.writes {
        for answer_lost in [false, true] {
            let crashed = World::new(Trouble {
                crash_after: Some(crash_after),
                answer_lost,
                ..trouble
            })
            .run();
            assert_eq!(crashed.end(), clean.end(), "died after write {crash_after}");
        }
    }
    clean
}

#[test]
fn a_plain_failover_ends_the_same_wherever_the_controller_dies() {
    let world = same_end_wherever_it_dies(Trouble::default());
    let (phase, _, groups, locked) = world.end();
    assert_eq!(phase, FailoverPhase::Succeeded);
    assert!(!locked);
    assert_eq!(
        groups,
        [
            ("primary".to_owned(), DesiredState::Stopped, false),
            ("dr".to_owned(), DesiredState::Running, true)
        ]
    );
    let steps: Vec<_> = world
        .seen
        .failover
        .status
        .steps
        .iter()
        .map(|s| s.name)
        .collect();
    assert_eq!(steps, StepName::ALL);
}

#[test]
fn a_forced_failover_with_taints_ends_the_same_wherever_the_controller_dies() {
    let world = same_end_wherever_it_dies(Trouble {
        tainted: true,
        ..Trouble::default()
    });
    assert_eq!(world.end().0, FailoverPhase::Succeeded);
}

#[test]
fn a_rollback_ends_the_same_wherever_the_controller_dies() {
    let world = same_end_wherever_it_dies(Trouble {
        source_hangs: true,
        ..Trouble::default()
    });
    let (phase, _, groups, locked) = world.end();
    assert_eq!(phase, FailoverPhase::Failed);
    assert_eq!(
        groups[0],
        ("primary".to_owned(), DesiredState::Running, true)
    );
    assert!(!locked);
}

#[test]
fn a_target_that_never_starts_ends_the_same_wherever_the_controller_dies() {
    let world = same_end_wherever_it_dies(Trouble {
        target_hangs: true,
        ..Trouble::default()
    });
    let (phase, _, groups, _) = world.end();
    assert_eq!(phase, FailoverPhase::Failed);
    assert_eq!(
        groups[0].1,
        DesiredState::Stopped,
        "nothing is rolled back after the start"
    );
}

#[test]
fn a_failover_from_a_lost_site_succeeds_and_says_that_the_source_is_not_confirmed_stopped() {
    let clean = World::new(Trouble {
        source_lost: true,
        ..Trouble::default()
    });
    let mut world = clean;
    for _ in 0..60 {
        world.pass();
        world.tick();
    }
    let status = &world.seen.failover.status;
    assert_eq!(status.phase, Some(FailoverPhase::Succeeded));
    assert!(
        status
            .message
            .as_ref()
            .unwrap()
            .contains("SourceFenced=False")
    );
    // The site comes back as it was when it went: asked to run, its machines dead with the site.
    let back = Observed::calm();
    let mut primary = back.facts("primary").unwrap().clone();
    primary.machines = super::builder::machines(false);
    world
        .seen
        .sites
        .insert("primary".to_owned(), SiteView::Reachable(primary));
    world.trouble.source_lost = false;
    let world = world.run();
    assert_eq!(
        world.end().2[0],
        ("primary".to_owned(), DesiredState::Stopped, false)
    );
    let fenced = world
        .seen
        .failover
        .status
        .condition(conditions::SOURCE_FENCED)
        .unwrap();
    assert_eq!(fenced.status, "True");
}

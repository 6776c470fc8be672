//! Observations to start from, and small ways to change them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use siterecovery_api::time::micro_time;
use siterecovery_api::{
    CurrentState, DesiredState, FailoverPhase, FailoverSpec, FailoverStatus, FailoverStep,
    SiteDirectory, StepName, StepState, names,
};

use crate::facts::{
    FailoverSummary, GroupFacts, InstanceFacts, LeaseFacts, MachineFacts, NeighbourFacts,
    NodeFacts, ObjectVersion, ReplicaFacts, TaintFacts, VolumeFacts,
};
use crate::failover::{FailoverFacts, Observed, SiteFacts, SiteView, StorageView};
use crate::policy::Policy;

pub(super) const ME: &str = "failover-controller-12345";
pub(super) const UID: &str = "uid-own";

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).expect("a second of this century")
}

pub(super) fn policy() -> Policy {
    Policy::new(ME)
}

fn version(uid: &str) -> ObjectVersion {
    ObjectVersion {
        uid: uid.to_owned(),
        resource_version: "1".to_owned(),
    }
}

pub(super) fn group(site: &str, state: DesiredState) -> GroupFacts {
    GroupFacts {
        namespace: "site-recovery".to_owned(),
        name: "pg-a".to_owned(),
        version: version(&format!("pg-a-{site}")),
        generation: 1,
        created: Some(at(-1000)),
        desired: state,
        current: match state {
            DesiredState::Running => CurrentState::Running,
            DesiredState::Stopped => CurrentState::Stopped,
        },
        observed_generation: Some(1),
        last_observed: Some(at(0)),
        reports: Vec::new(),
    }
}

pub(super) fn machine(number: u32, live: bool) -> MachineFacts {
    MachineFacts {
        namespace: "site-recovery".to_owned(),
        name: format!("pg-a-vm-{number}"),
        exists: true,
        instance: live.then(|| InstanceFacts {
            uid: format!("vmi-{number}"),
            phase: "Running".to_owned(),
            ready: true,
            node: None,
            deleting: false,
        }),
        volumes: vec![format!("pvc-pg-a-vm-{number}-disk")],
        unresolved_claims: Vec::new(),
    }
}

pub(super) fn machines(live: bool) -> Vec<MachineFacts> {
    vec![machine(1, live), machine(2, live)]
}

fn node(site: &str, number: u32) -> NodeFacts {
    let name = format!("{site}-{number}");
    NodeFacts {
        version: version(&name),
        name,
        taints: Vec::new(),
    }
}

fn replica(site: &str, in_use: bool, may_promote: bool) -> ReplicaFacts {
    let peer = if site == "dr" { "primary-1" } else { "dr-1" };
    ReplicaFacts {
        node: format!("{site}-1"),
        site: Some(site.to_owned()),
        in_use: Some(in_use),
        disk_state: Some("UpToDate".to_owned()),
        diskless: false,
        connections: BTreeMap::from([(peer.to_owned(), true)]),
        quorum: None,
        may_promote: Some(may_promote),
    }
}

/// Both volumes, written where `writer` says, or nowhere.
pub(super) fn volumes(writer: Option<&str>) -> Vec<VolumeFacts> {
    let volume = |number: u32| VolumeFacts {
        name: format!("pvc-pg-a-vm-{number}-disk"),
        replicas: ["dr", "primary"]
            .map(|site| {
                let open = writer == Some(site);
                replica(site, open, open || writer.is_none())
            })
            .to_vec(),
    };
    vec![volume(1), volume(2)]
}

pub(super) fn lease(uid: &str, holder: &str, renewed: Timestamp) -> LeaseFacts {
    LeaseFacts {
        name: names::lock_name("pg-a"),
        version: version("lease"),
        holder: holder.to_owned(),
        acquired: Some(renewed),
        renewed: Some(renewed),
        duration_seconds: 300,
        transitions: 0,
        failover: Some(format!("failover-of-{uid}")),
        failover_uid: Some(uid.to_owned()),
    }
}

pub(super) fn other(name: &str, group: &str) -> FailoverSummary {
    FailoverSummary {
        name: name.to_owned(),
        uid: format!("uid-{name}"),
        created: Some(at(-5)),
        group: group.to_owned(),
        target: Some("dr".to_owned()),
        source: None,
        phase: FailoverPhase::Running,
        announced: true,
        passed_safety: true,
        started_target: false,
        owes_fencing: false,
    }
}

impl Observed {
    /// `pg-a` runs on the primary, a failover to `cluster2` has just been created, all is well.
    pub(super) fn calm() -> Self {
        Self::calm_in(SiteDirectory::linstor())
    }

    pub(super) fn calm_in(directory: SiteDirectory) -> Self {
        let site = |name: &str, state: DesiredState| SiteFacts {
            group: Some(group(name, state)),
            machines: machines(state == DesiredState::Running),
            nodes: vec![node(name, 1), node(name, 2)],
            ..SiteFacts::default()
        };
        let sites = directory.sites.iter().map(|info| {
            let facts = match info.name.as_str() {
                "primary" => site("primary", DesiredState::Running),
                "dr" => site("dr", DesiredState::Stopped),
                _ => SiteFacts::default(),
            };
            (info.name.clone(), SiteView::Reachable(facts))
        });
        Self {
            failover: FailoverFacts {
                home: "quorum".to_owned(),
                namespace: "site-recovery".to_owned(),
                name: "failover-pg-a-1".to_owned(),
                version: version(UID),
                generation: 1,
                created: Some(at(0)),
                deleting: false,
                spec: FailoverSpec {
                    protection_group: "pg-a".to_owned(),
                    target_cluster: "cluster2".to_owned(),
                    force: false,
                    timeouts: None,
                },
                status: FailoverStatus::default(),
            },
            sites: sites.collect(),
            directory,
            storage: StorageView::Known {
                volumes: volumes(Some("primary")),
                unresolved: Vec::new(),
            },
        }
    }

    pub(super) fn site(&mut self, name: &str) -> &mut SiteFacts {
        match self.sites.get_mut(name) {
            Some(SiteView::Reachable(facts)) => facts,
            _ => panic!("{name} is not reachable in this test"),
        }
    }

    pub(super) fn with_site(mut self, name: &str, change: impl FnOnce(&mut SiteFacts)) -> Self {
        change(self.site(name));
        self
    }

    pub(super) fn with_group(self, site: &str, change: impl FnOnce(&mut GroupFacts)) -> Self {
        self.with_site(site, |facts| {
            change(facts.group.as_mut().expect("the test group is there"));
        })
    }

    pub(super) fn with_site_lost(mut self, name: &str, since: Timestamp) -> Self {
        let lost = SiteView::Unreachable {
            since,
            error: "connection refused".to_owned(),
        };
        self.sites.insert(name.to_owned(), lost);
        self
    }

    pub(super) fn with_spec(mut self, change: impl FnOnce(&mut FailoverSpec)) -> Self {
        change(&mut self.failover.spec);
        self
    }

    pub(super) fn with_volumes(mut self, change: impl FnOnce(&mut Vec<VolumeFacts>)) -> Self {
        if let StorageView::Known { volumes, .. } = &mut self.storage {
            change(volumes);
        }
        self
    }

    pub(super) fn with_taint(self, key: &str) -> Self {
        self.with_site("dr", |facts| {
            facts.nodes[0].taints.push(TaintFacts {
                key: key.to_owned(),
                value: None,
                effect: "NoSchedule".to_owned(),
                time_added: None,
            });
        })
    }

    pub(super) fn with_neighbour(self, name: &str, current: CurrentState, live: bool) -> Self {
        self.with_site("dr", |facts| {
            facts.neighbours.push(NeighbourFacts {
                name: name.to_owned(),
                current,
                live: live.then(|| format!("{name}-vm-1")).into_iter().collect(),
                malformed: false,
            });
        })
    }

    pub(super) fn with_other(self, other: FailoverSummary) -> Self {
        self.with_site("quorum", |facts| facts.failovers.push(other))
    }

    pub(super) fn with_lock(self, lease: LeaseFacts) -> Self {
        self.with_site("quorum", |facts| facts.lock = Some(lease))
    }

    /// The failover holds its lock and has done every step before `step`, which began at 0.
    pub(super) fn in_step(self, step: StepName) -> Self {
        let mut seen = self.with_lock(lease(UID, ME, at(0)));
        let status = &mut seen.failover.status;
        status.phase = Some(FailoverPhase::Running);
        status.observed_generation = Some(1);
        status.start_time = Some(siterecovery_api::time::time(at(0)));
        status.source_cluster = Some("primary".to_owned());
        status.source_desired_state = Some(DesiredState::Running);
        status.lock = Some(siterecovery_api::FailoverLock {
            lease: names::lock_name("pg-a"),
            holder: ME.to_owned(),
            acquired_at: Some(micro_time(at(0))),
            sites: vec!["quorum".to_owned()],
            skipped_sites: Vec::new(),
        });
        status.steps = StepName::ALL
            .into_iter()
            .take_while(|name| *name <= step)
            .map(|name| FailoverStep {
                name,
                state: if name == step {
                    StepState::Running
                } else {
                    StepState::Succeeded
                },
                started_at: micro_time(at(0)),
                finished_at: (name != step).then(|| micro_time(at(0))),
                retried_at: None,
                message: None,
            })
            .collect();
        seen
    }

    /// The source has stopped and let go.
    pub(super) fn source_stopped(self) -> Self {
        self.with_site("primary", |facts| {
            facts.group = Some(group("primary", DesiredState::Stopped));
            facts.machines = machines(false);
        })
        .with_volumes(|all| *all = volumes(None))
    }

    /// The target runs everything.
    pub(super) fn target_running(self) -> Self {
        self.with_site("dr", |facts| {
            facts.group = Some(group("dr", DesiredState::Running));
            facts.machines = machines(true);
        })
        .with_volumes(|all| *all = volumes(Some("dr")))
    }
}

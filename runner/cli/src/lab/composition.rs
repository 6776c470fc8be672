//! Sites with everything that runs on them: one world for all, and both controllers where they belong.

use std::path::Path;
use std::sync::{Arc, Mutex};

use sitedrill_engine::Operator;
use sitedrill_model::scenario::Controller;
use sitedrill_model::{Failure, FailureKind};
use sitedrill_sites::{PlannedSite, Provider, Site, SiteRole, Sites, SitesRequest};
use sitedrill_world::{StorageModel, World};
use siterecovery_api::{SiteDirectory, SiteInfo};
use siterecovery_decide::Policy;
use siterecovery_manager::{
    FailoverControllerConfig, LinstorClient, ProtectionGroupControllerConfig, Storage,
    run_failover_controller, run_protection_group_controller,
};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::chain;
use super::controllers::{Birth, Process};
use super::disturb::LabDisturber;
use super::markers::LabMarkers;
use super::mutation::Mutation;
use super::rights::grant;
use super::wire::{Party, Wires};
use crate::clock::Now;
use crate::fixture::LabFixture;
use crate::operator::InProcess;
use crate::signals::Shutdown;

/// What is to be brought up.
pub struct Wanted<'a> {
    /// What makes the sites.
    pub provider: &'a Provider,
    /// Where real servers keep their files while they run.
    pub scratch: &'a Path,
    /// The sites by canonical name.
    pub sites: &'a [String],
    /// What the controllers go by.
    pub policy: Policy,
    /// The time of the sites.
    pub now: Now,
    /// Everything random comes from it.
    pub seed: u64,
    /// Whether embedded sites enforce RBAC.
    pub rbac: bool,
}

/// One set of sites with everything that runs on them.
pub struct Composition {
    /// The time of the sites.
    pub now: Now,
    /// Everything random comes from it.
    pub seed: u64,
    /// What the controllers go by.
    pub policy: Policy,
    /// The sites in the order asked for.
    pub sites: Vec<Site>,
    /// The far side of all of them.
    pub world: Arc<World>,
    storage: StorageModel,
    wires: Option<Wires>,
    mutations: Vec<Mutation>,
    processes: Vec<Arc<Process>>,
}

/// A part that runs as long as the sites do.
pub type Part = (String, Result<(), String>);

impl Composition {
    /// Starts the sites. Nothing runs on them yet.
    ///
    /// # Errors
    /// The environment failed: which site, and why.
    pub async fn start(wanted: Wanted<'_>) -> Result<Self, Failure> {
        let failed = |message| Failure::new(FailureKind::EnvironmentFailed, message);
        let mut planned = Vec::with_capacity(wanted.sites.len());
        for name in wanted.sites {
            let site = PlannedSite::lab(name);
            planned.push(site.ok_or_else(|| failed(format!("the lab has no site {name}")))?);
        }
        let storage = storage_model(wanted.sites);
        let request = SitesRequest {
            provider: wanted.provider.clone(),
            scratch: wanted.scratch.to_owned(),
            storage,
            sites: planned,
            crds: siterecovery_api::crds(),
            now: wanted.now.clone(),
            seed: wanted.seed,
            rbac: wanted.rbac,
        };
        let sites = Sites::start(request).await;
        let sites = sites.map_err(|error| failed(chain(&error)))?;
        let mut lab = Self {
            now: wanted.now,
            seed: wanted.seed,
            policy: wanted.policy,
            sites: sites.sites,
            world: Arc::new(sites.world),
            storage,
            wires: None,
            mutations: Vec::new(),
            processes: Vec::new(),
        };
        lab.processes = lab.processes();
        let granted = grant(&lab.sites, &lab.directory(), &lab.policy.namespace).await;
        granted.map_err(|error| failed(chain(&error)))?;
        Ok(lab)
    }

    /// The same with lines of ours between the product's clients and the sites, and with these things made wrong.
    #[must_use]
    pub fn disturbed(mut self, wires: Option<Wires>, mutations: &[Mutation]) -> Self {
        self.wires = wires;
        self.mutations = mutations.to_vec();
        self.processes = self.processes();
        for mutation in mutations {
            mutation.apply(self.wires.as_ref(), &self.world);
        }
        self
    }

    /// Starts the world and the controllers; they run until they are told to stop.
    pub fn start_parts(&self, stopped: &Shutdown) -> JoinSet<Part> {
        let mut parts = JoinSet::new();
        let (world, wait) = (self.world.clone(), stopped.wait());
        parts.spawn(async move {
            world.run(wait).await;
            ("the simulated world".to_owned(), Ok(()))
        });
        for process in &self.processes {
            let (name, life) = (process.title(), process.clone().run(stopped.clone()));
            // Whoever listens can tell by this which controller speaks.
            let span = tracing::info_span!("controller", site = %process.site, name = process.controller.name());
            parts.spawn(async move { (name, life.await) }.instrument(span));
        }
        parts
    }

    /// Every controller of the product, each where it belongs.
    fn processes(&self) -> Vec<Arc<Process>> {
        let groups = self.workload().map(|site| {
            let controller = Controller::ProtectionGroupController;
            let name = &site.plan.name;
            Process::new(controller, name, &self.now, self.group_controller(site))
        });
        let directory = self.directory();
        let failovers = directory.management_sites().into_iter().map(|home| {
            let controller = Controller::FailoverController;
            let birth = self.failover_controller(&home.name);
            Process::new(controller, &home.name, &self.now, birth)
        });
        groups.chain(failovers).map(Arc::new).collect()
    }

    fn group_controller(&self, site: &Site) -> Birth {
        let (policy, seed) = (self.policy.clone(), self.seed);
        let controller = Controller::ProtectionGroupController;
        let site = self.manager_site(site, controller, &site.plan.name);
        Box::new(move |_, now, stopped| {
            let config = ProtectionGroupControllerConfig {
                site: site.clone(),
                namespace: Some(policy.namespace.clone()),
                policy: policy.clone(),
                now,
                seed,
                gate: None,
            };
            let run = run_protection_group_controller(config, stopped.wait());
            Box::pin(async move { run.await.map_err(|error| chain(&error)) })
        })
    }

    fn failover_controller(&self, home: &str) -> Birth {
        let (policy, seed) = (self.policy.clone(), self.seed);
        let home = home.to_owned();
        let controller = Controller::FailoverController;
        let sites = self.sites.iter();
        let sites: Vec<_> = sites
            .map(|site| self.manager_site(site, controller, &home))
            .collect();
        let (storage, world) = (self.storage, self.world.clone());
        let is_wrong = self.mutations.contains(&Mutation::WrongHolder);
        Box::new(move |past, now, stopped| {
            let mut policy = policy.clone();
            if is_wrong {
                "somebody-else".clone_into(&mut policy.identity);
            } else if past > 0 {
                policy.identity = format!("{}-life-{}", policy.identity, past + 1);
            }
            let config = FailoverControllerConfig {
                home: home.clone(),
                sites: sites.clone(),
                storage: storage_of(storage, &world),
                policy,
                now,
                seed,
                gate: None,
            };
            let run = run_failover_controller(config, stopped.wait());
            Box::pin(async move { run.await.map_err(|error| chain(&error)) })
        })
    }

    /// A controller's way to a site.
    fn manager_site(
        &self,
        site: &Site,
        controller: Controller,
        home: &str,
    ) -> siterecovery_manager::Site {
        let user = format!("system:serviceaccount:site-recovery:{}", controller.name());
        let party = Party {
            name: controller.name().to_owned(),
            home: Some(home.to_owned()),
        };
        siterecovery_manager::Site {
            info: api_info(site),
            client: over(self.wires.as_ref(), site, site.client_of(&user), party),
        }
    }

    /// Breaks things here.
    pub fn disturber(&self) -> LabDisturber {
        LabDisturber {
            world: self.world.clone(),
            wires: self.wires.clone().unwrap_or_default(),
            processes: self.processes.clone(),
            active: Mutex::default(),
        }
    }

    /// Has the machines write data markers.
    pub fn markers(&self) -> LabMarkers {
        LabMarkers {
            world: self.world.clone(),
        }
    }

    /// Runs operators' commands in this process.
    pub fn operator(&self) -> InProcess {
        let (sites, policy) = (self.sites.clone(), self.policy.clone());
        let (now, wires) = (self.now.clone(), self.wires.clone());
        InProcess {
            context: Box::new(move |actor| {
                let sites = sites.iter();
                let sites = sites.map(|site| pgctl_site(site, actor, wires.as_ref()));
                let namespace = &policy.namespace;
                pgctl::Context::new(sites.collect(), policy.clone(), namespace, now.clone())
            }),
            changes_a_line: self.mutations.contains(&Mutation::OutputLineChanged),
            programs: None,
        }
    }

    /// Makes and moves groups.
    pub fn fixture(&self, operator: Arc<dyn Operator>) -> LabFixture {
        let client = |site: &Site| site.client_as("system:sitedrill:fixture");
        LabFixture {
            world: self.world.clone(),
            workload: self
                .workload()
                .map(|site| (site.plan.name.clone(), client(site)))
                .collect(),
            namespace: self.policy.namespace.clone(),
            operator,
        }
    }

    /// The sites as the product knows them.
    pub fn directory(&self) -> SiteDirectory {
        let quorum = self
            .sites
            .iter()
            .any(|site| !site.plan.role.runs_machines());
        let mut directory = if quorum {
            SiteDirectory::linstor()
        } else {
            SiteDirectory::drbd_operator(false)
        };
        directory.sites = self.sites.iter().map(api_info).collect();
        directory
    }

    /// The sites on which machines run.
    pub fn workload(&self) -> impl Iterator<Item = &Site> {
        let sites = self.sites.iter();
        sites.filter(|site| site.plan.role.runs_machines())
    }
}

fn storage_of(model: StorageModel, world: &World) -> Storage {
    match model {
        StorageModel::Linstor => Storage::Linstor(LinstorClient::from_service(world.linstor())),
        StorageModel::DrbdOperator => Storage::DrbdOperator,
    }
}

/// A set with a quorum site runs the guide's LINSTOR deployment; one without, the DRBD Operator's.
fn storage_model(sites: &[String]) -> StorageModel {
    if sites.iter().any(|site| site == "quorum") {
        StorageModel::Linstor
    } else {
        StorageModel::DrbdOperator
    }
}

/// Parts run until they are told to stop; one that has ended before made everything else worthless.
pub fn early_end(parts: &mut JoinSet<Part>) -> Option<Failure> {
    parts.try_join_next().map(ended_early)
}

/// Waits for a part that ends without having been told to.
pub async fn next_early_end(parts: &mut JoinSet<Part>) -> Failure {
    match parts.join_next().await {
        Some(ended) => ended_early(ended),
        None => std::future::pending().await,
    }
}

fn ended_early(ended: Result<Part, tokio::task::JoinError>) -> Failure {
    let message = match ended {
        Ok((name, Ok(()))) => format!("{name} ended before it was told to"),
        Ok((name, Err(error))) => format!("{name} failed: {error}"),
        Err(error) => format!("a part of the lab panicked: {error}"),
    };
    Failure::new(FailureKind::EnvironmentFailed, message)
}

/// A site as the product knows it.
pub fn api_info(site: &Site) -> SiteInfo {
    SiteInfo {
        name: site.plan.name.clone(),
        role: match site.plan.role {
            SiteRole::Primary => siterecovery_api::SiteRole::Primary,
            SiteRole::Dr => siterecovery_api::SiteRole::Dr,
            SiteRole::Quorum => siterecovery_api::SiteRole::Quorum,
        },
        aliases: site.plan.aliases.clone(),
    }
}

fn pgctl_site(site: &Site, actor: &str, wires: Option<&Wires>) -> pgctl::Site {
    let party = Party {
        name: "operator".to_owned(),
        home: None,
    };
    pgctl::Site {
        info: api_info(site),
        client: over(wires, site, site.client_as(actor), party),
    }
}

/// A client, over a line of ours where the drill needs one.
fn over(wires: Option<&Wires>, site: &Site, client: kube::Client, party: Party) -> kube::Client {
    match wires {
        Some(wires) => wires.client(client, party, &site.plan.name),
        None => client,
    }
}

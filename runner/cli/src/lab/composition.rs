//! Sites with everything that runs on them: one world for all, and both controllers where they belong.

use std::future::Future;
use std::sync::Arc;

use sitedrill_engine::Operator;
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

use super::chain;
use crate::clock::Now;
use crate::fixture::LabFixture;
use crate::operator::InProcess;
use crate::signals::Shutdown;

/// What is to be brought up.
pub struct Wanted<'a> {
    /// What makes the sites.
    pub provider: &'a Provider,
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
            storage,
            sites: planned,
            crds: siterecovery_api::crds(),
            now: wanted.now.clone(),
            seed: wanted.seed,
            rbac: wanted.rbac,
        };
        let sites = Sites::start(request).await;
        let sites = sites.map_err(|error| failed(chain(&error)))?;
        Ok(Self {
            now: wanted.now,
            seed: wanted.seed,
            policy: wanted.policy,
            sites: sites.sites,
            world: Arc::new(sites.world),
            storage,
        })
    }

    /// Starts the world and the controllers; they run until they are told to stop.
    pub fn start_parts(&self, stopped: &Shutdown) -> JoinSet<Part> {
        let mut parts = JoinSet::new();
        let (world, wait) = (self.world.clone(), stopped.wait());
        parts.spawn(async move {
            world.run(wait).await;
            ("the simulated world".to_owned(), Ok(()))
        });
        for site in self.workload() {
            let config = ProtectionGroupControllerConfig {
                site: manager_site(site, "protection-group-controller"),
                namespace: Some(self.policy.namespace.clone()),
                policy: self.policy.clone(),
                now: self.now.clone(),
                seed: self.seed,
                gate: None,
            };
            let name = format!("the Protection Group Controller of {}", site.plan.name);
            parts.spawn(part(
                name,
                run_protection_group_controller(config, stopped.wait()),
            ));
        }
        for home in self.directory().management_sites() {
            let config = FailoverControllerConfig {
                home: home.name.clone(),
                sites: self
                    .sites
                    .iter()
                    .map(|site| manager_site(site, "failover-controller"))
                    .collect(),
                storage: self.storage(),
                policy: self.policy.clone(),
                now: self.now.clone(),
                seed: self.seed,
                gate: None,
            };
            let name = format!("the Failover Controller of {}", home.name);
            parts.spawn(part(name, run_failover_controller(config, stopped.wait())));
        }
        parts
    }

    /// Runs operators' commands in this process.
    pub fn operator(&self) -> InProcess {
        let (sites, policy) = (self.sites.clone(), self.policy.clone());
        let now = self.now.clone();
        InProcess {
            context: Box::new(move |actor| {
                let sites = sites.iter().map(|site| pgctl_site(site, actor)).collect();
                pgctl::Context::new(sites, policy.clone(), &policy.namespace, now.clone())
            }),
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

    fn storage(&self) -> Storage {
        match self.storage {
            StorageModel::Linstor => {
                Storage::Linstor(LinstorClient::from_service(self.world.linstor()))
            }
            StorageModel::DrbdOperator => Storage::DrbdOperator,
        }
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

async fn part<E: std::error::Error>(
    name: String,
    run: impl Future<Output = Result<(), E>>,
) -> Part {
    let result = run.await.map_err(|error| chain(&error));
    (name, result)
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

fn manager_site(site: &Site, account: &str) -> siterecovery_manager::Site {
    let user = format!("system:serviceaccount:site-recovery:{account}");
    siterecovery_manager::Site {
        info: api_info(site),
        client: site.client_as(&user),
    }
}

fn pgctl_site(site: &Site, actor: &str) -> pgctl::Site {
    pgctl::Site {
        info: api_info(site),
        client: site.client_as(actor),
    }
}

//! Sites, world, network and controllers of one simulation, in virtual time.

mod controllers;
mod inject;
mod operate;
mod run;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kube::api::PostParams;
use sitedrill_apiserver::{Cluster, Faults, Identity};
use sitedrill_world::{GroupSpec, SiteRole, SiteSpec, World};
use siterecovery_api::names::DEFAULT_NAMESPACE;
use siterecovery_api::{
    DesiredState, GroupMember, ProtectionGroup, ProtectionGroupSpec, SiteDirectory,
};
use siterecovery_decide::Sabotage;

use crate::history::Log;
use crate::plan::{GroupPlan, Plan, Side};
use crate::witness;
use controllers::Controllers;
use wire::Wire;

pub use run::{Options, run};

/// Where the time comes from.
pub(crate) type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The second of 2024 at which every simulation begins.
const EPOCH: i64 = 1_730_400_000;

/// What belongs to one simulation while it runs. Dropping it stops everything.
struct Lab {
    plan: Arc<Plan>,
    directory: SiteDirectory,
    clusters: BTreeMap<String, Cluster>,
    wires: BTreeMap<String, Wire>,
    /// Faults around the storage layer's own API.
    storage_faults: Faults,
    world: World,
    now: Now,
    log: Log,
    controllers: Controllers,
    /// How wrong the clock of each Failover Controller is, in milliseconds, by home.
    skews: BTreeMap<String, Arc<AtomicI64>>,
    sabotage: Option<Sabotage>,
}

fn clock() -> Now {
    let start = tokio::time::Instant::now();
    let epoch = Timestamp::from_second(EPOCH).unwrap_or_default();
    Arc::new(move || {
        let elapsed = SignedDuration::try_from(start.elapsed()).unwrap_or(SignedDuration::MAX);
        epoch.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    })
}

impl Lab {
    /// Sites, world and groups, with everything quiet and no controller yet.
    async fn build(plan: Arc<Plan>, options: &Options) -> anyhow::Result<Self> {
        let now = clock();
        let log = Log::new(Arc::clone(&now));
        let directory = plan.topology.directory();
        let mut clusters = BTreeMap::new();
        let mut wires = BTreeMap::new();
        let model = plan.topology.storage();
        let mut world = World::builder()
            .now(Arc::clone(&now))
            .seed(plan.seed)
            .model(model)
            .witness(witness::of_storage(log.clone()));
        for site in &directory.sites {
            let cluster = Cluster::builder()
                .name(&site.name)
                .now(Arc::clone(&now))
                .seed(plan.seed)
                .crds(definitions(plan.rules_in_schema))
                .crds(sitedrill_world::crds(model))
                .witness(witness::of_site(&site.name, log.clone()))
                .build()
                .context("a site does not start")?;
            let workload = site.runs_workloads();
            world = world.site(SiteSpec {
                name: site.name.clone(),
                role: if workload {
                    SiteRole::Workload
                } else {
                    SiteRole::Quorum
                },
                client: lean(&cluster, "world"),
                nodes: if workload { 2 } else { 1 },
            });
            wires.insert(site.name.clone(), Wire::new(plan.seed, &site.name));
            clusters.insert(site.name.clone(), cluster);
        }
        let world = world.build().context("the world is not complete")?;
        world.prepare().await.context("the world does not start")?;
        let homes = plan.topology.homes().iter();
        let lab = Self {
            skews: homes
                .map(|home| ((*home).to_owned(), Arc::default()))
                .collect(),
            storage_faults: Faults::new(plan.seed),
            sabotage: options.sabotage,
            controllers: Controllers::default(),
            plan,
            directory,
            clusters,
            wires,
            world,
            now,
            log,
        };
        for group in &lab.plan.groups {
            lab.make_group(group).await?;
        }
        Ok(lab)
    }

    async fn make_group(&self, plan: &GroupPlan) -> anyhow::Result<()> {
        let spec = GroupSpec {
            group: plan.name.clone(),
            namespace: DEFAULT_NAMESPACE.to_owned(),
            vms: plan.vms,
            at: plan.at.site().to_owned(),
            running: true,
        };
        let made = self.world.ensure_group(spec).await;
        made.context("the world does not take a group")?;
        let members = (1..=plan.vms).map(|n| format!("{}-vm-{n}", plan.name));
        self.make_group_objects(&plan.name, members.collect(), Some(plan.at))
            .await
    }

    async fn make_group_objects(
        &self,
        name: &str,
        members: Vec<String>,
        runs_at: Option<Side>,
    ) -> anyhow::Result<()> {
        for side in Side::BOTH {
            let members = members.iter().cloned();
            let spec = ProtectionGroupSpec {
                desired_state: if runs_at == Some(side) {
                    DesiredState::Running
                } else {
                    DesiredState::Stopped
                },
                virtual_machines: members
                    .map(|name| GroupMember {
                        name,
                        namespace: None,
                    })
                    .collect(),
                selector: None,
            };
            let client = lean(&self.clusters[side.site()], "setup");
            let groups = kube::Api::<ProtectionGroup>::namespaced(client, DEFAULT_NAMESPACE);
            groups
                .create(&PostParams::default(), &ProtectionGroup::new(name, spec))
                .await
                .context("a group cannot be made")?;
        }
        Ok(())
    }

    /// The way of somebody to a site, with all the trouble on it. `who` is `role@place`.
    fn client(&self, site: &str, who: &str) -> Client {
        self.wires[site].client(lean(&self.clusters[site], who))
    }

    /// The clock of the Failover Controller of a home, which may be wrong.
    fn skewed(&self, home: &str) -> Now {
        let now = Arc::clone(&self.now);
        let Some(skew) = self.skews.get(home).cloned() else {
            return now;
        };
        Arc::new(move || {
            let by = SignedDuration::from_millis(skew.load(Ordering::Relaxed));
            now().checked_add(by).unwrap_or(Timestamp::MAX)
        })
    }
}

/// The product's definitions; without rules as on a server that has no CEL.
fn definitions(
    rules: bool,
) -> Vec<k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition>
{
    let mut crds = siterecovery_api::crds();
    if !rules {
        let schemas = crds
            .iter_mut()
            .flat_map(|crd| &mut crd.spec.versions)
            .filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut());
        for schema in schemas {
            schema.x_kubernetes_validations = None;
            for property in schema.properties.iter_mut().flatten() {
                property.1.x_kubernetes_validations = None;
            }
        }
    }
    crds
}

/// A client that asks for nothing that nobody in a storm looks at.
fn lean(cluster: &Cluster, user: &str) -> Client {
    cluster.lean_client_of(Identity::new(user))
}

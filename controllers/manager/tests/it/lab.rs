//! Sites, world and controllers of one test.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::NamespaceResourceScope;
use kube::api::{Patch, PatchParams, PostParams};
use kube::client::Body;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sitedrill_apiserver::{Cluster, Identity};
use sitedrill_world::{GroupSpec, SiteRole, SiteSpec, StorageModel, World};
use siterecovery_api::names::DEFAULT_NAMESPACE;
use siterecovery_api::{
    CurrentState, DesiredState, Failover, FailoverPhase, FailoverSpec, GroupMember,
    ProtectionGroup, ProtectionGroupSpec, SiteDirectory,
};
use siterecovery_decide::Policy;
use siterecovery_manager::{
    EffectGate, FailoverControllerConfig, LinstorClient, Now, ProtectionGroupControllerConfig,
    Site, Storage, run_failover_controller, run_protection_group_controller,
};
use tokio::task::JoinSet;
use tower::{BoxError, service_fn};

pub(crate) const NAMESPACE: &str = DEFAULT_NAMESPACE;
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// The sites of one test with everything that runs on them. Dropping it stops everything.
pub(crate) struct Lab {
    pub(crate) directory: SiteDirectory,
    pub(crate) clusters: BTreeMap<String, Cluster>,
    pub(crate) world: World,
    pub(crate) now: Now,
    pub(crate) running: JoinSet<Result<(), siterecovery_manager::Error>>,
    pub(crate) gate: Option<EffectGate>,
    /// Whether the sites enforce RBAC, and the controllers come as their service accounts.
    pub(crate) guarded: bool,
    /// What was refused on guarded sites: program and path.
    pub(crate) refused: Arc<Mutex<BTreeSet<(String, String)>>>,
}

impl Lab {
    /// Three sites with LINSTOR, and both kinds of controller.
    pub(crate) async fn linstor() -> Self {
        let mut lab = Self::bare(SiteDirectory::linstor(), StorageModel::Linstor).await;
        lab.start_controllers();
        lab
    }

    /// Two sites with the DRBD Operator; each has a Failover Controller.
    pub(crate) async fn drbd_operator() -> Self {
        let mut lab = Self::bare(
            SiteDirectory::drbd_operator(false),
            StorageModel::DrbdOperator,
        )
        .await;
        lab.start_controllers();
        lab
    }

    /// Sites and world, no controllers yet.
    pub(crate) async fn bare(directory: SiteDirectory, model: StorageModel) -> Self {
        Self::make(directory, model, false).await
    }

    /// The same on sites that enforce RBAC; the controllers come as their service accounts.
    pub(crate) async fn guarded(directory: SiteDirectory, model: StorageModel) -> Self {
        Self::make(directory, model, true).await
    }

    async fn make(directory: SiteDirectory, model: StorageModel, guarded: bool) -> Self {
        let start = tokio::time::Instant::now();
        let epoch = Timestamp::from_second(1_730_400_000).expect("a second of 2024");
        let now: Now = Arc::new(move || {
            epoch + SignedDuration::try_from(start.elapsed()).expect("tests are short")
        });
        let mut clusters = BTreeMap::new();
        let mut world = World::builder().now(Arc::clone(&now)).seed(1).model(model);
        for site in &directory.sites {
            let cluster = Cluster::builder()
                .name(&site.name)
                .now(Arc::clone(&now))
                .seed(1)
                .crds(siterecovery_api::crds())
                .crds(sitedrill_world::crds(model))
                .rbac(guarded)
                .build()
                .expect("the definitions are valid");
            let (role, nodes) = if site.runs_workloads() {
                (SiteRole::Workload, 2)
            } else {
                (SiteRole::Quorum, 1)
            };
            let masters = ["system:masters".to_owned()];
            let client = cluster.client_of(Identity::with_groups("world", masters));
            world = world.site(SiteSpec {
                name: site.name.clone(),
                role,
                client,
                nodes,
            });
            clusters.insert(site.name.clone(), cluster);
        }
        let world = world.build().expect("the world is complete");
        world.prepare().await.expect("the sites answer");
        let mut running = JoinSet::new();
        let animated = world.clone();
        running.spawn(async move {
            animated.run(Box::pin(std::future::pending())).await;
            Ok(())
        });
        Self {
            directory,
            clusters,
            world,
            now,
            running,
            gate: None,
            guarded,
            refused: Arc::default(),
        }
    }

    pub(crate) fn start_controllers(&mut self) {
        self.start_group_controllers();
        for home in self.directory.management_sites() {
            let config = self.failover_config(&home.name);
            self.running.spawn(run_failover_controller(
                config,
                Box::pin(std::future::pending()),
            ));
        }
    }

    pub(crate) fn start_group_controllers(&mut self) {
        for site in self.directory.workload_sites() {
            let config = self.group_config(&site.name);
            self.running.spawn(run_protection_group_controller(
                config,
                Box::pin(std::future::pending()),
            ));
        }
    }

    pub(crate) fn group_config(&self, site: &str) -> ProtectionGroupControllerConfig {
        ProtectionGroupControllerConfig {
            site: self.site(site, "protection-group-controller"),
            namespace: Some(NAMESPACE.to_owned()),
            policy: Policy::new("protection-group-controller"),
            now: Arc::clone(&self.now),
            seed: 1,
            gate: self.gate.clone(),
        }
    }

    pub(crate) fn failover_config(&self, home: &str) -> FailoverControllerConfig {
        let sites = self.directory.sites.iter();
        FailoverControllerConfig {
            home: home.to_owned(),
            sites: sites
                .map(|site| self.site(&site.name, "failover-controller"))
                .collect(),
            storage: match self.directory.model {
                siterecovery_api::DeploymentModel::Linstor => {
                    Storage::Linstor(LinstorClient::from_service(self.world.linstor()))
                }
                siterecovery_api::DeploymentModel::DrbdOperator => Storage::DrbdOperator,
            },
            policy: Policy::new(format!("failover-controller-{home}")),
            now: Arc::clone(&self.now),
            seed: 1,
            gate: self.gate.clone(),
        }
    }

    fn site(&self, name: &str, user: &str) -> Site {
        let info = self
            .directory
            .get(name)
            .expect("tests name known sites")
            .clone();
        Site {
            info,
            client: self.client_of(name, user),
        }
    }

    /// The client of a controller.
    pub(crate) fn client_of(&self, site: &str, program: &str) -> Client {
        if !self.guarded {
            return self.clusters[site].client_as(program);
        }
        let account = format!("system:serviceaccount:{NAMESPACE}:{program}");
        let client = self.clusters[site].client_as(&account);
        let (refused, program) = (Arc::clone(&self.refused), program.to_owned());
        let noted = service_fn(move |request: http::Request<Body>| {
            let (client, refused) = (client.clone(), Arc::clone(&refused));
            let what = (program.clone(), request.uri().path().to_owned());
            async move {
                let answer = client.send(request).await?;
                if answer.status() == http::StatusCode::FORBIDDEN {
                    refused.lock().expect("nobody panics with it").insert(what);
                }
                Ok::<_, BoxError>(answer)
            }
        });
        Client::new(noted, NAMESPACE)
    }

    pub(crate) fn client(&self, site: &str) -> Client {
        self.clusters[site].client()
    }

    pub(crate) fn api<K>(&self, site: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client(site), NAMESPACE)
    }

    /// Machines and group objects of a group that runs on one site.
    pub(crate) async fn group(&self, name: &str, vms: u32, at: &str) {
        self.place(name, vms, at).await;
        for site in self.directory.workload_sites() {
            let wanted = if site.name == at {
                CurrentState::Running
            } else {
                CurrentState::Stopped
            };
            self.group_is(&site.name, name, wanted, MINUTE).await;
        }
    }

    /// The same, without waiting for anybody to drive it.
    pub(crate) async fn place(&self, name: &str, vms: u32, at: &str) {
        let spec = GroupSpec {
            group: name.to_owned(),
            namespace: NAMESPACE.to_owned(),
            vms,
            at: at.to_owned(),
            running: true,
        };
        self.world
            .ensure_group(spec)
            .await
            .expect("the world takes the group");
        for site in self.directory.workload_sites() {
            let desired_state = if site.name == at {
                DesiredState::Running
            } else {
                DesiredState::Stopped
            };
            let members = (1..=vms).map(|n| GroupMember {
                name: format!("{name}-vm-{n}"),
                namespace: None,
            });
            let spec = ProtectionGroupSpec {
                desired_state,
                virtual_machines: members.collect(),
                selector: None,
            };
            self.create(&site.name, &ProtectionGroup::new(name, spec))
                .await;
        }
    }

    pub(crate) async fn create<K>(&self, site: &str, object: &K)
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Debug
            + Serialize
            + DeserializeOwned,
    {
        self.api::<K>(site)
            .create(&PostParams::default(), object)
            .await
            .expect("the object is valid");
    }

    pub(crate) async fn desire(&self, site: &str, group: &str, state: DesiredState) {
        let patch = Patch::Merge(json!({"spec": {"desiredState": state}}));
        let groups = self.api::<ProtectionGroup>(site);
        groups
            .patch(group, &PatchParams::default(), &patch)
            .await
            .expect("the group exists");
    }

    pub(crate) async fn fail_over(&self, home: &str, name: &str, group: &str, target: &str) {
        let spec = FailoverSpec {
            protection_group: group.to_owned(),
            target_cluster: target.to_owned(),
            force: false,
            timeouts: None,
        };
        self.create(home, &Failover::new(name, spec)).await;
    }

    /// The Failover once it has ended.
    pub(crate) async fn ended(&self, home: &str, name: &str) -> Failover {
        let failovers = self.api::<Failover>(home);
        self.eventually(30 * MINUTE, || async {
            let failover = failovers
                .get(name)
                .await
                .expect("Failovers are never deleted");
            let phase = failover.status.as_ref().and_then(|status| status.phase);
            match phase {
                Some(FailoverPhase::Succeeded | FailoverPhase::Failed) => Ok(failover),
                _ => Err(format!("{name} is {:?}", failover.status)),
            }
        })
        .await
    }

    pub(crate) async fn group_is(
        &self,
        site: &str,
        group: &str,
        wanted: CurrentState,
        within: Duration,
    ) {
        let groups = self.api::<ProtectionGroup>(site);
        self.eventually(within, || async {
            let group = groups.get(group).await.expect("the group exists");
            let status = group.status.clone().unwrap_or_default();
            let answered = status.observed_generation == group.metadata.generation;
            if answered && status.current_state == Some(wanted) {
                Ok(())
            } else {
                Err(format!("{status:#?}"))
            }
        })
        .await;
    }

    /// Asks every 200 ms until the answer is `Ok`, and panics with the last `Err` after `within`.
    pub(crate) async fn eventually<T, Fut>(&self, within: Duration, ask: impl Fn() -> Fut) -> T
    where
        Fut: Future<Output = Result<T, String>>,
    {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            match ask().await {
                Ok(answer) => return answer,
                Err(last) => assert!(
                    tokio::time::Instant::now() < deadline,
                    "gave up after {within:?}: {last}"
                ),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Names of the instances of a site that have not ended, sorted.
    pub(crate) fn live(&self, site: &str) -> Vec<String> {
        let instances = self.clusters[site].objects("kubevirt.io", "virtualmachineinstances");
        let ended = |vmi: &&Value| {
            ["Succeeded", "Failed"].contains(&vmi["status"]["phase"].as_str().unwrap_or_default())
        };
        let name = |vmi: &Value| {
            vmi["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        instances
            .iter()
            .filter(|vmi| !ended(vmi))
            .map(name)
            .collect()
    }

    /// Reasons of the Events about one object, sorted, each once.
    pub(crate) fn event_reasons(&self, site: &str, object: &str) -> Vec<String> {
        let events = self.clusters[site].objects("", "events");
        let about = events
            .iter()
            .filter(|event| event["involvedObject"]["name"] == object);
        let mut reasons: Vec<String> = about
            .map(|event| event["reason"].as_str().unwrap_or_default().to_owned())
            .collect();
        reasons.sort();
        reasons.dedup();
        reasons
    }

    pub(crate) fn locks(&self, site: &str) -> Vec<Value> {
        self.clusters[site].objects("coordination.k8s.io", "leases")
    }
}

/// The message of an ended Failover.
pub(crate) fn message(failover: &Failover) -> String {
    failover
        .status
        .as_ref()
        .and_then(|status| status.message.clone())
        .unwrap_or_default()
}

/// The phase of an ended Failover.
pub(crate) fn phase(failover: &Failover) -> FailoverPhase {
    failover
        .status
        .as_ref()
        .and_then(|status| status.phase)
        .unwrap_or_default()
}

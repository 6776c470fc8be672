//! `kill -9` of the Failover Controller in each step of a failover between real control planes: the next one finishes
//! it. All controllers are processes of their own, with the rights of the manifests and no others.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what goes wrong here ends the test, wherever it is"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "real control planes run on real time"
)]

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use jiff::Timestamp;
use kube::api::{ApiResource, PostParams};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use sitedrill_sites::access::{Access, kubeconfig};
use sitedrill_sites::{Assets, Door, PlannedSite, Provider, Site, Sites, SitesRequest};
use sitedrill_world::{Fault, GroupSpec, StorageModel, World};
use siterecovery_api::deploy::manifests;
use siterecovery_api::names::LABEL_SITE;
use siterecovery_api::{
    DesiredState, Failover, FailoverPhase, FailoverSpec, GroupMember, ProtectionGroup,
    ProtectionGroupSpec, StepName,
};
use siterecovery_manager::directory::LABEL_ROLE;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::Instant;

const NAMESPACE: &str = "site-recovery";

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Machines take a tenth of their usual time, so that what is left is the controllers'.
const PACE: f64 = 0.1;

const STEPS: [StepName; 9] = [
    StepName::Validate,
    StepName::AcquireLock,
    StepName::LocateGroup,
    StepName::SafetyCheck,
    StepName::ClearTaints,
    StepName::StopSource,
    StepName::ReleaseStorage,
    StepName::StartTarget,
    StepName::ReleaseLock,
];

#[tokio::test]
async fn whoever_comes_after_a_killed_failover_controller_finishes_its_failover() {
    let assets = match Assets::find() {
        Ok(assets) => assets,
        Err(error) => {
            println!("NOT RUN: {error}");
            return;
        }
    };
    let lab = Lab::start(assets).await;
    let mut acting = lab.failover_controller(0);
    let mut report = format!(
        "{:<16} {:>10} {:>10}\n",
        "killed in", "resumed, s", "ended, s"
    );
    for (index, step) in STEPS.into_iter().enumerate() {
        let next = lab.failover_controller(index + 1);
        let target = if index % 2 == 0 { "dr" } else { "primary" };
        let name = format!("f{index}");
        lab.order(&name, target).await;
        lab.until(&name, |it| has_reported(it, step)).await;
        drop(acting);
        let killed = Instant::now();
        // What was on its way when it died may still arrive.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let left = lab.failovers().get(&name).await.unwrap();
        if phase(&left).is_none_or(|phase| !phase.is_terminal()) {
            let version = left.resource_version();
            lab.until(&name, |it| it.resource_version() != version)
                .await;
        }
        let resumed = killed.elapsed();
        let ended = lab
            .until(&name, |it| {
                phase(it).is_some_and(FailoverPhase::is_terminal)
            })
            .await;
        let message = ended.status.as_ref().and_then(|it| it.message.clone());
        assert_eq!(
            phase(&ended),
            Some(FailoverPhase::Succeeded),
            "{step:?}: {message:?}"
        );
        writeln!(
            report,
            "{:<16} {:>10.1} {:>10.1}",
            format!("{step:?}"),
            resumed.as_secs_f64(),
            killed.elapsed().as_secs_f64()
        )
        .unwrap();
        acting = next;
    }
    println!("{report}");
}

fn phase(failover: &Failover) -> Option<FailoverPhase> {
    failover.status.as_ref()?.phase
}

fn has_reported(failover: &Failover, step: StepName) -> bool {
    let status = failover.status.iter();
    status.flat_map(|it| &it.steps).any(|it| it.name == step)
}

/// A program that dies with its handle, as by `kill -9`.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Three real sites with a world, and the programs' way to them.
struct Lab {
    sites: Vec<Site>,
    folder: TempDir,
    linstor: String,
    _groups: Vec<Program>,
    _running: JoinSet<()>,
}

impl Lab {
    async fn start(assets: Assets) -> Self {
        let plan = |name| PlannedSite::lab(name).expect("the lab has three sites");
        let request = SitesRequest {
            provider: Provider::Envtest(assets),
            scratch: std::env::temp_dir(),
            sites: ["primary", "dr", "quorum"].map(plan).to_vec(),
            crds: siterecovery_api::crds(),
            storage: StorageModel::Linstor,
            now: Arc::new(Timestamp::now),
            seed: 1,
            rbac: true,
        };
        let Sites { sites, world } = Sites::start(request).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        for site in &sites {
            grant(site).await;
        }
        let mut secrets = Vec::new();
        for site in &sites {
            let access = access(site, "failover-controller").await;
            let text = kubeconfig(&[(&site.plan.name, &access)]);
            secrets.push((site.plan.name.clone(), text));
        }
        let quorum = client(&sites, "quorum");
        for (name, text) in &secrets {
            open(&quorum, name, text).await;
        }
        let home = &secrets.iter().find(|(name, _)| name == "quorum").unwrap().1;
        std::fs::write(folder.path().join("quorum"), home).unwrap();
        place(&sites, &world).await;
        let mut running = JoinSet::new();
        let linstor = serve(&world, &mut running).await;
        running.spawn(async move { world.run(Box::pin(std::future::pending())).await });
        let mut groups = Vec::new();
        for site in sites.iter().filter(|site| site.plan.name != "quorum") {
            let access = access(site, "protection-group-controller").await;
            let file = folder.path().join(&site.plan.name);
            std::fs::write(&file, kubeconfig(&[(&site.plan.name, &access)])).unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_protection-group-controller"));
            command.args(["--identity", "groups"]);
            groups.push(spawn(command, &site.plan.name, &file));
        }
        Self {
            sites,
            folder,
            linstor,
            _groups: groups,
            _running: running,
        }
    }

    fn failover_controller(&self, number: usize) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_failover-controller"));
        command.args(["--linstor-url", &self.linstor]);
        command.args(["--identity", &format!("failover-controller-{number}")]);
        spawn(command, "quorum", &self.folder.path().join("quorum"))
    }

    fn failovers(&self) -> Api<Failover> {
        Api::namespaced(client(&self.sites, "quorum"), NAMESPACE)
    }

    async fn order(&self, name: &str, target: &str) {
        let spec = FailoverSpec {
            protection_group: "pg-a".to_owned(),
            target_cluster: target.to_owned(),
            force: false,
            timeouts: None,
        };
        let failover = Failover::new(name, spec);
        let made = self
            .failovers()
            .create(&PostParams::default(), &failover)
            .await;
        made.unwrap();
    }

    /// Follows a Failover until this holds.
    async fn until(&self, name: &str, holds: impl Fn(&Failover) -> bool) -> Failover {
        let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let found = async {
            let mut seen = std::pin::pin!(watcher(self.failovers(), only).applied_objects());
            loop {
                if let Ok(Some(failover)) = seen.try_next().await
                    && holds(&failover)
                {
                    return failover;
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("{name} does not get there in {PATIENCE:?}"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for name in ["primary", "dr", "quorum"] {
            let log = std::fs::read_to_string(self.folder.path().join(name).with_extension("log"));
            println!("--- the log of {name}\n{}", log.unwrap_or_default());
        }
    }
}

fn client(sites: &[Site], name: &str) -> Client {
    let site = sites.iter().find(|site| site.plan.name == name);
    site.expect("the lab has three sites").client_as("test")
}

/// Starts a program. Its log lies beside the kubeconfig.
fn spawn(mut command: Command, site: &str, kubeconfig: &Path) -> Program {
    let log = kubeconfig.with_extension("log");
    let log = File::options().append(true).create(true).open(log).unwrap();
    command.args([
        "--site",
        site,
        "--namespace",
        NAMESPACE,
        "--http-listen",
        "none",
    ]);
    command.arg("--kubeconfig").arg(kubeconfig);
    command.stdin(Stdio::null());
    command.stdout(log.try_clone().unwrap()).stderr(log);
    Program(command.spawn().unwrap())
}

/// What the manifests of such a site give to the controllers.
async fn grant(site: &Site) {
    let files: &[&str] = match site.plan.name.as_str() {
        "quorum" => &["rbac/failover-controller.yaml"],
        _ => &[
            "rbac/protection-group-controller.yaml",
            "rbac/failover-controller-on-workload-sites.yaml",
        ],
    };
    let all = manifests();
    let chosen = all
        .iter()
        .filter(|it| files.contains(&it.file_name.as_str()));
    for object in chosen.flat_map(|it| &it.documents) {
        create(&site.client_as("test"), object).await;
    }
}

async fn create(client: &Client, object: &Value) {
    let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
    let kind = GroupVersionKind::try_from(object.types.as_ref().unwrap()).unwrap();
    let resource = ApiResource::from_gvk(&kind);
    let api: Api<DynamicObject> = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    api.create(&PostParams::default(), &object).await.unwrap();
}

/// The way in for an account, with a token of its own.
async fn access(site: &Site, account: &str) -> Access {
    let door: Door = site.open(0).await.unwrap();
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"audiences": [], "expirationSeconds": 3600},
    });
    let path = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{account}/token");
    let request = http::Request::post(path)
        .header("content-type", "application/json")
        .body(request.to_string().into_bytes())
        .unwrap();
    let answer: Value = site.client_as("test").request(request).await.unwrap();
    Access {
        token: answer["status"]["token"].as_str().unwrap().to_owned(),
        ..door.access.clone()
    }
}

/// Tells the Failover Controller of a site.
async fn open(quorum: &Client, name: &str, kubeconfig: &str) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {
            "name": format!("site-{name}"), "namespace": NAMESPACE,
            "labels": {LABEL_SITE: name, LABEL_ROLE: name},
        },
        "stringData": {"kubeconfig": kubeconfig},
    });
    create(quorum, &secret).await;
}

/// One group that runs on the primary site.
async fn place(sites: &[Site], world: &World) {
    let spec = GroupSpec {
        group: "pg-a".to_owned(),
        namespace: NAMESPACE.to_owned(),
        vms: 1,
        at: "primary".to_owned(),
        running: true,
    };
    world.ensure_group(spec).await.unwrap();
    for (site, desired_state) in [
        ("primary", DesiredState::Running),
        ("dr", DesiredState::Stopped),
    ] {
        let fault = Fault::Slow {
            site: site.to_owned(),
            factor: PACE,
        };
        world.knobs().inject(fault).unwrap();
        let spec = ProtectionGroupSpec {
            desired_state,
            virtual_machines: vec![GroupMember {
                name: "pg-a-vm-1".to_owned(),
                namespace: None,
            }],
            selector: None,
        };
        let api = Api::namespaced(client(sites, site), NAMESPACE);
        let group = ProtectionGroup::new("pg-a", spec);
        api.create(&PostParams::default(), &group).await.unwrap();
    }
}

/// LINSTOR's API on a port of its own.
async fn serve(world: &World, running: &mut JoinSet<()>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = world.linstor();
    running.spawn(async move { drop(axum::serve(listener, router).await) });
    format!("http://{address}")
}

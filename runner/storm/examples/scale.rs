//! So many groups of ten machines fail over at once, on three embedded sites in virtual time: what it costs.
//!
//! `cargo xtask bench scale` runs this with 10, 100 and 1,000 groups, each in a process of its own, so that memory is
//! that of one size. What it found goes to stdout as JSON.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::{SignedDuration, Timestamp};
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::json;
use sitedrill_apiserver::{Cluster, Identity};
use sitedrill_world::{GroupSpec, SiteRole, SiteSpec, StorageModel, World};
use siterecovery_api::names::DEFAULT_NAMESPACE;
use siterecovery_api::{
    CurrentState, DesiredState, Failover, FailoverSpec, FailoverStatus, GroupMember,
    ProtectionGroup, ProtectionGroupSpec, SiteDirectory,
};
use siterecovery_decide::Policy;
use siterecovery_manager::{
    FailoverControllerConfig, LinstorClient, Meter, Now, ProtectionGroupControllerConfig, Site,
    Storage, run_failover_controller_metered, run_protection_group_controller_metered,
};
use tokio::task::JoinSet;

/// The allocator of the programs that people run.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Machines of a group.
const MACHINES: u32 = 10;

/// Nodes of a workload site.
const NODES: u32 = 2;

/// Longer than any failover may take.
const PATIENCE: Duration = Duration::from_secs(1800);

fn main() -> anyhow::Result<()> {
    let groups = std::env::args().nth(1).context("say how many groups")?;
    let groups: u32 = groups
        .parse()
        .context("the number of groups is no number")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    let figures = runtime.block_on(measure(groups))?;
    print(&figures);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a program that reports figures")]
fn print(figures: &serde_json::Value) {
    println!("{figures}");
}

/// Counts what the controllers ask for.
#[derive(Default)]
struct Requests(AtomicU64);

impl Meter for Requests {
    fn request(&self, _site: &str, _method: &str, _status: Option<u16>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn pass(&self, _kind: &'static str, _outcome: &'static str, _took: Duration) {}

    fn failover(&self, _namespace: &str, _name: &str, _status: Option<&FailoverStatus>) {}

    fn group(&self, _namespace: &str, _name: &str, _state: Option<CurrentState>) {}
}

/// The sites and what runs on them.
struct Lab {
    clusters: Vec<(String, Cluster)>,
    directory: SiteDirectory,
    world: World,
    now: Now,
    requests: Arc<Requests>,
    running: JoinSet<()>,
}

async fn measure(groups: u32) -> anyhow::Result<serde_json::Value> {
    let mut lab = Lab::build().await?;
    for group in 1..=groups {
        lab.make_group(&format!("pg-{group:04}")).await?;
    }
    let world = lab.world.clone();
    lab.running
        .spawn(async move { world.run(Box::pin(std::future::pending())).await });
    lab.start_controllers();
    lab.until("the groups are up", |lab| lab.stand(groups, "primary"))
        .await?;
    let before = (cpu_seconds()?, lab.requests.0.load(Ordering::Relaxed));
    let (started, virtually) = (wall(), (lab.now)());
    for group in 1..=groups {
        lab.order(&format!("pg-{group:04}")).await?;
    }
    lab.until("the failovers are over", |lab| lab.over(groups))
        .await?;
    let took = started.elapsed().as_secs_f64();
    let requests = lab.requests.0.load(Ordering::Relaxed) - before.1;
    let machines = u64::from(groups * MACHINES);
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let each = requests as f64 / machines as f64;
    Ok(json!({
        "groups": groups,
        "machines": machines,
        "wallSeconds": took,
        "cpuSeconds": cpu_seconds()? - before.0,
        "virtualSeconds": (lab.now)().duration_since(virtually).as_secs_f64(),
        "peakMb": peak_mb()?,
        "requests": requests,
        "requestsPerMachine": each,
    }))
}

impl Lab {
    async fn build() -> anyhow::Result<Self> {
        let start = tokio::time::Instant::now();
        let epoch = Timestamp::from_second(1_730_400_000)?;
        let now: Now = Arc::new(move || {
            let elapsed = SignedDuration::try_from(start.elapsed()).unwrap_or(SignedDuration::MAX);
            epoch.checked_add(elapsed).unwrap_or(Timestamp::MAX)
        });
        let directory = SiteDirectory::linstor();
        let model = StorageModel::Linstor;
        let mut world = World::builder().now(Arc::clone(&now)).seed(1).model(model);
        let mut clusters = Vec::new();
        for site in &directory.sites {
            let cluster = Cluster::builder()
                .name(&site.name)
                .now(Arc::clone(&now))
                .seed(1)
                .crds(siterecovery_api::crds())
                .crds(sitedrill_world::crds(model))
                .build()?;
            let workload = site.runs_workloads();
            let (role, nodes) = if workload {
                (SiteRole::Workload, NODES)
            } else {
                (SiteRole::Quorum, 1)
            };
            world = world.site(SiteSpec {
                name: site.name.clone(),
                role,
                client: cluster.lean_client_of(Identity::new("world")),
                nodes,
            });
            clusters.push((site.name.clone(), cluster));
        }
        let world = world.build()?;
        world.prepare().await?;
        Ok(Self {
            clusters,
            directory,
            world,
            now,
            requests: Arc::default(),
            running: JoinSet::new(),
        })
    }

    fn cluster(&self, site: &str) -> &Cluster {
        let found = self.clusters.iter().find(|(name, _)| name == site);
        &found.expect("the three sites are always there").1
    }

    fn client(&self, site: &str, user: &str) -> Client {
        self.cluster(site).lean_client_of(Identity::new(user))
    }

    async fn make_group(&self, name: &str) -> anyhow::Result<()> {
        let spec = GroupSpec {
            group: name.to_owned(),
            namespace: DEFAULT_NAMESPACE.to_owned(),
            vms: MACHINES,
            at: "primary".to_owned(),
            running: true,
        };
        self.world.ensure_group(spec).await?;
        for (site, desired_state) in [
            ("primary", DesiredState::Running),
            ("dr", DesiredState::Stopped),
        ] {
            let members = (1..=MACHINES).map(|n| GroupMember {
                name: format!("{name}-vm-{n}"),
                namespace: None,
            });
            let spec = ProtectionGroupSpec {
                desired_state,
                virtual_machines: members.collect(),
                selector: None,
            };
            let groups = Api::namespaced(self.client(site, "setup"), DEFAULT_NAMESPACE);
            let group = ProtectionGroup::new(name, spec);
            groups.create(&PostParams::default(), &group).await?;
        }
        Ok(())
    }

    fn start_controllers(&mut self) {
        for name in ["primary", "dr"] {
            let config = ProtectionGroupControllerConfig {
                site: self.site(name, "protection-group-controller"),
                namespace: Some(DEFAULT_NAMESPACE.to_owned()),
                policy: Policy::new("protection-group-controller"),
                now: Arc::clone(&self.now),
                seed: 1,
                gate: None,
            };
            let meter = Arc::clone(&self.requests);
            let run = run_protection_group_controller_metered(
                config,
                meter,
                Box::pin(std::future::pending()),
            );
            self.running.spawn(async move { drop(run.await) });
        }
        let sites = self.directory.sites.iter();
        let config = FailoverControllerConfig {
            home: "quorum".to_owned(),
            sites: sites
                .map(|site| self.site(&site.name, "failover-controller"))
                .collect(),
            storage: Storage::Linstor(LinstorClient::from_service(self.world.linstor())),
            policy: Policy::new("failover-controller-1"),
            now: Arc::clone(&self.now),
            seed: 1,
            gate: None,
        };
        let meter = Arc::clone(&self.requests);
        let run = run_failover_controller_metered(config, meter, Box::pin(std::future::pending()));
        self.running.spawn(async move { drop(run.await) });
    }

    fn site(&self, name: &str, user: &str) -> Site {
        let info = self.directory.get(name).cloned();
        Site {
            info: info.expect("the three sites are always there"),
            client: self.client(name, user),
        }
    }

    /// Forced, because failovers to one target that are under way at once refuse each other otherwise.
    async fn order(&self, group: &str) -> anyhow::Result<()> {
        let spec = FailoverSpec {
            protection_group: group.to_owned(),
            target_cluster: "dr".to_owned(),
            force: true,
            timeouts: None,
        };
        let failovers = Api::namespaced(self.client("quorum", "operator"), DEFAULT_NAMESPACE);
        let failover = Failover::new(&format!("fo-{group}"), spec);
        failovers.create(&PostParams::default(), &failover).await?;
        Ok(())
    }

    /// Whether all groups run on that site.
    fn stand(&self, groups: u32, site: &str) -> anyhow::Result<bool> {
        let all = self
            .cluster(site)
            .objects("siterecovery.trilio.io", "protectiongroups");
        let up = all
            .iter()
            .filter(|group| group["status"]["currentState"] == "running");
        Ok(up.count() == usize::try_from(groups)?)
    }

    /// Whether all failovers have ended, and well.
    fn over(&self, groups: u32) -> anyhow::Result<bool> {
        let all = self
            .cluster("quorum")
            .objects("siterecovery.trilio.io", "failovers");
        let phase = |phase: &str| {
            all.iter()
                .filter(|it| it["status"]["phase"] == phase)
                .count()
        };
        if phase("Failed") > 0 {
            let failed = all.iter().find(|it| it["status"]["phase"] == "Failed");
            bail!(
                "a failover failed: {}",
                failed.unwrap_or(&json!(null))["status"]["message"]
            );
        }
        Ok(phase("Succeeded") == usize::try_from(groups)?)
    }

    async fn until(
        &self,
        what: &str,
        holds: impl Fn(&Self) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let end = tokio::time::Instant::now() + PATIENCE;
        while !holds(self)? {
            if tokio::time::Instant::now() > end {
                bail!("gave up before {what}");
            }
            // Asking costs processor time too, so it is done seldom.
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        Ok(())
    }
}

/// Processor time of this process so far.
fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("no /proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").context("a line without a name")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
    let ticks: Result<Vec<_>, _> = ticks.collect();
    // Linux counts hundredths of a second for programs, whatever the kernel's own clock.
    Ok(ticks?.iter().sum::<f64>() / 100.0)
}

/// The most memory that this process has had.
fn peak_mb() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("no /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.context("no VmHWM")?.trim().trim_end_matches(" kB");
    Ok(kib.parse::<f64>()? / 1024.0)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long it took on this machine is what is asked for"
)]
fn wall() -> std::time::Instant {
    std::time::Instant::now()
}

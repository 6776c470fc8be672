//! The composition root: one drill on sites of its own.
//!
//! Here, and nowhere else, sites, world, controllers, operators and engine meet.
//! Everything lives in one single-threaded runtime and ends with it.

use std::future::Future;
use std::sync::Arc;

use sitedrill_engine::{Emitter, EventSink, Operator, Target, run_drill};
use sitedrill_model::event::{EventKind, SiteInfo, TimeMode};
use sitedrill_model::scenario::Drill;
use sitedrill_model::{Failure, FailureKind, Verdict};
use sitedrill_sites::{PlannedSite, Provider, Site, Sites, SitesRequest};
use sitedrill_world::{StorageModel, World};
use siterecovery_api::SiteDirectory;
use siterecovery_decide::Policy;
use siterecovery_manager::{
    FailoverControllerConfig, LinstorClient, ProtectionGroupControllerConfig, Storage,
    run_failover_controller, run_protection_group_controller,
};
use tokio::task::JoinSet;

use crate::clock::{LateClock, Now, clock, system};
use crate::fixture::LabFixture;
use crate::operator::InProcess;
use crate::signals::{Shutdown, pair};
use crate::snapshots::{SnapshotFolder, SnapshotMode};

/// The Failover Controller's name as a lock holder: the guide's example.
const HOLDER: &str = "failover-controller-12345";

/// How a drill is run.
#[derive(Clone, Debug)]
pub struct LabConfig {
    /// What makes the sites.
    pub provider: Provider,
    /// How time passes.
    pub time: TimeMode,
    /// The seed of the run; each drill derives its own from it.
    pub seed: u64,
    /// What to do with transcripts.
    pub snapshots: SnapshotMode,
    /// How the controllers are made wrong; nothing outside tests does that.
    pub sabotage: Vec<siterecovery_decide::Sabotage>,
}

/// What one drill says, with the clock that its words are stamped with.
pub struct Voice {
    /// Numbers and stamps the events.
    pub emitter: Emitter,
    clock: LateClock,
}

impl Voice {
    /// The voice of the drill of this name.
    pub fn new(drill: &str, time: TimeMode, sink: EventSink) -> Self {
        let clock = LateClock::default();
        if time == TimeMode::Real {
            clock.start(&system());
        }
        Self {
            emitter: Emitter::new(drill, clock.now(), sink),
            clock,
        }
    }

    /// Says something about the drill itself.
    pub fn say(&self, kind: EventKind) {
        self.emitter.emit(None, kind);
    }
}

/// What a drill came to, and a failure that belongs to none of its chapters.
pub type Ended = (Verdict, Option<Failure>);

/// Runs a drill on sites of its own, in a runtime of its own, and blocks until both have ended.
pub fn run_in_lab(drill: &Drill, config: &LabConfig, voice: &Voice, shutdown: &Shutdown) -> Ended {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(config.time == TimeMode::Virtual)
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(lab(drill, config, voice, shutdown)),
        Err(error) => environment(format!("failed to start a runtime: {error}")),
    }
}

async fn lab(drill: &Drill, config: &LabConfig, voice: &Voice, shutdown: &Shutdown) -> Ended {
    let now = clock(config.time);
    voice.clock.start(&now);
    let seed = sitedrill_model::derive_seed(config.seed, &drill.name);
    let sites = match start_sites(drill, config, seed, &now).await {
        Ok(sites) => sites,
        Err(failure) => return (failure.kind.verdict(), Some(failure)),
    };
    let lab = Lab {
        now,
        seed,
        policy: policy(config),
        sites: sites.sites,
        world: Arc::new(sites.world),
        storage: storage_model(&drill.sites),
    };
    for site in &lab.sites {
        voice.say(EventKind::SiteReady(info(site)));
    }
    let (stop, stopped) = pair();
    let mut parts = lab.start_parts(&stopped);
    let target = lab.target(drill, config);
    let verdict = run_drill(drill, &target, voice.emitter.sink(), shutdown.wait()).await;
    let early = early_end(&mut parts);
    stop.ask();
    while parts.join_next().await.is_some() {}
    if config.time == TimeMode::Virtual {
        voice.clock.stop();
    }
    match early {
        Some(failure) => (verdict.max(failure.kind.verdict()), Some(failure)),
        None => (verdict, None),
    }
}

async fn start_sites(
    drill: &Drill,
    config: &LabConfig,
    seed: u64,
    now: &Now,
) -> Result<Sites, Failure> {
    let mut planned = Vec::with_capacity(drill.sites.len());
    for name in &drill.sites {
        let site = PlannedSite::lab(name).ok_or_else(|| {
            Failure::new(
                FailureKind::EnvironmentFailed,
                format!("the lab has no site {name}"),
            )
        })?;
        planned.push(site);
    }
    let request = SitesRequest {
        provider: config.provider.clone(),
        storage: storage_model(&drill.sites),
        sites: planned,
        crds: siterecovery_api::crds(),
        now: now.clone(),
        seed,
    };
    Sites::start(request)
        .await
        .map_err(|error| Failure::new(FailureKind::EnvironmentFailed, chain(&error)))
}

/// A drill with a quorum site runs the guide's LINSTOR deployment; one without, the DRBD Operator's.
fn storage_model(sites: &[String]) -> StorageModel {
    if sites.iter().any(|site| site == "quorum") {
        StorageModel::Linstor
    } else {
        StorageModel::DrbdOperator
    }
}

fn policy(config: &LabConfig) -> Policy {
    let rules = Policy::new(HOLDER);
    config
        .sabotage
        .iter()
        .fold(rules, |rules, how| rules.with_sabotage(*how))
}

/// One drill's sites with everything that runs on them.
struct Lab {
    now: Now,
    seed: u64,
    policy: Policy,
    sites: Vec<Site>,
    world: Arc<World>,
    storage: StorageModel,
}

/// A part of the lab that runs as long as the drill.
type Part = (String, Result<(), String>);

impl Lab {
    fn start_parts(&self, stopped: &Shutdown) -> JoinSet<Part> {
        let mut parts = JoinSet::new();
        let (world, wait) = (self.world.clone(), stopped.wait());
        parts.spawn(async move {
            world.run(wait).await;
            ("the simulated world".to_owned(), Ok(()))
        });
        for site in self
            .sites
            .iter()
            .filter(|site| site.plan.role.runs_machines())
        {
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

    fn directory(&self) -> SiteDirectory {
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

    fn storage(&self) -> Storage {
        match self.storage {
            StorageModel::Linstor => {
                Storage::Linstor(LinstorClient::from_service(self.world.linstor()))
            }
            StorageModel::DrbdOperator => Storage::DrbdOperator,
        }
    }

    fn target(&self, drill: &Drill, config: &LabConfig) -> Target {
        let operator: Arc<dyn Operator> = Arc::new(self.operator());
        let workload = self
            .sites
            .iter()
            .filter(|site| site.plan.role.runs_machines());
        let fixture = LabFixture {
            world: self.world.clone(),
            workload: workload
                .map(|site| {
                    (
                        site.plan.name.clone(),
                        site.client_as("system:sitedrill:fixture"),
                    )
                })
                .collect(),
            namespace: self.policy.namespace.clone(),
            operator: operator.clone(),
        };
        Target {
            sites: self.sites.iter().map(engine_site).collect(),
            namespace: self.policy.namespace.clone(),
            now: self.now.clone(),
            seed: self.seed,
            operator,
            fixture: Arc::new(fixture),
            snapshots: Arc::new(SnapshotFolder::new(
                &drill.name,
                &drill.file,
                config.snapshots,
            )),
        }
    }

    fn operator(&self) -> InProcess {
        let (sites, policy) = (self.sites.clone(), self.policy.clone());
        let now = self.now.clone();
        InProcess {
            context: Box::new(move |actor| {
                let sites = sites.iter().map(|site| pgctl_site(site, actor)).collect();
                pgctl::Context::new(sites, policy.clone(), &policy.namespace, now.clone())
            }),
        }
    }
}

async fn part<E: std::error::Error>(
    name: String,
    run: impl Future<Output = Result<(), E>>,
) -> Part {
    let result = run.await.map_err(|error| chain(&error));
    (name, result)
}

/// Parts run until they are told to stop; one that has ended before made the drill worthless.
fn early_end(parts: &mut JoinSet<Part>) -> Option<Failure> {
    let ended = parts.try_join_next()?;
    let message = match ended {
        Ok((name, Ok(()))) => format!("{name} ended before the drill did"),
        Ok((name, Err(error))) => format!("{name} failed: {error}"),
        Err(error) => format!("a part of the lab panicked: {error}"),
    };
    Some(Failure::new(FailureKind::EnvironmentFailed, message))
}

fn environment(message: String) -> Ended {
    let failure = Failure::new(FailureKind::EnvironmentFailed, message);
    (failure.kind.verdict(), Some(failure))
}

fn info(site: &Site) -> SiteInfo {
    SiteInfo {
        name: site.plan.name.clone(),
        role: site.plan.role.as_str().to_owned(),
        provider: site.provider().to_owned(),
        uid: site.uid.clone(),
        kubernetes: site.kubernetes.clone(),
    }
}

fn api_info(site: &Site) -> siterecovery_api::SiteInfo {
    siterecovery_api::SiteInfo {
        name: site.plan.name.clone(),
        role: match site.plan.role {
            sitedrill_sites::SiteRole::Primary => siterecovery_api::SiteRole::Primary,
            sitedrill_sites::SiteRole::Dr => siterecovery_api::SiteRole::Dr,
            sitedrill_sites::SiteRole::Quorum => siterecovery_api::SiteRole::Quorum,
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

fn engine_site(site: &Site) -> sitedrill_engine::Site {
    sitedrill_engine::Site {
        info: info(site),
        aliases: site.plan.aliases.clone(),
        client: site.client_as("system:sitedrill:observer"),
    }
}

/// An error with its causes, each once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

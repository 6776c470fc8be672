//! The composition root: one drill on sites of its own.
//!
//! Here, and nowhere else, sites, world, controllers, operators and engine meet: the sites with what runs on them in
//! [`composition`], which `sitedrill up` shares, and the engine with them here.
//! Everything lives in one single-threaded runtime and ends with it.

pub mod composition;

use std::sync::Arc;

use sitedrill_engine::{Emitter, EventSink, Operator, Target, run_drill};
use sitedrill_model::event::{EventKind, SiteInfo, TimeMode};
use sitedrill_model::scenario::Drill;
use sitedrill_model::{Failure, FailureKind, Verdict};
use sitedrill_sites::{Provider, Site};
use siterecovery_decide::Policy;

use crate::clock::{LateClock, clock, system};
use crate::signals::{Shutdown, pair};
use crate::snapshots::{SnapshotFolder, SnapshotMode};
use composition::{Composition, Wanted, early_end};

/// The Failover Controller's name as a lock holder: the guide's example.
pub const HOLDER: &str = "failover-controller-12345";

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
    let wanted = Wanted {
        provider: &config.provider,
        sites: &drill.sites,
        policy: policy(config),
        now,
        seed,
        rbac: false,
    };
    let lab = match Composition::start(wanted).await {
        Ok(lab) => lab,
        Err(failure) => return (failure.kind.verdict(), Some(failure)),
    };
    for site in &lab.sites {
        voice.say(EventKind::SiteReady(info(site)));
    }
    let (stop, stopped) = pair();
    let mut parts = lab.start_parts(&stopped);
    let target = target(&lab, drill, config);
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

fn policy(config: &LabConfig) -> Policy {
    let rules = Policy::new(HOLDER);
    config
        .sabotage
        .iter()
        .fold(rules, |rules, how| rules.with_sabotage(*how))
}

fn target(lab: &Composition, drill: &Drill, config: &LabConfig) -> Target {
    let operator: Arc<dyn Operator> = Arc::new(lab.operator());
    Target {
        sites: lab.sites.iter().map(engine_site).collect(),
        namespace: lab.policy.namespace.clone(),
        now: lab.now.clone(),
        seed: lab.seed,
        operator: operator.clone(),
        fixture: Arc::new(lab.fixture(operator)),
        snapshots: Arc::new(SnapshotFolder::new(
            &drill.name,
            &drill.file,
            config.snapshots,
        )),
    }
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

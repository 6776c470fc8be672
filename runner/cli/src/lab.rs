//! The composition root: one drill on sites of its own.
//!
//! Here, and nowhere else, sites, world, controllers, operators and engine meet: the sites with what runs on them in
//! [`composition`], which `sitedrill up` shares, and the engine with them here.
//! Everything lives in one single-threaded runtime and ends with it.

pub mod composition;
pub mod controllers;
pub mod disturb;
pub mod lie;
pub mod markers;
pub mod mutation;
pub mod open;
pub mod pace;
pub mod programs;
mod rights;
pub mod scratch;
pub mod wire;

use std::sync::Arc;

use sitedrill_engine::{Emitter, EventSink, Operator, Target, run_drill};
use sitedrill_model::event::{EventKind, SiteInfo, TimeMode};
use sitedrill_model::scenario::{Action, Drill, DrillKind};
use sitedrill_model::{Failure, FailureKind, Verdict};
use sitedrill_sites::{Provider, Site};
use siterecovery_decide::Policy;

use crate::clock::{LateClock, clock, system};
use crate::signals::{Shutdown, pair};
use crate::snapshots::{SnapshotFolder, SnapshotMode};
use composition::{Composition, Wanted, early_end};
use mutation::Mutation;
use open::OpenLab;
use pace::{ByHand, Console};
use scratch::Scratch;
use wire::Wires;

/// The Failover Controller's name as a lock holder: the guide's example.
pub const HOLDER: &str = "failover-controller-12345";

/// How a drill is run.
#[derive(Clone, Debug)]
pub struct LabConfig {
    /// What makes the sites.
    pub provider: Provider,
    /// Where sites and programs keep their files while they run.
    pub scratch: Scratch,
    /// How time passes.
    pub time: TimeMode,
    /// The seed of the run, or of a try that takes its place; each drill derives its own from it.
    pub seed: u64,
    /// What to do with transcripts.
    pub snapshots: SnapshotMode,
    /// How the system under test is made wrong; only `selftest` and tests do that.
    pub mutations: Vec<Mutation>,
    /// Whether somebody follows the drills by hand.
    pub by_hand: Option<ByHand>,
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
        let clock = late_clock(time);
        Self {
            emitter: Emitter::new(drill, clock.now(), sink),
            clock,
        }
    }

    /// The voice of the next try of the same drill, on sites of its own with a clock of their own.
    #[must_use]
    pub fn of_next_try(&self, time: TimeMode) -> Self {
        let clock = late_clock(time);
        Self {
            emitter: self.emitter.on_clock(clock.now()),
            clock,
        }
    }

    /// Says something about the drill itself.
    pub fn say(&self, kind: EventKind) {
        self.emitter.emit(None, kind);
    }
}

/// The clock of sites that do not exist yet: what is said before is stamped with real time where that is theirs.
fn late_clock(time: TimeMode) -> LateClock {
    let clock = LateClock::default();
    if time == TimeMode::Real {
        clock.start(&system());
    }
    clock
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
        scratch: config.scratch.path(),
        sites: &drill.sites,
        policy: policy(config),
        now,
        seed,
        rbac: false,
    };
    let wires = needs_wires(drill, config).then(Wires::new);
    let lab = match Composition::start(wanted).await {
        Ok(lab) => lab.disturbed(wires, &config.mutations),
        Err(failure) => return (failure.kind.verdict(), Some(failure)),
    };
    for site in &lab.sites {
        voice.say(EventKind::SiteReady(info(site)));
    }
    let open = match open(&lab, drill, config).await {
        Ok(open) => open,
        Err(failure) => return (failure.kind.verdict(), Some(failure)),
    };
    let (stop, stopped) = pair();
    let mut parts = lab.start_parts(&stopped);
    let mut target = target(&lab, open.as_ref(), drill, config);
    if let Some(by_hand) = &config.by_hand {
        let folder = open.as_ref().map(|open| open.folder().to_owned());
        target.pace = Some(Arc::new(Console::new(by_hand.clone(), folder, shutdown)));
    }
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
    let decisions = config.mutations.iter().filter_map(|it| it.decision());
    decisions.fold(Policy::new(HOLDER), Policy::with_sabotage)
}

/// Whether the product's clients must go over lines of ours. Where not, they go straight, which is faster.
fn needs_wires(drill: &Drill, config: &LabConfig) -> bool {
    let is_on_the_wire =
        |action: &Action| matches!(action, Action::Fault(it) if it.fault.is_on_the_wire());
    config.mutations.iter().any(|it| it.lie().is_some())
        || drill.steps().any(|step| is_on_the_wire(&step.action))
}

/// Opens the sites to other programs, where the drill starts some or somebody wants to look.
async fn open(
    lab: &Composition,
    drill: &Drill,
    config: &LabConfig,
) -> Result<Option<OpenLab>, Failure> {
    let looks = config.by_hand.as_ref().is_some_and(|it| it.pauses);
    let is_needed = looks || drill.first_program().is_some();
    if !is_needed || config.time == TimeMode::Virtual {
        return Ok(None);
    }
    let open = OpenLab::open(lab, &drill.name, &config.scratch).await?;
    Ok(Some(open))
}

fn target(lab: &Composition, open: Option<&OpenLab>, drill: &Drill, config: &LabConfig) -> Target {
    let mut operator = lab.operator();
    operator.programs = open.map(|open| open.programs(&drill.file));
    let operator: Arc<dyn Operator> = Arc::new(operator);
    Target {
        sites: lab.sites.iter().map(engine_site).collect(),
        namespace: lab.policy.namespace.clone(),
        now: lab.now.clone(),
        seed: lab.seed,
        operator: operator.clone(),
        fixture: Arc::new(lab.fixture(operator)),
        snapshots: Arc::new(SnapshotFolder::new(
            snapshots_of(drill),
            &drill.file,
            config.snapshots,
        )),
        disturber: Arc::new(lab.disturber()),
        markers: Some(Arc::new(lab.markers())),
        pace: None,
    }
}

/// The name in the snapshots' names: one of many repetitions has those of its scenario.
fn snapshots_of(drill: &Drill) -> &str {
    match (drill.kind, drill.chapters.as_slice()) {
        (DrillKind::Scenario, [scenario]) => &scenario.name,
        _ => &drill.name,
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

//! One chapter: `given`, the actors, `then`, `always`, and the judgement of the whole.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sitedrill_model::event::{ChapterInfo, EventKind};
use sitedrill_model::scenario::{DrillKind, Scenario};
use sitedrill_model::{Failure, FailureKind, Verdict};

use crate::Target;
use crate::actors;
use crate::beats;
use crate::core::{ALWAYS, Input};
use crate::faults;
use crate::objects::span;
use crate::observer::Observer;
use crate::rest::chain;
use crate::shared::{Shared, in_time};
use crate::steps::Stage;

/// The longest that `given`, the actors and `then`, and `always` may take, each.
/// A failover may take 18 minutes by its deadlines; a drill has a handful of them.
/// In virtual time nothing else would end a chapter that waits for ever.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);

/// The end of the run from outside, shared by all chapters.
pub(crate) struct Shutdown<'s> {
    signal: Pin<Box<dyn Future<Output = ()> + Send + 's>>,
    has_come: bool,
}

impl<'s> Shutdown<'s> {
    pub(crate) fn new(signal: Pin<Box<dyn Future<Output = ()> + Send + 's>>) -> Self {
        Self {
            signal,
            has_come: false,
        }
    }

    /// Works until it is done, the run is stopped, or the time is over.
    async fn or<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Failure> {
        if self.has_come {
            return Err(stopped());
        }
        let signal = &mut self.signal;
        tokio::select! {
            biased;
            () = signal => {
                self.has_come = true;
                Err(stopped())
            }
            done = tokio::time::timeout(LONGEST, work) => done.map_err(|_| too_long()),
        }
    }
}

fn stopped() -> Failure {
    Failure::new(FailureKind::Aborted, "the run was stopped from outside")
}

fn too_long() -> Failure {
    let longest = span(LONGEST.as_secs_f64());
    Failure::new(
        FailureKind::AwaitTimedOut,
        format!("not done within {longest}"),
    )
}

/// What a chapter is run with.
pub(crate) struct Scene<'s> {
    pub(crate) target: &'s Target,
    pub(crate) shared: &'s Arc<Shared>,
    /// Or why the sites cannot be observed.
    pub(crate) observer: &'s Result<Observer, Failure>,
    pub(crate) kind: DrillKind,
}

/// Runs one chapter.
pub(crate) async fn run(
    index: usize,
    scenario: &Scenario,
    scene: &Scene<'_>,
    shutdown: &mut Shutdown<'_>,
) -> Verdict {
    let shared = scene.shared;
    shared.core().begin(index, scenario, shared.now());
    shared.emit(EventKind::ChapterStarted(info(scenario)));
    match prepare(scenario, scene, shutdown).await {
        Err(failure) => {
            let reason = format!("the chapter did not start: {}", failure.message);
            shared.take(Input::Failed(failure));
            skip_all(scenario, &reason, shared);
        }
        Ok(observer) => play(scenario, scene, observer, shutdown).await,
    }
    let now = shared.now();
    let verdict = shared.change(|core| core.end(now));
    shared.emit(EventKind::ChapterFinished { verdict });
    verdict
}

/// Brings `given` about and comes up with the present of the sites.
async fn prepare<'s>(
    scenario: &Scenario,
    scene: &Scene<'s>,
    shutdown: &mut Shutdown<'_>,
) -> Result<&'s Observer, Failure> {
    let shared = scene.shared;
    beats::check(scenario, scene.target)?;
    let work = async {
        let observer = scene.observer.as_ref().map_err(Clone::clone)?;
        let ensured = scene.target.fixture.ensure(&scenario.given).await;
        let prepared = ensured.map_err(|error| {
            let message = format!("`given` could not be brought about: {}", chain(&error));
            Failure::new(FailureKind::EnvironmentFailed, message)
        })?;
        for what in prepared {
            shared.emit(EventKind::Prepared { what });
        }
        observer.catch_up(shared).await?;
        Ok(observer)
    };
    let observer = shutdown
        .or(work)
        .await
        .map_err(|failure| match failure.kind {
            FailureKind::AwaitTimedOut => {
                let message = format!("`given` was {}", failure.message);
                Failure::new(FailureKind::EnvironmentFailed, message)
            }
            _ => failure,
        })??;
    Ok(observer)
}

/// Runs the actors, `then` and `always`, with the invariants in force.
async fn play(
    scenario: &Scenario,
    scene: &Scene<'_>,
    observer: &Observer,
    shutdown: &mut Shutdown<'_>,
) {
    let (target, shared) = (scene.target, scene.shared);
    let stage = Stage {
        target,
        shared,
        scenario,
        kind: scene.kind,
    };
    let now = shared.now();
    shared.change(|core| (core.arm(now), ()));
    let acted = beats::beside(&stage, act(&stage, shutdown));
    in_time(shared, acted).await;
    shared.core().clean_up();
    pause_on_failure(&stage, shutdown).await;
    // First, so that what `always` does meets sites that work.
    let work = async {
        faults::lift_all(target, shared).await;
        actors::run_always(&stage).await;
        faults::lift_all(target, shared).await;
    };
    let cleanup = tokio::time::timeout(LONGEST, work);
    if in_time(shared, cleanup).await.is_err() {
        let message = format!("`always` was {}", too_long().message);
        let failure = Failure::new(FailureKind::CleanupFailed, message);
        actors::abandon(scenario, shared, &failure);
        actors::skip(ALWAYS, &scenario.always, &failure.message, shared);
    }
    if let Err(failure) = observer.catch_up(shared).await {
        shared.take(Input::Failed(failure));
    }
}

async fn act(stage: &Stage<'_>, shutdown: &mut Shutdown<'_>) {
    let (scenario, shared) = (stage.scenario, stage.shared);
    let work = async {
        if actors::run_all(stage).await {
            actors::run_then(stage).await;
        } else {
            let reason = "not all actors passed";
            actors::skip(crate::core::THEN, &scenario.then, reason, shared);
        }
    };
    if let Err(failure) = shutdown.or(work).await {
        actors::abandon(scenario, shared, &failure);
        shared.take(Input::Failed(failure));
    }
}

/// Leaves everything as it is after a failure, until whoever looks at it has seen enough.
async fn pause_on_failure(stage: &Stage<'_>, shutdown: &mut Shutdown<'_>) {
    let verdict = stage.shared.core().act().verdict;
    let (Some(pace), true) = (&stage.target.pace, verdict > Verdict::Passed) else {
        return;
    };
    let looked = shutdown.or(pace.after_failure(&stage.scenario.name)).await;
    if let Err(failure) = looked {
        stage.shared.take(Input::Failed(failure));
    }
}

fn skip_all(scenario: &Scenario, reason: &str, shared: &Arc<Shared>) {
    for actor in &scenario.actors {
        actors::skip(&actor.name, &actor.steps, reason, shared);
    }
    actors::skip(crate::core::THEN, &scenario.then, reason, shared);
    actors::skip(ALWAYS, &scenario.always, reason, shared);
}

fn info(scenario: &Scenario) -> ChapterInfo {
    let seconds = |it: Option<Duration>| it.map(|it| it.as_secs_f64());
    ChapterInfo {
        name: scenario.name.clone(),
        file: scenario.file.clone(),
        summary: scenario.summary.clone(),
        requirements: scenario.requirements.clone(),
        rto_objective_seconds: seconds(scenario.objectives.rto),
        rpo_objective_seconds: seconds(scenario.objectives.rpo),
    }
}

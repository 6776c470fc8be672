//! Has the machines write data markers while the actors act, where a scenario has an RPO objective.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use sitedrill_model::scenario::Scenario;
use sitedrill_model::{Failure, FailureKind};

use crate::Target;
use crate::shared::Shared;
use crate::steps::Stage;
use crate::target::Markers;

/// How often each machine writes: objectives are said in seconds, and a loss between two markers is not seen.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// Whether an objective asks for markers that nobody can write here.
pub(crate) fn check(scenario: &Scenario, target: &Target) -> Result<(), Failure> {
    if scenario.objectives.rpo.is_none() || target.markers.is_some() {
        return Ok(());
    }
    let message = "rpo: nothing writes data markers on these sites, so that it cannot be measured";
    let mut failure = Failure::new(FailureKind::EnvironmentFailed, message);
    failure.location.clone_from(&scenario.objectives.location);
    Err(failure)
}

/// Does some work with markers being written beside it, from its start to its end.
pub(crate) async fn beside<T>(stage: &Stage<'_>, work: impl Future<Output = T>) -> T {
    let wanted = stage.scenario.objectives.rpo.is_some();
    let Some(markers) = stage.target.markers.as_ref().filter(|_| wanted) else {
        return work.await;
    };
    // Before it, since what is broken in the first instant must find something to lose.
    beat(markers.as_ref(), stage.shared).await;
    let done = tokio::select! {
        biased;
        done = work => done,
        never = beat_on(markers.as_ref(), stage.shared) => match never {},
    };
    // After it, for what has come to run since the last time.
    beat(markers.as_ref(), stage.shared).await;
    done
}

async fn beat_on(markers: &dyn Markers, shared: &Shared) -> Infallible {
    let mut next = tokio::time::Instant::now();
    loop {
        next = (next + INTERVAL).max(tokio::time::Instant::now());
        tokio::time::sleep_until(next).await;
        beat(markers, shared).await;
    }
}

async fn beat(markers: &dyn Markers, shared: &Shared) {
    let beats = markers.beat().await;
    let now = shared.now();
    shared.change_quietly(|core| (core.beat(&beats, now), ()));
}

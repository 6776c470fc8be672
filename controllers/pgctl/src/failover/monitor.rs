//! Follows one Failover to its end, by watching it.
//!
//! It survives watch errors and reconnects, notices when the object vanishes, and ends at a deadline
//! at the latest. It never writes.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use kube::api::Api;
use kube::runtime::watcher::watch_object;
use siterecovery_api::{Failover, FailoverPhase, FailoverStatus, StepName, StepState};
use siterecovery_decide::Timeouts;
use tokio::time::{Instant, sleep, sleep_until};

use crate::context::Site;
use crate::output::{Output, Stream};
use crate::read::chain;

/// The pause after a failed watch. Fixed, since one terminal needs no jitter.
const RECONNECT: Duration = Duration::from_secs(1);

/// A Failover that is `Pending` for longer probably has no controller: time for a hint.
const PICK_UP: Duration = Duration::from_secs(30);

/// Time for all that has no deadline of its own: a controller that restarts, and one lock that has to
/// expire first.
const SLACK: Duration = Duration::from_secs(600);

/// Why a Failover could not be followed to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Somebody deleted it.
    Vanished,
    /// It did not end in time; the phase in which it was last seen.
    TooLong(FailoverPhase),
    /// It could not be seen at the end of the time; the last error.
    OutOfSight(String),
}

/// Which phases have been printed.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    printed: Option<FailoverPhase>,
}

impl Progress {
    /// The phases to print now. `Pending` is none of them, and a `Running` that went by between two
    /// looks is made up for where the steps show that it happened.
    pub(crate) fn see(&mut self, status: &FailoverStatus) -> Vec<FailoverPhase> {
        let phase = status.phase.unwrap_or_default();
        let mut print = Vec::new();
        if phase.is_terminal() && self.printed.is_none() && has_run(status) {
            print.push(FailoverPhase::Running);
        }
        if phase != FailoverPhase::Pending && self.printed != Some(phase) {
            print.push(phase);
            self.printed = Some(phase);
        }
        print
    }
}

/// Whether the failover held its lock, which is when `Running` begins (DECISIONS 3).
fn has_run(status: &FailoverStatus) -> bool {
    status.steps.iter().any(|step| match step.name {
        StepName::Validate => false,
        StepName::AcquireLock => step.state == StepState::Succeeded,
        StepName::LocateGroup
        | StepName::SafetyCheck
        | StepName::ClearTaints
        | StepName::StopSource
        | StepName::ReleaseStorage
        | StepName::StartTarget
        | StepName::ReleaseLock => true,
    })
}

/// Prints the phases of `failover` as they change and returns its final status.
///
/// # Errors
///
/// [`Lost`] where no end was seen.
pub(crate) async fn follow(
    site: &Site,
    failover: &Failover,
    limit: Duration,
    out: &mut (dyn Output + Send),
) -> Result<FailoverStatus, Lost> {
    let name = failover.metadata.name.as_deref().unwrap_or_default();
    let namespace = failover.metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<Failover> = Api::namespaced(site.client.clone(), namespace);
    let start = Instant::now();
    let mut watch = pin!(watch_object(api, name));
    let mut progress = Progress::default();
    let mut seen = FailoverPhase::Pending;
    let mut trouble: Option<String> = None;
    let mut hinted = false;
    loop {
        tokio::select! {
            biased;
            next = watch.next() => match next {
                Some(Ok(Some(now))) if now.metadata.uid == failover.metadata.uid => {
                    trouble = None;
                    let status = now.status.unwrap_or_default();
                    for phase in progress.see(&status) {
                        out.line(Stream::Stdout, &format!("[INFO] Phase: {phase}"));
                    }
                    seen = status.phase.unwrap_or_default();
                    if seen.is_terminal() {
                        return Ok(status);
                    }
                }
                Some(Ok(_)) | None => return Err(Lost::Vanished),
                Some(Err(error)) => {
                    if trouble.is_none() {
                        out.line(Stream::Stderr, &lost_contact(site, &chain(&error)));
                    }
                    trouble = Some(chain(&error));
                    sleep(RECONNECT).await;
                }
            },
            () = sleep_until(start + PICK_UP), if !hinted => {
                hinted = true;
                if seen == FailoverPhase::Pending && trouble.is_none() {
                    out.line(Stream::Stderr, &no_controller(name, namespace));
                }
            }
            () = sleep_until(start + limit) => return Err(match trouble {
                Some(error) => Lost::OutOfSight(error),
                None => Lost::TooLong(seen),
            }),
        }
        if start.elapsed() >= limit
            && let Some(error) = trouble
        {
            return Err(Lost::OutOfSight(error));
        }
    }
}

/// How long a failover can take at most: the deadlines of all its steps, and some slack.
pub(crate) fn limit(timeouts: &Timeouts) -> Duration {
    StepName::ALL
        .into_iter()
        .map(|step| timeouts.of(step).unsigned_abs())
        .sum::<Duration>()
        + SLACK
}

fn lost_contact(site: &Site, error: &str) -> String {
    let name = &site.info.name;
    format!("[WARN] Lost sight of the Failover on site {name}, still trying: {error}")
}

fn no_controller(name: &str, namespace: &str) -> String {
    format!(
        "[WARN] {name} is still Pending after {} s. Is the Failover Controller running? \
         kubectl get pods -n {namespace} -l app=failover-controller",
        PICK_UP.as_secs()
    )
}

//! What the controllers say about themselves while they work, for whoever counts it.
//!
//! Nothing here measures or keeps anything; drills run with [`Unmetered`].

use std::sync::Arc;
use std::time::Duration;

use siterecovery_api::{CurrentState, Failover, FailoverStatus};
use tokio::time::Instant;

use crate::driver::Next;
use crate::error::PassError;
use crate::key::Key;

/// Hears what happens. All methods are called often and must return at once.
pub trait Meter: Send + Sync {
    /// A request to a site was answered with this status; without one it failed on the way.
    fn request(&self, site: &str, method: &str, status: Option<u16>);

    /// A pass over an object of that kind has ended: `ok`, or the reason of its failure.
    fn pass(&self, kind: &'static str, outcome: &'static str, took: Duration);

    /// A Failover has this status now; without one it is gone.
    fn failover(&self, namespace: &str, name: &str, status: Option<&FailoverStatus>);

    /// A group is in this state now; without one it is gone.
    fn group(&self, namespace: &str, name: &str, state: Option<CurrentState>);
}

/// Counts nothing.
#[derive(Debug, Clone, Copy)]
pub struct Unmetered;

impl Meter for Unmetered {
    fn request(&self, _site: &str, _method: &str, _status: Option<u16>) {}

    fn pass(&self, _kind: &'static str, _outcome: &'static str, _took: Duration) {}

    fn failover(&self, _namespace: &str, _name: &str, _status: Option<&FailoverStatus>) {}

    fn group(&self, _namespace: &str, _name: &str, _state: Option<CurrentState>) {}
}

/// A meter that many share.
pub(crate) type SharedMeter = Arc<dyn Meter>;

/// Runs a pass and says how long it took and what it came to.
pub(crate) async fn measured(
    meter: SharedMeter,
    kind: &'static str,
    pass: impl Future<Output = Result<Next, PassError>>,
) -> Result<Next, PassError> {
    let started = Instant::now();
    let ended = pass.await;
    let outcome = ended.as_ref().map_or_else(PassError::reason, |_| "ok");
    meter.pass(kind, outcome, started.elapsed());
    ended
}

/// Says what is known of a Failover that exists, or that there is none.
pub(crate) fn say_failover(meter: &SharedMeter, key: &Key, failover: Option<&Failover>) {
    let fresh = FailoverStatus::default();
    let status = failover.map(|failover| failover.status.as_ref().unwrap_or(&fresh));
    meter.failover(&key.namespace, &key.name, status);
}

//! Who of several processes acts: the holder of a Lease.
//!
//! The times are Kubernetes' own: the Lease lasts 15 s, its holder renews it every 2 s and stops
//! acting when it could not for 10 s. A candidate takes over when the Lease has not changed for
//! 15 s *by its own clock*, so clocks need not agree. A holder that ends well empties the Lease, and
//! a candidate that watches takes it at once. A process that comes back under the same identity
//! (a container that restarts in its pod) goes on at once too.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::runtime::{WatchStreamExt, watcher, watcher::Config};
use kube::{Api, ResourceExt};
use tokio::time::{Instant, sleep, timeout};

use super::Candidate;
use crate::backoff::{WatchBackoff, mix};
use crate::client::bounded;
use crate::config::Now;
use crate::error::{Refusal, classify};
use crate::telemetry::chain;

/// The times of an election.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// How long a Lease lasts after its last renewal.
    pub lease: Duration,
    /// A holder that could not renew for this long acts no more. Shorter than `lease`.
    pub renew_within: Duration,
    /// How often a holder renews, and a candidate tries again after an error.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            renew_within: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// Why a process must not act any more.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// Somebody else holds the Lease.
    #[error("the leadership was taken by {holder}")]
    Taken {
        /// Who.
        holder: String,
    },
    /// The Lease could not be renewed in time.
    #[error("the leadership could not be renewed for {} s", .after.as_secs())]
    Late {
        /// For how long.
        after: Duration,
    },
}

/// One candidate of an election.
pub struct Election {
    leases: Api<Lease>,
    name: String,
    identity: String,
    now: Now,
    timing: Timing,
}

/// A Lease as it was first seen, and when that was.
struct Sight {
    lease: Option<(String, Option<String>)>,
    since: Instant,
}

impl Election {
    /// A candidate with these times.
    pub fn new(candidate: Candidate<'_>, timing: Timing) -> Self {
        let client = bounded(candidate.client, timing.retry * 2);
        Self {
            leases: Api::namespaced(client, candidate.namespace),
            name: candidate.program.to_owned(),
            identity: candidate.identity.to_owned(),
            now: candidate.now,
            timing,
        }
    }

    /// Ends when this process holds the Lease.
    pub async fn win(&self) {
        let only_ours = Config::default().fields(&format!("metadata.name={}", self.name));
        let backoff = WatchBackoff::new(mix(0, &self.identity), &self.name);
        let changes = watcher(self.leases.clone(), only_ours).backoff(backoff);
        let mut changes = std::pin::pin!(changes);
        let mut sight = Sight {
            lease: None,
            since: Instant::now(),
        };
        tracing::info!(lease = %self.name, identity = %self.identity, "stands by");
        loop {
            let wait = match self.try_take(&mut sight).await {
                Ok(None) => {
                    tracing::info!(lease = %self.name, identity = %self.identity, "leads");
                    return;
                }
                Ok(Some(wait)) => wait,
                Err(error) => {
                    tracing::warn!(lease = %self.name, error = %chain(&error), "the leadership cannot be read or taken");
                    self.timing.retry
                }
            };
            tokio::select! {
                biased;
                () = sleep(wait) => {}
                change = changes.next() => {
                    if change.is_none() {
                        sleep(self.timing.retry).await;
                    }
                }
            }
        }
    }

    /// Takes the Lease if it is free; else says how long to wait.
    async fn try_take(&self, sight: &mut Sight) -> Result<Option<Duration>, kube::Error> {
        let found = self.leases.get_opt(&self.name).await?;
        let Some(lease) = found else {
            let made = self
                .leases
                .create(&PostParams::default(), &self.lease(None))
                .await;
            return self.taken(made);
        };
        let holder = holder(&lease).to_owned();
        let version = lease.resource_version();
        let seen = Some((lease.uid().unwrap_or_default(), version));
        if sight.lease != seen {
            *sight = Sight {
                lease: seen,
                since: Instant::now(),
            };
        }
        let spec = lease.spec.as_ref();
        let seconds = spec.and_then(|spec| spec.lease_duration_seconds);
        let lasts = seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let lasts = lasts.map_or(self.timing.lease, Duration::from_secs);
        let left = (sight.since + lasts).saturating_duration_since(Instant::now());
        if !holder.is_empty() && holder != self.identity && !left.is_zero() {
            return Ok(Some(left));
        }
        let mine = self.lease(Some(&lease));
        let made = self
            .leases
            .replace(&self.name, &PostParams::default(), &mine)
            .await;
        self.taken(made)
    }

    fn taken(&self, made: Result<Lease, kube::Error>) -> Result<Option<Duration>, kube::Error> {
        match made {
            Ok(_) => Ok(None),
            Err(error) => match classify(&error) {
                Refusal::AlreadyExists | Refusal::Conflict | Refusal::NotFound => {
                    Ok(Some(self.timing.retry))
                }
                Refusal::Invalid | Refusal::Other => Err(error),
            },
        }
    }

    /// The Lease with us as its holder, instead of what it says now.
    fn lease(&self, old: Option<&Lease>) -> Lease {
        let now = (self.now)();
        let old_spec = old.and_then(|lease| lease.spec.clone()).unwrap_or_default();
        let goes_on = old_spec.holder_identity.as_deref() == Some(self.identity.as_str());
        let transitions = old_spec.lease_transitions.unwrap_or_default();
        let seconds = i32::try_from(self.timing.lease.as_secs()).unwrap_or(i32::MAX);
        Lease {
            metadata: old.map_or_else(
                || ObjectMeta {
                    name: Some(self.name.clone()),
                    ..ObjectMeta::default()
                },
                |lease| lease.metadata.clone(),
            ),
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: Some(seconds),
                acquire_time: if goes_on {
                    old_spec.acquire_time
                } else {
                    Some(MicroTime(now))
                },
                renew_time: Some(MicroTime(now)),
                lease_transitions: Some(if goes_on || old.is_none() {
                    transitions
                } else {
                    transitions.saturating_add(1)
                }),
                ..old_spec
            }),
        }
    }

    /// Renews the Lease until it is lost, and says how.
    pub async fn keep(&self) -> Result<std::convert::Infallible, Lost> {
        let mut renewed = Instant::now();
        loop {
            sleep(self.timing.retry).await;
            let left =
                (renewed + self.timing.renew_within).saturating_duration_since(Instant::now());
            match timeout(left, self.renew()).await {
                Ok(Ok(None)) => renewed = Instant::now(),
                Ok(Ok(Some(holder))) => return Err(Lost::Taken { holder }),
                Ok(Err(error)) => {
                    tracing::warn!(lease = %self.name, error = %chain(&error), "the leadership was not renewed");
                }
                Err(_elapsed) => {}
            }
            if renewed.elapsed() >= self.timing.renew_within {
                return Err(Lost::Late {
                    after: self.timing.renew_within,
                });
            }
        }
    }

    /// Renews it once, or says who else holds it.
    async fn renew(&self) -> Result<Option<String>, kube::Error> {
        let Some(lease) = self.leases.get_opt(&self.name).await? else {
            // Deleted by hand: take it again, unless somebody is faster.
            let made = self
                .leases
                .create(&PostParams::default(), &self.lease(None))
                .await;
            return made.map(|_| None);
        };
        let holder = holder(&lease);
        if holder != self.identity {
            return Ok(Some(holder.to_owned()));
        }
        let mine = self.lease(Some(&lease));
        let made = self
            .leases
            .replace(&self.name, &PostParams::default(), &mine)
            .await;
        made.map(|_| None)
    }

    /// Gives the Lease to whoever wants it, at once.
    pub async fn release(&self) {
        let released = async {
            let Some(mut lease) = self.leases.get_opt(&self.name).await? else {
                return Ok(());
            };
            if holder(&lease) != self.identity {
                return Ok(());
            }
            if let Some(spec) = &mut lease.spec {
                spec.holder_identity = None;
                spec.lease_duration_seconds = Some(1);
            }
            let params = PostParams::default();
            let made = self.leases.replace(&self.name, &params, &lease).await;
            made.map(drop)
        };
        match released.await {
            Ok(()) => tracing::info!(lease = %self.name, "the leadership is given back"),
            Err(error) => {
                tracing::warn!(lease = %self.name, error = %chain(&error), "the leadership was not given back; it expires by itself");
            }
        }
    }
}

fn holder(lease: &Lease) -> &str {
    let spec = lease.spec.as_ref();
    spec.and_then(|spec| spec.holder_identity.as_deref())
        .unwrap_or_default()
}

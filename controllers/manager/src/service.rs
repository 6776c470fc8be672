//! What makes a long-running service of a controller: leadership, health, metrics, and credentials
//! that may change under way.
//!
//! Only the two binaries have this (cargo feature `service`); a drill runs the bare controllers.

pub mod health;
pub mod leader;
pub mod metrics;
pub mod rotation;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use kube::Client;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::Now;
use health::Health;
use leader::{Election, Timing};
use metrics::Metrics;

/// What a process needs to run as a service.
pub struct Service {
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whether it is ready.
    pub health: Health,
    /// How it becomes the one that acts. `None`: it is the only one.
    pub election: Option<Election>,
}

/// Who takes part in which election.
pub struct Candidate<'a> {
    /// The way to the home site.
    pub client: Client,
    /// Namespace of the Lease.
    pub namespace: &'a str,
    /// Name of the Lease, the same for all candidates.
    pub program: &'a str,
    /// This process, different from every other one.
    pub identity: &'a str,
    /// The clock.
    pub now: Now,
}

impl Candidate<'_> {
    /// Takes part, with Kubernetes' usual times.
    pub fn enter(self) -> Election {
        Election::new(self, Timing::default())
    }
}

impl Service {
    /// Serves health and metrics, if an address is given.
    ///
    /// # Errors
    ///
    /// The address cannot be had.
    pub async fn listen(&self, address: Option<SocketAddr>) -> anyhow::Result<()> {
        let Some(address) = address else {
            return Ok(());
        };
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("failed to listen on {address}"))?;
        let address = listener.local_addr().unwrap_or(address);
        tracing::info!(%address, "health and metrics are served");
        let router = health::router(self.health.clone(), Arc::clone(&self.metrics));
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "health and metrics are served no longer");
            }
        });
        Ok(())
    }

    /// Waits until this process leads, runs `controller` until `stop` says so, and hands over.
    ///
    /// # Errors
    ///
    /// What the controller says, or the loss of leadership. Then another process may already act, so
    /// the controller is dropped at once, in the middle of whatever it did.
    pub async fn lead<Fut>(
        &self,
        stop: watch::Receiver<bool>,
        controller: impl FnOnce() -> Fut,
    ) -> anyhow::Result<()>
    where
        Fut: Future<Output = Result<(), crate::Error>>,
    {
        let Some(election) = &self.election else {
            return controller().await.context("the controller stopped");
        };
        tokio::select! {
            biased;
            () = stopped(stop) => return Ok(()),
            () = election.win() => {}
        }
        let ended = tokio::select! {
            biased;
            ended = controller() => ended.context("the controller stopped"),
            lost = election.keep() => {
                let Err::<Infallible, _>(lost) = lost;
                return Err(lost).context("another process may act now");
            }
        };
        election.release().await;
        ended
    }
}

/// Ends when `stop` says so, or when nobody can say so any more.
pub async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the sender is gone, and so is the reason to go on.
    drop(stop.wait_for(|stop| *stop).await);
}

//! The controllers of a drill as processes: each can die, come back, and have a clock of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use jiff::SignedDuration;
use sitedrill_model::scenario::Controller;
use tokio::sync::watch;

use super::wire::Party;
use crate::clock::Now;
use crate::signals::Shutdown;

/// One life of a controller.
pub type Life = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Makes a life: how many there were before, the clock, and when it is to end.
pub type Birth = Box<dyn Fn(u32, Now, &Shutdown) -> Life + Send + Sync>;

/// A controller on a site.
pub struct Process {
    /// Which.
    pub controller: Controller,
    /// Its site.
    pub site: String,
    birth: Birth,
    now: Now,
    ahead_seconds: Arc<AtomicI64>,
    lives: AtomicU32,
    is_wanted: watch::Sender<bool>,
    is_alive: watch::Sender<bool>,
}

impl Process {
    /// A controller that has not started.
    pub fn new(controller: Controller, site: &str, now: &Now, birth: Birth) -> Self {
        Self {
            controller,
            site: site.to_owned(),
            birth,
            now: now.clone(),
            ahead_seconds: Arc::default(),
            lives: AtomicU32::new(0),
            is_wanted: watch::Sender::new(true),
            is_alive: watch::Sender::new(false),
        }
    }

    /// The controller in words.
    pub fn title(&self) -> String {
        let name = match self.controller {
            Controller::FailoverController => "the Failover Controller",
            Controller::ProtectionGroupController => "the Protection Group Controller",
        };
        format!("{name} of {}", self.site)
    }

    /// How it appears on the lines.
    pub fn party(&self) -> Party {
        Party {
            name: self.controller.name().to_owned(),
            home: Some(self.site.clone()),
        }
    }

    /// Lives, and lives again after each death, until the drill ends.
    pub async fn run(self: Arc<Self>, stopped: Shutdown) -> Result<(), String> {
        let mut wanted = self.is_wanted.subscribe();
        loop {
            let past = self.lives.fetch_add(1, Ordering::Relaxed);
            let life = (self.birth)(past, self.clock(), &stopped);
            self.is_alive.send_replace(true);
            // The select ends with the life dropped: a dead process does nothing more.
            tokio::select! {
                biased;
                _ = wanted.wait_for(|wanted| !wanted) => {}
                ended = life => return ended,
            }
            self.is_alive.send_replace(false);
            tokio::select! {
                biased;
                () = stopped.wait() => return Ok(()),
                _ = wanted.wait_for(|wanted| *wanted) => {}
            }
        }
    }

    /// Asks for its death; it comes before the controller does anything else.
    pub fn kill(&self) {
        self.is_wanted.send_replace(false);
    }

    /// Whether it is dead.
    pub fn is_dead(&self) -> bool {
        !*self.is_alive.borrow()
    }

    /// Waits until it is dead.
    pub async fn death(&self) {
        // The sender lives in this very value.
        let _ = self.is_alive.subscribe().wait_for(|alive| !alive).await;
    }

    /// Starts it again, and waits until it lives.
    pub async fn revive(&self) {
        self.is_wanted.send_replace(true);
        let _ = self.is_alive.subscribe().wait_for(|alive| *alive).await;
    }

    /// Puts its clock so many seconds ahead of the true one.
    pub fn skew(&self, ahead_seconds: i64) {
        self.ahead_seconds.store(ahead_seconds, Ordering::Relaxed);
    }

    fn clock(&self) -> Now {
        let (now, ahead) = (self.now.clone(), self.ahead_seconds.clone());
        Arc::new(move || now() + SignedDuration::from_secs(ahead.load(Ordering::Relaxed)))
    }
}

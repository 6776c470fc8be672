//! The two site-recovery controllers: observe a cluster, decide, perform.
//!
//! What to do is decided in `siterecovery-decide`; this crate fetches what that needs, and sends
//! what comes out of it. **Invariant:** no branch here looks at the state of a group, a lock or a
//! volume. It runs as two binaries and, for drills, inside another process in virtual time: it
//! reads no clock but the one it is handed, and draws no random number but from its seed.
//!
//! Read in this order: [`config`], the two controllers,
//! `perform`, `driver` with its `queue`, then the rest.

#[cfg(feature = "service")]
pub mod args;
pub mod config;
pub mod directory;
#[cfg(feature = "service")]
pub mod service;
pub mod telemetry;

mod backoff;
mod claims;
mod client;
mod driver;
mod error;
mod events;
mod failover;
mod gate;
mod interest;
mod key;
mod looks;
mod malformed;
mod meter;
mod news;
mod perform;
mod protection_group;
mod queue;
mod reader;
mod relation;
mod scribe;
mod shown;
mod slim;
mod storage;
mod watch;

pub use client::NoAnswer;
pub use config::{FailoverControllerConfig, Now, ProtectionGroupControllerConfig, Site, Storage};
pub use error::Error;
pub use failover::{run_failover_controller, run_failover_controller_metered};
pub use gate::{EffectGate, Gate};
pub use meter::{Meter, Unmetered};
pub use protection_group::{
    run_protection_group_controller, run_protection_group_controller_metered,
};
pub use storage::{LinstorClient, StorageError};

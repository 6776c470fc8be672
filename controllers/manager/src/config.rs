//! What the two controllers are handed when they start.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use kube::Client;
use siterecovery_api::SiteInfo;
use siterecovery_decide::Policy;

use crate::gate::EffectGate;
use crate::storage::LinstorClient;

/// Where the time comes from. The controllers read no other clock.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// One site and the way to it.
#[derive(Clone)]
pub struct Site {
    /// Who it is.
    pub info: SiteInfo,
    /// How it is reached.
    pub client: Client,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

/// Where the state of the replicated volumes is read.
#[derive(Debug, Clone)]
pub enum Storage {
    /// From LINSTOR's REST API.
    Linstor(LinstorClient),
    /// From the DRBD Operator's `DRBDVolume` objects on the workload sites.
    DrbdOperator,
}

/// How a Protection Group Controller runs.
#[derive(Clone)]
pub struct ProtectionGroupControllerConfig {
    /// The site whose groups it drives.
    pub site: Site,
    /// The namespace of the groups; all namespaces without one.
    pub namespace: Option<String>,
    /// How it decides.
    pub policy: Policy,
    /// The clock.
    pub now: Now,
    /// The seed of all jitter.
    pub seed: u64,
    /// A seam for tests: asked before each write. `None` lets every write go.
    pub gate: Option<EffectGate>,
}

/// How a Failover Controller runs.
#[derive(Clone)]
pub struct FailoverControllerConfig {
    /// The site on which it runs and whose Failovers it carries out.
    pub home: String,
    /// All sites, the home site among them.
    pub sites: Vec<Site>,
    /// Where the state of the volumes is read.
    pub storage: Storage,
    /// How it decides.
    pub policy: Policy,
    /// The clock.
    pub now: Now,
    /// The seed of all jitter.
    pub seed: u64,
    /// A seam for tests: asked before each write. `None` lets every write go.
    pub gate: Option<EffectGate>,
}

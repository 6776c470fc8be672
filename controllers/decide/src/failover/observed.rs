//! Everything one pass over a Failover knows: whole, plain, and printable into a bug report.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use siterecovery_api::{FailoverSpec, FailoverStatus, SiteDirectory, SiteInfo, SiteName};

use crate::facts::{
    FailoverSummary, GroupFacts, LeaseFacts, MachineFacts, NeighbourFacts, NodeFacts,
    ObjectVersion, VolumeFacts,
};

/// What one pass sees.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Observed {
    /// The Failover itself.
    pub failover: FailoverFacts,
    /// The sites of this deployment.
    pub directory: SiteDirectory,
    /// Every site of the directory, reachable or not.
    pub sites: BTreeMap<SiteName, SiteView>,
    /// The volumes of the group.
    pub storage: StorageView,
}

/// The Failover a pass is about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailoverFacts {
    /// The site it lives on.
    pub home: SiteName,
    /// Namespace, also of the group and its lock.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Version. Its uid is empty for a Failover that does not exist yet (the front door of `pgctl`).
    pub version: ObjectVersion,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// What was asked for.
    pub spec: FailoverSpec,
    /// What was written down so far.
    pub status: FailoverStatus,
}

/// One site, as far as it can be seen. A silent site is an observation, not an error.
#[expect(
    clippy::large_enum_variant,
    reason = "three of them exist in a pass, and most are of the large kind"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum SiteView {
    /// It answered.
    Reachable(SiteFacts),
    /// It did not.
    Unreachable {
        /// Since when, as far as this process knows.
        since: Timestamp,
        /// What the last try said.
        error: String,
    },
}

/// What a reachable site shows about one group and its surroundings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SiteFacts {
    /// The group's copy on this site.
    pub group: Option<GroupFacts>,
    /// Whether there is a copy that cannot be understood.
    #[serde(skip_serializing_if = "is_false")]
    pub group_malformed: bool,
    /// The group's members on this site, sorted by namespace and name.
    pub machines: Vec<MachineFacts>,
    /// The nodes, sorted by name.
    pub nodes: Vec<NodeFacts>,
    /// The other groups of the namespace, sorted by name.
    pub neighbours: Vec<NeighbourFacts>,
    /// The other Failovers that live on this site, sorted by name, ended ones included.
    pub failovers: Vec<FailoverSummary>,
    /// The lock of the group.
    pub lock: Option<LeaseFacts>,
}

/// The group's volumes, as far as the storage layer answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum StorageView {
    /// It answered.
    Known {
        /// Every volume of the group, sorted by name. A volume that storage does not know has no
        /// replicas.
        volumes: Vec<VolumeFacts>,
        /// Claims of the group that could not be followed to a volume: `site namespace/claim`.
        unresolved: Vec<String>,
    },
    /// It did not.
    Unknown {
        /// What the last try said.
        error: String,
    },
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

impl SiteView {
    /// Its facts, if it answered.
    pub const fn facts(&self) -> Option<&SiteFacts> {
        match self {
            Self::Reachable(facts) => Some(facts),
            Self::Unreachable { .. } => None,
        }
    }
}

impl SiteFacts {
    /// Members with a live instance, sorted.
    pub fn live_machines(&self) -> Vec<String> {
        let live = self.machines.iter().filter(|m| m.is_live());
        live.map(|m| m.name.clone()).collect()
    }

    /// Whether the group has members here and every one of them runs and is ready.
    pub fn all_up(&self) -> bool {
        let mut members = self.machines.iter().filter(|m| m.exists).peekable();
        members.peek().is_some() && self.machines.iter().all(MachineFacts::is_up)
    }
}

impl Observed {
    /// The target, if the word that was typed means a site.
    pub fn target(&self) -> Option<&SiteInfo> {
        self.directory.resolve(&self.failover.spec.target_cluster)
    }

    /// The site the group moves away from, if the target means a workload site.
    pub fn source(&self) -> Option<&SiteInfo> {
        let target = self.target().filter(|site| site.runs_workloads())?;
        self.directory.source_of(&target.name)
    }

    /// What that site shows, if it answered.
    pub fn facts(&self, site: &str) -> Option<&SiteFacts> {
        self.sites.get(site).and_then(SiteView::facts)
    }

    /// The other Failovers that any reachable site knows, each once, oldest first.
    pub fn other_failovers(&self) -> Vec<&FailoverSummary> {
        let mut found: Vec<&FailoverSummary> = Vec::new();
        for facts in self.sites.values().filter_map(SiteView::facts) {
            for other in &facts.failovers {
                let known = found.iter().any(|f| f.uid == other.uid);
                if !known && other.uid != self.failover.version.uid {
                    found.push(other);
                }
            }
        }
        found.sort_by(|a, b| (a.created, &a.name, &a.uid).cmp(&(b.created, &b.name, &b.uid)));
        found
    }
}

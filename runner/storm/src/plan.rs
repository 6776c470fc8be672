//! What will happen in one simulation, as data: a seed makes a [`Plan`], and nothing of it is decided later.
//!
//! All times are milliseconds after the sites are up.

mod draw;
mod fault;
mod themes;

use serde::Serialize;
use sitedrill_world::StorageModel;
use siterecovery_api::SiteDirectory;

pub use draw::draw;
pub use fault::{Fault, FaultKind, Trouble};

/// How many sites there are, and what replicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topology {
    /// Three sites with LINSTOR.
    Linstor,
    /// Two sites with the DRBD Operator, and a quorum site.
    OperatorWithQuorum,
    /// Two sites with the DRBD Operator and nobody to break a tie.
    OperatorPair,
}

/// One of the two sites that run machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// `primary`.
    Primary,
    /// `dr`.
    Dr,
}

/// A group to begin with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupPlan {
    /// Its name.
    pub name: String,
    /// How many machines it has.
    pub vms: u32,
    /// Where it runs.
    pub at: Side,
}

/// Something a person does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Orders a failover with `pgctl` and follows it.
    Order {
        /// The group, whether it exists or not.
        group: String,
        /// The word for the target, whether it is a site or not.
        to: String,
        /// With `--force`.
        force: bool,
    },
    /// Creates a Failover object without asking at the front door.
    Create {
        /// The group.
        group: String,
        /// The word for the target.
        to: String,
        /// `spec.force`.
        force: bool,
        /// With deadlines of about a minute, in place of the usual ones.
        hasty: bool,
    },
    /// Edits the spec of whatever Failover of the group has not ended.
    EditSpec {
        /// The group.
        group: String,
    },
    /// Sets a group's desired state by hand.
    Desire {
        /// The group.
        group: String,
        /// On which site.
        side: Side,
        /// Running, or stopped.
        running: bool,
    },
    /// Starts a machine behind its group's back.
    StartMachine {
        /// Its group.
        group: String,
        /// On which site.
        side: Side,
    },
    /// Deletes the lock of a group.
    DeleteLock {
        /// The group.
        group: String,
    },
    /// Writes a lock of a group in a person's name, over whatever is there.
    SeizeLock {
        /// The group.
        group: String,
        /// How long ago it was renewed, in seconds.
        age_seconds: u32,
    },
    /// Makes a group of machines that do not exist.
    MakeGhost {
        /// Its name.
        group: String,
    },
}

/// An operation and its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Timed {
    /// When.
    pub at: u64,
    /// What.
    pub operation: Operation,
}

/// A fault, its number and its time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultPlan {
    /// By which `--only-faults` knows it.
    pub number: usize,
    /// When it begins.
    pub at: u64,
    /// How long it lasts; `None` is for good.
    pub lasts: Option<u64>,
    /// What.
    pub fault: Fault,
}

/// One simulation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The seed it was drawn from; also the seed of everything that runs in it.
    pub seed: u64,
    /// The sites.
    pub topology: Topology,
    /// Whether the API servers hold `spec` of a Failover immutable, as those with CEL do.
    pub rules_in_schema: bool,
    /// The groups.
    pub groups: Vec<GroupPlan>,
    /// What people do, in order of time.
    pub operations: Vec<Timed>,
    /// What goes wrong, in order of time.
    pub faults: Vec<FaultPlan>,
}

impl Topology {
    /// The sites as the controllers know them.
    pub fn directory(self) -> SiteDirectory {
        match self {
            Self::Linstor => SiteDirectory::linstor(),
            Self::OperatorWithQuorum => SiteDirectory::drbd_operator(true),
            Self::OperatorPair => SiteDirectory::drbd_operator(false),
        }
    }

    /// How storage shows itself.
    pub fn storage(self) -> StorageModel {
        match self {
            Self::Linstor => StorageModel::Linstor,
            Self::OperatorWithQuorum | Self::OperatorPair => StorageModel::DrbdOperator,
        }
    }

    /// Whether a third site breaks ties.
    pub fn has_quorum(self) -> bool {
        self != Self::OperatorPair
    }

    /// The sites on which a Failover Controller runs.
    pub fn homes(self) -> &'static [&'static str] {
        if self.has_quorum() {
            &["quorum"]
        } else {
            &["dr", "primary"]
        }
    }
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Primary, Self::Dr];

    /// The site's canonical name.
    pub fn site(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Dr => "dr",
        }
    }

    /// What the guide calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Primary => "cluster1",
            Self::Dr => "cluster2",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Primary => Self::Dr,
            Self::Dr => Self::Primary,
        }
    }
}

impl Plan {
    /// The same simulation with only those faults.
    #[must_use]
    pub fn only(mut self, numbers: &[usize]) -> Self {
        self.faults.retain(|fault| numbers.contains(&fault.number));
        self
    }

    /// When the last fault that ends has ended, and the last operation has begun.
    pub fn calm_at(&self) -> u64 {
        let faults = self
            .faults
            .iter()
            .map(|fault| fault.at + fault.lasts.unwrap_or(0) + fault.fault.aftermath());
        let operations = self.operations.iter().map(|timed| timed.at);
        faults.chain(operations).max().unwrap_or(0)
    }
}

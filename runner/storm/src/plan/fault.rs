//! What can go wrong.

use serde::Serialize;

/// What happens to single requests on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// They take longer, up to more than the caller waits.
    Delayed,
    /// They are refused with 500.
    Failed,
    /// They are refused with 429.
    Throttled,
    /// Writes are refused with 409.
    Conflict,
    /// They are carried out, and the connection breaks before the answer.
    AnswerLost,
    /// They are carried out, and answered after the caller has given up.
    AnswerLate,
    /// Writes arrive a second time later on.
    Twice,
    /// Writes arrive late, also when the caller has given up by then.
    ArrivesLate,
}

/// Something that goes wrong. Names of sites, nodes and machines are those of the plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// A Failover Controller dies after so many effects, at once where the number is 0 and nothing is under way.
    FailoverControllerDies {
        /// The site it runs on.
        home: String,
        /// How many more effects it performs.
        after_effects: u64,
        /// The last effect is done, and it dies before the answer.
        answer_lost: bool,
        /// After so many milliseconds another one is there.
        down_for: u64,
    },
    /// The same for a Protection Group Controller.
    GroupControllerDies {
        /// Its site.
        site: String,
        /// How many more effects it performs.
        after_effects: u64,
        /// The last effect is done, and it dies before the answer.
        answer_lost: bool,
        /// After so many milliseconds another one is there.
        down_for: u64,
    },
    /// Another process becomes leader; the old one ends only later.
    LeaderChange {
        /// The site of the Failover Controller.
        home: String,
        /// For so many milliseconds there are two.
        overlap: u64,
    },
    /// The clock of a Failover Controller goes wrong.
    ClockSkew {
        /// Its site.
        home: String,
        /// By so many milliseconds.
        by: i64,
    },
    /// A site's API cannot be reached from elsewhere, nor others from there.
    SiteCutOff {
        /// The site.
        site: String,
    },
    /// The same, and replication with it.
    SiteIsolated {
        /// The site.
        site: String,
    },
    /// A site loses power: every node, and its API.
    PowerLoss {
        /// The site.
        site: String,
    },
    /// Replication between the two workload sites is cut.
    LinkCut,
    /// Requests to a site meet trouble.
    Requests {
        /// The site.
        site: String,
        /// Which.
        trouble: Trouble,
        /// How many of a hundred.
        percent: u64,
    },
    /// Open watches on a site break.
    WatchesDropped {
        /// The site.
        site: String,
    },
    /// Open watches on a site stay open and say nothing.
    WatchesSilent {
        /// The site.
        site: String,
    },
    /// A site forgets its history, so that watches must begin anew (410).
    HistoryLost {
        /// The site.
        site: String,
    },
    /// A node loses power.
    NodeDies {
        /// Its site.
        site: String,
        /// The node.
        node: String,
    },
    /// The domain of a machine dies.
    MachineDies {
        /// The site.
        site: String,
        /// The machine.
        vm: String,
    },
    /// Everything on a site takes longer.
    SlowSite {
        /// The site.
        site: String,
        /// By this factor.
        factor: u32,
    },
    /// A machine does not start.
    StartFails {
        /// The site.
        site: String,
        /// The machine.
        vm: String,
    },
    /// A machine does not stop.
    StopHangs {
        /// The site.
        site: String,
        /// The machine.
        vm: String,
    },
    /// Storage does not let go of a volume.
    VolumeHeld {
        /// The site.
        site: String,
        /// The volume.
        volume: String,
    },
    /// The data of a volume is not current.
    DiskOutdated {
        /// The site.
        site: String,
        /// The volume.
        volume: String,
    },
    /// The disk of a volume is being synchronised.
    DiskCatchesUp {
        /// The site.
        site: String,
        /// The volume.
        volume: String,
    },
    /// The nodes of a site carry quorum taints; nobody puts them back.
    Taints {
        /// The site.
        site: String,
    },
    /// An agent puts quorum taints back on the nodes of a site.
    TaintsPutBack {
        /// The site.
        site: String,
    },
    /// The storage layer's API does not answer.
    StorageSilent,
}

macro_rules! kinds {
    ($($kind:ident: $word:literal,)*) => {
        /// What kind of fault, for counting.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum FaultKind {
            $(#[doc = $word] $kind,)*
        }

        impl FaultKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// In words.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $word,)* }
            }
        }
    };
}

kinds! {
    FailoverControllerDies: "failover controller dies",
    GroupControllerDies: "group controller dies",
    LeaderChange: "leader change",
    ClockSkew: "clock skew",
    SiteCutOff: "site cut off for a while",
    SiteCutOffForGood: "site cut off for good",
    SiteIsolated: "site isolated",
    PowerLoss: "site loses power",
    LinkCut: "replication cut",
    RequestsDelayed: "requests delayed",
    RequestsFailed: "requests failed",
    RequestsThrottled: "requests throttled",
    Conflicts: "conflicts",
    AnswersLost: "answers lost",
    AnswersLate: "answers too late",
    RequestsTwice: "requests duplicated",
    RequestsLate: "requests arrive too late",
    WatchesDropped: "watches dropped",
    WatchesSilent: "watches silent",
    HistoryLost: "history lost (410)",
    NodeDies: "node dies",
    MachineDies: "machine dies",
    SlowSite: "slow site",
    StartFails: "machine does not start",
    StopHangs: "machine does not stop",
    VolumeHeld: "storage not released",
    DiskOutdated: "disk outdated",
    DiskCatchesUp: "disk catches up",
    Taints: "taints",
    TaintsPutBack: "taints put back",
    StorageSilent: "storage silent",
}

impl Fault {
    /// What kind it is. `for_good` says whether it never ends.
    pub fn kind(&self, for_good: bool) -> FaultKind {
        match self {
            Self::FailoverControllerDies { .. } => FaultKind::FailoverControllerDies,
            Self::GroupControllerDies { .. } => FaultKind::GroupControllerDies,
            Self::LeaderChange { .. } => FaultKind::LeaderChange,
            Self::ClockSkew { .. } => FaultKind::ClockSkew,
            Self::SiteCutOff { .. } if for_good => FaultKind::SiteCutOffForGood,
            Self::SiteCutOff { .. } => FaultKind::SiteCutOff,
            Self::SiteIsolated { .. } => FaultKind::SiteIsolated,
            Self::PowerLoss { .. } => FaultKind::PowerLoss,
            Self::LinkCut => FaultKind::LinkCut,
            Self::Requests { trouble, .. } => trouble.kind(),
            Self::WatchesDropped { .. } => FaultKind::WatchesDropped,
            Self::WatchesSilent { .. } => FaultKind::WatchesSilent,
            Self::HistoryLost { .. } => FaultKind::HistoryLost,
            Self::NodeDies { .. } => FaultKind::NodeDies,
            Self::MachineDies { .. } => FaultKind::MachineDies,
            Self::SlowSite { .. } => FaultKind::SlowSite,
            Self::StartFails { .. } => FaultKind::StartFails,
            Self::StopHangs { .. } => FaultKind::StopHangs,
            Self::VolumeHeld { .. } => FaultKind::VolumeHeld,
            Self::DiskOutdated { .. } => FaultKind::DiskOutdated,
            Self::DiskCatchesUp { .. } => FaultKind::DiskCatchesUp,
            Self::Taints { .. } => FaultKind::Taints,
            Self::TaintsPutBack { .. } => FaultKind::TaintsPutBack,
            Self::StorageSilent => FaultKind::StorageSilent,
        }
    }

    /// How long it works on after its end, in milliseconds.
    pub fn aftermath(&self) -> u64 {
        match self {
            Self::FailoverControllerDies { down_for, .. }
            | Self::GroupControllerDies { down_for, .. } => *down_for,
            Self::LeaderChange { overlap, .. } => *overlap,
            Self::Requests { .. } => 20_000,
            _ => 0,
        }
    }

    /// The site whose API others cannot reach because of it.
    pub fn cuts(&self) -> Option<&str> {
        match self {
            Self::SiteCutOff { site } | Self::SiteIsolated { site } | Self::PowerLoss { site } => {
                Some(site)
            }
            _ => None,
        }
    }
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Delayed,
        Self::Failed,
        Self::Throttled,
        Self::Conflict,
        Self::AnswerLost,
        Self::AnswerLate,
        Self::Twice,
        Self::ArrivesLate,
    ];

    fn kind(self) -> FaultKind {
        match self {
            Self::Delayed => FaultKind::RequestsDelayed,
            Self::Failed => FaultKind::RequestsFailed,
            Self::Throttled => FaultKind::RequestsThrottled,
            Self::Conflict => FaultKind::Conflicts,
            Self::AnswerLost => FaultKind::AnswersLost,
            Self::AnswerLate => FaultKind::AnswersLate,
            Self::Twice => FaultKind::RequestsTwice,
            Self::ArrivesLate => FaultKind::RequestsLate,
        }
    }
}

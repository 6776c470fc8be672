//! Failovers that an actor creates as objects, as people write them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::At;

/// A Failover that is created as an object, without pgctl and its front door.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Failover {
    /// The group to move.
    #[schemars(required)]
    pub(crate) group: Option<At<String>>,
    /// The site to move it to, by its name or an alias; written into the Failover as it stands here.
    #[schemars(required)]
    pub(crate) to: Option<At<String>>,
    /// `true`: skip the safety check.
    pub(crate) force: Option<At<bool>>,
    /// The name of the Failover; `failover-GROUP-SECONDS` by default.
    pub(crate) name: Option<At<String>>,
    /// The namespace of the Failover and of its group; `site-recovery` by default.
    pub(crate) namespace: Option<At<String>>,
    /// How long steps of the failover may take; steps left out keep their usual time.
    pub(crate) timeouts: Option<At<Timeouts>>,
}

/// How long steps of a failover may take, in whole seconds: `90s`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "FailoverTimeouts")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Timeouts {
    /// Until the target's nodes are free of quorum taints.
    pub(crate) clear_taints: Option<At<String>>,
    /// Until the source's machines have stopped.
    pub(crate) stop_source: Option<At<String>>,
    /// Until the storage can be promoted at the target.
    pub(crate) release_storage: Option<At<String>>,
    /// Until the target's machines run.
    pub(crate) start_target: Option<At<String>>,
}

//! Faults as people write them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{At, Code, OneOrMany};

/// Something that is broken on purpose. Exactly one of the first group of keys says what;
/// `site`, `at`, `by`, `with`, `on`, `state`, `factor`, `keys`, `putBack`, `verbs`, `resource` and `times` say how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Fault {
    /// `failover-controller` or `protection-group-controller` dies, and starts again when the fault is lifted.
    /// `site`: only the one of that site. `at`: when it has reported that a failover entered this step.
    pub(crate) kill: Option<At<String>>,
    /// A controller stands still: nothing that it sends leaves, nothing that is sent to it arrives. `site`, `at`: as with `kill`.
    pub(crate) pause: Option<At<String>>,
    /// The clock of a controller goes wrong, `by` a time such as `90s` or `-90s`. `site`: only the one of that site.
    pub(crate) skew_clock: Option<At<String>>,
    /// A site cannot be reached from anywhere else, and replication to it is cut.
    pub(crate) cut_off: Option<At<String>>,
    /// A site's API cannot be reached from anywhere else; replication goes on.
    pub(crate) api_down: Option<At<String>>,
    /// A site's API takes longer, `by` a time.
    pub(crate) slow_api: Option<At<String>>,
    /// A site's API answers `with` an HTTP code such as 429 or 500. `verbs`, `resource`, `times`: which requests.
    pub(crate) fail_api: Option<At<String>>,
    /// A site's API does as it is told and the answer is lost. `verbs`, `resource`, `times`: which requests.
    pub(crate) lose_answers: Option<At<String>>,
    /// Every watch of a site breaks, once.
    pub(crate) drop_watches: Option<At<String>>,
    /// Every watch of a site stays open and says nothing.
    pub(crate) mute_watches: Option<At<String>>,
    /// A node loses power, as `site/node`.
    pub(crate) node_down: Option<At<String>>,
    /// A machine dies once, as `site/machine`.
    pub(crate) vm_crash: Option<At<String>>,
    /// A machine ignores its shutdown, as `site/machine`.
    pub(crate) vm_stuck: Option<At<String>>,
    /// A machine does not come to run, as `site/machine`. `with`: `Unschedulable` (the default), `ErrImagePull`,
    /// `SyncFailed` or `CrashLoopBackOff`.
    pub(crate) vm_unstartable: Option<At<String>>,
    /// Something keeps a volume open `on` a site or node after its machine has stopped.
    pub(crate) hold_volume: Option<At<String>>,
    /// The disks of a volume `on` a site or node are in a `state` other than `UpToDate`.
    pub(crate) degrade_disk: Option<At<String>>,
    /// Everything that machines and storage do at a site takes `factor` times as long.
    pub(crate) slow_site: Option<At<String>>,
    /// Replication between two sites is cut.
    pub(crate) cut_link: Option<At<Vec<At<String>>>>,
    /// The nodes of a site lose quorum; an agent taints them as long as that lasts.
    pub(crate) quorum_lost: Option<At<String>>,
    /// The nodes of a site carry taints: `keys`, the quorum taints without it. `putBack: true`: an agent puts them back.
    pub(crate) taint: Option<At<String>>,

    /// The name by which the fault is lifted; the key that says what it is, in words with `-`, without it.
    pub(crate) r#as: Option<At<String>>,
    /// Which controller's site.
    pub(crate) site: Option<At<String>>,
    /// The step of a failover at which it happens, such as `StopSource`.
    pub(crate) at: Option<At<String>>,
    /// By how much.
    pub(crate) by: Option<At<String>>,
    /// An HTTP code, or why a machine does not start.
    pub(crate) with: Option<At<Code>>,
    /// A site or node.
    pub(crate) on: Option<At<String>>,
    /// `Consistent`, `Outdated`, `Inconsistent`, `Failed`, `Diskless` or `DUnknown`.
    pub(crate) state: Option<At<String>>,
    /// How many times as long.
    pub(crate) factor: Option<At<f64>>,
    /// Taint keys, or `quorum`.
    pub(crate) keys: Option<At<OneOrMany>>,
    /// Whether an agent puts the taints back when they are removed.
    pub(crate) put_back: Option<At<bool>>,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`; all without it.
    pub(crate) verbs: Option<At<OneOrMany>>,
    /// A plural such as `leases`, or `failovers/status`; all without it.
    pub(crate) resource: Option<At<String>>,
    /// After so many requests the API is well again, without being lifted.
    pub(crate) times: Option<At<u64>>,
}

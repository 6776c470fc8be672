//! The drill language as people write it.
//!
//! These types only say which keys there are and what shape their values have; what the values
//! mean is checked where they are lowered into [`crate::scenario`].
//! The comments of the fields are what an editor shows, so they are written for the author of a drill.
//!
//! **Invariant:** nothing here is `untagged` or `flatten`, since both lose the place of an error.
//! A field that must be there is an `Option` all the same, so that all missing ones are named at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::source::Source;

pub(crate) use self::at::{At, Pos};
pub(crate) use self::block::BlockFile;
pub(crate) use self::either::{Code, Count, OneInvariant, OneOrMany, OwnInvariant, SnapshotName};
pub(crate) use self::failover::{Failover, Timeouts};
pub(crate) use self::fault::Fault;

mod at;
mod block;
mod either;
mod failover;
mod fault;

/// The part of a file that says what the file is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head {
    pub(crate) api_version: Option<At<String>>,
    pub(crate) kind: Option<At<String>>,
}

/// The actors by name, in the order written.
pub(crate) type Actors = IndexMap<String, At<Vec<At<Step>>>>;

/// A drill of its own: what is given, what is done by whom, and what must come of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Scenario")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ScenarioFile {
    /// `sitedrill/v1`
    #[schemars(required, extend("const" = "sitedrill/v1"))]
    #[serde(rename = "apiVersion")]
    _api_version: Option<String>,
    /// `Scenario`
    #[schemars(required, extend("const" = "Scenario"))]
    #[serde(rename = "kind")]
    _kind: Option<String>,
    /// What the drill is called and what it shows.
    #[schemars(required)]
    pub(crate) metadata: Option<At<Metadata>>,
    /// The sites it needs: `primary`, `dr`, `quorum`, or their aliases.
    #[schemars(required)]
    pub(crate) sites: Option<At<Vec<At<String>>>>,
    /// Run it so many times, each time under another seed: to stress a race.
    pub(crate) repeat: Option<At<u32>>,
    /// Recovery objectives that every failover of the drill is measured against.
    pub(crate) objectives: Option<At<Objectives>>,
    /// What must be so before the actors start.
    pub(crate) given: Option<Given>,
    /// What must hold at every instant of the drill: `single-primary`, `one-lock-holder`,
    /// `audit-append-only`, `failover-deadline`, or one of its own: `{name: …, always: FACT}` or `{name: …, never: FACT}`.
    pub(crate) invariants: Option<Vec<At<OneInvariant>>>,
    /// Named sequences of steps that run beside each other.
    #[schemars(with = "BTreeMap<String, Vec<Step>>")]
    pub(crate) actors: Option<At<Actors>>,
    /// Steps after all actors have ended without failure.
    pub(crate) then: Option<Vec<At<Step>>>,
    /// Steps that run whatever happened before.
    pub(crate) always: Option<Vec<At<Step>>>,
}

/// An ordered list of scenarios that share sites and state.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Suite")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SuiteFile {
    /// `sitedrill/v1`
    #[schemars(required, extend("const" = "sitedrill/v1"))]
    #[serde(rename = "apiVersion")]
    _api_version: Option<String>,
    /// `Suite`
    #[schemars(required, extend("const" = "Suite"))]
    #[serde(rename = "kind")]
    _kind: Option<String>,
    /// What the suite is called and what it shows.
    #[schemars(required)]
    pub(crate) metadata: Option<At<Metadata>>,
    /// The sites of all members. Without it, every site that a member names.
    pub(crate) sites: Option<At<Vec<At<String>>>>,
    /// The files of the scenarios in order, relative to this file.
    #[schemars(required)]
    pub(crate) scenarios: Option<At<Vec<At<String>>>>,
}

/// What a drill is called and what it shows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Metadata {
    /// Lower-case letters, digits and `-`; unique in a run.
    #[schemars(required)]
    pub(crate) name: Option<At<String>>,
    /// One sentence for people.
    #[schemars(required)]
    pub(crate) summary: Option<At<String>>,
    /// Words to select drills by.
    pub(crate) tags: Option<Vec<At<String>>>,
    /// `virtual` or `real`, for a drill that makes sense only so; it is skipped otherwise.
    pub(crate) time: Option<At<String>>,
    /// The requirement it shows, such as `operations-api/scenario-2`, or a list of them.
    pub(crate) requirement: Option<At<OneOrMany>>,
}

/// Recovery objectives.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Objectives {
    /// The longest time allowed from the request of a failover to the group's `running`: `5m`, `300s`.
    pub(crate) rto: Option<At<String>>,
    /// The longest span of lost writes allowed: `0s`.
    pub(crate) rpo: Option<At<String>>,
}

/// What must be so before the actors start.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Given {
    /// Protection groups by name.
    #[schemars(with = "Option<BTreeMap<String, Group>>")]
    pub(crate) groups: Option<IndexMap<String, At<Group>>>,
    /// Quorum taints that every node of a site carries, by site: a list of keys, or `quorum` for all of them.
    #[schemars(with = "Option<BTreeMap<String, OneOrMany>>")]
    pub(crate) taints: Option<IndexMap<String, At<OneOrMany>>>,
}

/// A protection group that must exist.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Group {
    /// How many virtual machines it has.
    #[schemars(required)]
    pub(crate) vms: Option<At<u32>>,
    /// The site at which it runs.
    #[schemars(required)]
    pub(crate) at: Option<At<String>>,
    /// `running` (the default) or `stopped`.
    pub(crate) state: Option<At<String>>,
}

/// One step: exactly one action, and what goes with it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Step {
    /// Run pgctl with these words: `failover pg-a --to-cluster2`.
    pub(crate) pgctl: Option<At<OneOrMany>>,
    /// Merge-patch an object.
    pub(crate) patch: Option<At<Patch>>,
    /// Server-side apply a manifest.
    pub(crate) apply: Option<At<Apply>>,
    /// Delete an object.
    pub(crate) delete: Option<At<Target>>,
    /// Wait for a fact that somebody else causes. Needs `within`.
    pub(crate) r#await: Option<At<Fact>>,
    /// Check a fact: now, or `within` a time. Beside `pgctl` and `failover`: how it must end.
    pub(crate) expect: Option<At<Fact>>,
    /// Record the values that fields of an object go through.
    pub(crate) observe: Option<At<Observe>>,
    /// Keep the value of a field under a name; later steps write it as `${NAME}`.
    pub(crate) save: Option<At<Save>>,
    /// Move a group back and wait until it runs there: `pg-a to primary`. Only in `always`.
    pub(crate) r#return: Option<At<String>>,
    /// Let time pass: `5s`. Needs `because`.
    pub(crate) sleep: Option<At<String>>,

    /// Do the steps of a block: its file, relative to this one, such as `../_blocks/restart.yaml`.
    pub(crate) r#use: Option<At<String>>,
    /// The values of the block's `params`.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub(crate) with: Option<At<IndexMap<String, At<Code>>>>,

    /// Run kubectl on a site. Needs `within`, and real time.
    pub(crate) kubectl: Option<At<Kubectl>>,
    /// Run a line in `sh`, with `kubectl` and `pgctl` set up for the sites. Needs `within`, and real time.
    pub(crate) shell: Option<At<String>>,
    /// Create a Failover, without pgctl and its front door, and wait for its end. Needs `within`.
    pub(crate) failover: Option<At<Failover>>,
    /// Break something on purpose, until it is lifted or the drill ends. With `within`, wait until it is seen to work.
    pub(crate) fault: Option<At<Fault>>,
    /// End the fault of this name, and see that it is gone.
    pub(crate) lift: Option<At<String>>,
    /// Keep the value of a field in the report under a name; over the repetitions of a drill the values are counted.
    pub(crate) measure: Option<At<Save>>,

    /// A name that other actors may await.
    pub(crate) name: Option<At<String>>,
    /// How long a waiting step may wait: `30s`, `2m`.
    pub(crate) within: Option<At<String>>,
    /// How long a fact must hold from now on, at every instant: `30s`. Beside `expect`, in place of `within`.
    pub(crate) throughout: Option<At<String>>,
    /// Compare the transcript with a snapshot: `true`, or the snapshot's name.
    pub(crate) snapshot: Option<At<SnapshotName>>,
    /// Why a `sleep` cannot wait for a fact instead.
    pub(crate) because: Option<At<String>>,
    /// The file of the block that it came from.
    #[serde(skip)]
    pub(crate) origin: Option<Arc<Source>>,
}

/// A kubectl command.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Kubectl {
    /// The site.
    #[schemars(required)]
    pub(crate) site: Option<At<String>>,
    /// The words after `kubectl`: `get protectiongroup pg-a -n site-recovery`.
    #[schemars(required)]
    pub(crate) args: Option<At<OneOrMany>>,
}

/// An object of a site.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Target {
    /// The site.
    #[schemars(required)]
    pub(crate) site: Option<At<String>>,
    /// `kind/name`, such as `lease/failover-lock-pg-a`.
    #[schemars(required)]
    pub(crate) object: Option<At<String>>,
    /// The namespace; `site-recovery` by default.
    pub(crate) namespace: Option<At<String>>,
}

/// A merge patch.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Patch {
    /// The site.
    #[schemars(required)]
    pub(crate) site: Option<At<String>>,
    /// `kind/name`, such as `protectiongroup/pg-a`.
    #[schemars(required)]
    pub(crate) object: Option<At<String>>,
    /// The namespace; `site-recovery` by default.
    pub(crate) namespace: Option<At<String>>,
    /// The JSON merge patch; `null` removes a field.
    #[schemars(required)]
    pub(crate) merge: Option<At<Value>>,
}

/// A server-side apply.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Apply {
    /// The site.
    #[schemars(required)]
    pub(crate) site: Option<At<String>>,
    /// The object, with `apiVersion`, `kind` and `metadata.name`.
    #[schemars(required)]
    pub(crate) manifest: Option<At<Value>>,
}

/// The start of a recording.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Observe {
    /// The site.
    #[schemars(required)]
    pub(crate) site: Option<At<String>>,
    /// `kind/name`, such as `protectiongroup/pg-a`.
    #[schemars(required)]
    pub(crate) object: Option<At<String>>,
    /// The namespace; `site-recovery` by default.
    pub(crate) namespace: Option<At<String>>,
    /// Dotted paths, such as `status.currentState`.
    #[schemars(required)]
    pub(crate) fields: Option<At<Vec<At<String>>>>,
    /// The name of the recording.
    #[schemars(required)]
    pub(crate) r#as: Option<At<String>>,
}

/// A value to be kept, for later steps or in the report.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Save {
    /// The site.
    #[schemars(required)]
    pub(crate) site: Option<At<String>>,
    /// `kind/name`, such as `lease/failover-lock-pg-a`.
    #[schemars(required)]
    pub(crate) object: Option<At<String>>,
    /// The namespace; `site-recovery` by default.
    pub(crate) namespace: Option<At<String>>,
    /// A dotted path, such as `spec.holderIdentity`.
    #[schemars(required)]
    pub(crate) field: Option<At<String>>,
    /// The name of the value.
    #[schemars(required)]
    pub(crate) r#as: Option<At<String>>,
}

/// A fact that a step checks or waits for. Its keys say which:
/// `object` with `matches` or `absent`; `kind` with `count`; `observed` with `sequence`;
/// `lock` with `is`; `cel`; `actor`; beside `pgctl` and `failover` one of `outcome`, `refused`, `failed`;
/// and beside `kubectl` and `shell` some of `exitCode`, `contains`, `matches`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Fact {
    /// The site of the object or objects.
    pub(crate) site: Option<At<String>>,
    /// One object, as `kind/name`.
    pub(crate) object: Option<At<String>>,
    /// All objects of a kind.
    pub(crate) kind: Option<At<String>>,
    /// The namespace; `site-recovery` by default.
    pub(crate) namespace: Option<At<String>>,
    /// Only objects whose name starts with this.
    pub(crate) name_prefix: Option<At<String>>,
    /// What the object must look like, in part. `{}` says that it exists.
    /// Beside `kubectl` and `shell` a regular expression that is found in what was printed.
    pub(crate) matches: Option<At<Value>>,
    /// `true`: the object does not exist.
    pub(crate) absent: Option<At<bool>>,
    /// How many objects: a number, or `{min: 1, max: 3}`.
    pub(crate) count: Option<At<Count>>,
    /// The name that an `observe` step gave.
    pub(crate) observed: Option<At<String>>,
    /// The values recorded so far, in order; of several fields, separated by one space.
    pub(crate) sequence: Option<At<Vec<At<String>>>>,
    /// The group whose failover lock is meant.
    pub(crate) lock: Option<At<String>>,
    /// `held` or `free`.
    pub(crate) is: Option<At<String>>,
    /// An expression in CEL about the objects of the sites, such as
    /// `sites.dr.vmi.all(v, v.status.phase == 'Running')`.
    pub(crate) cel: Option<At<String>>,
    /// Another actor, whose end is awaited.
    pub(crate) actor: Option<At<String>>,
    /// The step of that actor whose end is awaited instead.
    pub(crate) step: Option<At<String>>,
    /// `success`, `no-op` or `forced`.
    pub(crate) outcome: Option<At<String>>,
    /// The reason of the refusal, such as `LockHeld`.
    pub(crate) refused: Option<At<String>>,
    /// The holder that the refusal must name.
    pub(crate) holder: Option<At<String>>,
    /// Part of the message of the failure.
    pub(crate) failed: Option<At<String>>,
    /// The exit code of `kubectl` or `shell`; 0 without it.
    pub(crate) exit_code: Option<At<u8>>,
    /// A text that is found in what `kubectl` or `shell` printed, or a list of texts.
    pub(crate) contains: Option<At<OneOrMany>>,
}

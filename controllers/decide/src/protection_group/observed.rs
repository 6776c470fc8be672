//! Everything one pass over a `ProtectionGroup` knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use siterecovery_api::kubevirt::{VirtualMachine, VirtualMachineInstance};
use siterecovery_api::protection_group::ProtectionGroup;
use siterecovery_api::{ProtectionGroupStatus, SiteName, names};

use crate::facts::{GroupFacts, InstanceFacts, ObjectVersion};
use crate::members::{self, Candidate};
use crate::read;

/// What one pass sees, on the group's own site.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Observed {
    /// The site.
    pub site: SiteName,
    /// The group.
    pub group: GroupFacts,
    /// The status it has.
    pub status: ProtectionGroupStatus,
    /// Its members, or why they could not be read.
    pub members: Members,
}

/// The members of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Members {
    /// They were read. Sorted by namespace and name.
    Read(Vec<Member>),
    /// They were not.
    Failed {
        /// What the try said.
        error: String,
    },
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The `VirtualMachine`, if it exists.
    pub machine: Option<Machine>,
    /// Its instance, if there is one.
    pub instance: Option<InstanceFacts>,
    /// Other groups that claim it, oldest first.
    pub rivals: Vec<Rival>,
}

/// Another group that claims the same virtual machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Rival {
    /// When it was created.
    pub created: Option<Timestamp>,
    /// `namespace/name`.
    pub group: String,
}

/// What a `VirtualMachine` says about how it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Version.
    pub version: ObjectVersion,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// `spec.runStrategy`.
    pub run_strategy: Option<String>,
    /// `spec.running`.
    pub running: Option<bool>,
    /// The strategy it had before its group changed it.
    pub original_strategy: Option<String>,
    /// KubeVirt's own word.
    pub printable_status: Option<String>,
    /// Why KubeVirt cannot run it, from its conditions.
    pub problem: Option<String>,
}

/// Everything one pass over a `ProtectionGroup` fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The site.
    pub site: SiteName,
    /// The group.
    pub group: ProtectionGroup,
    /// The virtual machines of the namespaces it names, or why they could not be read.
    pub machines: Result<MachineLists, String>,
    /// All groups of all namespaces of the site, itself included, for conflicting claims.
    pub groups: Vec<ProtectionGroup>,
}

/// The machines among which members are found: of each what a decision looks at.
#[derive(Clone, Debug, Default)]
pub struct MachineLists {
    /// `VirtualMachines`.
    pub machines: Vec<Arc<Listed<Machine>>>,
    /// `VirtualMachineInstances`.
    pub instances: Vec<Arc<Listed<InstanceFacts>>>,
}

/// What is known of an object, and what it is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<Facts> {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// What it says.
    pub facts: Facts,
}

impl<Facts> Listed<Facts> {
    fn new(metadata: &ObjectMeta, facts: Facts) -> Self {
        Self {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: read::name(metadata),
            labels: metadata.labels.clone(),
            facts,
        }
    }

    fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }
}

impl From<&VirtualMachine> for Listed<Machine> {
    fn from(vm: &VirtualMachine) -> Self {
        Self::new(&vm.metadata, machine(vm))
    }
}

impl From<&VirtualMachineInstance> for Listed<InstanceFacts> {
    fn from(vmi: &VirtualMachineInstance) -> Self {
        Self::new(&vmi.metadata, read::instance(vmi))
    }
}

impl MachineLists {
    /// Namespace and name of every member of the group.
    fn members_of(&self, group: &ProtectionGroup) -> BTreeSet<(String, String)> {
        let machines = self.machines.iter().map(|vm| Candidate {
            namespace: &vm.namespace,
            name: &vm.name,
            labels: vm.labels.as_ref(),
        });
        members::keys_of(group, machines)
    }
}

/// Turns what was fetched into what is decided on.
pub fn understand(fetched: &Fetched) -> Observed {
    let members = match &fetched.machines {
        Err(error) => Members::Failed {
            error: error.clone(),
        },
        Ok(lists) => Members::Read(
            lists
                .members_of(&fetched.group)
                .into_iter()
                .map(|(namespace, name)| member(namespace, name, fetched, lists))
                .collect(),
        ),
    };
    Observed {
        site: fetched.site.clone(),
        group: read::group(&fetched.group),
        status: fetched.group.status.clone().unwrap_or_default(),
        members,
    }
}

fn member(namespace: String, name: String, fetched: &Fetched, lists: &MachineLists) -> Member {
    let vm = lists.machines.iter().find(|vm| vm.is(&namespace, &name));
    let vmi = lists.instances.iter().find(|vmi| vmi.is(&namespace, &name));
    let own = read::uid(&fetched.group.metadata);
    let key = (namespace.clone(), name.clone());
    let mut rivals: Vec<Rival> = fetched
        .groups
        .iter()
        .filter(|group| read::uid(&group.metadata) != own)
        .filter(|group| lists.members_of(group).contains(&key))
        .map(|group| Rival {
            created: read::created(&group.metadata),
            group: format!(
                "{}/{}",
                group.metadata.namespace.as_deref().unwrap_or_default(),
                read::name(&group.metadata)
            ),
        })
        .collect();
    rivals.sort();
    Member {
        machine: vm.map(|vm| vm.facts.clone()),
        instance: vmi.map(|vmi| vmi.facts.clone()),
        namespace,
        name,
        rivals,
    }
}

fn machine(vm: &VirtualMachine) -> Machine {
    let status = vm.status.clone().unwrap_or_default();
    let notes = vm.metadata.annotations.as_ref();
    // KubeVirt says `Failure=True` or `Ready=False` with a reason when something is in the way.
    let problem = status
        .conditions
        .iter()
        .find(|c| {
            (c.type_ == "Failure" && c.status == "True")
                || (c.type_ == "PodScheduled" && c.status == "False")
        })
        .map(|c| {
            let reason = c.reason.clone().unwrap_or_else(|| c.type_.clone());
            match c.message.as_deref() {
                Some(message) if !message.is_empty() => format!("{reason}: {message}"),
                _ => reason,
            }
        });
    Machine {
        version: read::version(&vm.metadata),
        deleting: vm.metadata.deletion_timestamp.is_some(),
        run_strategy: vm.spec.run_strategy.clone(),
        running: vm.spec.running,
        original_strategy: notes.and_then(|n| n.get(names::ANNOTATION_RUN_STRATEGY).cloned()),
        printable_status: status.printable_status,
        problem,
    }
}

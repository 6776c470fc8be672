//! From fetched Kubernetes objects to [`Observed`], the same way for the controller and for `pgctl`.
//!
//! Fetching is someone else's work. Nothing here fails: what is missing is absent, what cannot be
//! read is unknown.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, PersistentVolumeClaim};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use siterecovery_api::failover::{Failover, FailoverSpec};
use siterecovery_api::kubevirt::{VirtualMachine, VirtualMachineInstance};
use siterecovery_api::names;
use siterecovery_api::protection_group::ProtectionGroup;
use siterecovery_api::{CurrentState, SiteDirectory, SiteName};

use super::observed::{FailoverFacts, Observed, SiteFacts, SiteView, StorageView};
use crate::conditions::{self, Truth};
use crate::facts::{FailoverSummary, NeighbourFacts, VolumeFacts};
use crate::members::{self, MachineObjects};
use crate::read;

/// The outcome of reading one site, or the storage layer.
#[derive(Clone, Debug)]
pub enum Fetch<T> {
    /// It answered.
    Read(T),
    /// It did not.
    Failed {
        /// Since when, as far as this process knows.
        since: Timestamp,
        /// What the last try said, in one line.
        error: String,
    },
}

/// The objects of one site. Lists that a site does not have (a quorum site has no virtual machines)
/// stay empty. Objects that cannot be parsed are left out by the one who fetches.
#[derive(Clone, Debug, Default)]
pub struct SiteObjects {
    /// `ProtectionGroups` of the Failover's namespace.
    pub groups: Vec<ProtectionGroup>,
    /// Namespace and name of `ProtectionGroups` that exist and cannot be understood. What they do
    /// cannot be told.
    pub malformed_groups: Vec<(String, String)>,
    /// Failovers of the namespace.
    pub failovers: Vec<Failover>,
    /// Leases of the namespace; only the lock of the group is read.
    pub leases: Vec<Lease>,
    /// All nodes.
    pub nodes: Vec<Node>,
    /// `VirtualMachines` of every namespace the groups name.
    pub machines: Vec<VirtualMachine>,
    /// `VirtualMachineInstances` of the same namespaces.
    pub instances: Vec<VirtualMachineInstance>,
    /// `PersistentVolumeClaims` of the same namespaces.
    pub claims: Vec<PersistentVolumeClaim>,
}

/// Everything one pass over a Failover fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The Failover.
    pub failover: Failover,
    /// The site it was read from.
    pub home: SiteName,
    /// The sites of this deployment.
    pub directory: SiteDirectory,
    /// Every site of the directory.
    pub sites: BTreeMap<SiteName, Fetch<SiteObjects>>,
    /// The volumes of the group. More than those does no harm.
    pub storage: Fetch<Vec<VolumeFacts>>,
}

/// Which volumes a group has, by following its members' disks on every site that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupVolumes {
    /// Names of storage resources, sorted.
    pub names: BTreeSet<String>,
    /// Claims that lead nowhere: `site namespace/claim`.
    pub unresolved: BTreeSet<String>,
}

/// The volumes of a group: what to ask the storage layer about.
pub fn volumes_of(
    sites: &BTreeMap<SiteName, Fetch<SiteObjects>>,
    namespace: &str,
    group: &str,
) -> GroupVolumes {
    let definition = definition_of(sites, namespace, group);
    let mut found = GroupVolumes::default();
    for (site, objects) in read_sites(sites) {
        for machine in machines_of(objects, namespace, group, definition) {
            found.names.extend(machine.volumes);
            let namespace = machine.namespace;
            let unresolved = machine.unresolved_claims.into_iter();
            found
                .unresolved
                .extend(unresolved.map(|claim| format!("{site} {namespace}/{claim}")));
        }
    }
    found
}

/// Turns what was fetched into what is decided on.
pub fn understand(fetched: &Fetched) -> Observed {
    let failover = failover_facts(&fetched.failover, &fetched.home);
    let namespace = failover.namespace.as_str();
    let group = failover.spec.protection_group.as_str();
    let definition = definition_of(&fetched.sites, namespace, group);
    // An edited spec must not hide the lock that was taken before the edit.
    let lock = failover
        .status
        .lock
        .as_ref()
        .map_or_else(|| names::lock_name(group), |lock| lock.lease.clone());
    let sites = fetched.directory.sites.iter().map(|info| {
        let view = match fetched.sites.get(&info.name) {
            Some(Fetch::Read(objects)) => SiteView::Reachable(SiteFacts {
                group: find_group(objects, namespace, group).map(read::group),
                group_malformed: objects
                    .malformed_groups
                    .iter()
                    .any(|(at, name)| at == namespace && name == group),
                machines: machines_of(objects, namespace, group, definition),
                nodes: read::sorted(objects.nodes.iter().map(read::node), |node| &node.name),
                neighbours: neighbours_of(objects, namespace, group),
                failovers: read::sorted(
                    objects
                        .failovers
                        .iter()
                        .filter(|other| read::uid(&other.metadata) != failover.version.uid)
                        .map(|other| summary(other, &fetched.directory)),
                    |other| &other.name,
                ),
                lock: objects
                    .leases
                    .iter()
                    .find(|lease| is_called(&lease.metadata, namespace, &lock))
                    .map(read::lease),
            }),
            Some(Fetch::Failed { since, error }) => SiteView::Unreachable {
                since: *since,
                error: error.clone(),
            },
            None => SiteView::Unreachable {
                since: Timestamp::UNIX_EPOCH,
                error: "no credentials for this site".to_owned(),
            },
        };
        (info.name.clone(), view)
    });
    Observed {
        sites: sites.collect(),
        storage: storage_view(fetched, namespace, group),
        directory: fetched.directory.clone(),
        failover,
    }
}

/// A Failover that does not exist yet, so that a command line can ask what would become of it.
pub fn planned(namespace: &str, name: &str, spec: FailoverSpec) -> Failover {
    let mut failover = Failover::new(name, spec);
    failover.metadata.namespace = Some(namespace.to_owned());
    failover
}

/// One Failover in short.
pub fn summary(failover: &Failover, directory: &SiteDirectory) -> FailoverSummary {
    let status = failover.status.clone().unwrap_or_default();
    let begun = |step| status.step(step).is_some();
    let passed = status
        .step(siterecovery_api::StepName::SafetyCheck)
        .is_some_and(|step| {
            matches!(
                step.state,
                siterecovery_api::StepState::Succeeded | siterecovery_api::StepState::Skipped
            )
        });
    FailoverSummary {
        name: read::name(&failover.metadata),
        uid: read::uid(&failover.metadata),
        created: read::created(&failover.metadata),
        group: failover.spec.protection_group.clone(),
        target: directory
            .resolve(&failover.spec.target_cluster)
            .map(|site| site.name.clone()),
        source: status.source_cluster.clone(),
        phase: status.phase.unwrap_or_default(),
        announced: begun(siterecovery_api::StepName::AcquireLock),
        passed_safety: passed,
        started_target: begun(siterecovery_api::StepName::StartTarget),
        owes_fencing: conditions::holds(
            &status.conditions,
            conditions::SOURCE_FENCED,
            Truth::False,
        )
        .is_some(),
    }
}

fn failover_facts(failover: &Failover, home: &str) -> FailoverFacts {
    FailoverFacts {
        home: home.to_owned(),
        namespace: failover.metadata.namespace.clone().unwrap_or_default(),
        name: read::name(&failover.metadata),
        version: read::version(&failover.metadata),
        generation: failover.metadata.generation.unwrap_or_default(),
        created: read::created(&failover.metadata),
        deleting: failover.metadata.deletion_timestamp.is_some(),
        spec: failover.spec.clone(),
        status: failover.status.clone().unwrap_or_default(),
    }
}

fn read_sites(
    sites: &BTreeMap<SiteName, Fetch<SiteObjects>>,
) -> impl Iterator<Item = (&SiteName, &SiteObjects)> {
    sites.iter().filter_map(|(site, fetch)| match fetch {
        Fetch::Read(objects) => Some((site, objects)),
        Fetch::Failed { .. } => None,
    })
}

/// Any site's copy of the group: it defines the members on a site that has no copy.
fn definition_of<'a>(
    sites: &'a BTreeMap<SiteName, Fetch<SiteObjects>>,
    namespace: &str,
    group: &str,
) -> Option<&'a ProtectionGroup> {
    read_sites(sites).find_map(|(_, objects)| find_group(objects, namespace, group))
}

fn find_group<'a>(
    objects: &'a SiteObjects,
    namespace: &str,
    group: &str,
) -> Option<&'a ProtectionGroup> {
    let mut groups = objects.groups.iter();
    groups.find(|candidate| is_called(&candidate.metadata, namespace, group))
}

fn is_called(metadata: &ObjectMeta, namespace: &str, name: &str) -> bool {
    metadata.namespace.as_deref() == Some(namespace) && metadata.name.as_deref() == Some(name)
}

fn machine_objects(objects: &SiteObjects) -> MachineObjects<'_> {
    MachineObjects {
        machines: &objects.machines,
        instances: &objects.instances,
        claims: &objects.claims,
    }
}

fn machines_of(
    objects: &SiteObjects,
    namespace: &str,
    group: &str,
    definition: Option<&ProtectionGroup>,
) -> Vec<crate::facts::MachineFacts> {
    let Some(group) = find_group(objects, namespace, group).or(definition) else {
        return Vec::new();
    };
    members::members_of(group, machine_objects(objects))
}

fn neighbours_of(objects: &SiteObjects, namespace: &str, group: &str) -> Vec<NeighbourFacts> {
    let others = objects.groups.iter().filter(|other| {
        other.metadata.namespace.as_deref() == Some(namespace)
            && other.metadata.name.as_deref() != Some(group)
    });
    let facts = others.map(|other| {
        let members = members::members_of(other, machine_objects(objects));
        let live = members.iter().filter(|machine| machine.is_live());
        NeighbourFacts {
            name: read::name(&other.metadata),
            current: read::group(other).current,
            live: live.map(|machine| machine.name.clone()).collect(),
            malformed: false,
        }
    });
    let malformed = objects.malformed_groups.iter();
    let malformed = malformed
        .filter(|(at, name)| at == namespace && name != group)
        .map(|(_, name)| NeighbourFacts {
            name: name.clone(),
            current: CurrentState::Unknown,
            live: Vec::new(),
            malformed: true,
        });
    read::sorted(facts.chain(malformed), |neighbour| &neighbour.name)
}

fn storage_view(fetched: &Fetched, namespace: &str, group: &str) -> StorageView {
    let volumes = match &fetched.storage {
        Fetch::Read(volumes) => volumes,
        Fetch::Failed { error, .. } => {
            return StorageView::Unknown {
                error: error.clone(),
            };
        }
    };
    let wanted = volumes_of(&fetched.sites, namespace, group);
    let found = wanted.names.iter().map(|name| {
        let known = volumes.iter().find(|volume| volume.name == *name);
        known.cloned().unwrap_or_else(|| VolumeFacts {
            name: name.clone(),
            replicas: Vec::new(),
        })
    });
    StorageView::Known {
        volumes: found.collect(),
        unresolved: wanted.unresolved.into_iter().collect(),
    }
}

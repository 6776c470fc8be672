//! How long each machine of a group ran nowhere.

use jiff::Timestamp;
use sitedrill_model::event::VmDowntime;
use sitedrill_model::scenario::ObjectKind;

use crate::core::{History, Version};
use crate::objects::{self, Key, Objects, seconds_between};

/// The label that says which group a machine belongs to.
const GROUP_LABEL: &str = "/metadata/labels/siterecovery.trilio.io~1group";

/// The downtime of every machine of a group that stopped running after a time, in order of name.
/// `group` is the `ProtectionGroup` on the site it moves to.
pub(super) fn of_group(
    group: &Key,
    since: Timestamp,
    objects: &Objects,
    history: &History,
) -> Vec<VmDowntime> {
    let downtimes = members(group, objects)
        .into_iter()
        .filter_map(|(namespace, name)| {
            let kind = ObjectKind::VirtualMachineInstance;
            let keys = history.everywhere(kind, &namespace, &name);
            let stopped = keys
                .iter()
                .filter_map(|key| stopped_at(key, since, history))
                .min()?;
            let back = keys
                .iter()
                .filter_map(|key| started_at(key, stopped, history))
                .min();
            // Two copies at once: there was no downtime, whatever else there was.
            let seconds = back.map(|back| seconds_between(stopped, back).max(0.0));
            Some(VmDowntime { vm: name, seconds })
        });
    downtimes.collect()
}

/// The machines of a group as namespace and name, sorted: those it names, and those that carry its label.
pub(super) fn members(group: &Key, objects: &Objects) -> Vec<(String, String)> {
    let object = objects.get(group);
    let named = object.and_then(|it| it.pointer("/spec/virtualMachines")?.as_array());
    let named = named.into_iter().flatten().filter_map(|member| {
        let namespace = objects::string(member, "/namespace").unwrap_or(&group.namespace);
        let name = objects::string(member, "/name")?;
        Some((namespace.to_owned(), name.to_owned()))
    });
    let labelled = objects.iter().filter_map(|(key, object)| {
        let is_member = key.kind == ObjectKind::VirtualMachine
            && objects::string(object, GROUP_LABEL) == Some(&group.name);
        is_member.then(|| (key.namespace.clone(), key.name.clone()))
    });
    let mut members: Vec<_> = named.chain(labelled).collect();
    members.sort();
    members.dedup();
    members
}

/// When an instance that ran then first stopped running.
fn stopped_at(key: &Key, since: Timestamp, history: &History) -> Option<Timestamp> {
    let mut versions = history.since(key, since);
    let runs = |version: &&Version| version.is_running;
    versions.find(runs)?;
    versions
        .find(|version| !runs(version))
        .map(|version| version.at)
}

/// When an instance first ran from then on.
fn started_at(key: &Key, since: Timestamp, history: &History) -> Option<Timestamp> {
    let mut versions = history.since(key, since);
    let runs = versions.find(|it| it.is_running)?;
    Some(runs.at.max(since))
}

//! The machines of a group, and the disks behind them.

use std::collections::BTreeSet;

use futures::try_join;
use kube::{Resource, ResourceExt};
use siterecovery_api::ProtectionGroup;
use siterecovery_api::kubevirt::{VirtualMachine, VirtualMachineInstance, Volume};
use siterecovery_decide::failover::SiteObjects;

use super::ahead::Asked;
use crate::claims::named_members;
use crate::key::Key;
use crate::protection_group::{added, selected};
use crate::reader::{ReadError, Reader};

pub(super) type Members = (Vec<VirtualMachine>, Vec<VirtualMachineInstance>);

/// The machines a group selects, if asked for those it names too, and the instances of all members.
pub(super) async fn members(
    reader: &Reader,
    (machines, instances): (
        &mut Asked<VirtualMachine>,
        &mut Asked<VirtualMachineInstance>,
    ),
    group: &ProtectionGroup,
    machines_named: bool,
) -> Result<Members, ReadError> {
    let named = named_members(group);
    let wanted: &[Key] = if machines_named { &named } else { &[] };
    let (mut machines, mut instances, selected) = try_join!(
        machines.get_each(reader, wanted),
        instances.get_each(reader, &named),
        selected(reader, group),
    )?;
    let others = added(&mut machines, selected, &named);
    instances.extend(reader.find_each(&others).await?);
    unique(&mut instances);
    Ok((machines, instances))
}

/// The claims behind the disks of the machines and instances read so far.
pub(super) fn claims(objects: &SiteObjects) -> Vec<Key> {
    let of = |namespace: Option<String>, volumes: &[Volume]| -> Vec<Key> {
        let namespace = namespace.unwrap_or_default();
        volumes
            .iter()
            .filter_map(Volume::claim)
            .map(|claim| Key::new(&namespace, claim))
            .collect()
    };
    let mut keys = BTreeSet::new();
    for machine in &objects.machines {
        let spec = machine
            .spec
            .template
            .as_ref()
            .and_then(|template| template.spec.as_ref());
        keys.extend(
            spec.map(|spec| of(machine.namespace(), &spec.volumes))
                .into_iter()
                .flatten(),
        );
    }
    for instance in &objects.instances {
        keys.extend(of(instance.namespace(), &instance.spec.volumes));
    }
    keys.into_iter().collect()
}

pub(super) fn unique<K: Resource>(objects: &mut Vec<K>) {
    objects.sort_by_key(Key::of);
    objects.dedup_by_key(|object| Key::of(object));
}

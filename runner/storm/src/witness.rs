//! From changes of the sites and the world to lines of the history.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sitedrill_apiserver::{Change, Witness, Witnessed};
use sitedrill_world::StorageWitness;
use sitedrill_world::storage::Storage;
use siterecovery_api::names::{ANNOTATION_FAILOVER_UID, DEFAULT_TAINT_KEYS};
use siterecovery_api::{Failover, ProtectionGroup};

use crate::history::{GroupLook, LockLook, Log, Seen};

/// What a site's API server tells.
pub(crate) fn of_site(site: &str, log: Log) -> Witness {
    let site = site.to_owned();
    let tainted: Mutex<BTreeSet<String>> = Mutex::default();
    Arc::new(move |seen| {
        let kind = seen.object["kind"].as_str().unwrap_or_default();
        let line = match kind {
            "Failover" => failover(&site, seen),
            "ProtectionGroup" => group(&site, seen),
            "Lease" => lock(&site, seen),
            "Node" => {
                let mut known = tainted.lock().unwrap_or_else(PoisonError::into_inner);
                taints(&site, seen, &mut known)
            }
            _ => None,
        };
        if let Some(line) = line {
            log.note(line);
        }
    })
}

/// What the world tells about who writes.
pub(crate) fn of_storage(log: Log) -> StorageWitness {
    let known: Mutex<BTreeSet<(String, String)>> = Mutex::default();
    Arc::new(move |storage| {
        let now = writers(storage);
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != now {
            known.clone_from(&now);
            log.note(Seen::Writers(now));
        }
    })
}

/// Machines whose writes reach their volumes, each with its site.
fn writers(storage: &Storage) -> BTreeSet<(String, String)> {
    let live = storage.domains.iter().filter(|(_, domain)| {
        let mut volumes = domain.volumes.iter();
        volumes.any(|volume| storage.writes(volume, &domain.node))
    });
    live.map(|(id, _)| (id.name.clone(), id.site.clone()))
        .collect()
}

fn failover(site: &str, seen: &Witnessed<'_>) -> Option<Seen> {
    let now = match seen.change {
        Change::Deleted => None,
        Change::Added | Change::Modified => Some(Arc::new(
            serde_json::from_value::<Failover>(seen.object.clone()).ok()?,
        )),
    };
    Some(Seen::Failover {
        site: site.to_owned(),
        name: name(seen.object),
        user: seen.user.to_owned(),
        now,
    })
}

/// How a group looks.
pub(crate) fn look(object: &Value) -> Option<GroupLook> {
    let group: ProtectionGroup = serde_json::from_value(object.clone()).ok()?;
    let status = group.status.unwrap_or_default();
    Some(GroupLook {
        desired: group.spec.desired_state,
        current: status.current_state,
        answered: status.observed_generation == group.metadata.generation,
    })
}

fn group(site: &str, seen: &Witnessed<'_>) -> Option<Seen> {
    let now = look(seen.object)?;
    let before = seen.previous.and_then(look);
    if before.as_ref() == Some(&now) {
        return None;
    }
    Some(Seen::Group {
        site: site.to_owned(),
        name: name(seen.object),
        user: seen.user.to_owned(),
        now,
        before: before.map(|before| before.desired),
    })
}

fn lock(site: &str, seen: &Witnessed<'_>) -> Option<Seen> {
    let name = name(seen.object);
    let group = name.strip_prefix("failover-lock-")?.to_owned();
    let now = match seen.change {
        Change::Deleted => None,
        Change::Added | Change::Modified => read_lock(seen.object),
    };
    Some(Seen::Lock {
        site: site.to_owned(),
        group,
        user: seen.user.to_owned(),
        now,
    })
}

/// A lock that somebody holds.
pub(crate) fn read_lock(lease: &Value) -> Option<LockLook> {
    let holder = lease["spec"]["holderIdentity"].as_str()?;
    let renewed: Timestamp = lease["spec"]["renewTime"].as_str()?.parse().ok()?;
    let seconds = lease["spec"]["leaseDurationSeconds"].as_i64().unwrap_or(0);
    let uid = lease["metadata"]["annotations"][ANNOTATION_FAILOVER_UID].as_str();
    Some(LockLook {
        owner: uid.unwrap_or(holder).to_owned(),
        expires: renewed
            .checked_add(SignedDuration::from_secs(seconds))
            .ok()?,
    })
}

fn taints(site: &str, seen: &Witnessed<'_>, known: &mut BTreeSet<String>) -> Option<Seen> {
    let taints = seen.object["spec"]["taints"].as_array();
    let has = taints.into_iter().flatten().any(|taint| {
        let key = taint["key"].as_str().unwrap_or_default();
        DEFAULT_TAINT_KEYS.contains(&key)
    });
    let node = name(seen.object);
    let changed = if has {
        known.insert(node)
    } else {
        known.remove(&node)
    };
    changed.then(|| Seen::Tainted {
        site: site.to_owned(),
        nodes: known.clone(),
    })
}

fn name(object: &Value) -> String {
    object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

//! What the storage layer must say before a group may start elsewhere (DECISIONS 3.1, 3.7 and 7).
//!
//! Three questions, from weak to strong: could the target hold the data ([`readiness`]), has the
//! source let go ([`release`]), and is the target provably the only writer although the source is
//! silent ([`proof`]). What is not known never counts as a yes.

use std::collections::BTreeMap;

use siterecovery_api::drbd::{DRBDVolume, DrbdReplica};

use crate::facts::{ReplicaFacts, VolumeFacts};

/// Which two sites a question is about.
#[derive(Clone, Copy, Debug)]
pub struct Direction<'a> {
    /// Where the data is written now.
    pub source: &'a str,
    /// Where it should be written.
    pub target: &'a str,
}

/// Whether replication is healthy enough to think of a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Every volume has an up-to-date replica on the target.
    Ready,
    /// Some are still catching up: a phrase a volume.
    CatchingUp(Vec<String>),
    /// Some cannot get there without help: a phrase a volume.
    Unfit(Vec<String>),
}

/// Judges whether every volume could be promoted on the target once the source lets go.
pub fn readiness(volumes: &[VolumeFacts], target: &str) -> Readiness {
    let (mut late, mut unfit) = (Vec::new(), Vec::new());
    for volume in volumes {
        let with_data: Vec<_> = on_site(volume, target).filter(|r| !r.diskless).collect();
        if with_data.iter().any(|r| is_up_to_date(r)) {
            continue;
        }
        let Some(best) = with_data.first() else {
            unfit.push(format!("{} has no replica on {target}", volume.name));
            continue;
        };
        let state = best.disk_state.as_deref().unwrap_or("unknown");
        let phrase = format!("{} on {} is {state}", volume.name, best.node);
        let connected = best.connections.values().any(|&connected| connected);
        let syncing = matches!(
            state,
            "Inconsistent" | "SyncTarget" | "Negotiating" | "Attaching"
        );
        if syncing && (connected || best.connections.is_empty()) {
            late.push(phrase);
        } else {
            unfit.push(phrase);
        }
    }
    if !unfit.is_empty() {
        Readiness::Unfit(unfit)
    } else if late.is_empty() {
        Readiness::Ready
    } else {
        Readiness::CatchingUp(late)
    }
}

/// Judges whether the source has let go of every volume and the target can take it.
///
/// # Errors
///
/// What is still missing: a phrase a volume.
pub fn release(volumes: &[VolumeFacts], direction: Direction<'_>) -> Result<(), Vec<String>> {
    let mut missing = Vec::new();
    for volume in volumes {
        for replica in perhaps_on(volume, direction.source) {
            match replica.in_use {
                Some(false) => {}
                Some(true) => {
                    missing.push(format!("{} is in use on {}", volume.name, replica.node))
                }
                None => missing.push(format!(
                    "{} may be in use on {}: storage does not say",
                    volume.name, replica.node
                )),
            }
        }
        missing.extend(not_promotable(volume, direction.target));
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(missing)
    }
}

/// Judges whether the target is provably the only possible writer although the source is silent:
/// every volume can be promoted there, nothing has it open on the source, and either the target has
/// quorum, or no link to the source is up (DECISIONS 3, "source unreachable").
///
/// # Errors
///
/// What is missing for the proof: a phrase a volume.
pub fn proof(volumes: &[VolumeFacts], direction: Direction<'_>) -> Result<(), Vec<String>> {
    if volumes.is_empty() {
        return Err(vec![
            "the group has no replicated volume that could prove anything".to_owned(),
        ]);
    }
    let mut missing = Vec::new();
    for volume in volumes {
        let open = perhaps_on(volume, direction.source).find(|r| r.in_use == Some(true));
        if let Some(replica) = open {
            missing.push(format!("{} is in use on {}", volume.name, replica.node));
            continue;
        }
        if let Some(phrase) = not_promotable(volume, direction.target) {
            missing.push(phrase);
            continue;
        }
        let sources: Vec<&str> = perhaps_on(volume, direction.source)
            .map(|r| r.node.as_str())
            .collect();
        let proven = on_site(volume, direction.target)
            .filter(|r| can_take(r))
            .any(|replica| has_proof(replica, &sources));
        if !proven {
            missing.push(format!(
                "{} may still be written on {}: no quorum on {}, and the link is not known to be down",
                volume.name, direction.source, direction.target
            ));
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(missing)
    }
}

fn has_proof(replica: &ReplicaFacts, sources: &[&str]) -> bool {
    match replica.quorum {
        Some(quorum) => quorum,
        // Without a word about quorum: every link to the source must be known to be down.
        None => sources
            .iter()
            .all(|node| replica.connections.get(*node) == Some(&false)),
    }
}

fn not_promotable(volume: &VolumeFacts, target: &str) -> Option<String> {
    let mut replicas = on_site(volume, target).filter(|r| !r.diskless).peekable();
    let Some(first) = replicas.peek() else {
        return Some(format!("{} has no replica on {target}", volume.name));
    };
    let node = first.node.clone();
    let taken = replicas.any(can_take);
    (!taken).then(|| format!("{} cannot be promoted on {node} yet", volume.name))
}

/// Whether it can become primary now, or is already.
fn can_take(replica: &ReplicaFacts) -> bool {
    !replica.diskless && (replica.may_promote == Some(true) || replica.in_use == Some(true))
}

fn is_up_to_date(replica: &ReplicaFacts) -> bool {
    replica.disk_state.as_deref() == Some("UpToDate")
}

/// The replicas that are on a site, or whose site nobody knows.
fn perhaps_on<'a>(
    volume: &'a VolumeFacts,
    site: &'a str,
) -> impl Iterator<Item = &'a ReplicaFacts> {
    volume
        .replicas
        .iter()
        .filter(move |replica| replica.site.as_deref().is_none_or(|known| known == site))
}

fn on_site<'a>(volume: &'a VolumeFacts, site: &'a str) -> impl Iterator<Item = &'a ReplicaFacts> {
    volume
        .replicas
        .iter()
        .filter(move |replica| replica.site.as_deref() == Some(site))
}

/// Merges what the workload sites say about their volumes under the DRBD Operator. A site knows its
/// own nodes best; what another site says about them only fills the gaps of a silent one.
///
/// `node_sites` gives the site of a node where the object does not.
pub fn from_drbd_volumes<'a>(
    views: impl IntoIterator<Item = (&'a str, &'a [DRBDVolume])>,
    node_sites: &BTreeMap<String, String>,
) -> Vec<VolumeFacts> {
    // volume -> node -> (was it the node's own site that said so, the facts)
    let mut merged: BTreeMap<String, BTreeMap<String, (bool, ReplicaFacts)>> = BTreeMap::new();
    for (viewer, volumes) in views {
        for volume in volumes {
            let name = volume.metadata.name.clone().unwrap_or_default();
            let replicas = merged.entry(name).or_default();
            for replica in volume.status.iter().flat_map(|status| &status.replicas) {
                let facts = replica_facts(volume, replica, node_sites);
                let own = facts.site.as_deref() == Some(viewer);
                match replicas.get(&facts.node) {
                    Some((true, _)) if !own => {}
                    _ => {
                        replicas.insert(facts.node.clone(), (own, facts));
                    }
                }
            }
        }
    }
    let volume = |(name, replicas): (String, BTreeMap<String, (bool, ReplicaFacts)>)| VolumeFacts {
        name,
        replicas: replicas.into_values().map(|(_, facts)| facts).collect(),
    };
    merged.into_iter().map(volume).collect()
}

fn replica_facts(
    volume: &DRBDVolume,
    replica: &DrbdReplica,
    node_sites: &BTreeMap<String, String>,
) -> ReplicaFacts {
    let placed = volume.spec.replicas.iter().find(|p| p.node == replica.node);
    let by_role = match replica.role.as_deref() {
        Some("Primary") => Some(true),
        Some("Secondary") => Some(false),
        _ => None,
    };
    let states = replica.connections.iter();
    ReplicaFacts {
        node: replica.node.clone(),
        site: replica
            .site
            .clone()
            .or_else(|| placed.and_then(|p| p.site.clone()))
            .or_else(|| node_sites.get(&replica.node).cloned()),
        // A primary that nobody has open yet can be opened at any moment, so it counts as in use.
        in_use: match (by_role, replica.in_use) {
            (Some(true), _) => Some(true),
            (_, Some(in_use)) => Some(in_use),
            (role, None) => role,
        },
        disk_state: replica.disk_state.clone(),
        diskless: placed.and_then(|p| p.diskless).unwrap_or(false)
            || replica.disk_state.as_deref() == Some("Diskless"),
        connections: states
            .map(|(peer, state)| (peer.clone(), state == "Connected"))
            .collect(),
        quorum: replica.quorum,
        may_promote: replica.may_promote,
    }
}

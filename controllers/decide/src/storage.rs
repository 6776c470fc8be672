//! What the storage layer must say before a group may start elsewhere (DECISIONS 3.1, 3.7 and 7).
//!
//! Three questions, from weak to strong: could the target hold the data ([`readiness`]), has the
//! source let go ([`release`]), and is the target provably the only writer although the source is
//! silent ([`proof`]). What is not known never counts as a yes.

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

/// Judges whether every volume could be promoted on the target once the source lets go. What a source writes that may
/// be writing must arrive.
pub fn readiness(
    volumes: &[VolumeFacts],
    direction: Direction<'_>,
    source_may_write: bool,
) -> Readiness {
    let target = direction.target;
    let (mut late, mut unfit) = (Vec::new(), Vec::new());
    for volume in volumes {
        let with_data: Vec<_> = on_site(volume, target).filter(|r| !r.diskless).collect();
        if with_data.iter().any(|r| is_up_to_date(r)) {
            if source_may_write {
                unfit.extend(may_be_old(volume, direction));
            }
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
                    missing.push(format!("{} is in use on {}", volume.name, replica.node));
                }
                None => missing.push(format!(
                    "{} may be in use on {}: storage does not say",
                    volume.name, replica.node
                )),
            }
        }
        missing.extend(not_promotable(volume, direction.target));
        missing.extend(may_be_old(volume, direction));
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

/// Why the target's data may be old although it is said to be up to date; `None` where it is not.
///
/// A replica is told that it has missed something by whoever else is left: the source itself, or a third node that
/// votes. Where every link to the source's data is known to be down and no third node is connected, nobody can tell it.
fn may_be_old(volume: &VolumeFacts, direction: Direction<'_>) -> Option<String> {
    let third = |peer: &str| {
        let peer = volume.replicas.iter().find(|replica| replica.node == peer);
        let site = peer.and_then(|peer| peer.site.as_deref());
        site.is_some_and(|site| site != direction.source && site != direction.target)
    };
    let data: Vec<&str> = on_site(volume, direction.source)
        .filter(|replica| !replica.diskless)
        .map(|replica| replica.node.as_str())
        .collect();
    let is_told = |replica: &ReplicaFacts| {
        let cut = |node: &&str| replica.connections.get(*node) == Some(&false);
        let told_by = |(peer, &up): (&String, &bool)| up && third(peer);
        !data.iter().all(cut) || replica.connections.iter().any(told_by)
    };
    let mut candidates = on_site(volume, direction.target).filter(|replica| is_up_to_date(replica));
    if data.is_empty() || candidates.clone().count() == 0 || candidates.any(is_told) {
        return None;
    }
    Some(format!(
        "{} on {} may be old: replication from {} is down, and what is written there does not arrive until it is back",
        volume.name, direction.target, direction.source
    ))
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

fn on_site<'a>(
    volume: &'a VolumeFacts,
    site: &'a str,
) -> impl Iterator<Item = &'a ReplicaFacts> + Clone {
    volume
        .replicas
        .iter()
        .filter(move |replica| replica.site.as_deref() == Some(site))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const MOVE: Direction<'_> = Direction {
        source: "primary",
        target: "dr",
    };

    fn replica(site: &str) -> ReplicaFacts {
        let (node, peer) = (
            format!("{site}-1"),
            if site == "dr" { "primary-1" } else { "dr-1" },
        );
        ReplicaFacts {
            node,
            site: Some(site.to_owned()),
            in_use: Some(false),
            disk_state: Some("UpToDate".to_owned()),
            diskless: false,
            connections: BTreeMap::from([(peer.to_owned(), true)]),
            quorum: Some(true),
            may_promote: Some(true),
        }
    }

    fn volume(change: impl FnOnce(&mut ReplicaFacts, &mut ReplicaFacts)) -> Vec<VolumeFacts> {
        let (mut source, mut target) = (replica("primary"), replica("dr"));
        change(&mut source, &mut target);
        vec![VolumeFacts {
            name: "pvc-1".to_owned(),
            replicas: vec![target, source],
        }]
    }

    #[test]
    fn a_volume_is_released_when_the_source_has_let_go_and_the_target_can_take_it() {
        assert_eq!(release(&volume(|_, _| {}), MOVE), Ok(()));
        let open = volume(|source, _| source.in_use = Some(true));
        assert_eq!(
            release(&open, MOVE).unwrap_err(),
            ["pvc-1 is in use on primary-1"]
        );
        assert!(release(&volume(|source, _| source.in_use = None), MOVE).is_err());
        assert!(release(&volume(|_, target| target.may_promote = Some(false)), MOVE).is_err());
        assert!(release(&volume(|_, target| target.may_promote = None), MOVE).is_err());
        assert!(release(&volume(|_, target| target.diskless = true), MOVE).is_err());
    }

    #[test]
    fn a_replica_on_a_node_of_no_known_site_may_be_the_sources() {
        let stray = volume(|source, _| {
            source.site = None;
            source.in_use = Some(true);
        });
        assert!(release(&stray, MOVE).is_err());
        assert!(proof(&stray, MOVE).is_err());
    }

    #[test]
    fn quorum_on_the_target_proves_that_the_source_cannot_write() {
        assert_eq!(
            proof(&volume(|source, _| source.in_use = None), MOVE),
            Ok(())
        );
        assert!(proof(&volume(|_, target| target.quorum = Some(false)), MOVE).is_err());
    }

    #[test]
    fn without_a_word_about_quorum_the_link_must_be_known_to_be_down() {
        let link = |state: Option<bool>| {
            volume(|_, target| {
                target.quorum = None;
                target.connections.clear();
                if let Some(state) = state {
                    target.connections.insert("primary-1".to_owned(), state);
                }
            })
        };
        assert_eq!(proof(&link(Some(false)), MOVE), Ok(()));
        assert!(proof(&link(Some(true)), MOVE).is_err());
        assert!(proof(&link(None), MOVE).is_err());
    }

    #[test]
    fn a_source_that_is_known_to_write_is_never_proven_away() {
        let open = volume(|source, target| {
            source.in_use = Some(true);
            target.connections.insert("primary-1".to_owned(), false);
        });
        assert!(proof(&open, MOVE).is_err());
    }

    #[test]
    fn no_volumes_prove_nothing_but_have_nothing_to_release() {
        assert!(proof(&[], MOVE).is_err());
        assert_eq!(release(&[], MOVE), Ok(()));
    }

    #[test]
    fn readiness_tells_catching_up_from_hopeless() {
        let state = |word: &str, connected: bool| {
            let word = word.to_owned();
            readiness(
                &volume(move |_, target| {
                    target.disk_state = Some(word);
                    target.connections.insert("primary-1".to_owned(), connected);
                }),
                MOVE,
                true,
            )
        };
        assert_eq!(state("UpToDate", true), Readiness::Ready);
        assert!(matches!(
            state("Inconsistent", true),
            Readiness::CatchingUp(_)
        ));
        assert!(matches!(state("Inconsistent", false), Readiness::Unfit(_)));
        assert!(matches!(state("Outdated", false), Readiness::Unfit(_)));
        let nowhere = [VolumeFacts {
            name: "pvc-1".to_owned(),
            replicas: Vec::new(),
        }];
        assert!(matches!(
            readiness(&nowhere, MOVE, true),
            Readiness::Unfit(_)
        ));
    }

    #[test]
    fn a_replica_that_nobody_can_tell_that_it_is_old_is_not_trusted_while_the_source_may_write() {
        let cut = volume(|_, target| {
            target.connections.insert("primary-1".to_owned(), false);
        });
        assert!(matches!(
            readiness(&cut, MOVE, true),
            Readiness::Unfit(why) if why[0].contains("may be old")
        ));
        assert!(release(&cut, MOVE).unwrap_err()[0].contains("may be old"));
        // A source that is silent must be proven not to write; then there is nothing newer to wait for.
        assert_eq!(readiness(&cut, MOVE, false), Readiness::Ready);

        let mut voted = cut.clone();
        let mut tiebreaker = replica("quorum");
        tiebreaker.diskless = true;
        voted[0].replicas.push(tiebreaker);
        let target = &mut voted[0].replicas[0];
        target.connections.insert("quorum-1".to_owned(), true);
        assert_eq!(readiness(&voted, MOVE, true), Readiness::Ready);
        assert_eq!(release(&voted, MOVE), Ok(()));

        let unsaid = volume(|_, target| target.connections.clear());
        assert_eq!(readiness(&unsaid, MOVE, true), Readiness::Ready);
    }
}

//! The concurrent-safety check: who else is on the target (DECISIONS 5).

use serde::Serialize;
use siterecovery_api::CurrentState;

use crate::facts::NeighbourFacts;

/// What the check looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SafetyInput<'a> {
    /// Whether quorum taints must be removed from the target's nodes.
    pub taints_to_remove: bool,
    /// Groups with another failover to the same target in progress.
    pub moving_here: Vec<String>,
    /// The other groups on the target.
    pub neighbours: &'a [NeighbourFacts],
}

/// Who is in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SafetyRefusal {
    /// The groups, sorted, each once.
    pub blockers: Vec<String>,
    /// Those whose status says that they run, or nothing, while no instance of theirs is live. A
    /// stale status must not decide in silence, so the refusal names it with the remedy.
    pub stale: Vec<String>,
}

/// Whether the check applies at all: only when taints must go, or another group is on its way here.
pub fn applies(input: &SafetyInput<'_>) -> bool {
    input.taints_to_remove || !input.moving_here.is_empty()
}

/// The check itself.
///
/// # Errors
///
/// The groups in the way.
pub fn check(input: &SafetyInput<'_>) -> Result<(), SafetyRefusal> {
    if !applies(input) {
        return Ok(());
    }
    let mut blockers = input.moving_here.clone();
    let mut stale = Vec::new();
    for neighbour in input.neighbours {
        let says_stopped = neighbour.current == CurrentState::Stopped;
        // A status that says stopped while instances live is just as stale, and the worse kind.
        if says_stopped && neighbour.live.is_empty() {
            continue;
        }
        blockers.push(neighbour.name.clone());
        // Of one that cannot be understood nobody knows the machines, so it is not called stale.
        let seen_dead = neighbour.live.is_empty() && !neighbour.malformed;
        if seen_dead && !input.moving_here.contains(&neighbour.name) {
            stale.push(neighbour.name.clone());
        }
    }
    blockers.sort();
    blockers.dedup();
    if blockers.is_empty() {
        Ok(())
    } else {
        Err(SafetyRefusal { blockers, stale })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbour(name: &str, current: CurrentState, live: &[&str]) -> NeighbourFacts {
        NeighbourFacts {
            name: name.to_owned(),
            current,
            live: live.iter().map(|&vm| vm.to_owned()).collect(),
            malformed: false,
        }
    }

    fn blockers(taints: bool, moving: &[&str], neighbours: &[NeighbourFacts]) -> Vec<String> {
        let input = SafetyInput {
            taints_to_remove: taints,
            moving_here: moving.iter().map(|&g| g.to_owned()).collect(),
            neighbours,
        };
        check(&input)
            .err()
            .map(|refusal| refusal.blockers)
            .unwrap_or_default()
    }

    #[test]
    fn clean_nodes_and_nothing_on_the_way_need_no_check() {
        let here = [neighbour("pg-a", CurrentState::Running, &["a"])];
        assert!(blockers(false, &[], &here).is_empty());
    }

    #[test]
    fn running_mixed_and_unknown_groups_block_and_stopped_ones_do_not() {
        for (state, blocks) in [
            (CurrentState::Running, true),
            (CurrentState::Mixed, true),
            (CurrentState::Unknown, true),
            (CurrentState::Stopped, false),
        ] {
            let here = [neighbour("pg-a", state, &[])];
            assert_eq!(!blockers(true, &[], &here).is_empty(), blocks, "{state}");
        }
    }

    #[test]
    fn a_group_that_cannot_be_understood_blocks_and_is_not_called_stale() {
        let here = [NeighbourFacts {
            malformed: true,
            ..neighbour("pg-a", CurrentState::Unknown, &[])
        }];
        let input = SafetyInput {
            taints_to_remove: true,
            moving_here: Vec::new(),
            neighbours: &here,
        };
        let refusal = check(&input).unwrap_err();
        assert_eq!(refusal.blockers, ["pg-a"]);
        assert!(refusal.stale.is_empty());
    }

    #[test]
    fn a_group_on_its_way_blocks_even_when_it_says_stopped() {
        let here = [neighbour("pg-a", CurrentState::Stopped, &[])];
        assert_eq!(blockers(false, &["pg-a"], &here), ["pg-a"]);
    }

    #[test]
    fn a_group_that_says_stopped_while_its_machines_live_blocks() {
        let here = [neighbour("pg-a", CurrentState::Stopped, &["a"])];
        assert_eq!(blockers(true, &[], &here), ["pg-a"]);
    }

    #[test]
    fn a_running_group_without_a_live_machine_is_refused_and_reported_as_stale() {
        let here = [
            neighbour("pg-a", CurrentState::Running, &[]),
            neighbour("pg-b", CurrentState::Running, &["b"]),
        ];
        let input = SafetyInput {
            taints_to_remove: true,
            moving_here: Vec::new(),
            neighbours: &here,
        };
        let refusal = check(&input).unwrap_err();
        assert_eq!(refusal.blockers, ["pg-a", "pg-b"]);
        assert_eq!(refusal.stale, ["pg-a"]);
    }
}

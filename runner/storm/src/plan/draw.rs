//! From a seed to a plan: sites, groups, and two or three themes on top of each other.

use super::themes::{self, Draft};
use super::{Fault, FaultPlan, GroupPlan, Plan, Side, Topology};
use crate::dice::Dice;

/// The plan of a seed.
pub fn draw(seed: u64) -> Plan {
    let mut dice = Dice::new(seed, 1);
    let topology = match dice.below(4) {
        0 | 1 => Topology::Linstor,
        2 => Topology::OperatorWithQuorum,
        _ => Topology::OperatorPair,
    };
    let rules_in_schema = !dice.percent(30);
    let groups = (0..dice.between(1, 3)).map(|number| group(number, &mut dice));
    let groups: Vec<GroupPlan> = groups.collect();
    let mut draft = Draft::new(topology, groups, dice);
    let themes = draft.dice.between(1, 3);
    for _ in 0..themes {
        let from = draft.dice.between(5_000, 150_000);
        themes::any(&mut draft, from);
    }
    finish(seed, rules_in_schema, draft)
}

fn group(number: u64, dice: &mut Dice) -> GroupPlan {
    let names = ["pg-a", "pg-b", "pg-c"];
    GroupPlan {
        name: names[usize::try_from(number).unwrap_or(0) % names.len()].to_owned(),
        vms: if dice.percent(70) { 1 } else { 2 },
        at: *dice.pick(&Side::BOTH),
    }
}

fn finish(seed: u64, rules_in_schema: bool, draft: Draft) -> Plan {
    let Draft {
        topology,
        groups,
        mut operations,
        mut faults,
        dice: _,
    } = draft;
    operations.sort_by_key(|timed| timed.at);
    faults.sort_by_key(|(at, _, _)| *at);
    // Without a third site nobody can tell a source that is silent and whose links are cut from one that is dead;
    // the decisions accept that risk. So a pair loses either the way to an API or replication, not both.
    let cuts_api = faults.iter().any(|(_, _, fault)| fault.cuts().is_some());
    if topology == Topology::OperatorPair && cuts_api {
        faults.retain(|(_, _, fault)| !matches!(fault, Fault::LinkCut));
    }
    let faults = faults.into_iter().enumerate();
    Plan {
        seed,
        topology,
        rules_in_schema,
        groups,
        operations,
        faults: faults
            .map(|(index, (at, lasts, fault))| FaultPlan {
                number: index + 1,
                at,
                lasts,
                fault,
            })
            .collect(),
    }
}

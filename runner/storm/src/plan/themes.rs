//! Themes: operations and faults that belong together, so that rare meetings are not rare here.

mod locks;
mod trouble;

use super::{Fault, GroupPlan, Operation, Side, Timed, Topology};
use crate::dice::Dice;

/// A plan in the making.
pub(super) struct Draft {
    pub(super) topology: Topology,
    pub(super) groups: Vec<GroupPlan>,
    pub(super) operations: Vec<Timed>,
    /// When, how long, what.
    pub(super) faults: Vec<(u64, Option<u64>, Fault)>,
    pub(super) dice: Dice,
}

/// In some cases the controller dies as well, on its own time: while it waits for something.
fn perhaps_dies(draft: &mut Draft, from: u64) {
    if draft.dice.percent(40) {
        let at = from + draft.seconds(0, 20);
        let fault = Fault::FailoverControllerDies {
            home: draft.home(),
            after_effects: 0,
            answer_lost: false,
            down_for: draft.seconds(0, 10),
        };
        draft.fail(at, 0, fault);
    }
}

type Theme = fn(&mut Draft, u64);

/// Every theme, as often as its weight says.
const THEMES: [(u64, Theme); 24] = [
    (2, there_and_back),
    (4, controller_dies),
    (2, group_controller_dies),
    (4, source_is_lost),
    (2, one_site_after_the_other),
    (3, site_is_cut_off),
    (2, locks::lock_is_seized),
    (2, locks::lock_is_lost_while_it_waits),
    (1, locks::lock_is_deleted),
    (1, locks::expired_lock),
    (2, locks::expired_lock_wanted_by_two),
    (4, locks::two_set_out_together),
    (3, stop_is_stuck),
    (3, start_is_stuck),
    (3, taints_on_target),
    (2, stale_neighbour),
    (2, trouble::storage_trouble),
    (4, trouble::odd_orders),
    (1, trouble::second_copy_by_hand),
    (4, trouble::request_trouble),
    (2, trouble::watch_trouble),
    (2, trouble::leader_changes),
    (2, trouble::machine_trouble),
    (1, trouble::by_hand),
];

/// Adds one theme, from that time on.
pub(super) fn any(draft: &mut Draft, from: u64) {
    let sum = THEMES.iter().map(|(weight, _)| weight).sum();
    let mut drawn = draft.dice.below(sum);
    for (weight, theme) in THEMES {
        if drawn < weight {
            return theme(draft, from);
        }
        drawn -= weight;
    }
}

impl Draft {
    pub(super) fn new(topology: Topology, groups: Vec<GroupPlan>, dice: Dice) -> Self {
        Self {
            topology,
            groups,
            operations: Vec::new(),
            faults: Vec::new(),
            dice,
        }
    }

    fn some_group(&mut self) -> GroupPlan {
        self.dice.pick(&self.groups).clone()
    }

    fn home(&mut self) -> String {
        (*self.dice.pick(self.topology.homes())).to_owned()
    }

    /// The site whose Failover Controller drives a failover to that side.
    fn home_of(&self, target: Side) -> String {
        let quorum = self.topology.has_quorum();
        if quorum { "quorum" } else { target.site() }.to_owned()
    }

    fn homes(&self) -> Vec<String> {
        let homes = self.topology.homes().iter();
        homes.map(|home| (*home).to_owned()).collect()
    }

    fn any_site(&mut self) -> String {
        let sites: &[&str] = if self.topology.has_quorum() {
            &["primary", "dr", "quorum"]
        } else {
            &["primary", "dr"]
        };
        (*self.dice.pick(sites)).to_owned()
    }

    fn seconds(&mut self, low: u64, high: u64) -> u64 {
        self.dice.between(low * 1000, high * 1000)
    }

    fn operate(&mut self, at: u64, operation: Operation) {
        self.operations.push(Timed { at, operation });
    }

    fn fail(&mut self, at: u64, lasts: u64, fault: Fault) {
        self.faults.push((at, Some(lasts), fault));
    }

    /// An order to move a group, through one door or the other.
    fn order(&mut self, at: u64, group: &str, to: Side) {
        let force = self.dice.percent(15);
        self.order_with(at, group, to, force);
    }

    fn order_with(&mut self, at: u64, group: &str, to: Side, force: bool) {
        let word = if self.dice.percent(50) {
            to.word()
        } else {
            to.site()
        };
        let (group, to) = (group.to_owned(), word.to_owned());
        let operation = if self.dice.percent(50) {
            Operation::Order { group, to, force }
        } else {
            let hasty = self.dice.percent(60);
            Operation::Create {
                group,
                to,
                force,
                hasty,
            }
        };
        self.operate(at, operation);
    }

    fn hasty(&mut self, at: u64, group: &str, to: Side, force: bool) {
        let operation = Operation::Create {
            group: group.to_owned(),
            to: to.site().to_owned(),
            force,
            hasty: true,
        };
        self.operate(at, operation);
    }
}

fn there_and_back(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    draft.order(from, &group.name, group.at.other());
    let later = from + draft.seconds(5, 150);
    draft.order(later, &group.name, group.at);
    if draft.groups.len() > 1 {
        let second = draft.some_group();
        let near = from + draft.seconds(0, 20);
        draft.order(near, &second.name, second.at.other());
    }
}

fn controller_dies(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    draft.order(from, &group.name, group.at.other());
    let deaths = draft.dice.between(1, 3);
    let mut at = from.saturating_sub(500);
    for _ in 0..deaths {
        let fault = Fault::FailoverControllerDies {
            home: draft.home(),
            after_effects: draft.dice.below(16),
            answer_lost: draft.dice.percent(40),
            down_for: if draft.dice.percent(15) {
                draft.seconds(200, 400)
            } else {
                draft.seconds(0, 40)
            },
        };
        draft.fail(at, 0, fault);
        at += draft.seconds(2, 60);
    }
}

fn group_controller_dies(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    draft.order(from, &group.name, group.at.other());
    for side in Side::BOTH {
        let fault = Fault::GroupControllerDies {
            site: side.site().to_owned(),
            after_effects: draft.dice.below(5),
            answer_lost: draft.dice.percent(40),
            down_for: draft.seconds(1, 120),
        };
        let at = from + draft.seconds(0, 15);
        draft.fail(at, 0, fault);
    }
}

fn source_is_lost(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    let site = group.at.site().to_owned();
    let fault = if draft.topology.has_quorum() && draft.dice.percent(40) {
        Fault::SiteIsolated { site }
    } else {
        Fault::PowerLoss { site }
    };
    let lasts = draft.seconds(60, 500);
    draft.fail(from, lasts, fault);
    let at = from + draft.seconds(1, 40);
    draft.order(at, &group.name, group.at.other());
    if draft.dice.percent(60) {
        let back = (from + lasts + draft.seconds(0, 60)).saturating_sub(10_000);
        draft.order(back, &group.name, group.at);
    }
    perhaps_dies(draft, from);
}

/// Without a quorum site: the target is lost as soon as the source is back, and the group goes home before anybody
/// could stop the copy there.
fn one_site_after_the_other(draft: &mut Draft, from: u64) {
    if draft.topology.has_quorum() {
        return source_is_lost(draft, from);
    }
    let group = draft.some_group();
    let loss = |side: Side| Fault::PowerLoss {
        site: side.site().to_owned(),
    };
    let turn = from + draft.seconds(100, 140);
    draft.fail(from, turn + 500 - from, loss(group.at));
    let away = from + draft.seconds(1, 20);
    draft.hasty(away, &group.name, group.at.other(), false);
    let lasts = draft.seconds(120, 200);
    draft.fail(turn, lasts, loss(group.at.other()));
    let home = turn + draft.seconds(5, 40);
    draft.hasty(home, &group.name, group.at, false);
}

fn site_is_cut_off(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    let site = draft.any_site();
    let at = (from + draft.seconds(0, 40)).saturating_sub(15_000);
    let fault = if draft.topology.has_quorum() && draft.dice.percent(30) {
        Fault::SiteIsolated { site }
    } else {
        Fault::SiteCutOff { site }
    };
    let may_last = matches!(fault, Fault::SiteCutOff { .. });
    let lasts = if may_last && draft.dice.percent(25) {
        None
    } else {
        Some(draft.seconds(3, 300))
    };
    draft.faults.push((at, lasts, fault));
    draft.order(from, &group.name, group.at.other());
    perhaps_dies(draft, from);
}

fn stop_is_stuck(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    let site = group.at.site().to_owned();
    let vm = format!("{}-vm-1", group.name);
    let fault = if draft.dice.percent(50) {
        Fault::StopHangs { site, vm }
    } else {
        let volume = format!("pvc-{vm}-disk");
        Fault::VolumeHeld { site, volume }
    };
    let lasts = draft.seconds(20, 240);
    draft.fail(from.saturating_sub(1000), lasts, fault);
    draft.hasty(from, &group.name, group.at.other(), false);
}

fn start_is_stuck(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    let site = group.at.other().site().to_owned();
    let vm = format!(
        "{}-vm-{}",
        group.name,
        draft.dice.between(1, u64::from(group.vms))
    );
    let lasts = draft.seconds(60, 300);
    draft.fail(
        from.saturating_sub(1000),
        lasts,
        Fault::StartFails { site, vm },
    );
    draft.hasty(from, &group.name, group.at.other(), false);
    if draft.dice.percent(30) {
        let back = from + draft.seconds(60, 250);
        draft.order(back, &group.name, group.at);
    }
}

fn taints_on_target(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    let site = group.at.other().site().to_owned();
    let fault = if draft.dice.percent(50) {
        Fault::TaintsPutBack { site }
    } else {
        Fault::Taints { site }
    };
    let lasts = draft.seconds(20, 200);
    draft.fail(from.saturating_sub(5_000), lasts, fault);
    let force = draft.dice.percent(40);
    draft.order_with(from, &group.name, group.at.other(), force);
    let second = draft.some_group();
    let at = from + draft.seconds(0, 60);
    draft.order_with(at, &second.name, group.at.other(), false);
    perhaps_dies(draft, from);
}

/// A group whose status on the target says `stopped` while a machine of it lives there, and taints on the target.
fn stale_neighbour(draft: &mut Draft, from: u64) {
    let [first, second, ..] =
        draft
            .groups
            .clone()
            .try_into()
            .unwrap_or_else(|groups: Vec<GroupPlan>| {
                let fallback = groups[0].clone();
                [fallback.clone(), fallback.clone(), fallback]
            });
    if first.name == second.name {
        return there_and_back(draft, from);
    }
    let target = second.at.other();
    let site = target.site().to_owned();
    // Stopped on both sites first, so that the copy that is started by hand is the only one.
    for side in Side::BOTH {
        let group = first.name.clone();
        draft.operate(
            from,
            Operation::Desire {
                group,
                side,
                running: false,
            },
        );
    }
    let quiet = from + 60_000;
    let down_for = draft.seconds(150, 250);
    let fault = Fault::GroupControllerDies {
        site: site.clone(),
        after_effects: 0,
        answer_lost: false,
        down_for,
    };
    draft.fail(quiet, 0, fault);
    let group = first.name.clone();
    draft.operate(
        quiet + 1_000,
        Operation::StartMachine {
            group,
            side: target,
        },
    );
    draft.fail(quiet + 30_000, 120_000, Fault::TaintsPutBack { site });
    draft.hasty(quiet + 100_000, &second.name, target, false);
}

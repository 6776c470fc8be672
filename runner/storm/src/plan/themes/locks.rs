//! Themes about the lock: seized, deleted, expired, lost while the controller waits or is dead, and wanted by two.

use super::{Draft, there_and_back};
use crate::plan::fault::Trouble;
use crate::plan::{Fault, GroupPlan, Operation, Side};

pub(super) fn lock_is_seized(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    draft.hasty(from, &group.name, group.at.other(), false);
    let at = from + draft.seconds(0, 25);
    seize(draft, at, &group, 0);
    // The machines may be slow, so that there is something left to go on with.
    if draft.dice.percent(60) {
        let lasts = draft.seconds(20, 90);
        stop_hangs(draft, from, lasts, &group);
    }
    let over = at + draft.seconds(100, 400);
    delete(draft, over, &group);
}

/// The lock is lost while the failover waits for the source, which stops long after that and still in time: whoever
/// does not look at the lock again, or not after a death, goes on and starts the target.
pub(super) fn lock_is_lost_while_it_waits(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    let target = group.at.other();
    draft.hasty(from, &group.name, target, false);
    let lasts = draft.seconds(34, 41);
    stop_hangs(draft, from, lasts, &group);
    let at = from + draft.seconds(2, 5);
    seize(draft, at, &group, 0);
    if draft.dice.percent(50) {
        let fault = Fault::FailoverControllerDies {
            home: draft.home_of(target),
            after_effects: 0,
            answer_lost: false,
            down_for: draft.seconds(3, 20),
        };
        let dies = (at + draft.dice.below(1_000)).saturating_sub(500);
        draft.fail(dies, 0, fault);
    }
    let over = at + draft.seconds(100, 400);
    delete(draft, over, &group);
}

pub(super) fn lock_is_deleted(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    draft.order(from, &group.name, group.at.other());
    let at = from + draft.seconds(0, 30);
    delete(draft, at, &group);
    if draft.dice.percent(50) {
        let second = at + draft.dice.below(2_000);
        draft.hasty(second, &group.name, group.at, false);
    }
}

pub(super) fn expired_lock(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    let age = draft.dice.between(290, 900);
    seize(draft, from, &group, age);
    let at = from + draft.seconds(1, 3);
    draft.hasty(at, &group.name, group.at.other(), false);
    let to = *draft.dice.pick(&Side::BOTH);
    let near = at + draft.dice.below(3);
    draft.hasty(near, &group.name, to, false);
}

/// Two failovers of one group see the same expired lock, and what they write arrives late, maybe after they have given
/// up on it: only one may get the lock, and must not lose it to what was sent before.
pub(super) fn expired_lock_wanted_by_two(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    let age = draft.dice.between(400, 900);
    seize(draft, from, &group, age);
    let at = from + draft.seconds(2, 4);
    for site in draft.homes() {
        let lasts = draft.seconds(5, 25);
        let fault = Fault::Requests {
            site,
            trouble: *draft.dice.pick(&[Trouble::ArrivesLate, Trouble::Delayed]),
            percent: draft.dice.between(30, 80),
        };
        draft.fail(at - 500, lasts, fault);
    }
    let other = group.at.other();
    let second = if draft.dice.percent(70) {
        other
    } else {
        group.at
    };
    draft.hasty(at, &group.name, other, false);
    let near = at + draft.dice.below(1_500);
    draft.hasty(near, &group.name, second, false);
}

/// Two groups set out for one site at once, over a slow way: one waits in its safety check for the other to decide,
/// and the controller dies about then.
pub(super) fn two_set_out_together(draft: &mut Draft, from: u64) {
    let first = draft.some_group();
    let target = first.at.other();
    let same_way = |group: &&GroupPlan| group.at == first.at && group.name != first.name;
    let Some(second) = draft.groups.iter().find(same_way).cloned() else {
        return there_and_back(draft, from);
    };
    let home = draft.home_of(target);
    let fault = Fault::Requests {
        site: home.clone(),
        trouble: Trouble::Delayed,
        percent: draft.dice.between(40, 90),
    };
    let lasts = draft.seconds(10, 30);
    draft.fail(from - 500, lasts, fault);
    draft.hasty(from, &first.name, target, false);
    let near = from + draft.dice.below(1_500);
    draft.hasty(near, &second.name, target, false);
    let fault = Fault::FailoverControllerDies {
        home,
        after_effects: draft.dice.between(4, 11),
        answer_lost: true,
        down_for: draft.seconds(0, 10),
    };
    draft.fail(from, 0, fault);
}

fn seize(draft: &mut Draft, at: u64, group: &GroupPlan, age: u64) {
    let operation = Operation::SeizeLock {
        group: group.name.clone(),
        age_seconds: u32::try_from(age).unwrap_or(600),
    };
    draft.operate(at, operation);
}

fn delete(draft: &mut Draft, at: u64, group: &GroupPlan) {
    let group = group.name.clone();
    draft.operate(at, Operation::DeleteLock { group });
}

fn stop_hangs(draft: &mut Draft, from: u64, lasts: u64, group: &GroupPlan) {
    let fault = Fault::StopHangs {
        site: group.at.site().to_owned(),
        vm: format!("{}-vm-1", group.name),
    };
    draft.fail(from, lasts, fault);
}

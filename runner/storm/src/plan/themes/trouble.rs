//! Themes about what goes wrong beside a failover: storage, requests, watches, leaders, machines, people.

use super::{Draft, perhaps_dies};
use crate::plan::fault::Trouble;
use crate::plan::{Fault, Operation, Side};

pub(super) fn storage_trouble(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    let site = group.at.other().site().to_owned();
    let volume = format!("pvc-{}-vm-1-disk", group.name);
    let fault = match draft.dice.below(5) {
        0 => Fault::DiskOutdated { site, volume },
        1 => Fault::DiskCatchesUp { site, volume },
        2 => Fault::LinkCut,
        _ => Fault::StorageSilent,
    };
    let lasts = draft.seconds(5, 150);
    let at = (from + draft.seconds(0, 20)).saturating_sub(10_000);
    draft.fail(at, lasts, fault);
    draft.order(from, &group.name, group.at.other());
    perhaps_dies(draft, from);
}

pub(super) fn odd_orders(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    let create = |group: &str, to: &str| Operation::Create {
        group: group.to_owned(),
        to: to.to_owned(),
        force: false,
        hasty: false,
    };
    match draft.dice.below(6) {
        0 => draft.operate(from, create("pg-nobody", "dr")),
        1 => draft.operate(from, create(&group.name, "atlantis")),
        2 => draft.operate(from, create(&group.name, "quorum")),
        3 => {
            let ghost = "pg-ghost".to_owned();
            draft.operate(from, Operation::MakeGhost { group: ghost });
            draft.operate(from + 2_000, create("pg-ghost", "dr"));
        }
        _ => {
            draft.hasty(from, &group.name, group.at.other(), false);
            let at = from + draft.seconds(1, 20);
            let group = group.name.clone();
            draft.operate(at, Operation::EditSpec { group });
        }
    }
    let at = from + draft.seconds(1, 60);
    draft.order(at, &group.name, group.at.other());
}

pub(super) fn second_copy_by_hand(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    let side = group.at.other();
    let name = &group.name;
    let desire = |running| Operation::Desire {
        group: name.clone(),
        side,
        running,
    };
    draft.operate(from, desire(true));
    let at = from + draft.seconds(5, 30);
    draft.order(at, name, *draft.dice.clone().pick(&Side::BOTH));
    draft.operate(at + 40_000, desire(false));
}

pub(super) fn request_trouble(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    let kinds = draft.dice.between(1, 3);
    for _ in 0..kinds {
        let fault = Fault::Requests {
            site: draft.any_site(),
            trouble: *draft.dice.pick(&Trouble::ALL),
            percent: *draft.dice.pick(&[5, 20, 50]),
        };
        let at = (from + draft.seconds(0, 30)).saturating_sub(10_000);
        let lasts = draft.seconds(5, 120);
        draft.fail(at, lasts, fault);
    }
    draft.order(from, &group.name, group.at.other());
    if draft.dice.percent(30) {
        let at = from + draft.seconds(1, 100);
        draft.order(at, &group.name, group.at);
    }
}

pub(super) fn watch_trouble(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    for _ in 0..draft.dice.between(1, 3) {
        let site = draft.any_site();
        let fault = match draft.dice.below(3) {
            0 => Fault::WatchesDropped { site },
            1 => Fault::WatchesSilent { site },
            _ => Fault::HistoryLost { site },
        };
        let at = from + draft.seconds(0, 30);
        let lasts = draft.seconds(5, 60);
        draft.fail(at, lasts, fault);
    }
    draft.order(from, &group.name, group.at.other());
}

pub(super) fn leader_changes(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    draft.order(from, &group.name, group.at.other());
    for _ in 0..draft.dice.between(1, 3) {
        let home = draft.home();
        let overlap = if draft.dice.percent(50) {
            0
        } else {
            draft.dice.between(1, 4_000)
        };
        let at = from + draft.seconds(0, 40);
        draft.fail(
            at,
            0,
            Fault::LeaderChange {
                home: home.clone(),
                overlap,
            },
        );
        let by = i64::try_from(draft.dice.between(0, 14_000)).unwrap_or(0) - 7_000;
        let lasts = draft.seconds(30, 200);
        draft.fail(at, lasts, Fault::ClockSkew { home, by });
    }
}

pub(super) fn machine_trouble(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    let site = draft.dice.pick(&Side::BOTH).site().to_owned();
    let vm = format!("{}-vm-1", group.name);
    let fault = match draft.dice.below(3) {
        0 => Fault::NodeDies {
            node: format!("{site}-{}", draft.dice.between(1, 2)),
            site,
        },
        1 => Fault::MachineDies { site, vm },
        _ => Fault::SlowSite {
            site,
            factor: *draft.dice.pick(&[3, 8]),
        },
    };
    let at = (from + draft.seconds(0, 50)).saturating_sub(10_000);
    let lasts = draft.seconds(10, 150);
    draft.fail(at, lasts, fault);
    draft.order(from, &group.name, group.at.other());
}

pub(super) fn by_hand(draft: &mut Draft, from: u64) {
    let group = draft.some_group();
    let desire = |running| Operation::Desire {
        group: group.name.clone(),
        side: group.at,
        running,
    };
    draft.operate(from, desire(false));
    let at = from + draft.seconds(1, 60);
    if draft.dice.percent(50) {
        draft.operate(at, desire(true));
    } else {
        draft.order(at, &group.name, group.at.other());
    }
}

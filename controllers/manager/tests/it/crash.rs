//! Every flow, with the controller dead after its first k effects, for all k, once before the write and once with the
//! write done and its answer lost: a fresh controller brings the sites to the very end that an undisturbed one does.

mod flow;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use siterecovery_manager::{Error, Gate};

use flow::Flow;

/// The flow ends alike wherever its controller dies; it has at least so many writes to die at.
async fn ends_alike(flow: Flow, writes: usize) {
    let undisturbed = {
        let lab = flow.begin().await;
        let running = flow.controller(&lab);
        let ended = tokio::select! {
            biased;
            ended = running => panic!("the controller ended by itself: {ended:?}"),
            end = flow.end(&lab) => end,
        };
        flow.check(&ended);
        ended
    };
    for halt in [Gate::HaltBefore, Gate::HaltAfter] {
        let mut k = 0;
        while let Some(end) = dies_at(flow, halt, k).await {
            assert_eq!(
                end, undisturbed,
                "{flow:?}, {halt:?} at write {k}: left is what came of it"
            );
            k += 1;
        }
        assert!(
            k >= writes,
            "{flow:?} has more writes than the {k} that were met"
        );
    }
}

/// The end of a flow whose controller dies at write number `k`, unless it comes to its end before.
async fn dies_at(flow: Flow, halt: Gate, k: usize) -> Option<serde_json::Value> {
    let mut lab = flow.begin().await;
    let seen = Arc::new(AtomicUsize::new(0));
    lab.gate = Some(Arc::new(move |_| {
        if seen.fetch_add(1, Ordering::Relaxed) == k {
            halt
        } else {
            Gate::Go
        }
    }));
    let first = flow.controller(&lab);
    tokio::select! {
        biased;
        ended = first => assert!(matches!(ended, Err(Error::Halted { .. })), "{ended:?}"),
        _ = flow.end(&lab) => return None,
    }
    lab.gate = None;
    let next = flow.controller(&lab);
    lab.running.spawn(next);
    Some(flow.end(&lab).await)
}

#[tokio::test(start_paused = true)]
async fn a_failover_ends_alike_wherever_its_controller_dies() {
    ends_alike(Flow::Moves, 10).await;
}

#[tokio::test(start_paused = true)]
async fn a_failover_between_two_sites_ends_alike_wherever_its_controller_dies() {
    ends_alike(Flow::MovesBetweenTwo, 12).await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_ends_alike_wherever_its_controller_dies() {
    ends_alike(Flow::RollsBack, 9).await;
}

#[tokio::test(start_paused = true)]
async fn a_forced_failover_over_taints_ends_alike_wherever_its_controller_dies() {
    ends_alike(Flow::Forced, 14).await;
}

#[tokio::test(start_paused = true)]
async fn a_failover_from_a_lost_source_ends_alike_wherever_its_controller_dies() {
    ends_alike(Flow::SourceIsLost, 9).await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_returns_is_stopped_wherever_the_controller_dies() {
    ends_alike(Flow::SourceReturns, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_group_stops_wherever_its_controller_dies() {
    ends_alike(Flow::GroupStops, 4).await;
}

#[tokio::test(start_paused = true)]
async fn a_group_starts_wherever_its_controller_dies_and_its_machines_get_their_strategies_back() {
    ends_alike(Flow::GroupStarts, 4).await;
}

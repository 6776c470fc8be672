//! Failovers on sites that are not healthy, and controllers that stop on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sitedrill_apiserver::Rule;
use sitedrill_world::storage::DiskState;
use sitedrill_world::{Fault, StorageModel};
use siterecovery_api::{CurrentState, DesiredState, FailoverPhase, ProtectionGroup, SiteDirectory};
use siterecovery_manager::{Error, Gate, run_failover_controller};

use crate::lab::{Lab, MINUTE, message, phase};

#[tokio::test(start_paused = true)]
async fn a_group_that_runs_on_both_sites_is_left_alone() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 1, "primary").await;
    // The links are cut, so that storage lets a second writer in; then somebody starts the copy.
    lab.world
        .knobs()
        .inject(Fault::SiteIsolated {
            site: "primary".to_owned(),
        })
        .unwrap();
    lab.desire("dr", "pg-a", DesiredState::Running).await;
    lab.eventually(5 * MINUTE, || async {
        if lab.live("dr").is_empty() {
            Err("no second copy yet".to_owned())
        } else {
            Ok(())
        }
    })
    .await;
    let before: Vec<String> = [lab.live("primary"), lab.live("dr")].concat();
    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    let refused = lab.ended("quorum", "f1").await;
    assert_eq!(phase(&refused), FailoverPhase::Failed);
    assert!(
        message(&refused).contains("split-brain detected"),
        "{}",
        message(&refused)
    );
    assert_eq!(
        [lab.live("primary"), lab.live("dr")].concat(),
        before,
        "nothing was touched"
    );
    for site in ["primary", "dr"] {
        let group = lab.api::<ProtectionGroup>(site).get("pg-a").await.unwrap();
        assert_eq!(group.spec.desired_state, DesiredState::Running, "{site}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_will_not_let_go_of_its_storage_is_set_to_running_again() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 1, "primary").await;
    let hold = Fault::VolumeHeld {
        volume: "pvc-pg-a-vm-1-disk".to_owned(),
        on: "primary".to_owned(),
    };
    lab.world.knobs().inject(hold.clone()).unwrap();
    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    let failed = lab.ended("quorum", "f1").await;
    assert_eq!(
        phase(&failed),
        FailoverPhase::Failed,
        "{}",
        message(&failed)
    );
    assert!(
        message(&failed).contains("pvc-pg-a-vm-1-disk"),
        "{}",
        message(&failed)
    );
    assert!(
        message(&failed).contains("set to running again"),
        "{}",
        message(&failed)
    );
    lab.world.knobs().remove(&hold);
    lab.group_is("primary", "pg-a", CurrentState::Running, 10 * MINUTE)
        .await;
    assert_eq!(lab.live("dr"), Vec::<String>::new());
    assert!(lab.locks("quorum").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_replica_without_current_data_is_refused_before_anything_stops() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 1, "primary").await;
    let bad = Fault::DiskDegraded {
        volume: "pvc-pg-a-vm-1-disk".to_owned(),
        on: "dr".to_owned(),
        state: DiskState::Outdated,
    };
    lab.world.knobs().inject(bad).unwrap();
    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    let refused = lab.ended("quorum", "f1").await;
    assert_eq!(
        phase(&refused),
        FailoverPhase::Failed,
        "{}",
        message(&refused)
    );
    assert_eq!(lab.live("primary"), ["pg-a-vm-1"]);
    let group = lab
        .api::<ProtectionGroup>("primary")
        .get("pg-a")
        .await
        .unwrap();
    assert_eq!(group.spec.desired_state, DesiredState::Running);
}

#[tokio::test(start_paused = true)]
async fn a_lost_source_is_left_behind_and_fenced_when_it_returns() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 1, "primary").await;
    for node in ["primary-1", "primary-2"] {
        let down = Fault::NodeDown {
            site: "primary".to_owned(),
            node: node.to_owned(),
        };
        lab.world.knobs().inject(down).unwrap();
    }
    let cut = lab.clusters["primary"]
        .faults()
        .add(Rule::cut_off().user("failover-controller"));
    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    let moved = lab.ended("quorum", "f1").await;
    assert_eq!(
        phase(&moved),
        FailoverPhase::Succeeded,
        "{}",
        message(&moved)
    );
    assert!(
        message(&moved).contains("SourceFenced=False"),
        "{}",
        message(&moved)
    );
    assert_eq!(lab.live("dr"), ["pg-a-vm-1"]);

    lab.clusters["primary"].faults().remove(cut);
    lab.world.knobs().remove_all();
    lab.group_is("primary", "pg-a", CurrentState::Stopped, 10 * MINUTE)
        .await;
    lab.eventually(MINUTE, || async {
        let failover = lab.ended("quorum", "f1").await;
        let fenced = failover
            .status
            .as_ref()
            .and_then(|status| status.condition("SourceFenced").cloned());
        match fenced {
            Some(condition) if condition.status == "True" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert_eq!(
        phase(&lab.ended("quorum", "f1").await),
        FailoverPhase::Succeeded
    );
}

#[tokio::test(start_paused = true)]
async fn wherever_the_failover_controller_dies_the_next_one_comes_to_the_same_end() {
    dies_everywhere(Gate::HaltBefore).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_answer_is_lost_the_next_failover_controller_comes_to_the_same_end() {
    dies_everywhere(Gate::HaltAfter).await;
}

async fn dies_everywhere(halt: Gate) {
    let mut writes = 0;
    while dies_at(halt, writes).await {
        writes += 1;
    }
    assert!(writes >= 12, "a failover has more writes than {writes}");
}

/// Runs a failover whose controller dies at write number `k`, and finishes it with another one.
/// Says whether there was such a write.
async fn dies_at(halt: Gate, k: usize) -> bool {
    let mut lab = Lab::bare(SiteDirectory::linstor(), StorageModel::Linstor).await;
    lab.start_group_controllers();
    lab.group("pg-a", 1, "primary").await;
    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    let seen = Arc::new(AtomicUsize::new(0));
    lab.gate = Some(Arc::new(move |_| {
        if seen.fetch_add(1, Ordering::Relaxed) == k {
            halt
        } else {
            Gate::Go
        }
    }));
    let first = run_failover_controller(
        lab.failover_config("quorum"),
        Box::pin(std::future::pending()),
    );
    let died = tokio::select! {
        biased;
        ended = first => matches!(ended, Err(Error::Halted { .. })),
        _ = lab.ended("quorum", "f1") => false,
    };
    lab.gate = None;
    let next = lab.failover_config("quorum");
    lab.running.spawn(run_failover_controller(
        next,
        Box::pin(std::future::pending()),
    ));
    let failover = lab.ended("quorum", "f1").await;
    let context = format!("{halt:?} at write {k}: {}", message(&failover));
    assert_eq!(phase(&failover), FailoverPhase::Succeeded, "{context}");
    assert_eq!(
        (lab.live("primary").len(), lab.live("dr").len()),
        (0, 1),
        "{context}"
    );
    lab.eventually(MINUTE, || async {
        if lab.locks("quorum").is_empty() {
            Ok(())
        } else {
            Err(context.clone())
        }
    })
    .await;
    died
}

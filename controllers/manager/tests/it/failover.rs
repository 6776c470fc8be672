//! Whole failovers on healthy sites (the guide's scenarios 1 to 3, DECISIONS 3 to 5).

use siterecovery_api::{CurrentState, FailoverPhase};
use siterecovery_api::{Failover, FailoverSpec};

use crate::lab::{Lab, MINUTE, message, phase};

#[tokio::test(start_paused = true)]
async fn a_group_moves_to_the_dr_site_and_gives_its_lock_back() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 2, "primary").await;
    lab.fail_over("quorum", "f1", "pg-a", "cluster2").await;
    let failover = lab.ended("quorum", "f1").await;
    assert_eq!(
        phase(&failover),
        FailoverPhase::Succeeded,
        "{}",
        message(&failover)
    );
    assert_eq!(lab.live("primary"), Vec::<String>::new());
    assert_eq!(lab.live("dr"), ["pg-a-vm-1", "pg-a-vm-2"]);
    lab.group_is("dr", "pg-a", CurrentState::Running, MINUTE)
        .await;
    assert!(lab.locks("quorum").is_empty());
    let reasons = lab.event_reasons("quorum", "f1");
    assert!(
        reasons.contains(&"Succeeded".to_owned()) && reasons.contains(&"LockAcquired".to_owned()),
        "{reasons:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_group_moves_between_two_sites_of_the_drbd_operator() {
    let lab = Lab::drbd_operator().await;
    lab.group("pg-a", 2, "primary").await;
    lab.fail_over("dr", "f1", "pg-a", "dr").await;
    let failover = lab.ended("dr", "f1").await;
    assert_eq!(
        phase(&failover),
        FailoverPhase::Succeeded,
        "{}",
        message(&failover)
    );
    assert_eq!((lab.live("primary").len(), lab.live("dr").len()), (0, 2));
    assert!(lab.locks("primary").is_empty() && lab.locks("dr").is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_failover() {
    let mut ends = Vec::new();
    for _ in 0..2 {
        let lab = Lab::linstor().await;
        lab.group("pg-a", 3, "primary").await;
        lab.group("pg-b", 3, "primary").await;
        lab.fail_over("quorum", "f1", "pg-a", "dr").await;
        lab.fail_over("quorum", "f2", "pg-b", "primary").await;
        lab.ended("quorum", "f1").await;
        lab.ended("quorum", "f2").await;
        let dumps: Vec<_> = lab
            .clusters
            .values()
            .map(sitedrill_apiserver::Cluster::dump)
            .collect();
        ends.push(serde_json::to_string(&dumps).unwrap());
    }
    assert!(ends[0] == ends[1], "two runs of one seed ended differently");
}

#[tokio::test(start_paused = true)]
async fn a_second_failover_is_refused_while_the_lock_is_held() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 2, "primary").await;
    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    lab.eventually(MINUTE, || async {
        if lab.locks("quorum").is_empty() {
            Err("no lock yet".to_owned())
        } else {
            Ok(())
        }
    })
    .await;
    lab.fail_over("quorum", "f2", "pg-a", "dr").await;
    let refused = lab.ended("quorum", "f2").await;
    assert_eq!(phase(&refused), FailoverPhase::Failed);
    assert!(
        message(&refused).contains("Failover lock is held by: failover-controller-quorum"),
        "{}",
        message(&refused)
    );
    assert_eq!(
        phase(&lab.ended("quorum", "f1").await),
        FailoverPhase::Succeeded
    );
}

#[tokio::test(start_paused = true)]
async fn another_group_on_its_way_to_the_target_is_in_the_way_until_it_has_arrived() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 2, "primary").await;
    lab.group("pg-b", 2, "primary").await;
    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    lab.group_is("primary", "pg-a", CurrentState::Stopped, 5 * MINUTE)
        .await;
    lab.fail_over("quorum", "f2", "pg-b", "dr").await;
    let refused = lab.ended("quorum", "f2").await;
    assert_eq!(phase(&refused), FailoverPhase::Failed);
    assert!(
        message(&refused).contains("UNSAFE") && message(&refused).contains("pg-a"),
        "{}",
        message(&refused)
    );
    assert_eq!(
        lab.live("primary"),
        ["pg-b-vm-1", "pg-b-vm-2"],
        "nothing of pg-b was touched"
    );

    assert_eq!(
        phase(&lab.ended("quorum", "f1").await),
        FailoverPhase::Succeeded
    );
    lab.fail_over("quorum", "f3", "pg-b", "dr").await;
    let moved = lab.ended("quorum", "f3").await;
    assert_eq!(
        phase(&moved),
        FailoverPhase::Succeeded,
        "{}",
        message(&moved)
    );
}

#[tokio::test(start_paused = true)]
async fn force_skips_the_safety_check_and_removes_the_taints() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 1, "dr").await;
    lab.group("pg-b", 1, "primary").await;
    let keys = siterecovery_api::names::DEFAULT_TAINT_KEYS.map(str::to_owned);
    lab.world.set_taints("dr", &keys, false).await.unwrap();
    lab.fail_over("quorum", "f1", "pg-b", "dr").await;
    let refused = lab.ended("quorum", "f1").await;
    assert!(
        message(&refused).contains("UNSAFE"),
        "{}",
        message(&refused)
    );

    let spec = FailoverSpec {
        protection_group: "pg-b".to_owned(),
        target_cluster: "dr".to_owned(),
        force: true,
        timeouts: None,
    };
    lab.create("quorum", &Failover::new("f2", spec)).await;
    let forced = lab.ended("quorum", "f2").await;
    assert_eq!(
        phase(&forced),
        FailoverPhase::Succeeded,
        "{}",
        message(&forced)
    );
    assert_eq!(lab.live("dr"), ["pg-a-vm-1", "pg-b-vm-1"]);
    for node in lab.clusters["dr"].objects("", "nodes") {
        assert!(
            node["spec"]["taints"].as_array().is_none_or(Vec::is_empty),
            "{node}"
        );
    }
}

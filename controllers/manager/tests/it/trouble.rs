//! Failovers on sites that are not healthy.

use sitedrill_apiserver::Rule;
use sitedrill_world::Fault;
use sitedrill_world::storage::DiskState;
use siterecovery_api::{CurrentState, DesiredState, FailoverPhase, ProtectionGroup};

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
async fn a_source_that_answers_but_refuses_is_not_taken_for_lost() {
    for code in [403, 429, 500] {
        let lab = Lab::linstor().await;
        lab.group("pg-a", 1, "primary").await;
        // Storage alone would prove a loss: its nodes are down.
        for node in ["primary-1", "primary-2"] {
            let down = Fault::NodeDown {
                site: "primary".to_owned(),
                node: node.to_owned(),
            };
            lab.world.knobs().inject(down).unwrap();
        }
        lab.clusters["primary"]
            .faults()
            .add(Rule::status(code).user("failover-controller"));
        lab.fail_over("quorum", "f1", "pg-a", "dr").await;
        let refused = lab.ended("quorum", "f1").await;
        let status = refused.status.as_ref().expect("it has ended");
        let end = status.condition("Succeeded").expect("it has ended");
        assert_eq!(end.reason, "SourceUnreachable", "{code}: {}", end.message);
        assert!(lab.live("dr").is_empty(), "{code}");
    }
}

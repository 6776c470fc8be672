//! Who of two processes acts, in paused time.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use sitedrill_apiserver::{Cluster, Rule};
use siterecovery_manager::Now;
use siterecovery_manager::service::Candidate;
use siterecovery_manager::service::leader::{Election, Lost};
use tokio::time::Instant;

const LEASE: &str = "failover-controller";

fn cluster() -> (Cluster, Now) {
    let start = Instant::now();
    let epoch = Timestamp::from_second(1_730_400_000).expect("a second of 2024");
    let now: Now = Arc::new(move || {
        epoch + SignedDuration::try_from(start.elapsed()).expect("tests are short")
    });
    let cluster = Cluster::builder().now(Arc::clone(&now)).build();
    (cluster.expect("an empty cluster builds"), now)
}

fn candidate((cluster, now): &(Cluster, Now), identity: &str) -> Election {
    Candidate {
        client: cluster.client_as(identity),
        namespace: "default",
        program: LEASE,
        identity,
        now: Arc::clone(now),
    }
    .enter()
}

fn leases((cluster, _): &(Cluster, Now)) -> Api<Lease> {
    Api::namespaced(cluster.client(), "default")
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_dies_is_followed_within_twenty_seconds_and_not_before_its_lease_ends() {
    let site = cluster();
    let (first, second) = (candidate(&site, "first"), candidate(&site, "second"));
    first.win().await;
    let died = tokio::time::timeout(Duration::from_secs(30), async {
        tokio::select! {
            _ = first.keep() => panic!("nobody else takes it"),
            () = second.win() => panic!("two processes lead"),
        }
    });
    assert!(died.await.is_err(), "the holder renews for ever");
    let killed = Instant::now();
    second.win().await;
    let took = killed.elapsed();
    assert!(took >= Duration::from_secs(12), "{took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    let lease = leases(&site).get(LEASE).await.unwrap().spec.unwrap();
    assert_eq!(lease.holder_identity.as_deref(), Some("second"));
    assert_eq!(lease.lease_transitions, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_ends_well_is_followed_at_once() {
    let site = cluster();
    let (first, second) = (candidate(&site, "first"), candidate(&site, "second"));
    first.win().await;
    let waits = tokio::spawn(async move {
        second.win().await;
        Instant::now()
    });
    tokio::time::sleep(Duration::from_secs(3)).await;
    let released = Instant::now();
    first.release().await;
    let took = waits.await.unwrap() - released;
    assert!(took < Duration::from_millis(100), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_comes_back_under_its_own_name_goes_on_at_once() {
    let site = cluster();
    candidate(&site, "pod-1").win().await;
    let back = Instant::now();
    candidate(&site, "pod-1").win().await;
    assert!(back.elapsed() < Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_cannot_renew_stops_before_another_may_act() {
    let site = cluster();
    let first = candidate(&site, "first");
    first.win().await;
    site.0.faults().add(Rule::cut_off().user("first"));
    let cut = Instant::now();
    let lost = first.keep().await;
    assert!(matches!(lost, Err(Lost::Late { .. })), "{lost:?}");
    assert!(
        cut.elapsed() < Duration::from_secs(15),
        "{:?}",
        cut.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_holder_notices_a_lease_that_was_given_away_and_takes_one_that_was_deleted_again() {
    let site = cluster();
    let first = candidate(&site, "first");
    first.win().await;
    let by_hand = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        leases(&site)
            .delete(LEASE, &DeleteParams::default())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        let lease = leases(&site).get(LEASE).await.unwrap().spec.unwrap();
        assert_eq!(lease.holder_identity.as_deref(), Some("first"));
        let other = Patch::Merge(json!({"spec": {"holderIdentity": "somebody"}}));
        leases(&site)
            .patch(LEASE, &PatchParams::default(), &other)
            .await
            .unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        lost = first.keep() => assert!(
            matches!(&lost, Err(Lost::Taken { holder }) if holder == "somebody"),
            "{lost:?}"
        ),
        () = by_hand => {}
    }
}

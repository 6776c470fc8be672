//! What people get wrong: a known end with a message that says what to do, one Event, and silence.

use futures::FutureExt;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use sitedrill_apiserver::Rule;
use sitedrill_world::StorageModel;
use siterecovery_api::{
    DesiredState, Failover, FailoverPhase, GroupMember, ProtectionGroup, ProtectionGroupSpec,
    SiteDirectory, StepName,
};
use siterecovery_manager::{LinstorClient, Storage, run_failover_controller};
use tower::{BoxError, service_fn};

use crate::lab::{Lab, MINUTE, message, phase};
use crate::malformed::permissive;

/// How many requests the Failover Controller has made so far, beside its watches.
fn requests(lab: &Lab) -> usize {
    let sites = lab.clusters.values();
    let audits = sites.flat_map(sitedrill_apiserver::Cluster::audit);
    audits
        .filter(|entry| *entry.user == *"failover-controller")
        .filter(|entry| !["watch", "list"].contains(&entry.verb))
        .count()
}

/// The failover fails for this reason, which its message explains with these words; one Event says
/// so, and nobody tries again.
async fn fails(lab: &Lab, name: &str, reason: &str, words: &[&str]) {
    let failover = lab.ended("quorum", name).await;
    assert_eq!(phase(&failover), FailoverPhase::Failed);
    let status = failover.status.as_ref().expect("it has ended");
    let end = status.condition("Succeeded").expect("it has ended");
    assert_eq!(end.reason, reason, "{}", end.message);
    for word in words {
        assert!(message(&failover).contains(word), "{}", message(&failover));
    }
    // Events are written beside the passes.
    tokio::time::sleep(MINUTE).await;
    let events = lab.clusters["quorum"].objects("", "events");
    let said: Vec<_> = events
        .iter()
        .filter(|event| event["involvedObject"]["name"] == name && event["reason"] == reason)
        .collect();
    assert_eq!(said.len(), 1, "{said:#?}");
    assert_eq!(said[0]["count"], 1);
    let before = requests(lab);
    tokio::time::sleep(20 * MINUTE).await;
    let after = requests(lab) - before;
    assert!(after <= 4, "{after} requests in 20 minutes after the end");
    assert!(lab.locks("quorum").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failover_of_a_group_that_does_not_exist_fails_at_once() {
    let lab = Lab::linstor().await;
    lab.fail_over("quorum", "f1", "pg-typo", "dr").await;
    fails(&lab, "f1", "NoSuchGroup", &["pg-typo", "dr"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_failover_to_a_site_that_does_not_exist_names_the_sites_there_are() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 1, "primary").await;
    lab.fail_over("quorum", "f1", "pg-a", "cluster9").await;
    fails(&lab, "f1", "NoSuchSite", &["cluster9", "primary", "dr"]).await;
    lab.fail_over("quorum", "f2", "pg-a", "quorum").await;
    fails(&lab, "f2", "NotAWorkloadSite", &["quorum"]).await;
    assert_eq!(lab.live("primary"), ["pg-a-vm-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_without_members_is_not_moved() {
    let lab = Lab::linstor().await;
    for site in ["primary", "dr"] {
        let spec = ProtectionGroupSpec {
            desired_state: DesiredState::Stopped,
            virtual_machines: vec![GroupMember {
                name: "nowhere".to_owned(),
                namespace: None,
            }],
            selector: None,
        };
        lab.create(site, &ProtectionGroup::new("pg-a", spec)).await;
    }
    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    fails(&lab, "f1", "NoMembers", &["pg-a", "dr"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_spec_that_is_edited_under_way_ends_the_failover_and_nothing_is_started() {
    let lab = permissive().await;
    lab.group("pg-a", 1, "primary").await;
    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    let failovers = lab.api::<Failover>("quorum");
    lab.eventually(MINUTE, || async {
        let failover = failovers.get("f1").await.map_err(|e| e.to_string())?;
        let status = failover.status.unwrap_or_default();
        let begun = status.step(StepName::StopSource).is_some();
        begun.then_some(()).ok_or_else(|| format!("{status:?}"))
    })
    .await;
    let edit = Patch::Merge(json!({"spec": {"targetCluster": "primary"}}));
    failovers
        .patch("f1", &PatchParams::default(), &edit)
        .await
        .expect("this definition lets everything through");
    fails(&lab, "f1", "SpecChanged", &["edited"]).await;
    assert!(lab.live("dr").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_target_whose_kubeconfig_points_nowhere_ends_in_time() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 1, "primary").await;
    lab.clusters["dr"]
        .faults()
        .add(Rule::cut_off().user("failover-controller"));
    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    fails(&lab, "f1", "TargetUnreachable", &["dr"]).await;
    assert_eq!(lab.live("primary"), ["pg-a-vm-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_storage_layer_that_talks_nonsense_stops_nothing_and_is_named() {
    for nonsense in ["{\"not\": \"a list\"}", "<html>proxy</html>", ""] {
        let mut lab = Lab::bare(SiteDirectory::linstor(), StorageModel::Linstor).await;
        lab.start_group_controllers();
        lab.group("pg-a", 1, "primary").await;
        let talks = service_fn(move |_: http::Request<kube::client::Body>| async move {
            let body = kube::client::Body::from(nonsense.as_bytes().to_vec());
            Ok::<_, BoxError>(http::Response::new(body))
        });
        let mut config = lab.failover_config("quorum");
        config.storage = Storage::Linstor(LinstorClient::from_service(talks));
        lab.running.spawn(run_failover_controller(
            config,
            futures::future::pending().boxed(),
        ));
        lab.fail_over("quorum", "f1", "pg-a", "dr").await;
        fails(&lab, "f1", "StorageUnknown", &["LINSTOR"]).await;
        assert_eq!(lab.live("primary"), ["pg-a-vm-1"], "{nonsense}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_neighbour_that_cannot_be_understood_blocks_where_the_safety_check_applies() {
    let lab = permissive().await;
    lab.group("pg-a", 1, "primary").await;
    let keys = siterecovery_api::names::DEFAULT_TAINT_KEYS.map(str::to_owned);
    lab.world
        .set_taints("dr", &keys, false)
        .await
        .expect("dr has nodes");
    let resource = kube::discovery::ApiResource::erase::<ProtectionGroup>(&());
    let broken = json!({
        "apiVersion": "siterecovery.trilio.io/v1alpha1", "kind": "ProtectionGroup",
        "metadata": {"name": "broken"}, "spec": {"desiredState": "sideways"},
    });
    crate::malformed::create(&lab, "dr", &resource, broken).await;
    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    fails(&lab, "f1", "SafetyCheck", &["broken"]).await;
    assert_eq!(lab.live("primary"), ["pg-a-vm-1"]);
}

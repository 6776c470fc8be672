//! The front door, and refusals that the controller gives after it let an order pass.

use std::time::Duration;

use pgctl::{Finished, Outcome, Stream, Transcript};
use serde_json::{Value, json};
use sitedrill_apiserver::{Effect, Rule};

use crate::lab::{Lab, NAMESPACE};

pub(crate) const LOCK_HELD: &str = "\
[ERROR] Failed to acquire failover lock for pg-a
Failover lock is held by: failover-controller-12345
[ERROR] Failover aborted \u{2014} another failover is already in progress for this Protection Group
";

pub(crate) const SAFETY_CHECK: &str = "\
\u{26a0} SAFETY CHECK: Other Protection Groups have running VMs on cluster2:
    - pg-a
UNSAFE to remove taints on cluster2 - other Protection Groups have running VMs
This could cause scheduling issues for those VMs
To override this safety check, use --force flag (NOT RECOMMENDED)
[ERROR] Failover aborted
";

fn lock(renewed: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "failover-lock-pg-a", "namespace": NAMESPACE},
        "spec": {
            "holderIdentity": "failover-controller-12345", "leaseDurationSeconds": 300,
            "acquireTime": renewed, "renewTime": renewed,
        },
    })
}

fn refused(finished: &Finished) -> (&str, Option<&str>) {
    assert_eq!(finished.exit_code, 1, "{finished:?}");
    match &finished.outcome {
        Outcome::Refused { reason, holder, .. } => (reason, holder.as_deref()),
        other => panic!("not refused: {other:?}"),
    }
}

/// A refusal at the front door prints its text, nothing else, and creates nothing.
fn assert_door(lab: &Lab, out: &Transcript, text: &str) {
    assert_eq!(out.text(), text);
    assert_eq!(out.of(Stream::Stdout), "");
    for site in lab.clusters.keys() {
        assert_eq!(lab.failovers(site).len(), 0, "on {site}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_lock_is_refused_with_its_holder_and_nothing_is_created() {
    for force in ["", " --force"] {
        let lab = Lab::linstor().await;
        lab.group("pg-a", "primary").await;
        lab.create("quorum", lock("2024-10-31T03:33:10.000000Z"))
            .await;
        let line = format!("./intelligent-pg-failover-crd.sh pg-a --to-cluster2{force}");
        let (finished, out) = lab.run(&line).await;
        assert_door(&lab, &out, LOCK_HELD);
        assert_eq!(
            refused(&finished),
            ("LockHeld", Some("failover-controller-12345"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_lock_refuses_nobody() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", "primary").await;
    lab.create("quorum", lock("2024-10-31T03:00:00.000000Z"))
        .await;
    lab.controller(
        "quorum",
        Duration::from_secs(1),
        vec![json!({"phase": "Succeeded"})],
    );
    let (finished, _) = lab.run("pgctl failover pg-a --to-cluster2").await;
    assert_eq!(finished.outcome, Outcome::Done);
}

#[tokio::test(start_paused = true)]
async fn another_group_on_a_tainted_target_is_refused_without_force_and_not_with_it() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", "dr").await;
    lab.group("pg-b", "primary").await;
    lab.tainted_node("dr").await;
    let (finished, out) = lab
        .run("./intelligent-pg-failover.sh pg-b --to-cluster2")
        .await;
    assert_door(&lab, &out, SAFETY_CHECK);
    assert_eq!(refused(&finished), ("SafetyCheck", None));

    lab.controller(
        "quorum",
        Duration::from_secs(1),
        vec![json!({"phase": "Succeeded"})],
    );
    let (finished, _) = lab
        .run("./intelligent-pg-failover.sh pg-b --to-cluster2 --force")
        .await;
    assert_eq!(finished.outcome, Outcome::Forced);
}

#[tokio::test(start_paused = true)]
async fn another_failover_on_its_way_to_the_same_target_is_refused() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", "primary").await;
    lab.group("pg-b", "primary").await;
    let moving = json!({
        "apiVersion": "siterecovery.trilio.io/v1alpha1", "kind": "Failover",
        "metadata": {"name": "failover-pg-a-1", "namespace": NAMESPACE},
        "spec": {"protectionGroup": "pg-a", "targetCluster": "cluster2"},
        "status": {
            "phase": "Running",
            "steps": [{"name": "AcquireLock", "state": "Succeeded", "startedAt": "2024-10-31T03:33:20.000000Z"}],
        },
    });
    lab.create("quorum", moving).await;
    let (finished, out) = lab
        .run("./intelligent-pg-failover.sh pg-b --to-cluster2")
        .await;
    assert_eq!(out.text(), SAFETY_CHECK);
    assert_eq!(refused(&finished), ("SafetyCheck", None));
    assert_eq!(lab.failovers("quorum").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_runs_on_both_sites_is_refused_even_with_force() {
    for force in ["", " --force"] {
        let lab = Lab::linstor().await;
        lab.group("pg-a", "primary").await;
        lab.instance("pg-a", "dr").await;
        let (finished, out) = lab
            .run(&format!("pgctl failover pg-a --to-cluster2{force}"))
            .await;
        assert_eq!(refused(&finished), ("SplitBrain", None));
        assert!(
            out.text().contains("split-brain detected"),
            "{}",
            out.text()
        );
        assert!(out.text().contains("pg-a-vm-1 on dr"), "{}", out.text());
        assert_eq!(lab.failovers("quorum").len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_lost_in_a_race_prints_the_same_text_as_the_front_door() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", "primary").await;
    let status = json!({
        "phase": "Failed", "message": "Failed to acquire failover lock for pg-a",
        "refusal": {"reason": "LockHeld", "holder": "failover-controller-12345"},
        "steps": [{"name": "AcquireLock", "state": "Failed", "startedAt": "2024-10-31T03:33:20.000000Z"}],
    });
    lab.controller("quorum", Duration::from_secs(1), vec![status]);
    let (finished, out) = lab.run("pgctl failover pg-a --to-cluster2").await;
    assert_eq!(
        refused(&finished),
        ("LockHeld", Some("failover-controller-12345"))
    );
    assert_eq!(out.of(Stream::Stderr), LOCK_HELD);
    assert!(
        out.of(Stream::Stdout)
            .ends_with("status...\n[INFO] Phase: Failed\n")
    );
}

#[tokio::test(start_paused = true)]
async fn a_safety_check_lost_in_a_race_prints_the_same_text_as_the_front_door() {
    let lab = Lab::linstor().await;
    lab.group("pg-b", "primary").await;
    let status = json!({
        "phase": "Failed", "message": "UNSAFE to remove taints",
        "refusal": {"reason": "SafetyCheck", "blockers": ["pg-a"]},
    });
    lab.controller("quorum", Duration::from_secs(1), vec![status]);
    let (finished, out) = lab.run("pgctl failover pg-b --to-cluster2").await;
    assert_eq!(refused(&finished), ("SafetyCheck", None));
    assert_eq!(out.of(Stream::Stderr), SAFETY_CHECK);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_site_is_a_usage_error_that_names_the_near_one() {
    let lab = Lab::linstor().await;
    let (finished, out) = lab.run("pgctl failover pg-a --to-clutser2").await;
    assert_eq!(finished.exit_code, 2);
    assert_eq!(
        out.of(Stream::Stderr),
        "error: unknown site clutser2; did you mean cluster2?\n\
         Known sites: cluster1, cluster2, dr, dr-cluster, primary\n"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_group_is_a_usage_error_that_names_the_near_one() {
    let lab = Lab::linstor().await;
    lab.group("production-web", "primary").await;
    let (finished, out) = lab.run("pgctl failover prodction-web --to-dr").await;
    assert_eq!(finished.exit_code, 2);
    assert_eq!(
        out.of(Stream::Stderr),
        "error: unknown protection group prodction-web in namespace site-recovery; \
         did you mean production-web?\n"
    );
}

#[tokio::test(start_paused = true)]
async fn the_quorum_site_is_no_target() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", "primary").await;
    let (finished, out) = lab.run("pgctl failover pg-a --to-quorum").await;
    assert_eq!(finished.exit_code, 2);
    assert!(out.text().contains("quorum"), "{}", out.text());
    assert_eq!(lab.failovers("quorum").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_silent_target_or_management_site_ends_with_3_and_a_silent_source_does_not() {
    for (cut, code) in [("dr", 3), ("quorum", 3), ("primary", 0)] {
        let lab = Lab::linstor().await;
        lab.group("pg-a", "primary").await;
        let cut_off = Rule::new(Effect::Disconnect);
        lab.clusters[cut].faults().add(cut_off);
        if code == 0 {
            lab.controller(
                "quorum",
                Duration::from_secs(1),
                vec![json!({"phase": "Succeeded"})],
            );
        }
        let (finished, out) = lab.run("pgctl failover pg-a --to-cluster2").await;
        assert_eq!(finished.exit_code, code, "{cut}: {}", out.text());
        assert!(out.of(Stream::Stderr).contains(cut), "{}", out.text());
    }
}

#[tokio::test(start_paused = true)]
async fn a_site_that_never_answers_is_given_up() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", "primary").await;
    let hang = Rule::delay(Duration::from_secs(86_400));
    lab.clusters["dr"].faults().add(hang);
    let (finished, out) = lab.run("pgctl failover pg-a --to-cluster2").await;
    assert_eq!(finished.exit_code, 3);
    assert!(out.text().contains("no answer in 15 s"), "{}", out.text());
}

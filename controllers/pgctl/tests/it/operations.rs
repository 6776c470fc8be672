//! `pgctl operations`, and the other commands that only look.

use pgctl::{Outcome, Stream};
use serde_json::{Value, json};
use sitedrill_apiserver::{Effect, Rule};

use crate::lab::{Lab, NAMESPACE};

fn failover(name: &str, group: &str, phase: &str) -> Value {
    json!({
        "apiVersion": "siterecovery.trilio.io/v1alpha1", "kind": "Failover",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"protectionGroup": group, "targetCluster": "cluster2"},
        "status": {"phase": phase},
    })
}

async fn pass(seconds: u64) {
    tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn the_list_is_the_guides_table() {
    let lab = Lab::linstor().await;
    lab.create(
        "quorum",
        failover("failover-pg-a-1730400000", "pg-a", "Succeeded"),
    )
    .await;
    lab.create(
        "quorum",
        failover("failover-pg-b-1730400000", "pg-b", "Succeeded"),
    )
    .await;
    pass(120).await;
    let (finished, out) = lab
        .run("pgctl operations list --namespace site-recovery --protection-group pg-a")
        .await;
    assert_eq!(
        (finished.exit_code, finished.outcome),
        (0, Outcome::Printed)
    );
    assert_eq!(
        out.text(),
        "NAME                      PROTECTION-GROUP  TARGET     PHASE      AGE\n\
         failover-pg-a-1730400000  pg-a              cluster2   Succeeded  2m\n"
    );
}

#[tokio::test(start_paused = true)]
async fn the_list_merges_all_sites_oldest_first() {
    let lab = Lab::linstor().await;
    lab.create("quorum", failover("failover-z", "pg-a", "Succeeded"))
        .await;
    pass(60).await;
    lab.create("dr", failover("failover-a", "pg-b", "Failed"))
        .await;
    pass(300).await;
    let (_, out) = lab.run("pgctl operations list -o wide").await;
    assert_eq!(
        out.text(),
        "NAME        PROTECTION-GROUP  TARGET     PHASE      AGE  SITE    SOURCE  FORCE  MESSAGE\n\
         failover-z  pg-a              cluster2   Succeeded  6m   quorum  -       false\n\
         failover-a  pg-b              cluster2   Failed     5m   dr      -       false\n"
    );
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_says_so_on_stderr_and_is_no_error() {
    let lab = Lab::linstor().await;
    let (finished, out) = lab.run("pgctl operations list").await;
    assert_eq!(finished.exit_code, 0);
    assert_eq!(
        out.of(Stream::Stderr),
        "No operations found in site-recovery namespace.\n"
    );
    assert_eq!(out.of(Stream::Stdout), "");
    let (_, out) = lab.run("pgctl operations list -n other").await;
    assert_eq!(out.text(), "No operations found in other namespace.\n");
}

#[tokio::test(start_paused = true)]
async fn one_silent_site_is_named_and_the_others_are_still_listed() {
    let lab = Lab::linstor().await;
    lab.create("quorum", failover("failover-a", "pg-a", "Succeeded"))
        .await;
    lab.clusters["primary"]
        .faults()
        .add(Rule::new(Effect::Disconnect));
    let (finished, out) = lab.run("pgctl operations list").await;
    assert_eq!(finished.exit_code, 0);
    assert!(out.of(Stream::Stdout).contains("failover-a"));
    assert!(
        out.of(Stream::Stderr)
            .starts_with("[WARN] Site primary could not be read: ")
    );
}

#[tokio::test(start_paused = true)]
async fn no_site_at_all_ends_with_3() {
    let lab = Lab::linstor().await;
    for cluster in lab.clusters.values() {
        cluster.faults().add(Rule::new(Effect::Disconnect));
    }
    let (finished, out) = lab.run("pgctl operations list").await;
    assert_eq!(finished.exit_code, 3);
    assert!(out.text().contains("pgctl config view"), "{}", out.text());
}

#[tokio::test(start_paused = true)]
async fn lists_and_objects_come_as_json_and_yaml() {
    let lab = Lab::linstor().await;
    lab.create("quorum", failover("failover-a", "pg-a", "Succeeded"))
        .await;
    let (_, out) = lab.run("pgctl operations list -o json").await;
    let list: Value = serde_json::from_str(&out.text()).unwrap();
    assert_eq!(list["kind"], "List");
    assert_eq!(list["items"][0]["status"]["phase"], "Succeeded");
    let (_, out) = lab.run("pgctl operations get failover-a -o yaml").await;
    assert!(out.text().contains("kind: Failover\n"), "{}", out.text());
    assert!(!out.text().contains("managedFields"));
}

#[tokio::test(start_paused = true)]
async fn one_operation_is_shown_in_full_with_its_events() {
    let lab = Lab::linstor().await;
    let mut failed = failover("failover-pg-a-1730407200", "pg-a", "Failed");
    failed["status"]["message"] = json!("there is no site cluster9");
    failed["status"]["steps"] = json!([{
        "name": "Validate", "state": "Failed",
        "startedAt": "2024-10-31T03:33:20.000000Z", "finishedAt": "2024-10-31T03:33:25.000000Z",
        "message": "there is no site cluster9",
    }]);
    lab.create("quorum", failed).await;
    for (name, about) in [
        ("one", "failover-pg-a-1730407200"),
        ("two", "failover-other"),
    ] {
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "involvedObject": {"kind": "Failover", "name": about, "namespace": NAMESPACE},
            "type": "Warning", "reason": "NoSuchSite", "message": format!("about {about}"),
            "lastTimestamp": "2024-10-31T03:33:25Z", "reportingComponent": "failover-controller",
        });
        lab.create("quorum", event).await;
    }
    pass(600).await;
    let (finished, out) = lab
        .run("pgctl operations get failover-pg-a-1730407200 --namespace site-recovery")
        .await;
    assert_eq!(finished.exit_code, 0);
    insta::assert_snapshot!(out.text(), @r"
    Name:        failover-pg-a-1730407200
    Namespace:   site-recovery
    Site:        quorum
    Created:     2024-10-31T03:33:20Z (10m ago)
    Spec:
      Force:             false
      Protection Group:  pg-a
      Target Cluster:    cluster2
    Status:
      Message:  there is no site cluster9
      Phase:    Failed
    Steps:
      NAME      STATE   STARTED                      TOOK  MESSAGE
      Validate  Failed  2024-10-31T03:33:20.000000Z  5s    there is no site cluster9
    Events:
      TYPE     REASON      AGE    FROM                 MESSAGE
      Warning  NoSuchSite  9m55s  failover-controller  about failover-pg-a-1730407200
    ");
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_does_not_exist_is_an_error_with_the_near_name() {
    let lab = Lab::linstor().await;
    lab.create(
        "quorum",
        failover("failover-pg-a-1730407200", "pg-a", "Failed"),
    )
    .await;
    let (finished, out) = lab
        .run("pgctl operations get failover-pg-a-173040720")
        .await;
    assert_eq!(finished.exit_code, 1);
    assert_eq!(
        out.text(),
        "[ERROR] No operation failover-pg-a-173040720 found in site-recovery namespace; \
         did you mean failover-pg-a-1730407200?\n"
    );
}

#[tokio::test(start_paused = true)]
async fn groups_locks_and_status_show_every_site() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", "primary").await;
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "failover-lock-pg-a", "namespace": NAMESPACE},
        "spec": {
            "holderIdentity": "failover-controller-12345", "leaseDurationSeconds": 300,
            "renewTime": "2024-10-31T03:33:20.000000Z",
        },
    });
    lab.create("quorum", lease).await;
    pass(60).await;
    let mut text = String::new();
    for line in ["groups list", "locks list", "status", "config view"] {
        let (finished, out) = lab.run(&format!("pgctl {line}")).await;
        assert_eq!(finished.exit_code, 0, "{line}: {}", out.text());
        text = format!("{text}$ pgctl {line}\n{}\n", out.text());
    }
    insta::assert_snapshot!(text, @r"
    $ pgctl groups list
    NAME  SITE     DESIRED  CURRENT  READY  AGE
    pg-a  primary  running  running  -      60s
    pg-a  dr       stopped  stopped  -      60s

    $ pgctl locks list
    PROTECTION-GROUP  HOLDER                     EXPIRES  AGE
    pg-a              failover-controller-12345  in 4m    60s

    $ pgctl status
    SITE     ROLE     ALIASES              STATE  GROUPS-RUNNING  ACTIVE-OPERATIONS
    primary  primary  cluster1             Ready  1/1             0
    dr       dr       cluster2,dr-cluster  Ready  0/1             0
    quorum   quorum   quorum-cluster       Ready  0/0             0

    $ pgctl config view
    namespace: site-recovery
    sites:
    - name: primary
      role: primary
      aliases:
      - cluster1
    - name: dr
      role: dr
      aliases:
      - cluster2
      - dr-cluster
    - name: quorum
      role: quorum
      aliases:
      - quorum-cluster
    ");
}

#[tokio::test(start_paused = true)]
async fn status_ends_with_3_when_a_site_is_silent() {
    let lab = Lab::linstor().await;
    lab.clusters["quorum"]
        .faults()
        .add(Rule::new(Effect::Disconnect));
    let (finished, out) = lab.run("pgctl status").await;
    assert_eq!(finished.exit_code, 3);
    assert!(
        out.of(Stream::Stdout).contains("Unreachable"),
        "{}",
        out.text()
    );
}

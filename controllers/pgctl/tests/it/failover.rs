//! `pgctl failover` and both scripts, on a controller that is played.

use std::time::Duration;

use kube::api::{Api, DeleteParams};
use pgctl::{Outcome, Stream};
use serde_json::{Value, json};
use sitedrill_apiserver::{Effect, Rule};
use siterecovery_api::{Failover, SiteDirectory};

use crate::lab::{Lab, Live, NAMESPACE};

pub(crate) const SCENARIO_1: &str = "\
[INFO] Validating authentication...
[INFO] Detecting VM locations for pg-a...
[INFO] Creating Failover CR: failover-pg-a-1730345600
[INFO] Monitoring Failover CR status...
[INFO] Phase: Running
[INFO] Phase: Succeeded
[SUCCESS] Failover of pg-a to cluster2 completed successfully
";

pub(crate) const SCENARIO_4: &str = "\
\u{26a0}\u{fe0f}  WARNING: Force mode enabled - safety checks bypassed
\u{26a0}\u{fe0f}  Using --force can disrupt other Protection Groups
[INFO] Removing quorum taints on cluster2 (force mode)...
[INFO] Phase: Running
[INFO] Phase: Succeeded
[SUCCESS] Failover of pg-b to cluster2 completed (force mode)
";

fn phases() -> Vec<Value> {
    ["Pending", "Running", "Running", "Succeeded"]
        .map(|phase| json!({"phase": phase}))
        .to_vec()
}

async fn lab_with(group: &str) -> Lab {
    let lab = Lab::linstor().await;
    lab.group(group, "primary").await;
    lab
}

#[tokio::test(start_paused = true)]
async fn a_failover_prints_scenario_1_by_either_script_and_by_its_own_name() {
    for line in [
        "./intelligent-pg-failover-crd.sh pg-a --to-cluster2",
        "./intelligent-pg-failover.sh pg-a --to-cluster2",
        "pgctl failover pg-a --to-cluster2",
        "pgctl failover pg-a --to cluster2 --namespace site-recovery",
    ] {
        let lab = lab_with("pg-a").await;
        lab.controller("quorum", Duration::from_secs(5), phases());
        let (finished, out) = lab.run(line).await;
        assert_eq!(out.of(Stream::Stdout), SCENARIO_1, "{line}");
        assert_eq!(out.of(Stream::Stderr), "", "{line}");
        assert_eq!((finished.exit_code, finished.outcome), (0, Outcome::Done));
    }
}

#[tokio::test(start_paused = true)]
async fn a_forced_failover_prints_scenario_4_by_either_script() {
    for script in pgctl::SCRIPTS {
        let lab = lab_with("pg-b").await;
        lab.controller("quorum", Duration::from_secs(5), phases());
        let (finished, out) = lab
            .run(&format!("{script} pg-b --to-cluster2 --force"))
            .await;
        assert_eq!(out.text(), SCENARIO_4, "{script}");
        assert_eq!((finished.exit_code, finished.outcome), (0, Outcome::Forced));
    }
}

#[tokio::test(start_paused = true)]
async fn the_target_is_stored_as_it_was_typed() {
    for typed in ["cluster2", "dr-cluster", "dr"] {
        let lab = lab_with("pg-a").await;
        lab.controller("quorum", Duration::from_secs(1), phases());
        let (_, out) = lab.run(&format!("pgctl failover pg-a --to-{typed}")).await;
        assert!(
            out.text()
                .contains(&format!("Failover of pg-a to {typed} completed"))
        );
        assert_eq!(
            lab.failovers("quorum")[0]["spec"],
            json!({"protectionGroup": "pg-a", "targetCluster": typed, "force": false})
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_site_the_failover_lives_on_its_target() {
    let lab = Lab::of(SiteDirectory::drbd_operator(false)).await;
    lab.group("pg-a", "primary").await;
    lab.controller("dr", Duration::from_secs(1), phases());
    let (finished, _) = lab.run("pgctl failover pg-a --to-dr").await;
    assert_eq!(finished.outcome, Outcome::Done);
    assert_eq!(lab.failovers("dr").len(), 1);
    assert_eq!(lab.failovers("primary").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn every_line_is_printed_when_it_happens() {
    let lab = lab_with("pg-a").await;
    lab.controller("quorum", Duration::from_secs(5), phases());
    let now = lab.now.clone();
    let start = now();
    let mut seconds = Vec::new();
    let mut out = Live(|_, line: &str| {
        if line.contains("Phase") {
            seconds.push((now().duration_since(start).as_secs(), line.to_owned()));
        }
    });
    let words = ["pgctl", "failover", "pg-a", "--to-dr"].map(str::to_owned);
    pgctl::run(&words, &lab.context(), &mut out).await;
    assert_eq!(
        seconds,
        [
            (10, "[INFO] Phase: Running".to_owned()),
            (20, "[INFO] Phase: Succeeded".to_owned())
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_running_phase_that_went_by_unseen_is_still_printed() {
    let lab = lab_with("pg-a").await;
    let done = json!({
        "phase": "Succeeded",
        "steps": [{"name": "AcquireLock", "state": "Succeeded", "startedAt": "2024-10-31T03:33:20.000000Z"}],
    });
    lab.controller("quorum", Duration::from_secs(1), vec![done]);
    let (_, out) = lab.run("pgctl failover pg-a --to-cluster2").await;
    assert_eq!(out.text(), SCENARIO_1);
}

#[tokio::test(start_paused = true)]
async fn a_second_failover_in_the_same_second_takes_the_next_second_as_its_name() {
    let lab = lab_with("pg-a").await;
    let taken = json!({
        "apiVersion": "siterecovery.trilio.io/v1alpha1", "kind": "Failover",
        "metadata": {"name": "failover-pg-a-1730345600", "namespace": NAMESPACE},
        "spec": {"protectionGroup": "pg-a", "targetCluster": "dr"},
        "status": {"phase": "Succeeded"},
    });
    lab.create("quorum", taken).await;
    lab.controller("quorum", Duration::from_secs(1), phases());
    let (finished, out) = lab.run("pgctl failover pg-a --to-cluster2").await;
    assert_eq!(finished.outcome, Outcome::Done);
    assert!(
        out.text()
            .contains("Creating Failover CR: failover-pg-a-1730345601")
    );
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_there_already_is_no_move() {
    let lab = lab_with("pg-a").await;
    let status = json!({
        "phase": "Succeeded",
        "conditions": [{
            "type": "Succeeded", "status": "True", "reason": "AlreadyThere",
            "message": "already there", "lastTransitionTime": "2024-10-31T03:33:20Z",
        }],
    });
    lab.controller("quorum", Duration::from_secs(1), vec![status]);
    let (finished, out) = lab.run("pgctl failover pg-a --to-cluster2").await;
    assert_eq!(finished.outcome, Outcome::AlreadyThere);
    assert!(
        out.text()
            .ends_with("[SUCCESS] pg-a is already running on cluster2, nothing was moved\n")
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_failover_prints_its_message_and_exits_with_1() {
    let lab = lab_with("pg-a").await;
    let failed = json!({
        "phase": "Failed",
        "message": "gave up after 300 s waiting for pg-a-vm-1 to stop",
        "refusal": {"reason": "SourceNotStopped"},
    });
    let statuses = vec![json!({"phase": "Running"}), failed];
    lab.controller("quorum", Duration::from_secs(1), statuses);
    let (finished, out) = lab.run("pgctl failover pg-a --to-cluster2").await;
    assert_eq!(finished.exit_code, 1);
    assert_eq!(
        finished.outcome,
        Outcome::Failed {
            reason: "SourceNotStopped".to_owned(),
            message: "gave up after 300 s waiting for pg-a-vm-1 to stop".to_owned(),
        }
    );
    assert!(
        out.of(Stream::Stdout)
            .ends_with("[INFO] Phase: Running\n[INFO] Phase: Failed\n")
    );
    assert_eq!(
        out.of(Stream::Stderr),
        "[ERROR] Failover of pg-a to cluster2 failed: gave up after 300 s waiting for pg-a-vm-1 to stop\n"
    );
}

#[tokio::test(start_paused = true)]
async fn a_source_that_was_not_confirmed_stopped_is_a_warning_on_success() {
    let lab = lab_with("pg-a").await;
    let status = json!({
        "phase": "Succeeded",
        "conditions": [{
            "type": "SourceFenced", "status": "False", "reason": "SourceNotFenced",
            "message": "primary was unreachable", "lastTransitionTime": "2024-10-31T03:33:20Z",
        }],
    });
    lab.controller("quorum", Duration::from_secs(1), vec![status]);
    let (finished, out) = lab.run("pgctl failover pg-a --to-cluster2").await;
    assert_eq!(finished.outcome, Outcome::Done);
    assert_eq!(out.of(Stream::Stderr), "[WARN] primary was unreachable\n");
}

#[tokio::test(start_paused = true)]
async fn following_goes_on_after_watches_break() {
    let lab = lab_with("pg-a").await;
    lab.controller("quorum", Duration::from_secs(20), phases());
    let faults = lab.clusters["quorum"].faults();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let rule = faults.add(Rule::new(Effect::Disconnect).verbs(["watch", "list"]));
        tokio::time::sleep(Duration::from_secs(15)).await;
        faults.remove(rule);
    });
    let (finished, out) = lab.run("pgctl failover pg-a --to-cluster2").await;
    assert_eq!(finished.outcome, Outcome::Done);
    assert_eq!(out.of(Stream::Stdout), SCENARIO_1);
    let talk = out.of(Stream::Stderr);
    let warnings = talk.matches("[WARN] Lost sight of the Failover on site quorum");
    assert_eq!(warnings.count(), 1, "{talk}");
}

#[tokio::test(start_paused = true)]
async fn a_failover_that_vanishes_is_an_error() {
    let lab = lab_with("pg-a").await;
    let api: Api<Failover> = Api::namespaced(lab.clusters["quorum"].client(), NAMESPACE);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        api.delete("failover-pg-a-1730345600", &DeleteParams::default())
            .await
    });
    let (finished, out) = lab.run("pgctl failover pg-a --to-cluster2").await;
    assert_eq!(finished.exit_code, 1);
    assert!(
        out.of(Stream::Stderr)
            .contains("failover-pg-a-1730345600 vanished")
    );
}

#[tokio::test(start_paused = true)]
async fn a_failover_that_nobody_takes_up_gives_a_hint_and_ends() {
    let lab = lab_with("pg-a").await;
    let (finished, out) = lab.run("pgctl failover pg-a --to-cluster2").await;
    assert_eq!(finished.exit_code, 1);
    let talk = out.of(Stream::Stderr);
    assert!(talk.contains("is still Pending after 30 s. Is the Failover Controller running?"));
    assert!(
        talk.contains("is still Pending after the sum of its deadlines"),
        "{talk}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_creation_whose_answer_is_lost_is_followed_all_the_same() {
    let lab = lab_with("pg-a").await;
    let lost = Rule::new(Effect::LoseAnswer).verbs(["create"]).times(1);
    lab.clusters["quorum"].faults().add(lost);
    lab.controller("quorum", Duration::from_secs(1), phases());
    let (finished, out) = lab.run("pgctl failover pg-a --to-cluster2").await;
    assert_eq!(out.text(), SCENARIO_1);
    assert_eq!(finished.outcome, Outcome::Done);
    assert_eq!(lab.failovers("quorum").len(), 1);
}

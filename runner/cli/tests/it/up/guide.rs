//! The guide's commands as it writes them, with the context switched where it says so.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::kept::judge;
use super::{Kept, kubectl};

/// What is to be so before anything has moved.
const BEFORE: &[(&str, &[&str])] = &[
    (
        "kubectl config use-context quorum",
        &["Switched to context \"quorum\""],
    ),
    (
        "kubectl get deployment failover-controller -n site-recovery",
        &[
            "NAME                  READY   UP-TO-DATE   AVAILABLE   AGE",
            "failover-controller   1/1     1            1",
        ],
    ),
    (
        "kubectl get crd | grep siterecovery.trilio.io",
        &[
            "failovers.siterecovery.trilio.io",
            "protectiongroups.siterecovery.trilio.io",
        ],
    ),
    (
        "pgctl status --namespace site-recovery",
        &["primary", "dr", "quorum"],
    ),
    (
        "pgctl operations list --namespace site-recovery",
        &["No operations found"],
    ),
    (
        "kubectl get failover -n site-recovery",
        &["No resources found in site-recovery namespace."],
    ),
    (
        "kubectl get pods -n site-recovery -l app=failover-controller",
        &["failover-controller-0   1/1     Running"],
    ),
    (
        "kubectl --kubeconfig=quorum-cluster.kubeconfig get pods -n site-manager",
        &["No resources found"],
    ),
    ("kubectl config use-context primary", &["Switched"]),
    (
        "kubectl get deployment protection-group-controller -n site-recovery",
        &["1/1"],
    ),
    (
        "kubectl get protectiongroup pg-a -n site-recovery -o jsonpath='{.status.currentState}'",
        &["running"],
    ),
    (
        "kubectl get vmi -n site-recovery",
        &["pg-a-vm-1", "Running"],
    ),
    (
        "kubectl describe vmi pg-a-vm-1 -n site-recovery",
        &["Phase:", "Running"],
    ),
    ("pgctl config view", &["namespace: site-recovery"]),
];

/// Scenario 1, once its failover has ended, with the names that it gives afterwards.
const AFTER: &[(&str, &[&str])] = &[
    (
        "kubectl --kubeconfig=dr-cluster.kubeconfig get protectiongroup pg-a -n site-recovery -o jsonpath='{.status.currentState}'",
        &["running"],
    ),
    (
        "pgctl operations list --namespace site-recovery --protection-group pg-a",
        &[
            "NAME",
            "PROTECTION-GROUP",
            "failover-pg-a-",
            "cluster2",
            "Succeeded",
        ],
    ),
    (
        "kubectl --kubeconfig=cluster2.kubeconfig get protectiongroups -n site-recovery -o custom-columns='NAME:.metadata.name,DESIRED:.spec.desiredState,CURRENT:.status.currentState'",
        &[
            "NAME                          DESIRED   CURRENT",
            "pg-a                          running   running",
        ],
    ),
    ("kubectl config use-context quorum", &["Switched"]),
    (
        "kubectl get failovers -n site-recovery",
        &["PROTECTION-GROUP", "PHASE", "failover-pg-a-", "Succeeded"],
    ),
    (
        "kubectl get failovers --all-namespaces",
        &["failover-production-pg-to-dr"],
    ),
    (
        "kubectl describe failover \"$(kubectl get failover -n site-recovery -o jsonpath='{.items[?(@.spec.protectionGroup==\"pg-a\")].metadata.name}')\" -n site-recovery",
        &["Phase:", "Succeeded", "LockReleased"],
    ),
    (
        "pgctl operations get failover-production-pg-to-dr --namespace site-recovery",
        &["failover-production-pg-to-dr"],
    ),
    (
        "kubectl logs -n site-recovery -l app=failover-controller --tail=50",
        &["pass{kind=Failover site=quorum object=site-recovery/failover-pg-a-"],
    ),
    ("kubectl config use-context primary", &["Switched"]),
    (
        "kubectl logs -n site-recovery -l app=protection-group-controller --tail=100",
        &["pass{kind=ProtectionGroup site=primary"],
    ),
    // Troubleshooting: a lock that somebody left behind.
    ("kubectl config use-context quorum", &["Switched"]),
    (
        "kubectl create -f - <<EOF\napiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata:\n  \
         name: failover-lock-pg-b\n  namespace: site-recovery\nspec:\n  holderIdentity: nobody\n  \
         leaseDurationSeconds: 300\nEOF",
        &["lease.coordination.k8s.io/failover-lock-pg-b created"],
    ),
    (
        "kubectl delete lease failover-lock-pg-b -n site-recovery",
        &["lease.coordination.k8s.io \"failover-lock-pg-b\" deleted"],
    ),
    (
        "./intelligent-pg-failover.sh pg-a --to-cluster2",
        &["[SUCCESS] pg-a is already running on cluster2, nothing was moved"],
    ),
];

#[test]
fn every_command_of_the_guide_works() {
    let Some(kubectl) = kubectl("every_command_of_the_guide_works") else {
        return;
    };
    let kept = Kept::start(&[]);
    let works = |line: &str, says: &[&str]| kept.check(&kubectl, line, (0, says));
    for (line, says) in BEFORE {
        works(line, says);
    }
    // Scenario 1 goes on by itself while other things are asked for.
    let line = "./intelligent-pg-failover-crd.sh pg-a --to-cluster2";
    let mut command = kept.shell(&kubectl, line);
    let terminal_1 = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let terminal_1 = terminal_1.expect("a shell starts");
    works("kubectl config use-context quorum", &[]);
    works(
        "kubectl wait lease/failover-lock-pg-a -n site-recovery --for=create --timeout=60s",
        &["condition met"],
    );
    works(
        "kubectl get lease failover-lock-pg-a -n site-recovery -o yaml",
        &[
            "holderIdentity: failover-controller-12345",
            "leaseDurationSeconds: 300",
        ],
    );
    // Scenario 2.
    kept.check(
        &kubectl,
        "./intelligent-pg-failover-crd.sh pg-a --to-cluster2",
        (
            1,
            &[
                "[ERROR] Failed to acquire failover lock for pg-a",
                "is held by: failover-controller-12345",
            ],
        ),
    );
    works(
        "kubectl apply -f - <<EOF\n\
         apiVersion: siterecovery.trilio.io/v1alpha1\nkind: Failover\nmetadata:\n  name: failover-production-pg-to-dr\n  \
         namespace: site-recovery\nspec:\n  protectionGroup: production-protection-group\n  targetCluster: dr-cluster\n  \
         force: false\nEOF",
        &["failover.siterecovery.trilio.io/failover-production-pg-to-dr created"],
    );
    scenario_5(&kept, &kubectl);
    let output = terminal_1
        .wait_with_output()
        .expect("a child can be waited for");
    judge(
        line,
        &output,
        (
            0,
            &[
                "[INFO] Phase: Running",
                "[SUCCESS] Failover of pg-a to cluster2 completed successfully",
            ],
        ),
    );
    for (line, says) in AFTER {
        works(line, says);
    }
}

/// Scenario 5, on pg-b, which nothing else moves.
fn scenario_5(kept: &Kept, kubectl: &Path) {
    let works = |line: &str, says: &[&str]| kept.check(kubectl, line, (0, says));
    works("kubectl config use-context primary", &[]);
    let mut watch: Command = kept.shell(
        kubectl,
        "kubectl get protectiongroup pg-b -n site-recovery -w --request-timeout=60s",
    );
    let watch = watch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut watch = watch.expect("a shell starts");
    // Its first row is there before anything changes.
    let mut rows = BufReader::new(watch.stdout.take().expect("its output was asked for"));
    let mut seen = String::new();
    while !seen.contains("pg-b") {
        let read = rows.read_line(&mut seen).expect("kubectl writes text");
        assert!(read > 0, "the watch ended before it showed a row: {seen}");
    }
    let patch = |state: &str| {
        format!(
            "kubectl patch protectiongroup pg-b -n site-recovery --type=merge -p '{{\"spec\":{{\"desiredState\":\"{state}\"}}}}'"
        )
    };
    let wait = |state: &str| {
        format!(
            "kubectl wait protectiongroup/pg-b -n site-recovery --for=jsonpath='{{.status.currentState}}'={state} --timeout=90s"
        )
    };
    works(
        &patch("stopped"),
        &["protectiongroup.siterecovery.trilio.io/pg-b patched"],
    );
    works(&wait("stopped"), &["condition met"]);
    // What the watch saw is complete once the group has come to rest; it is ended from here.
    let id = i32::try_from(watch.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let _ =
        rustix::process::kill_process(id.expect("a child has an id"), rustix::process::Signal::INT);
    rows.read_to_string(&mut seen).expect("kubectl writes text");
    watch.wait().expect("a child can be waited for");
    let states: Vec<_> = seen
        .lines()
        .map(|line| {
            line.split_whitespace()
                .take(3)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    for state in [
        "pg-b stopped running",
        "pg-b stopped mixed",
        "pg-b stopped stopped",
    ] {
        assert!(
            states.iter().any(|line| line == state),
            "{state} is not in\n{seen}"
        );
    }
    works(&patch("running"), &["patched"]);
    works(&wait("running"), &["condition met"]);
}

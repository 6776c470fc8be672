//! What people type at kubectl, against sites with both controllers at work.

use super::{Kept, kubectl};

/// A command, its exit code, and what must be in its output.
type Step<'a> = (&'a str, i32, &'a [&'a str]);

const FAILOVER: &str = "apiVersion: siterecovery.trilio.io/v1alpha1\nkind: Failover\nmetadata:\n  name: move\n  \
namespace: site-recovery\nspec:\n  protectionGroup: web\n  targetCluster: dr\n";

const LOOKING: &[Step<'_>] = &[
    (
        "kubectl api-resources --api-group=siterecovery.trilio.io",
        0,
        &[
            "failovers          fo           siterecovery.trilio.io/v1alpha1   true         Failover",
            "protectiongroups   pg",
        ],
    ),
    (
        "kubectl api-resources",
        0,
        &["virtualmachineinstances", "deployments", "leases"],
    ),
    (
        "kubectl explain failover.spec",
        0,
        &[
            "FIELD: spec <Object>",
            "protectionGroup\t<string> -required-",
            "force\t<boolean>",
        ],
    ),
    (
        "kubectl explain failover.nothing",
        1,
        &["field \"nothing\" does not exist"],
    ),
    (
        "kubectl get pg,fo -A -o wide",
        0,
        &[
            "DESIRED   CURRENT   READY   AGE   MESSAGE",
            "protectiongroup.siterecovery.trilio.io/web",
        ],
    ),
    (
        "kubectl describe pg web -n site-recovery",
        0,
        &["Desired State:  running", "StateChanged"],
    ),
    (
        "kubectl get nodes",
        0,
        &["primary-1   Ready", "primary-2   Ready"],
    ),
    (
        "kubectl get events -A --sort-by=.metadata.creationTimestamp",
        0,
        &["StateChanged", "protectiongroup/web"],
    ),
    (
        "kubectl auth whoami",
        0,
        &["system:admin", "system:masters"],
    ),
    (
        "kubectl auth can-i create failovers -n site-recovery",
        0,
        &["yes"],
    ),
    (
        "kubectl auth can-i create failovers -n site-recovery --as=eve",
        1,
        &["no"],
    ),
    (
        "kubectl get pg -n site-recovery --as=eve",
        1,
        &[
            "protectiongroups.siterecovery.trilio.io is forbidden: User \"eve\" cannot list resource \"protectiongroups\"",
        ],
    ),
    (
        "kubectl create token protection-group-controller -n site-recovery --duration=10m",
        0,
        &["ey"],
    ),
    ("kubectl version", 0, &["Server Version: v1."]),
];

const CHANGING: &[Step<'_>] = &[
    (
        "kubectl label pg db -n site-recovery tier=gold",
        0,
        &["labeled"],
    ),
    (
        "kubectl get pg -A -l tier=gold -o name",
        0,
        &["protectiongroup.siterecovery.trilio.io/db"],
    ),
    (
        "kubectl annotate pg db -n site-recovery note=kept",
        0,
        &["annotated"],
    ),
    (
        "kubectl patch pg db -n site-recovery --type=merge -p '{\"metadata\":{\"labels\":{\"a\":\"b\"}}}'",
        0,
        &["patched"],
    ),
    (
        "kubectl patch pg db -n site-recovery --type=json -p '[{\"op\":\"remove\",\"path\":\"/metadata/labels/a\"}]'",
        0,
        &["patched"],
    ),
    (
        "kubectl patch pg db -n site-recovery --type=strategic -p '{}'",
        1,
        &[
            "application/strategic-merge-patch+json is not supported by siterecovery.trilio.io/v1alpha1, Kind=ProtectionGroup",
        ],
    ),
    (
        "kubectl patch pg db -n site-recovery --type=merge -p '{\"spec\":{\"desiredState\":\"sideways\"}}'",
        1,
        &["Unsupported value: \"sideways\""],
    ),
    (
        "kubectl patch node primary-1 -p '{\"metadata\":{\"labels\":{\"rack\":\"1\"}}}'",
        0,
        &["node/primary-1 patched"],
    ),
    (
        "kubectl taint nodes primary-2 drill/test=:NoSchedule",
        0,
        &["node/primary-2 tainted"],
    ),
    (
        "kubectl describe node primary-2",
        0,
        &["drill/test:NoSchedule"],
    ),
    (
        "kubectl taint nodes primary-2 drill/test-",
        0,
        &["node/primary-2 untainted"],
    ),
    ("kubectl cordon primary-2", 0, &["node/primary-2 cordoned"]),
    (
        "kubectl get node primary-2",
        0,
        &["Ready,SchedulingDisabled"],
    ),
    (
        "kubectl uncordon primary-2",
        0,
        &["node/primary-2 uncordoned"],
    ),
    (
        "kubectl wait pg/db -n site-recovery --for=jsonpath='{.status.currentState}'=running --timeout=60s",
        0,
        &["condition met"],
    ),
    (
        "KUBE_EDITOR='sed -i s/running/stopped/' kubectl edit pg db -n site-recovery",
        0,
        &["edited"],
    ),
    (
        "kubectl wait pg/db -n site-recovery --for=jsonpath='{.status.currentState}'=stopped --timeout=90s",
        0,
        &["condition met"],
    ),
    (
        "kubectl get pg db -n site-recovery -w --request-timeout=1s",
        0,
        &["db     stopped   stopped"],
    ),
];

const FAILING_OVER: &[Step<'_>] = &[
    ("kubectl config use-context quorum", 0, &["Switched"]),
    ("kubectl diff -f fo.yaml", 1, &["+kind: Failover"]),
    (
        "kubectl apply --dry-run=server -f fo.yaml",
        0,
        &["created (server dry run)"],
    ),
    (
        "kubectl apply -f fo.yaml",
        0,
        &["failover.siterecovery.trilio.io/move created"],
    ),
    (
        "kubectl apply -f fo.yaml",
        0,
        &["failover.siterecovery.trilio.io/move unchanged"],
    ),
    (
        "kubectl apply --server-side -f fo.yaml",
        0,
        &["serverside-applied"],
    ),
    ("kubectl diff -f fo.yaml", 0, &[]),
    (
        "sed 's/targetCluster: dr/targetCluster: primary/' fo.yaml | kubectl apply -f -",
        1,
        &["the spec of a Failover cannot be changed; create a new Failover instead"],
    ),
    (
        "sed 's/protectionGroup/protectGroup/' fo.yaml | kubectl create -f -",
        1,
        &["unknown field \"spec.protectGroup\""],
    ),
    (
        "kubectl wait fo/move -n site-recovery --for=jsonpath='{.status.phase}'=Running --timeout=60s",
        0,
        &["condition met"],
    ),
    (
        "kubectl describe fo move -n site-recovery",
        0,
        &["Target Cluster:    dr", "LockAcquired"],
    ),
    (
        "kubectl get pg,fo -A -o wide",
        0,
        &["failover.siterecovery.trilio.io/move"],
    ),
];

const DELETING: &[Step<'_>] = &[
    (
        "kubectl delete deploy failover-controller -n site-recovery --cascade=orphan",
        0,
        &["deleted"],
    ),
    (
        "kubectl get pods -n site-recovery",
        0,
        &["failover-controller-0"],
    ),
    (
        "kubectl delete pod failover-controller-0 -n site-recovery --now",
        0,
        &["deleted"],
    ),
    ("kubectl config use-context dr", 0, &["Switched"]),
    (
        "kubectl delete pg db -n site-recovery --cascade=foreground",
        0,
        &["\"db\" deleted"],
    ),
    (
        "kubectl delete deploy protection-group-controller -n site-recovery --cascade=background",
        0,
        &["deleted"],
    ),
    (
        "kubectl get pg db -n site-recovery",
        1,
        &["protectiongroups.siterecovery.trilio.io \"db\" not found"],
    ),
];

#[test]
fn what_people_type_gives_what_a_real_cluster_gives() {
    let Some(kubectl) = kubectl("what_people_type_gives_what_a_real_cluster_gives") else {
        return;
    };
    let kept = Kept::start(&["--groups", "web,db", "--vms", "1"]);
    std::fs::write(kept.folder().join("fo.yaml"), FAILOVER).unwrap();
    for (line, code, says) in [LOOKING, CHANGING, FAILING_OVER, DELETING].concat() {
        kept.check(&kubectl, line, (code, says));
    }
}

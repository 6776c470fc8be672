//! Least privilege: the controllers do all their work with exactly the rights of the table, and
//! each of those rights is needed by a case that has a name.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::ToSpan;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::PostParams;
use kube::core::DynamicObject;
use kube::discovery::ApiResource;
use kube::{Api, Resource};
use serde_json::{Value, json};
use sitedrill_world::{Fault, StorageModel};
use siterecovery_api::access::{RIGHTS, Right, Role, role_objects, roles_on};
use siterecovery_api::names::{DEFAULT_TAINT_KEYS, LABEL_SITE};
use siterecovery_api::{Failover, FailoverSpec, ProtectionGroup, SiteDirectory};
use siterecovery_manager::directory::LABEL_ROLE;
use siterecovery_manager::service::Candidate;
use siterecovery_manager::service::health::Health;
use siterecovery_manager::service::rotation::Rotation;

use crate::lab::{Lab, MINUTE, NAMESPACE};
use crate::malformed::{create, loosen};

/// What a case came to.
struct Came {
    /// Program, verb and resource of everything that was asked for and granted.
    granted: BTreeSet<(String, String, String)>,
    /// Program and path of everything that was refused.
    refused: BTreeSet<(String, String)>,
}

const CASES: [&str; 2] = [
    "three sites with LINSTOR",
    "two sites with the DRBD Operator",
];

async fn grant(lab: &Lab, rights: &[Right]) {
    for site in &lab.directory.sites {
        for role in roles_on(&lab.directory, site) {
            for object in role_objects(role, rights, NAMESPACE) {
                let kind = object["kind"].as_str().expect("an object has a kind");
                let plural = format!("{}s", kind.to_lowercase());
                let namespace = if role.is_cluster_wide() {
                    String::new()
                } else {
                    format!("/namespaces/{NAMESPACE}")
                };
                let path = format!("/apis/rbac.authorization.k8s.io/v1{namespace}/{plural}");
                let request = http::Request::post(path)
                    .header("content-type", "application/json")
                    .body(object.to_string().into_bytes())
                    .expect("a path made of names");
                let made: Result<Value, _> = lab.client(&site.name).request(request).await;
                made.expect("an administrator may grant");
            }
        }
    }
}

/// Runs a case with these rights, for a fixed time, whatever comes of it.
async fn run(case: &str, rights: &[Right]) -> Came {
    let lab = match case {
        "three sites with LINSTOR" => three_sites(rights).await,
        _ => two_sites(rights).await,
    };
    let mut granted = BTreeSet::new();
    for cluster in lab.clusters.values() {
        for entry in cluster.audit() {
            let program = entry.user.rsplit(':').next().unwrap_or_default().to_owned();
            granted.insert((program, entry.verb.to_owned(), entry.resource));
        }
    }
    let refused = lab.refused.lock().expect("nobody panics with it").clone();
    Came { granted, refused }
}

/// Whether a path leads to that resource, or to that subresource.
fn leads_to(path: &str, resource: &str) -> bool {
    let (resource, part) = resource.split_once('/').unwrap_or((resource, ""));
    let last = path.rsplit('/').next().unwrap_or_default();
    let subresource = if last == "status" { last } else { "" };
    path.split('/').any(|segment| segment == resource) && subresource == part
}

async fn two_sites(rights: &[Right]) -> Lab {
    let directory = SiteDirectory::drbd_operator(false);
    let mut lab = Lab::guarded(directory, StorageModel::DrbdOperator).await;
    grant(&lab, rights).await;
    // Two machines, so that they are read by lists; a single one, as on three sites, is read by name.
    lab.place("pg-a", 2, "primary").await;
    lab.start_controllers();
    tokio::time::sleep(MINUTE).await;
    lab.fail_over("dr", "f1", "pg-a", "dr").await;
    tokio::time::sleep(3 * MINUTE).await;
    lab
}

/// Everything that needs a right of its own: an expired lock, taints, a renewal of the lock, Events
/// that repeat, a group that goes by label, objects that cannot be understood.
async fn three_sites(rights: &[Right]) -> Lab {
    let mut lab = Lab::guarded(SiteDirectory::linstor(), StorageModel::Linstor).await;
    for site in ["primary", "dr", "quorum"] {
        let definitions: Api<CustomResourceDefinition> = Api::all(lab.client(site));
        for crd in siterecovery_api::crds() {
            loosen(&definitions, crd).await.expect("it may be edited");
        }
    }
    grant(&lab, rights).await;
    lab.place("pg-a", 1, "primary").await;
    expired_lock(&lab).await;
    site_secret(&lab).await;
    malformed(&lab).await;
    let keys = DEFAULT_TAINT_KEYS.map(str::to_owned);
    lab.world
        .set_taints("dr", &keys, false)
        .await
        .expect("dr has nodes");
    let hold = Fault::VolumeHeld {
        volume: "pvc-pg-a-vm-1-disk".to_owned(),
        on: "primary".to_owned(),
    };
    lab.world
        .knobs()
        .inject(hold.clone())
        .expect("a volume of pg-a");
    lab.start_controllers();
    service(&mut lab);
    tokio::time::sleep(MINUTE).await;
    // Refused, because of the neighbours.
    lab.fail_over("quorum", "f0", "pg-a", "dr").await;
    tokio::time::sleep(MINUTE).await;
    let spec = FailoverSpec {
        protection_group: "pg-a".to_owned(),
        target_cluster: "dr".to_owned(),
        force: true,
        timeouts: None,
    };
    lab.create("quorum", &Failover::new("f1", spec)).await;
    // Long enough for a renewal of the lock, and not for the deadline of the step.
    tokio::time::sleep(Duration::from_secs(115)).await;
    lab.world.knobs().remove(&hold);
    tokio::time::sleep(2 * MINUTE).await;
    for (name, target) in [("f2", "primary"), ("f3", "dr")] {
        lab.fail_over("quorum", name, "pg-a", target).await;
        tokio::time::sleep(2 * MINUTE).await;
    }
    lab
}

async fn expired_lock(lab: &Lab) {
    let long_ago = (lab.now)() - 2.hours();
    let lease: Lease = serde_json::from_value(json!({
        "metadata": {"name": "failover-lock-pg-a"},
        "spec": {
            "holderIdentity": "somebody", "leaseDurationSeconds": 300,
            "acquireTime": format!("{long_ago:.6}"), "renewTime": format!("{long_ago:.6}"),
        },
    }))
    .expect("a Lease");
    lab.create("quorum", &lease).await;
}

async fn site_secret(lab: &Lab) {
    let secret: Secret = serde_json::from_value(json!({
        "metadata": {"name": "quorum", "labels": {LABEL_SITE: "quorum", LABEL_ROLE: "quorum"}},
    }))
    .expect("a Secret");
    let secrets: Api<Secret> = lab.api("quorum");
    secrets
        .create(&PostParams::default(), &secret)
        .await
        .expect("a Secret may be made");
}

async fn malformed(lab: &Lab) {
    let make = async |site: &str, resource: ApiResource, spec: Value| {
        let object = json!({
            "apiVersion": resource.api_version, "kind": resource.kind,
            "metadata": {"name": "broken"}, "spec": spec,
        });
        let _: Api<DynamicObject> = create(lab, site, &resource, object).await;
    };
    let group = ApiResource::erase::<ProtectionGroup>(&());
    make("dr", group, json!({"desiredState": "sideways"})).await;
    let failover = ApiResource::erase::<Failover>(&());
    make("quorum", failover, json!({"protectionGroup": ["pg-a"]})).await;
    // A neighbour that goes by label: its machines are listed for the safety check.
    let by_label: ProtectionGroup = serde_json::from_value(json!({
        "apiVersion": ProtectionGroup::api_version(&()), "kind": "ProtectionGroup",
        "metadata": {"name": "pg-b"},
        "spec": {"desiredState": "stopped", "selector": {"matchLabels": {"app": "none"}}},
    }))
    .expect("a group");
    lab.create("dr", &by_label).await;
}

/// What processes do beside their controllers: the election, which one wins and another stands by
/// for, and the site Secrets.
fn service(lab: &mut Lab) {
    for (site, program) in [
        ("quorum", "failover-controller"),
        ("primary", "protection-group-controller"),
    ] {
        for identity in ["one", "two"] {
            let client = lab.client_of(site, program);
            let now = Arc::clone(&lab.now);
            let about = (Health::default(), now.clone());
            let mut rotation = Rotation::new(site, client.clone(), NAMESPACE, about);
            lab.running.spawn(async move {
                let candidate = Candidate {
                    client,
                    namespace: NAMESPACE,
                    program,
                    identity,
                    now,
                };
                if program == "failover-controller" {
                    rotation.sites().await;
                    drop(tokio::spawn(rotation.follow()));
                }
                let election = candidate.enter();
                election.win().await;
                drop(election.keep().await);
                std::future::pending().await
            });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_exactly_these_rights_nothing_is_refused_and_each_is_used() {
    let mut granted = BTreeSet::new();
    for case in CASES {
        let came = run(case, RIGHTS).await;
        assert_eq!(came.refused, BTreeSet::new(), "{case}");
        granted.extend(came.granted);
    }
    for right in RIGHTS {
        for verb in right.verbs {
            let used = (
                right.role.account().to_owned(),
                (*verb).to_owned(),
                right.resource.to_owned(),
            );
            // The code that counts an Event up is the same in both controllers; the cases repeat
            // one of the groups' only.
            let counts_up = right.resource == "events" && *verb != "create";
            let elsewhere = counts_up && right.role != Role::Groups;
            assert!(
                elsewhere || granted.contains(&used),
                "nobody needs {verb} of {right:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_any_one_of_the_rights_a_named_case_fails() {
    for right in RIGHTS {
        let others: Vec<Right> = RIGHTS
            .iter()
            .filter(|other| *other != right)
            .copied()
            .collect();
        let case = if right.group == "drbd.io" {
            CASES[1]
        } else {
            CASES[0]
        };
        let missed = run(case, &others)
            .await
            .refused
            .iter()
            .any(|(who, path)| who == right.role.account() && leads_to(path, right.resource));
        assert!(missed, "{case} does not miss {right:?}");
    }
}

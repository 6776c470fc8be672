//! Three embedded sites, an operator's context on them, and a stand-in for the Failover Controller.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use pgctl::{Context, Finished, Now, Output, Site, Stream, Transcript};
use serde_json::{Value, json};
use sitedrill_apiserver::Cluster;
use siterecovery_api::{Failover, SiteDirectory};
use siterecovery_decide::Policy;

pub(crate) const NAMESPACE: &str = "site-recovery";

/// The guide's own second, so that its names come out.
const EPOCH: &str = "2024-10-31T03:33:20Z";

/// Sites by canonical name, and the clock they share.
pub(crate) struct Lab {
    pub(crate) clusters: BTreeMap<String, Cluster>,
    pub(crate) directory: SiteDirectory,
    pub(crate) now: Now,
}

impl Lab {
    /// The guide's three sites, empty but for the namespace.
    pub(crate) async fn linstor() -> Self {
        Self::of(SiteDirectory::linstor()).await
    }

    pub(crate) async fn of(directory: SiteDirectory) -> Self {
        let epoch: jiff::Timestamp = EPOCH.parse().expect("a constant");
        let start = tokio::time::Instant::now();
        let now: Now = Arc::new(move || {
            epoch + jiff::SignedDuration::try_from(start.elapsed()).expect("tests are short")
        });
        let mut clusters = BTreeMap::new();
        for site in &directory.sites {
            let cluster = Cluster::builder()
                .name(site.name.clone())
                .now(Arc::clone(&now))
                .crds(siterecovery_api::crds())
                .crds(kubevirt())
                .build()
                .expect("the CRDs are valid");
            clusters.insert(site.name.clone(), cluster);
        }
        let lab = Self {
            clusters,
            directory,
            now,
        };
        for site in lab.clusters.keys() {
            let namespace = json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE},
            });
            lab.create(site, namespace).await;
        }
        lab
    }

    /// What `pgctl` is run with.
    pub(crate) fn context(&self) -> Context {
        let site = |info: &siterecovery_api::SiteInfo| Site {
            info: info.clone(),
            client: self.clusters[&info.name].client(),
        };
        let sites = self.directory.sites.iter().map(site).collect();
        Context::new(
            sites,
            Policy::new("pgctl"),
            NAMESPACE,
            Arc::clone(&self.now),
        )
    }

    /// Runs one command line to its end.
    pub(crate) async fn run(&self, line: &str) -> (Finished, Transcript) {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let mut out = Transcript::default();
        let finished = pgctl::run(&words, &self.context(), &mut out).await;
        (finished, out)
    }

    /// Creates an object on a site; a status in it is written as a second step.
    pub(crate) async fn create(&self, site: &str, object: Value) -> DynamicObject {
        let status = object.get("status").cloned();
        let object: DynamicObject = serde_json::from_value(object).expect("an object");
        let types = object.types.clone().expect("apiVersion and kind");
        let gvk = GroupVersionKind::try_from(&types).expect("a group and a version");
        let kind = ApiResource::from_gvk(&gvk);
        let client = self.clusters[site].client();
        let api: Api<DynamicObject> = match &object.metadata.namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &kind),
            None => Api::all_with(client, &kind),
        };
        let created = api.create(&PostParams::default(), &object).await;
        let created = created.expect("the object is valid");
        let Some(status) = status else { return created };
        let name = created.metadata.name.clone().expect("a name");
        let patch = Patch::Merge(json!({"status": status}));
        api.patch_status(&name, &PatchParams::default(), &patch)
            .await
            .expect("the status is valid")
    }

    /// A group of one VM on both workload sites, running on one of them.
    pub(crate) async fn group(&self, name: &str, at: &str) {
        for site in ["primary", "dr"] {
            let state = if site == at { "running" } else { "stopped" };
            self.create(
                site,
                json!({
                    "apiVersion": "siterecovery.trilio.io/v1alpha1", "kind": "ProtectionGroup",
                    "metadata": {"name": name, "namespace": NAMESPACE},
                    "spec": {"desiredState": state, "virtualMachines": [{"name": format!("{name}-vm-1")}]},
                    "status": {"currentState": state, "observedGeneration": 1},
                }),
            )
            .await;
            self.create(
                site,
                json!({
                    "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
                    "metadata": {"name": format!("{name}-vm-1"), "namespace": NAMESPACE},
                    "spec": {},
                }),
            )
            .await;
        }
        self.instance(name, at).await;
    }

    /// A live instance of a group's VM on one site.
    pub(crate) async fn instance(&self, group: &str, site: &str) {
        self.create(
            site,
            json!({
                "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
                "metadata": {"name": format!("{group}-vm-1"), "namespace": NAMESPACE},
                "spec": {},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
            }),
        )
        .await;
    }

    /// A node of the target that carries a quorum taint.
    pub(crate) async fn tainted_node(&self, site: &str) {
        self.create(
            site,
            json!({
                "apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("{site}-1")},
                "spec": {"taints": [{"key": "drbd.linbit.com/lost-quorum", "effect": "NoSchedule"}]},
            }),
        )
        .await;
    }

    pub(crate) fn failovers(&self, site: &str) -> Vec<Value> {
        self.clusters[site].objects("siterecovery.trilio.io", "failovers")
    }

    /// Plays the controller for the first Failover that appears on `site`: writes these statuses, one
    /// each time `pause` has passed.
    pub(crate) fn controller(&self, site: &str, pause: Duration, statuses: Vec<Value>) {
        let cluster = self.clusters[site].clone();
        tokio::spawn(async move {
            let api: Api<Failover> = Api::namespaced(cluster.client(), NAMESPACE);
            let name = loop {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let seen = cluster.objects("siterecovery.trilio.io", "failovers");
                let fresh = seen.iter().find(|failover| failover["status"].is_null());
                if let Some(name) = fresh.and_then(|failover| failover["metadata"]["name"].as_str())
                {
                    break name.to_owned();
                }
            };
            for status in statuses {
                tokio::time::sleep(pause).await;
                let patch = Patch::Merge(json!({"status": status}));
                api.patch_status(&name, &PatchParams::default(), &patch)
                    .await
                    .expect("the status is valid");
            }
        });
    }
}

/// Passes lines on to a function, as they happen.
pub(crate) struct Live<F>(pub(crate) F);

impl<F: FnMut(Stream, &str)> Output for Live<F> {
    fn line(&mut self, stream: Stream, line: &str) {
        (self.0)(stream, line);
    }
}

fn kubevirt() -> Vec<CustomResourceDefinition> {
    let crd = |kind: &str, plural: &str| {
        serde_json::from_value(json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.kubevirt.io")},
            "spec": {
                "group": "kubevirt.io", "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
                "versions": [{
                    "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {
                        "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                    }},
                }],
            },
        }))
        .expect("a CRD")
    };
    vec![
        crd("VirtualMachine", "virtualmachines"),
        crd("VirtualMachineInstance", "virtualmachineinstances"),
    ]
}

//! Deployments and pods that stand for the controllers.
//!
//! The controllers run in the process that keeps the sites up. What an operator looks at on a real site, whether the
//! deployments are there and ready, is to be seen here too. Nothing acts on these objects, but that pods which are
//! deleted go, as they do where a kubelet ends them.

use std::sync::Arc;

use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use sitedrill_sites::{Logs, Site};

use super::journal::Journal;

/// The name under which these are written.
const MANAGER: &str = "sitedrill-up";

/// Puts the Deployment of the controller that belongs on this site there, ready, with its pod.
///
/// # Errors
/// The site refuses.
pub async fn ensure(site: &Site, namespace: &str) -> Result<(), kube::Error> {
    let name = controller(site);
    let client = site.client_as("system:sitedrill:world");
    let place = Place {
        client,
        namespace,
        name,
    };
    place.apply::<ServiceAccount>(name, json!({}), None).await?;
    let ready = json!({
        "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
        "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable",
            "message": "Deployment has minimum availability."}],
    });
    place
        .apply::<Deployment>(name, deployment(name), Some(ready))
        .await?;
    let running = json!({
        "phase": "Running", "hostIP": "127.0.0.1", "podIP": "127.0.0.1",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{
            "name": name, "image": IMAGE, "imageID": "", "ready": true, "started": true, "restartCount": 0,
            "state": {"running": {}},
        }],
    });
    let node = format!("{}-1", site.plan.name);
    let pod_name = pod_name(name);
    place
        .apply::<Pod>(&pod_name, pod(name, &node), Some(running))
        .await
}

/// What the pod of the controller on this site says: what the controller does.
pub fn logs(journal: &Journal, site: &Site) -> Logs {
    let (journal, site_name, name) = (journal.clone(), site.plan.name.clone(), controller(site));
    let pod = pod_name(name);
    Arc::new(move |_, asked| (asked == pod).then(|| journal.text(&site_name, name)))
}

/// The controller that belongs on a site.
fn controller(site: &Site) -> &'static str {
    if site.plan.role.runs_machines() {
        "protection-group-controller"
    } else {
        "failover-controller"
    }
}

fn pod_name(controller: &str) -> String {
    format!("{controller}-0")
}

/// Ends pods that are being deleted, for ever. A site that does not answer is asked again.
pub async fn end_pods(site: &Site, namespace: &str) {
    let client = site.client_as("system:sitedrill:world");
    let api = Api::<Pod>::namespaced(client, namespace);
    let pods = watcher(api.clone(), watcher::Config::default())
        .default_backoff()
        .applied_objects();
    let mut pods = std::pin::pin!(pods);
    while let Some(pod) = pods.next().await {
        let Ok(pod) = pod else { continue };
        if pod.metadata.deletion_timestamp.is_some() {
            let now = DeleteParams::default().grace_period(0);
            // Whoever else has removed it did what was to be done.
            let _ = api.delete(&pod.name_any(), &now).await;
        }
    }
}

/// What the pods say they run.
const IMAGE: &str = concat!("sitedrill:", env!("CARGO_PKG_VERSION"));

/// Where things are put.
struct Place<'a> {
    client: Client,
    namespace: &'a str,
    name: &'a str,
}

impl Place<'_> {
    async fn apply<K>(
        &self,
        name: &str,
        mut object: Value,
        status: Option<Value>,
    ) -> Result<(), kube::Error>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned
            + serde::Serialize,
    {
        let api = Api::<K>::namespaced(self.client.clone(), self.namespace);
        let params = PatchParams::apply(MANAGER).force();
        object["apiVersion"] = K::api_version(&()).into();
        object["kind"] = K::kind(&()).into();
        object["metadata"] = json!({"name": name, "labels": {"app": self.name}});
        api.patch(name, &params, &Patch::Apply(object)).await?;
        if let Some(status) = status {
            let status = Patch::Merge(json!({"status": status}));
            api.patch_status(name, &PatchParams::default(), &status)
                .await?;
        }
        Ok(())
    }
}

fn deployment(name: &str) -> Value {
    json!({"spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"serviceAccountName": name, "containers": [{"name": name, "image": IMAGE}]},
        },
    }})
}

fn pod(name: &str, node: &str) -> Value {
    json!({"spec": {
        "serviceAccountName": name,
        "nodeName": node,
        "containers": [{"name": name, "image": IMAGE}],
    }})
}

//! Credentials that change while the controller runs. Real sockets, because a kubeconfig names one.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::api::{ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use sitedrill_apiserver::Cluster;
use siterecovery_api::names::LABEL_SITE;
use siterecovery_manager::directory::LABEL_ROLE;
use siterecovery_manager::service::health::Health;
use siterecovery_manager::service::rotation::Rotation;

fn cluster() -> Cluster {
    Cluster::builder().build().expect("an empty cluster builds")
}

/// Serves a cluster that knows itself by a `ConfigMap`, and gives its kubeconfig.
async fn served(name: &str) -> String {
    let cluster = cluster();
    let mark = ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    };
    let marks: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    marks
        .create(&PostParams::default(), &mark)
        .await
        .expect("a ConfigMap may be made");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback has a free port");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    tokio::spawn(async move { axum::serve(listener, cluster.router()).await });
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "u", "user": {}}],
    })
    .to_string()
}

fn secret(kubeconfig: &str) -> Secret {
    serde_json::from_value(json!({
        "metadata": {"name": "dr", "labels": {LABEL_SITE: "dr", LABEL_ROLE: "dr"}},
        "stringData": {"kubeconfig": kubeconfig},
    }))
    .expect("a Secret")
}

async fn put(secrets: &Api<Secret>, kubeconfig: &str) {
    let params = PatchParams::apply("test").force();
    let mut value = serde_json::to_value(secret(kubeconfig)).expect("a Secret is JSON");
    value["apiVersion"] = json!("v1");
    value["kind"] = json!("Secret");
    secrets
        .patch("dr", &params, &Patch::Apply(&value))
        .await
        .expect("a Secret may be written");
}

async fn names(client: &Client) -> Vec<String> {
    let marks: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    let found = marks.list(&ListParams::default()).await;
    let found = found.map(|list| list.items).unwrap_or_default();
    found
        .into_iter()
        .filter_map(|mark| mark.metadata.name)
        .collect()
}

async fn eventually<Fut: Future<Output = bool>>(what: &str, ask: impl Fn() -> Fut) {
    let asking = async {
        while !ask().await {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), asking).await;
    assert!(in_time.is_ok(), "never: {what}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "sockets need real time, and so do the Events"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

#[tokio::test]
async fn a_rotated_secret_takes_effect_without_a_restart_and_a_bad_one_is_said_once() {
    let home = cluster();
    let namespaces: Api<Namespace> = Api::all(home.client());
    assert!(namespaces.get("default").await.is_ok());
    let secrets: Api<Secret> = Api::namespaced(home.client(), "default");
    put(&secrets, "no: kubeconfig").await;

    let health = Health::default();
    let about = (health.clone(), Arc::new(now) as siterecovery_manager::Now);
    let mut rotation = Rotation::new("quorum", home.client(), "default", about);
    let first = served("first").await;
    let sites = {
        let reading = rotation.sites();
        let correcting = async {
            eventually("not ready, and the Secret says why", || async {
                !home.objects("", "events").is_empty() && health.ready().is_err()
            })
            .await;
            put(&secrets, &first).await;
        };
        tokio::join!(reading, correcting).0
    };
    assert_eq!(health.ready(), Ok(()));
    assert_eq!(names(&sites[0].client).await, ["first"]);

    let following = tokio::spawn(rotation.follow());
    put(&secrets, &served("second").await).await;
    eventually("the new kubeconfig is used", || async {
        names(&sites[0].client).await == ["second"]
    })
    .await;
    put(&secrets, "no: kubeconfig").await;
    eventually("the Secret says that it is bad", || async {
        let events = home.objects("", "events");
        events.iter().any(|event| event["count"] == 2)
    })
    .await;
    assert_eq!(
        names(&sites[0].client).await,
        ["second"],
        "the old ones stay"
    );
    assert_eq!(home.objects("", "events")[0]["reason"], "SiteSecretInvalid");

    let mut other = secret(&first);
    other.metadata.name = Some("primary".to_owned());
    let labels = other.metadata.labels.as_mut().expect("it has labels");
    labels.insert(LABEL_SITE.to_owned(), "primary".to_owned());
    put(&secrets, &first).await;
    secrets
        .create(&PostParams::default(), &other)
        .await
        .expect("a Secret may be written");
    let ended = tokio::time::timeout(Duration::from_secs(30), following).await;
    assert!(ended.is_ok(), "another site ends the process");
}

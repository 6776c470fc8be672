//! The site directory, read from kubeconfig Secrets of an embedded site.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use sitedrill_apiserver::Cluster;
use siterecovery_api::names::LABEL_SITE;
use siterecovery_manager::directory::{DirectoryError, KUBECONFIG_KEY, LABEL_ROLE, read_sites};

const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: 'http://dr.example:6443'}}]
users: [{name: me, user: {token: secret}}]
";

async fn home(secrets: &[(&str, &str, &str, Option<&str>)]) -> Client {
    let client = Cluster::builder()
        .build()
        .expect("an empty cluster builds")
        .client();
    let api: Api<Secret> = Api::namespaced(client.clone(), "default");
    for (name, site, role, kubeconfig) in secrets {
        let labels = [(LABEL_SITE, site), (LABEL_ROLE, role)];
        let labels = labels.map(|(key, value)| (key.to_owned(), (*value).to_owned()));
        let data = kubeconfig.map(|text| {
            (
                KUBECONFIG_KEY.to_owned(),
                ByteString(text.as_bytes().to_vec()),
            )
        });
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some((*name).to_owned()),
                labels: Some(BTreeMap::from(labels)),
                ..ObjectMeta::default()
            },
            data: Some(data.into_iter().collect()),
            ..Secret::default()
        };
        api.create(&PostParams::default(), &secret)
            .await
            .expect("the Secret is valid");
    }
    client
}

async fn error(secrets: &[(&str, &str, &str, Option<&str>)]) -> DirectoryError {
    read_sites("quorum", &home(secrets).await, "default")
        .await
        .expect_err("these Secrets cannot be used")
}

#[tokio::test(start_paused = true)]
async fn sites_come_sorted_and_the_own_site_needs_no_kubeconfig() {
    let client = home(&[
        ("b", "quorum", "quorum", None),
        ("a", "dr", "dr", Some(KUBECONFIG)),
        ("c", "primary", "primary", Some(KUBECONFIG)),
    ])
    .await;
    let sites = read_sites("quorum", &client, "default").await.unwrap();
    let names: Vec<_> = sites.iter().map(|site| site.info.name.as_str()).collect();
    assert_eq!(names, ["dr", "primary", "quorum"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_used_is_refused_with_the_name_of_the_secret() {
    assert!(matches!(error(&[]).await, DirectoryError::Empty { .. }));
    let twice = [
        ("a", "dr", "dr", Some(KUBECONFIG)),
        ("b", "dr", "dr", Some(KUBECONFIG)),
    ];
    assert!(matches!(error(&twice).await, DirectoryError::Twice { .. }));
    let bad = [("a", "dr", "dr", Some("no: kubeconfig"))];
    assert!(
        matches!(error(&bad).await, DirectoryError::Kubeconfig { secret, .. } if secret == "a")
    );
    let missing = [("a", "dr", "dr", None)];
    assert!(
        matches!(error(&missing).await, DirectoryError::Malformed { secret, .. } if secret == "a")
    );
}

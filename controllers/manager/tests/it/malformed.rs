//! Objects that nobody can understand (DECISIONS 6, STYLE 4.13).

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceValidation, JSONSchemaProps,
};
use kube::api::PostParams;
use kube::core::DynamicObject;
use kube::discovery::ApiResource;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use sitedrill_world::StorageModel;
use siterecovery_api::{Failover, FailoverPhase, SiteDirectory};

use crate::lab::{Lab, MINUTE, NAMESPACE, message, phase};

/// Sites whose definitions let everything through, as a cluster with an old or edited CRD does.
pub(crate) async fn permissive() -> Lab {
    let mut lab = Lab::bare(SiteDirectory::linstor(), StorageModel::Linstor).await;
    for site in ["primary", "dr", "quorum"] {
        let definitions: Api<CustomResourceDefinition> = Api::all(lab.client(site));
        for crd in siterecovery_api::crds() {
            loosen(&definitions, crd)
                .await
                .expect("the definition may be edited");
        }
    }
    lab.start_controllers();
    lab
}

pub(crate) async fn loosen(
    definitions: &Api<CustomResourceDefinition>,
    mut crd: CustomResourceDefinition,
) -> kube::Result<()> {
    let anything = JSONSchemaProps {
        type_: Some("object".to_owned()),
        x_kubernetes_preserve_unknown_fields: Some(true),
        ..JSONSchemaProps::default()
    };
    let name = crd.name_any();
    crd.spec.versions[0].schema = Some(CustomResourceValidation {
        open_api_v3_schema: Some(anything),
    });
    crd.metadata.resource_version = definitions.get(&name).await?.metadata.resource_version;
    definitions
        .replace(&name, &PostParams::default(), &crd)
        .await
        .map(drop)
}

pub(crate) async fn create(
    lab: &Lab,
    site: &str,
    resource: &ApiResource,
    object: Value,
) -> Api<DynamicObject> {
    let api: Api<DynamicObject> = Api::namespaced_with(lab.client(site), NAMESPACE, resource);
    let object = serde_json::from_value(object).expect("any object with metadata will do");
    api.create(&PostParams::default(), &object)
        .await
        .expect("the definition lets everything through");
    api
}

fn condition(object: &DynamicObject, kind: &str) -> Option<Value> {
    let conditions = object.data.get("status")?.get("conditions")?.as_array()?;
    conditions
        .iter()
        .find(|condition| condition["type"] == kind)
        .cloned()
}

#[tokio::test(start_paused = true)]
async fn a_malformed_failover_fails_with_a_reason_and_stops_nobody_else() {
    let lab = permissive().await;
    lab.group("pg-a", 1, "primary").await;
    let resource = ApiResource::erase::<Failover>(&());
    let object = json!({
        "apiVersion": "siterecovery.trilio.io/v1alpha1", "kind": "Failover",
        "metadata": {"name": "broken"}, "spec": {"protectionGroup": ["pg-a"], "targetCluster": "dr"},
    });
    let failovers = create(&lab, "quorum", &resource, object).await;
    let broken = lab
        .eventually(MINUTE, || async {
            let object = failovers.get("broken").await.unwrap();
            condition(&object, "Succeeded")
                .ok_or("no condition yet".to_owned())
                .map(|_| object)
        })
        .await;
    assert_eq!(broken.data["status"]["phase"], "Failed");
    assert_eq!(
        condition(&broken, "Succeeded").unwrap()["reason"],
        "Invalid"
    );
    assert_eq!(lab.event_reasons("quorum", "broken"), ["Invalid"]);

    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    let moved = lab.ended("quorum", "f1").await;
    assert_eq!(
        phase(&moved),
        FailoverPhase::Succeeded,
        "{}",
        message(&moved)
    );
    let later = failovers.get("broken").await.unwrap();
    assert_eq!(
        later.metadata.resource_version, broken.metadata.resource_version,
        "said once"
    );
}

#[tokio::test(start_paused = true)]
async fn a_malformed_group_is_unknown_with_a_reason_and_stops_nobody_else() {
    let lab = permissive().await;
    let resource = ApiResource::erase::<siterecovery_api::ProtectionGroup>(&());
    let object = json!({
        "apiVersion": "siterecovery.trilio.io/v1alpha1", "kind": "ProtectionGroup",
        "metadata": {"name": "broken"}, "spec": {"desiredState": "sideways"},
    });
    let groups = create(&lab, "primary", &resource, object).await;
    lab.group("pg-a", 1, "primary").await;
    let broken = groups.get("broken").await.unwrap();
    assert_eq!(broken.data["status"]["currentState"], "unknown");
    assert_eq!(
        condition(&broken, "Converged").unwrap()["reason"],
        "Invalid"
    );
    assert_eq!(lab.event_reasons("primary", "broken"), ["Invalid"]);
}

//! The two custom resource definitions, and the manifests that install them.

use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use serde_json::Value;

use crate::{Failover, ProtectionGroup};

/// One manifest file: its name below `controllers/deploy/crds/`, and its content.
#[derive(Clone, Debug)]
pub struct CrdManifest {
    /// File name, as the guide gives it.
    pub file_name: &'static str,
    /// What it holds.
    pub crd: CustomResourceDefinition,
}

/// Both definitions, the group first.
pub fn crds() -> Vec<CustomResourceDefinition> {
    // They are the same for as long as the program runs, and making them takes longer than starting a site with them.
    static ALL: LazyLock<Vec<CustomResourceDefinition>> =
        LazyLock::new(|| crd_manifests().into_iter().map(|m| m.crd).collect());
    ALL.clone()
}

/// Both definitions with the file names the guide gives them. `cargo xtask crds` writes them.
pub fn crd_manifests() -> Vec<CrdManifest> {
    vec![
        CrdManifest {
            file_name: "protection-group-crd.yaml",
            crd: for_old_servers(ProtectionGroup::crd()),
        },
        CrdManifest {
            file_name: "failover-crd.yaml",
            crd: for_old_servers(Failover::crd()),
        },
    ]
}

/// The same definition without what servers around Kubernetes 1.20 misread.
///
/// They refuse a schema with `null` among the values of an enum (`nullable` says the same), and take the default `""`
/// for no default at all.
fn for_old_servers(crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let mut tree = serde_json::to_value(crd).expect("a definition is JSON");
    simplify(&mut tree);
    serde_json::from_value(tree).expect("taking values out of lists leaves a definition")
}

fn simplify(tree: &mut Value) {
    match tree {
        Value::Object(map) => {
            if let Some(Value::Array(values)) = map.get_mut("enum") {
                values.retain(|value| !value.is_null());
            }
            if map.get("default").is_some_and(|default| default == "") {
                map.remove("default");
            }
            map.values_mut().for_each(simplify);
        }
        Value::Array(items) => items.iter_mut().for_each(simplify),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_enum_offers_null_and_no_default_is_empty() {
        let text = serde_json::to_string(&crds()).unwrap();
        assert!(
            text.contains("\"enum\":[")
                && !text.contains("null]")
                && !text.contains("\"default\":\"\"")
        );
    }

    #[test]
    fn the_definitions_are_what_the_guide_and_the_decisions_say() {
        for manifest in crd_manifests() {
            insta::assert_yaml_snapshot!(manifest.file_name, manifest.crd);
        }
    }
}

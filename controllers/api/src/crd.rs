//! The two custom resource definitions, and the manifests that install them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

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
    crd_manifests().into_iter().map(|m| m.crd).collect()
}

/// Both definitions with the file names the guide gives them. `cargo xtask crds` writes them.
pub fn crd_manifests() -> Vec<CrdManifest> {
    vec![
        CrdManifest {
            file_name: "protection-group-crd.yaml",
            crd: ProtectionGroup::crd(),
        },
        CrdManifest {
            file_name: "failover-crd.yaml",
            crd: Failover::crd(),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_what_the_guide_and_the_decisions_say() {
        for manifest in crd_manifests() {
            insta::assert_yaml_snapshot!(manifest.file_name, manifest.crd);
        }
    }
}

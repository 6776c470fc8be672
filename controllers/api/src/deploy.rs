//! The manifests that install the controllers, as values. `cargo xtask deploy` writes them.

use serde_json::{Value, json};

use crate::access::{RIGHTS, Role, role_objects};
use crate::{crds, names};

/// A file of manifests.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Its name below `controllers/deploy`.
    pub file_name: String,
    /// What it is for, as comment lines.
    pub about: &'static str,
    /// Its documents.
    pub documents: Vec<Value>,
}

/// The port of `/livez`, `/readyz` and `/metrics`.
const PORT: u16 = 8080;

/// Holds `SITE_NAME`, and with LINSTOR `LINSTOR_URL`.
const SETTINGS: &str = "site-recovery";

/// Every file.
pub fn manifests() -> Vec<Manifest> {
    let file = |name: &str, about, documents| Manifest {
        file_name: name.to_owned(),
        about,
        documents,
    };
    let roles = [
        (
            "rbac/protection-group-controller.yaml",
            "The Protection Group Controller on its own site.",
            vec![Role::Groups, Role::GroupsEverywhere],
        ),
        (
            "rbac/failover-controller.yaml",
            "The Failover Controller on the site that it runs on.",
            vec![Role::Failovers, Role::Locks],
        ),
        (
            "rbac/failover-controller-on-workload-sites.yaml",
            "The Failover Controller on every workload site, wherever it runs.",
            vec![Role::Moves, Role::MovesEverywhere],
        ),
    ];
    let mut files: Vec<Manifest> = roles
        .into_iter()
        .map(|(name, about, roles)| file(name, about, rbac(&roles)))
        .collect();
    let groups = || {
        deployment(
            "protection-group-controller",
            names::PROTECTION_GROUP_MANAGER,
        )
    };
    let failovers = || deployment("failover-controller", names::FAILOVER_MANAGER);
    let crds = || definitions();
    let (workload, management) = (Role::ON_WORKLOAD_SITES, Role::ON_MANAGEMENT_SITES);
    let install = |roles: &[Role], deployments: Vec<Value>| {
        [vec![namespace()], crds(), rbac(roles), deployments].concat()
    };
    files.push(file(
        "install.yaml",
        "A workload site of two: both controllers.",
        install(
            &[&workload[..], &management[..]].concat(),
            vec![groups(), failovers()],
        ),
    ));
    files.push(file(
        "sites/workload.yaml",
        "A workload site of three: the Protection Group Controller, and access for the Failover Controller.",
        install(&workload, vec![groups()]),
    ));
    files.push(file(
        "sites/quorum.yaml",
        "The quorum site of three: the Failover Controller.",
        install(&management, vec![failovers()]),
    ));
    files
}

fn namespace() -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": names::DEFAULT_NAMESPACE}})
}

fn definitions() -> Vec<Value> {
    crds()
        .iter()
        .map(|crd| serde_json::to_value(crd).expect("a definition is plain data"))
        .collect()
}

fn rbac(roles: &[Role]) -> Vec<Value> {
    let mut accounts: Vec<&str> = roles.iter().map(|role| role.account()).collect();
    accounts.dedup();
    accounts.sort_unstable();
    accounts.dedup();
    let accounts = accounts.into_iter().map(|name| {
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": names::DEFAULT_NAMESPACE},
        })
    });
    let roles = roles
        .iter()
        .flat_map(|role| role_objects(*role, RIGHTS, names::DEFAULT_NAMESPACE));
    accounts.chain(roles).collect()
}

fn deployment(program: &str, account: &str) -> Value {
    let probe = |path: &str| json!({"httpGet": {"path": path, "port": "http"}});
    let container = json!({
        "name": program,
        "image": format!("siterecovery/{program}:{}", env!("CARGO_PKG_VERSION")),
        "args": ["--log-format=json"],
        "envFrom": [{"configMapRef": {"name": SETTINGS}}],
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "ports": [{"name": "http", "containerPort": PORT}],
        "livenessProbe": probe("/livez"),
        "readinessProbe": probe("/readyz"),
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": program, "namespace": names::DEFAULT_NAMESPACE, "labels": {"app": program}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": program}},
            "template": {
                "metadata": {
                    "labels": {"app": program},
                    "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": PORT.to_string()},
                },
                "spec": {
                    "serviceAccountName": account,
                    "terminationGracePeriodSeconds": 30,
                    "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [container],
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_account_needs_stands_before_the_deployment_that_uses_it() {
        for manifest in manifests() {
            let position = |kind: &str| manifest.documents.iter().position(|d| d["kind"] == kind);
            let Some(deployment) = position("Deployment") else {
                continue;
            };
            for kind in [
                "Namespace",
                "CustomResourceDefinition",
                "ServiceAccount",
                "Role",
            ] {
                assert!(
                    position(kind).unwrap() < deployment,
                    "{}: {kind}",
                    manifest.file_name
                );
            }
        }
    }

    #[test]
    fn every_role_is_installed_somewhere() {
        let all: Vec<Value> = manifests().into_iter().flat_map(|m| m.documents).collect();
        for role in Role::ALL {
            assert!(
                all.iter().any(|d| d["metadata"]["name"] == role.name()),
                "{role:?}"
            );
        }
    }
}

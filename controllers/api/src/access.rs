//! What each controller may do on each site: one table, from which the RBAC manifests are written,
//! and against which a test holds what the controllers really ask for.

use serde_json::{Value, json};

use crate::{GROUP, SiteDirectory, SiteInfo, names};

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// For whom, and where.
    pub role: Role,
    /// The API group; empty for the core.
    pub group: &'static str,
    /// The resource, with its subresource.
    pub resource: &'static str,
    /// What may be done with it, and nothing else.
    pub verbs: &'static [&'static str],
    /// What it is needed for.
    pub why: &'static str,
}

/// A role: some rights of one controller on one kind of site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The Protection Group Controller on its own site, in its namespace.
    Groups,
    /// The same in every namespace, because machines can be anywhere.
    GroupsEverywhere,
    /// The Failover Controller on the site that it runs on, in its namespace; without a quorum site
    /// on the other site too, whose Failovers it reads.
    Failovers,
    /// The Failover Controller on every site that holds locks, in its namespace: its own, and
    /// without a quorum site the other one too.
    Locks,
    /// The Failover Controller on each workload site, in the namespace.
    Moves,
    /// The same for what is in any namespace, or in none.
    MovesEverywhere,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Groups,
        Self::GroupsEverywhere,
        Self::Failovers,
        Self::Locks,
        Self::Moves,
        Self::MovesEverywhere,
    ];

    /// Those on a site that runs machines.
    pub const ON_WORKLOAD_SITES: [Self; 4] = [
        Self::Groups,
        Self::GroupsEverywhere,
        Self::Moves,
        Self::MovesEverywhere,
    ];

    /// Those on a site that holds Failovers and locks.
    pub const ON_MANAGEMENT_SITES: [Self; 2] = [Self::Failovers, Self::Locks];

    /// The name of the (cluster) role and its binding.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Groups => "protection-group-controller",
            Self::GroupsEverywhere => "siterecovery-protection-group-controller",
            Self::Failovers => "failover-controller",
            Self::Locks => "failover-controller-locks",
            Self::Moves => "failover-controller-moves",
            Self::MovesEverywhere => "siterecovery-failover-controller-moves",
        }
    }

    /// The service account that has it.
    pub const fn account(self) -> &'static str {
        match self {
            Self::Groups | Self::GroupsEverywhere => names::PROTECTION_GROUP_MANAGER,
            Self::Failovers | Self::Locks | Self::Moves | Self::MovesEverywhere => {
                names::FAILOVER_MANAGER
            }
        }
    }

    /// Whether it holds in all namespaces.
    pub const fn is_cluster_wide(self) -> bool {
        matches!(self, Self::GroupsEverywhere | Self::MovesEverywhere)
    }
}

const fn right(
    role: Role,
    (group, resource): (&'static str, &'static str),
    verbs: &'static [&'static str],
    why: &'static str,
) -> Right {
    Right {
        role,
        group,
        resource,
        verbs,
        why,
    }
}

const EVENTS: (&str, &str) = ("", "events");
const LEASES: (&str, &str) = ("coordination.k8s.io", "leases");
const GROUPS: (&str, &str) = (GROUP, "protectiongroups");
const MACHINES: (&str, &str) = ("kubevirt.io", "virtualmachines");
const INSTANCES: (&str, &str) = ("kubevirt.io", "virtualmachineinstances");

/// The table.
pub const RIGHTS: &[Right] = &[
    right(
        Role::Groups,
        GROUPS,
        &["get", "list", "watch"],
        "which groups there are, and what each is asked to do",
    ),
    right(
        Role::Groups,
        (GROUP, "protectiongroups/status"),
        &["update", "patch"],
        "what each group does; a patch where the group cannot be understood",
    ),
    right(
        Role::Groups,
        EVENTS,
        &["create", "get", "patch"],
        "Events; one that repeats is counted up",
    ),
    right(
        Role::Groups,
        LEASES,
        &["get", "list", "watch", "create", "update"],
        "the election of the process that acts",
    ),
    right(
        Role::GroupsEverywhere,
        MACHINES,
        &["get", "list", "watch", "patch"],
        "members, and their run strategy",
    ),
    right(
        Role::GroupsEverywhere,
        INSTANCES,
        &["get", "list", "watch"],
        "what the members do",
    ),
    right(
        Role::Failovers,
        (GROUP, "failovers"),
        &["get", "list", "watch"],
        "what is to be done",
    ),
    right(
        Role::Failovers,
        (GROUP, "failovers/status"),
        &["update", "patch"],
        "what was done; a patch where the Failover cannot be understood",
    ),
    right(
        Role::Failovers,
        EVENTS,
        &["create", "get", "patch"],
        "Events; one that repeats is counted up",
    ),
    right(
        Role::Failovers,
        ("", "secrets"),
        &["list", "watch"],
        "the kubeconfigs of the sites",
    ),
    right(
        Role::Locks,
        LEASES,
        &[
            "get", "list", "watch", "create", "update", "patch", "delete",
        ],
        "the lock of each group: take, take over, renew, release; and the election",
    ),
    right(
        Role::Moves,
        GROUPS,
        &["get", "list", "watch", "patch"],
        "the copies of a group, its neighbours, and what the copies are asked to do",
    ),
    right(
        Role::Moves,
        EVENTS,
        &["create", "get", "patch"],
        "Events on the groups",
    ),
    right(
        Role::MovesEverywhere,
        MACHINES,
        &["get", "list"],
        "members, and their disks",
    ),
    right(
        Role::MovesEverywhere,
        INSTANCES,
        &["get", "list", "watch"],
        "where a group lives",
    ),
    right(
        Role::MovesEverywhere,
        ("", "persistentvolumeclaims"),
        &["get", "list"],
        "which volumes are behind the disks",
    ),
    right(
        Role::MovesEverywhere,
        ("", "nodes"),
        &["list", "watch", "patch"],
        "quorum taints of the target, and their removal",
    ),
    right(
        Role::MovesEverywhere,
        ("drbd.io", "drbdvolumes"),
        &["get", "list", "watch"],
        "the state of the volumes, where the DRBD Operator replicates them",
    ),
];

/// The roles that the controllers need on a site of this directory.
pub fn roles_on(directory: &SiteDirectory, site: &SiteInfo) -> Vec<Role> {
    let manages = directory
        .management_sites()
        .iter()
        .any(|other| other.name == site.name);
    let of = |yes: bool, roles: &[Role]| if yes { roles.to_vec() } else { Vec::new() };
    [
        of(site.runs_workloads(), &Role::ON_WORKLOAD_SITES),
        of(manages, &Role::ON_MANAGEMENT_SITES),
    ]
    .concat()
}

/// The role of that kind, with these rights, and its binding to its account, as Kubernetes objects.
pub fn role_objects(role: Role, rights: &[Right], namespace: &str) -> [Value; 2] {
    let rules: Vec<Value> = rights
        .iter()
        .filter(|right| right.role == role)
        .map(|right| {
            json!({
                "apiGroups": [right.group],
                "resources": [right.resource],
                "verbs": right.verbs,
            })
        })
        .collect();
    let (kind, binding) = if role.is_cluster_wide() {
        ("ClusterRole", "ClusterRoleBinding")
    } else {
        ("Role", "RoleBinding")
    };
    let mut metadata = json!({"name": role.name()});
    if !role.is_cluster_wide() {
        metadata["namespace"] = json!(namespace);
    }
    let api = "rbac.authorization.k8s.io";
    let subject = json!({"kind": "ServiceAccount", "name": role.account(), "namespace": namespace});
    [
        json!({"apiVersion": format!("{api}/v1"), "kind": kind, "metadata": metadata, "rules": rules}),
        json!({
            "apiVersion": format!("{api}/v1"), "kind": binding, "metadata": metadata,
            "roleRef": {"apiGroup": api, "kind": kind, "name": role.name()},
            "subjects": [subject],
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_may_do_everything_and_no_right_is_written_twice() {
        for (index, right) in RIGHTS.iter().enumerate() {
            assert!(!right.verbs.contains(&"*") && !right.resource.contains('*'));
            let same = |other: &&Right| {
                (other.role, other.group, other.resource)
                    == (right.role, right.group, right.resource)
            };
            assert_eq!(
                RIGHTS.iter().filter(same).count(),
                1,
                "line {index}: {right:?}"
            );
        }
    }

    #[test]
    fn a_role_is_bound_to_the_account_of_its_controller() {
        let [role, binding] = role_objects(Role::Locks, RIGHTS, "site-recovery");
        assert_eq!(role["metadata"]["namespace"], "site-recovery");
        assert_eq!(binding["subjects"][0]["name"], "failover-controller");
        let [role, _] = role_objects(Role::MovesEverywhere, RIGHTS, "site-recovery");
        assert_eq!(role["kind"], "ClusterRole");
        assert!(role["metadata"]["namespace"].is_null());
    }
}

//! Names, labels, annotations and taint keys: every string that two parts must spell alike.

/// The namespace everything lives in unless a flag says otherwise (DECISIONS 1).
pub const DEFAULT_NAMESPACE: &str = "site-recovery";

/// Field manager of the Failover Controller's writes.
pub const FAILOVER_MANAGER: &str = "failover-controller";
/// Field manager of the Protection Group Controller's writes.
pub const PROTECTION_GROUP_MANAGER: &str = "protection-group-controller";

/// Label on virtual machines that says which group they belong to.
pub const LABEL_GROUP: &str = "siterecovery.trilio.io/group";
/// Label on a kubeconfig Secret that names the site it opens.
pub const LABEL_SITE: &str = "siterecovery.trilio.io/site";
/// Annotation on a lock Lease: name of the Failover that took it.
pub const ANNOTATION_FAILOVER: &str = "siterecovery.trilio.io/failover";
/// Annotation on a lock Lease: uid of the Failover that took it. A name can be used twice.
pub const ANNOTATION_FAILOVER_UID: &str = "siterecovery.trilio.io/failover-uid";
/// Annotation on a `VirtualMachine`: the `runStrategy` it had before its group stopped it.
pub const ANNOTATION_RUN_STRATEGY: &str = "siterecovery.trilio.io/original-run-strategy";

/// Label of Kubernetes on a node: the zone, which for us is the site.
pub const LABEL_ZONE: &str = "topology.kubernetes.io/zone";

/// Taint put on a node whose DRBD resource lost quorum.
pub const TAINT_LOST_QUORUM: &str = "drbd.linbit.com/lost-quorum";
/// Taint put on a node whose DRBD resource is forced to fail its IO.
pub const TAINT_FORCE_IO_ERROR: &str = "drbd.linbit.com/force-io-error";

/// The taints that a failover removes from the target's nodes unless configured otherwise.
pub const DEFAULT_TAINT_KEYS: [&str; 2] = [TAINT_LOST_QUORUM, TAINT_FORCE_IO_ERROR];

/// How long a lock lives after its last renewal: the guide's 300 seconds.
pub const LOCK_TTL_SECONDS: i32 = 300;

/// Longest name Kubernetes accepts for these objects.
const NAME_LIMIT: usize = 253;

/// The Lease that locks a group: `failover-lock-<group>`.
pub fn lock_name(group: &str) -> String {
    format!("failover-lock-{group}")
}

/// The name of a Failover made by our tools: `failover-<group>-<unix seconds>`.
///
/// A group name too long for that is cut so that the whole stays a legal object name.
pub fn failover_name(group: &str, unix_seconds: i64) -> String {
    let suffix = format!("-{unix_seconds}");
    let room = NAME_LIMIT.saturating_sub("failover-".len() + suffix.len());
    let cut: String = group.chars().take(room).collect();
    let cut = cut.trim_end_matches(['-', '.']);
    format!("failover-{cut}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_guide() {
        assert_eq!(lock_name("pg-a"), "failover-lock-pg-a");
        assert_eq!(
            failover_name("pg-a", 1_730_400_000),
            "failover-pg-a-1730400000"
        );
    }

    #[test]
    fn a_very_long_group_still_gives_a_legal_name() {
        let name = failover_name(&"g".repeat(253), 1_730_400_000);
        assert_eq!(name.len(), 253);
        assert!(name.ends_with("-1730400000"));
    }
}

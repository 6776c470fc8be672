//! The guide's lines, byte for byte (DECISIONS 8). Both forms of the warning sign are the guide's:
//! scenario 3 uses the bare one, scenario 4 the one with a variation selector.

use siterecovery_api::FailoverPhase;

/// The first line of both scripts.
pub const VALIDATING: &str = "[INFO] Validating authentication...";

/// `[INFO] Detecting VM locations for pg-a...`
pub fn detecting(group: &str) -> String {
    format!("[INFO] Detecting VM locations for {group}...")
}

/// `[INFO] Creating Failover CR: failover-pg-a-1730400000`
pub fn creating(failover: &str) -> String {
    format!("[INFO] Creating Failover CR: {failover}")
}

/// The line before the phases are printed.
pub const MONITORING: &str = "[INFO] Monitoring Failover CR status...";

/// `[INFO] Phase: Running`
pub fn phase(phase: FailoverPhase) -> String {
    format!("[INFO] Phase: {phase}")
}

/// What a failover that went well says about itself, without the tag.
pub fn completed(group: &str, target: &str, forced: bool) -> String {
    let how = if forced {
        "(force mode)"
    } else {
        "successfully"
    };
    format!("Failover of {group} to {target} completed {how}")
}

/// `[SUCCESS] Failover of pg-a to cluster2 completed successfully`
pub fn success(group: &str, target: &str, forced: bool) -> String {
    format!("[SUCCESS] {}", completed(group, target, forced))
}

/// The three lines of a refusal by the lock (scenario 2).
pub fn lock_refusal(group: &str, holder: &str) -> Vec<String> {
    vec![
        format!("[ERROR] Failed to acquire failover lock for {group}"),
        format!("Failover lock is held by: {holder}"),
        "[ERROR] Failover aborted \u{2014} another failover is already in progress for this Protection Group"
            .to_owned(),
    ]
}

/// The lines of a refusal by the safety check (scenario 3). Stale groups, of which the guide's
/// output knows nothing, add one line each before the last.
pub fn safety_refusal(target: &str, blockers: &[String], stale: &[String]) -> Vec<String> {
    let mut lines = vec![format!(
        "\u{26a0} SAFETY CHECK: Other Protection Groups have running VMs on {target}:"
    )];
    lines.extend(blockers.iter().map(|group| format!("    - {group}")));
    lines.push(format!(
        "UNSAFE to remove taints on {target} - other Protection Groups have running VMs"
    ));
    lines.push("This could cause scheduling issues for those VMs".to_owned());
    lines.push("To override this safety check, use --force flag (NOT RECOMMENDED)".to_owned());
    lines.extend(stale.iter().map(|group| {
        format!(
            "The status of {group} looks stale: none of its VMs is live on {target}; to reconcile it, set its spec.desiredState to stopped there"
        )
    }));
    lines.push(ABORTED.to_owned());
    lines
}

/// The last line of a refusal.
pub const ABORTED: &str = "[ERROR] Failover aborted";

/// The three lines of force mode (scenario 4).
pub fn forced_banner(target: &str) -> Vec<String> {
    vec![
        "\u{26a0}\u{fe0f}  WARNING: Force mode enabled - safety checks bypassed".to_owned(),
        "\u{26a0}\u{fe0f}  Using --force can disrupt other Protection Groups".to_owned(),
        format!("[INFO] Removing quorum taints on {target} (force mode)..."),
    ]
}

/// A failure for which the guide has no lines of its own.
pub fn failure(message: &str) -> Vec<String> {
    vec![format!("[ERROR] {message}"), ABORTED.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_the_guides_byte_for_byte() {
        let one = |word: &str| vec![word.to_owned()];
        assert_eq!(
            lock_refusal("pg-a", "failover-controller-12345").join("\n"),
            "[ERROR] Failed to acquire failover lock for pg-a
Failover lock is held by: failover-controller-12345
[ERROR] Failover aborted — another failover is already in progress for this Protection Group"
        );
        assert_eq!(
            safety_refusal("cluster2", &one("pg-a"), &[]).join("\n"),
            "⚠ SAFETY CHECK: Other Protection Groups have running VMs on cluster2:
    - pg-a
UNSAFE to remove taints on cluster2 - other Protection Groups have running VMs
This could cause scheduling issues for those VMs
To override this safety check, use --force flag (NOT RECOMMENDED)
[ERROR] Failover aborted"
        );
        assert_eq!(
            forced_banner("cluster2").join("\n"),
            "⚠️  WARNING: Force mode enabled - safety checks bypassed
⚠️  Using --force can disrupt other Protection Groups
[INFO] Removing quorum taints on cluster2 (force mode)..."
        );
        assert_eq!(
            [
                VALIDATING.to_owned(),
                detecting("pg-a"),
                creating("failover-pg-a-1730400000"),
                MONITORING.to_owned(),
                phase(FailoverPhase::Running),
                phase(FailoverPhase::Succeeded),
                success("pg-a", "cluster2", false),
                success("pg-b", "cluster2", true),
            ]
            .join("\n"),
            "[INFO] Validating authentication...
[INFO] Detecting VM locations for pg-a...
[INFO] Creating Failover CR: failover-pg-a-1730400000
[INFO] Monitoring Failover CR status...
[INFO] Phase: Running
[INFO] Phase: Succeeded
[SUCCESS] Failover of pg-a to cluster2 completed successfully
[SUCCESS] Failover of pg-b to cluster2 completed (force mode)"
        );
    }

    #[test]
    fn a_stale_group_adds_its_line_before_the_last() {
        let names = vec!["pg-a".to_owned()];
        let lines = safety_refusal("cluster2", &names, &names);
        assert_eq!(lines.len(), 7);
        assert!(lines[5].contains("stale") && lines[5].contains("desiredState"));
        assert_eq!(lines[6], ABORTED);
    }
}

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

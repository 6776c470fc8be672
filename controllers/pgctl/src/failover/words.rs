//! The guide's lines of a failover, byte for byte (scenarios 1 and 4).
//!
//! The words of a refusal are not here: they are the controllers' own.

use super::Order;

/// What a failover says before its first phase.
///
/// Without force these are scenario 1's lines, with force scenario 4's. Its warning sign is U+26A0
/// U+FE0F followed by two spaces; the one of a refusal is U+26A0 alone.
pub(crate) fn opening(order: &Order<'_>, failover: &str) -> Vec<String> {
    let Order {
        group,
        target,
        force,
        namespace: _,
    } = order;
    if *force {
        vec![
            "\u{26a0}\u{fe0f}  WARNING: Force mode enabled - safety checks bypassed".to_owned(),
            "\u{26a0}\u{fe0f}  Using --force can disrupt other Protection Groups".to_owned(),
            format!("[INFO] Removing quorum taints on {target} (force mode)..."),
        ]
    } else {
        vec![
            "[INFO] Validating authentication...".to_owned(),
            format!("[INFO] Detecting VM locations for {group}..."),
            format!("[INFO] Creating Failover CR: {failover}"),
            "[INFO] Monitoring Failover CR status...".to_owned(),
        ]
    }
}

/// The last line of a failover that succeeded.
pub(crate) fn success(order: &Order<'_>) -> String {
    let Order {
        group,
        target,
        force,
        namespace: _,
    } = order;
    if *force {
        format!("[SUCCESS] Failover of {group} to {target} completed (force mode)")
    } else {
        format!("[SUCCESS] Failover of {group} to {target} completed successfully")
    }
}

/// The last line where nothing had to be moved. The guide has no such case.
pub(crate) fn already_there(order: &Order<'_>) -> String {
    let Order { group, target, .. } = order;
    format!("[SUCCESS] {group} is already running on {target}, nothing was moved")
}

/// The last line of a failover that failed.
pub(crate) fn failure(order: &Order<'_>, message: &str) -> String {
    let Order { group, target, .. } = order;
    format!("[ERROR] Failover of {group} to {target} failed: {message}")
}

//! The lines of a failover, in their order. The guide's own texts come from `siterecovery_decide`,
//! where the controllers have them too.

use siterecovery_api::{FailoverRefusal, reasons};
use siterecovery_decide::text;

use super::Order;

/// What a failover says before its first phase: scenario 1's lines, with force scenario 4's.
pub(crate) fn opening(order: &Order<'_>, failover: &str) -> Vec<String> {
    if order.force {
        return text::forced_banner(order.target);
    }
    vec![
        text::VALIDATING.to_owned(),
        text::detecting(order.group),
        text::creating(failover),
        text::MONITORING.to_owned(),
    ]
}

/// The last line of a failover that succeeded.
pub(crate) fn success(order: &Order<'_>) -> String {
    text::success(order.group, order.target, order.force)
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

/// The guide's text of a refusal (scenarios 2 and 3); `None` where the guide has none.
pub(crate) fn refusal(order: &Order<'_>, refusal: &FailoverRefusal) -> Option<Vec<String>> {
    match refusal.reason.as_str() {
        reasons::LOCK_HELD => {
            let holder = refusal.holder.as_deref().unwrap_or("unknown");
            Some(text::lock_refusal(order.group, holder))
        }
        reasons::SAFETY_CHECK => Some(text::safety_refusal(
            order.target,
            &refusal.blockers,
            &refusal.stale,
        )),
        _ => None,
    }
}

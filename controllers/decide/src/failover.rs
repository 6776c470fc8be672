//! One failover: what to do next (DECISIONS 3).
//!
//! ```text
//!  Pending   Validate ─ AcquireLock
//!                           │ lock held
//!  Running   LocateGroup ─ SafetyCheck ─ ClearTaints ─ StopSource ─ ReleaseStorage ─ StartTarget
//!                │            │              │             │              │              │
//!                └────────────┴──────┬───────┴─────────────┴──────────────┘              │
//!                     refused, or late: roll back                     late: leave as is, say what runs
//!                                    │                                                   │
//!            condition Succeeded is written, then: rollback, ReleaseLock ────────────────┘
//!                                    │
//!  Succeeded / Failed   never changes again; a source that could not be confirmed stopped is
//!                       fenced when it returns
//! ```
//!
//! Each pass starts at the top and walks down until something is missing. What is there decides, not
//! what is remembered; only three kinds of fact are stored in the status, because they cannot be
//! seen: when a step began, what the source was asked to do before, and how it all ended.
//!
//! **Invariant:** intent before act. An effect that changes a group, a node or the end is only
//! decided when the step it belongs to is already stored as begun, so a crash between the two never
//! leads to a wrong rollback.
//!
//! **Invariant:** no effect on a group or a node unless this Failover holds its lock on every
//! reachable lock site, fresh enough for nobody else to have taken it. (Fencing after the end is the
//! one exception: it only ever stops a copy.)

mod check;
mod events;
mod finish;
mod hold;
mod moving;
mod observed;
mod pass;
#[cfg(test)]
mod tests;
mod understand;
mod words;

use jiff::Timestamp;
use siterecovery_api::FailoverStatus;

pub use observed::{FailoverFacts, Observed, SiteFacts, SiteView, StorageView};
pub use understand::{
    Fetch, Fetched, GroupVolumes, SiteObjects, planned, summary, understand, volumes_of,
};

pub use words::says_the_same;

use crate::decision::Decision;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::sabotage::Sabotage;
use pass::{Ending, Flow, Halt, Pass};

/// Decides the next move of one failover.
///
/// # Guarantees
///
/// A failover that has ended never changes its phase again. Every other one ends, because every step
/// has a deadline that is stored before the step acts.
///
/// # Assumptions
///
/// `observed` was read after the last effect of this Failover was performed, not from a cache that
/// may lag behind.
pub fn decide(observed: &Observed, policy: &Policy, now: Timestamp) -> Decision<FailoverStatus> {
    let mut pass = Pass::new(observed, policy, now);
    let halt = match advance(&mut pass) {
        Ok(()) => Halt::End(Ending::Moved),
        Err(halt) => halt,
    };
    pass.conclude(halt)
}

/// Whether a failover that does not exist yet would be refused at once, for the front door of
/// `pgctl` (DECISIONS 8). It sees what the controller would see first, and changes nothing.
pub fn front_door(observed: &Observed, policy: &Policy, now: Timestamp) -> Option<Refusal> {
    Pass::new(observed, policy, now).would_refuse()
}

fn advance(pass: &mut Pass<'_>) -> Flow {
    if pass.is_terminal() && !pass.policy.sabotaged(Sabotage::RewriteTheEnd) {
        return Err(pass.after_the_end());
    }
    if pass.has_ended() {
        return Err(pass.finish());
    }
    pass.require_same_spec()?;
    let route = pass.route()?;
    pass.validate(route)?;
    pass.hold_lock()?;
    pass.locate_group(route)?;
    pass.safety_check(route)?;
    pass.clear_taints(route)?;
    if !pass.target_was_started(route) && !pass.policy.sabotaged(Sabotage::StartBeforeRelease) {
        pass.stop_source(route)?;
        pass.release_storage(route)?;
    }
    pass.start_target(route)
}

//! Who holds the lock of a group (DECISIONS 4).
//!
//! A Lease is foreign-expired only a clock skew after its end, and our own is unsafe to act under a
//! clock skew before its end, so two clocks that disagree by no more than that never both act.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::facts::LeaseFacts;
use crate::policy::Policy;
use crate::sabotage::Sabotage;

/// What a lock is to one failover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum LockState {
    /// Nobody has it.
    Free,
    /// This very Failover took it, in this process or in one before.
    Own {
        /// When it ends unless renewed.
        expires: Timestamp,
    },
    /// Someone else has it.
    Held {
        /// The process.
        holder: String,
        /// The Failover, where the Lease says.
        failover: Option<String>,
        /// When it ends unless renewed.
        expires: Timestamp,
    },
    /// Someone else had it and did not renew it in time, or gave it up without deleting it.
    Expired {
        /// The process.
        holder: String,
        /// The Failover, where the Lease says.
        failover: Option<String>,
    },
}

/// Judges a lock for the Failover of that uid. An empty uid owns nothing: that is the front door.
pub fn judge(
    lease: Option<&LeaseFacts>,
    failover_uid: &str,
    policy: &Policy,
    now: Timestamp,
) -> LockState {
    let Some(lease) = lease else {
        return LockState::Free;
    };
    let expires = expiry(lease);
    if !failover_uid.is_empty() && lease.failover_uid.as_deref() == Some(failover_uid) {
        return LockState::Own { expires };
    }
    let over = expires
        .checked_add(policy.clock_skew)
        .is_ok_and(|end| end < now);
    if over || lease.holder.is_empty() || policy.sabotaged(Sabotage::IgnoreLock) {
        LockState::Expired {
            holder: lease.holder.clone(),
            failover: lease.failover.clone(),
        }
    } else {
        LockState::Held {
            holder: lease.holder.clone(),
            failover: lease.failover.clone(),
            expires,
        }
    }
}

/// When a Lease ends unless renewed. One without any time has ended long ago.
pub fn expiry(lease: &LeaseFacts) -> Timestamp {
    let life = SignedDuration::from_secs(i64::from(lease.duration_seconds.max(0)));
    lease
        .renewed
        .and_then(|renewed| renewed.checked_add(life).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Whether it is safe to change anything under a lock of our own that ends then.
pub(crate) fn is_safe(expires: Timestamp, policy: &Policy, now: Timestamp) -> bool {
    expires
        .checked_sub(policy.clock_skew)
        .is_ok_and(|end| now < end)
}

/// When a lock of our own is to be renewed.
pub(crate) fn renewal_due(lease: &LeaseFacts, policy: &Policy) -> Timestamp {
    lease
        .renewed
        .and_then(|renewed| renewed.checked_add(policy.lock_renew_after).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::ObjectVersion;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn lease() -> LeaseFacts {
        LeaseFacts {
            name: "failover-lock-pg-a".to_owned(),
            version: ObjectVersion::default(),
            holder: "failover-controller-12345".to_owned(),
            acquired: Some(at(1000)),
            renewed: Some(at(1000)),
            duration_seconds: 300,
            transitions: 0,
            failover: Some("failover-pg-a-1".to_owned()),
            failover_uid: Some("uid-1".to_owned()),
        }
    }

    #[test]
    fn a_lock_is_held_until_its_end_and_the_clock_skew_have_passed() {
        let policy = Policy::new("me");
        for (now, held) in [(1000, true), (1300, true), (1315, true), (1316, false)] {
            let state = judge(Some(&lease()), "uid-2", &policy, at(now));
            assert_eq!(matches!(state, LockState::Held { .. }), held, "at {now}");
        }
    }

    #[test]
    fn the_failover_that_took_a_lock_owns_it_at_once_whatever_the_process() {
        let policy = Policy::new("me");
        let state = judge(Some(&lease()), "uid-1", &policy, at(5000));
        assert_eq!(state, LockState::Own { expires: at(1300) });
    }

    #[test]
    fn nobody_owns_a_lock_at_the_front_door() {
        let mut lease = lease();
        lease.failover_uid = Some(String::new());
        let state = judge(Some(&lease), "", &Policy::new("me"), at(1000));
        assert!(matches!(state, LockState::Held { .. }));
    }

    #[test]
    fn a_lock_without_a_holder_or_without_any_time_does_not_block_for_ever() {
        let policy = Policy::new("me");
        let mut nobody = lease();
        nobody.holder = String::new();
        let mut timeless = lease();
        timeless.renewed = None;
        for lease in [nobody, timeless] {
            let state = judge(Some(&lease), "uid-2", &policy, at(1000));
            assert!(matches!(state, LockState::Expired { .. }));
        }
    }

    #[test]
    fn an_own_lock_is_unsafe_before_anyone_else_may_take_it() {
        let policy = Policy::new("me");
        assert!(is_safe(at(1300), &policy, at(1284)));
        assert!(!is_safe(at(1300), &policy, at(1285)));
    }
}

//! A group's failover lock, read from its Lease.
//!
//! The names are those of the guide (`failover-lock-<group>`) and of DECISIONS 4.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sitedrill_model::scenario::ObjectKind;

use crate::objects::{self, Key};

const PREFIX: &str = "failover-lock-";
const ANNOTATION: &str = "/metadata/annotations/siterecovery.trilio.io~1failover";

/// A lock that somebody holds or held: a Lease with a holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lock {
    /// The process.
    pub(crate) holder: String,
    /// The Failover for which it is held, where the Lease says so.
    pub(crate) failover: Option<String>,
    /// When it ends unless it is renewed; `None` if it never does.
    pub(crate) expires: Option<Timestamp>,
}

impl Lock {
    /// The lock that a Lease stands for; `None` if nobody holds it.
    pub(crate) fn read(lease: &Value) -> Option<Self> {
        let holder = objects::string(lease, "/spec/holderIdentity")?;
        if holder.is_empty() {
            return None;
        }
        let renewed = objects::time(lease, "/spec/renewTime")
            .or_else(|| objects::time(lease, "/spec/acquireTime"));
        let seconds = lease
            .pointer("/spec/leaseDurationSeconds")
            .and_then(Value::as_i64);
        let expires = renewed
            .zip(seconds)
            .and_then(|(from, seconds)| from.checked_add(SignedDuration::from_secs(seconds)).ok());
        Some(Self {
            holder: holder.to_owned(),
            failover: objects::string(lease, ANNOTATION).map(str::to_owned),
            expires,
        })
    }

    /// Whether it is still held at this time.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// Who owns it: the Failover, because a restarted controller continues the same Failover under a new name;
    /// the process where no Failover is named.
    pub(crate) fn owner(&self) -> &str {
        self.failover.as_deref().unwrap_or(&self.holder)
    }

    /// Holder and Failover in a few words.
    pub(crate) fn describe(&self) -> String {
        match &self.failover {
            Some(failover) => format!("{} for {failover}", self.holder),
            None => self.holder.clone(),
        }
    }
}

/// The name of the Lease that locks a group.
pub(crate) fn lease_name(group: &str) -> String {
    format!("{PREFIX}{group}")
}

/// The group that an object locks, if it is a lock.
pub(crate) fn locked_group(key: &Key) -> Option<&str> {
    (key.kind == ObjectKind::Lease)
        .then(|| key.name.strip_prefix(PREFIX))
        .flatten()
}

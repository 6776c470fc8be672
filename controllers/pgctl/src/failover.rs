//! `pgctl failover` in parts: the words it prints, the front door, and the monitor.

pub(crate) mod door;
mod fetch;
pub(crate) mod monitor;
pub(crate) mod words;

use siterecovery_api::FailoverSpec;

/// One order to move a group, as the operator gave it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) group: &'a str,
    /// The target as typed: a name or an alias. It is printed back and stored like this.
    pub(crate) target: &'a str,
    pub(crate) force: bool,
    pub(crate) namespace: &'a str,
}

impl Order<'_> {
    /// The Failover's spec that asks for this.
    pub(crate) fn spec(&self) -> FailoverSpec {
        FailoverSpec {
            protection_group: self.group.to_owned(),
            target_cluster: self.target.to_owned(),
            force: self.force,
            timeouts: None,
        }
    }
}

//! The site-recovery API: what operators write, what controllers report, and the names both use.
//!
//! Types and names only. This crate has no client, no clock and no decision in it.
//!
//! Read in this order: [`protection_group`], [`failover`], [`site`], [`names`], [`reasons`], then
//! the foreign types we read ([`kubevirt`], [`drbd`]), the rights of the controllers ([`access`]) and
//! the manifests ([`crd`], [`deploy`]).

pub mod access;
pub mod crd;
pub mod deploy;
pub mod drbd;
pub mod failover;
pub mod kubevirt;
pub mod names;
pub mod protection_group;
pub mod reasons;
pub mod site;
pub mod time;

pub use crd::{crd_manifests, crds};
pub use failover::{
    Failover, FailoverLock, FailoverPhase, FailoverRefusal, FailoverSpec, FailoverStatus,
    FailoverStep, FailoverTimeouts, GroupLocation, StepName, StepState,
};
pub use protection_group::{
    CurrentState, DesiredState, GroupMember, MemberState, ProtectionGroup, ProtectionGroupSpec,
    ProtectionGroupStatus, VirtualMachineReport,
};
pub use site::{DeploymentModel, SiteDirectory, SiteInfo, SiteName, SiteRole};

/// The API group of both kinds.
pub const GROUP: &str = "siterecovery.trilio.io";
/// The only version served.
pub const VERSION: &str = "v1alpha1";

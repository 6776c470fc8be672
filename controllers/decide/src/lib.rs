//! The pure decisions of both site-recovery controllers.
//!
//! Values in, values out. **Invariant:** nothing here reads a clock, draws a random number, or talks
//! to a cluster. The async half fetches objects, hands them to [`failover::understand`] or
//! [`protection_group::understand`], calls `decide`, and performs the [`Effect`]s it is given.
//!
//! Read in this order: [`policy`], [`facts`], [`effect`], [`decision`], [`waiting`], [`refusal`],
//! the rules ([`lock`], [`location`], [`safety`], [`storage`], [`taints`]), then [`failover`] and
//! [`protection_group`], and [`text`] for what people read on a terminal.

pub mod conditions;
pub mod decision;
pub mod effect;
pub mod facts;
pub mod failover;
pub mod location;
pub mod lock;
mod members;
pub mod policy;
pub mod protection_group;
mod read;
pub mod refusal;
pub mod sabotage;
pub mod safety;
pub mod storage;
pub mod taints;
pub mod text;
pub mod waiting;

pub use decision::{Decision, EventNote, LookAgain, ObjectRef};
pub use effect::{Effect, LockClaim, OriginalStrategy, RunChange};
pub use facts::ObjectVersion;
pub use policy::{Policy, Timeouts};
pub use refusal::Refusal;
pub use sabotage::Sabotage;
pub use waiting::WaitingOn;

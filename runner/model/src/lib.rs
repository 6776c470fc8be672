//! The drill language, and what a drill leaves behind.
//!
//! This crate starts nothing and connects to nothing. It holds, in the order in which to read it:
//!
//! - [`scenario`]: what a checked scenario or suite says, after every name in it was resolved;
//! - [`event`]: the only thing a run produces;
//! - [`record`]: the fold of the events of a run, from which every report is rendered.

pub mod event;
pub mod location;
pub mod record;
pub mod scenario;
pub mod verdict;

pub use location::Location;
pub use verdict::{Failure, FailureKind, SeenValue, Verdict};

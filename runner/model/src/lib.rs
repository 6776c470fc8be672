//! The drill language, and what a drill leaves behind.
//!
//! This crate starts nothing and connects to nothing. It holds, in the order in which to read it:
//!
//! - [`scenario`]: what a checked scenario or suite says, after every name in it was resolved;
//! - [`load`](mod@load): files and folders to drills, or to a list of [`Problem`]s;
//! - [`event`]: the only thing a run produces;
//! - [`record`]: the fold of the events of a run, from which every report is rendered.
//!
//! A drill goes through three forms: the text with places (`source`), the keys as written
//! (`syntax`), and the meaning ([`scenario`]); `lower` leads from the second to the third.

pub mod event;
pub mod load;
pub mod location;
mod lower;
pub mod names;
pub mod problem;
pub mod record;
pub mod scenario;
mod schema;
pub mod seed;
pub mod select;
mod source;
mod syntax;
pub mod variables;
pub mod verdict;

pub use load::{LoadError, Loaded, LoadedDrill, load};
pub use location::Location;
pub use problem::Problem;
pub use schema::schema;
pub use seed::{derive_seed, try_seed};
pub use verdict::{Failure, FailureKind, SeenValue, Verdict};

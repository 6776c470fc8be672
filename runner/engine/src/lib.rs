//! The drill engine: runs one checked drill against sites that it is handed.
//!
//! It knows Kubernetes objects and the drill language; it does not know the controllers, nor where sites come from.
//! Read it in this order:
//!
//! - [`target`]: everything the engine is handed;
//! - `drill`, `chapter`, `actors`, `steps`: what is done, from the whole to the single step;
//! - `beats`: markers that machines write meanwhile, where a scenario has an RPO objective;
//! - `observer`: lists and watches of all sites, turned into one ordered stream of changes;
//! - `core`: the one synchronous place that takes every change and every step's end in turn;
//! - `conditions`, `invariants`, `measure`, `notes`: pure judgement of what the core holds.
//!
//! **Invariant:** nothing here reads a clock, draws a random number or depends on the order of a hash table,
//! so that in virtual time the same seed gives the same events.
//!
//! **Invariant:** no verdict is drawn from a poll. Facts come from watches without a gap; a gap is said to be one.

#![expect(
    clippy::result_large_err,
    reason = "a failure is rare and ends what it happens to; boxing it would only make it harder to read"
)]

pub mod emitter;
pub mod target;

mod actors;
mod beats;
mod chapter;
mod conditions;
mod core;
mod drill;
mod faults;
mod invariants;
mod kinds;
mod lock;
mod measure;
mod notes;
mod objects;
mod observer;
mod reads;
mod rest;
mod shared;
mod steps;
#[cfg(test)]
mod testing;
mod waiting;

pub use drill::run_drill;
pub use emitter::Emitter;
pub use target::{
    Beat, CommandOutcome, CommandResult, Disturber, EventSink, Fixture, Markers, Now, Operator,
    OutputSink, Pace, Site, SnapshotVerdict, Snapshots, Target, TargetError,
};

//! The drill engine: runs one checked drill against sites that it is handed.
//!
//! It knows Kubernetes objects and the drill language; it does not know the controllers, nor where sites come from.
//! Read [`target`] first: it is everything the engine is handed.

pub mod target;

pub use target::{
    CommandOutcome, CommandResult, EventSink, Fixture, Now, Operator, OutputSink, Site,
    SnapshotVerdict, Snapshots, Target, TargetError,
};

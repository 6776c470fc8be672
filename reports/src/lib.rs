//! From the events and the record of a run to terminal, JUnit, HTML and JSON.
//!
//! Every report is a pure function of a [`RunRecord`](sitedrill_model::record::RunRecord),
//! so any old run can be rendered again; only [`Terminal`] takes events one by one, to tell
//! what happens while it happens. This crate opens no file and asks no clock:
//! where reports are written is for the program to decide.
//!
//! In the order in which to read it:
//!
//! - `text`: what untrusted text may not do to a reader, an XML parser or a terminal;
//! - `units`: how durations and instants are written;
//! - `measure`: the few numbers that a drill comes down to;
//! - `timeline`: steps and observations of a chapter in the order of time;
//! - `failure`: one failure in the order in which people read it, shared by all reports;
//! - [`terminal`], [`junit()`], [`html()`], [`json()`]: the reports.

#![warn(clippy::wildcard_enum_match_arm)]

mod failure;
mod html;
mod json;
mod junit;
mod measure;
pub mod terminal;
mod text;
mod timeline;
mod units;

pub use html::html;
pub use json::json;
pub use junit::junit;
pub use terminal::{Look, Terminal, summary};

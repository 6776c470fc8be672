//! Storms: seeded simulations of everything that can go wrong, over the real controllers in virtual time.
//!
//! A seed makes a [`plan::Plan`], which is data; [`lab`] runs it on embedded sites and gives a [`history::History`];
//! [`judge`] says what was broken, from the history alone; [`shrink`] finds the shortest list of faults that still
//! breaks it; [`storm`] does so for many seeds, and [`table`] prints what came of it.
//!
//! **Invariant:** the controllers are the ones that are shipped. What they are told apart by is only the clock, the
//! network, and the gate before each of their effects.
//!
//! **Invariant:** a history is written by witnesses, which are called at every change; nothing is judged from polls.

pub mod args;
pub mod coverage;
pub mod dice;
pub mod history;
pub mod judge;
pub mod lab;
pub mod plan;
pub mod shrink;
pub mod storm;
pub mod table;
mod witness;

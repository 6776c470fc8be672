//! What the reports look like, and what they withstand.

mod junit;
mod samples;
mod support;
mod terminal;
mod tries;
mod web;

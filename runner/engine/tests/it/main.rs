//! Whole drills in paused time, on scripted sites that know only what the engine asks of a site.

mod drills;
mod failovers;
mod fake;
mod faults;
mod markers;
mod observation;
mod script;
mod stage;

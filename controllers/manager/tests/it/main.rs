//! Both controllers on embedded sites, in paused time.

mod bad_input;
mod crash;
mod directory;
mod economy;
mod failover;
mod lab;
mod leader;
mod malformed;
mod protection_group;
mod rights;
mod rotation;
mod trouble;

//! Both controllers on embedded sites, in paused time; and, where there are any, on real control planes.

mod bad_input;
mod crash;
mod directory;
mod economy;
mod failover;
mod killed;
mod lab;
mod leader;
mod malformed;
mod protection_group;
mod rights;
mod rotation;
mod trouble;

//! Both controllers on embedded sites, in paused time.

mod directory;
mod economy;
mod failover;
mod lab;
mod malformed;
mod protection_group;
mod trouble;

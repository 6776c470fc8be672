//! `pgctl` on embedded sites, in virtual time.

mod binary;
mod failover;
mod guide;
mod lab;
mod operations;
mod refusals;

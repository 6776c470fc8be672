//! One failover, shown in tables, by simulation with a crash after every write, and by properties.

mod builder;
mod ends;
mod locking;
mod properties;
mod simulation;
mod steps;

//! Behaviour of the drill language and of the record, seen from outside.

mod blocks;
mod fuzz;
mod guide;
mod load;
mod problems;
mod record;
mod schema;
mod support;
mod wrong;

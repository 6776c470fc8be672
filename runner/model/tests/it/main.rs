//! Behaviour of the drill language and of the record, seen from outside.

mod record;

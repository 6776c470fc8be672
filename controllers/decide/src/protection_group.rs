//! One protection group: what to do next.

mod observed;

pub use observed::{Fetched, Machine, MachineLists, Member, Members, Observed, Rival, understand};

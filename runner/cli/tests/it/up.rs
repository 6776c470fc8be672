//! Sites that stay: the program in a process of its own, on real ports, and other people's programs against it.

mod guide;
mod kept;
mod stopping;
mod typed;

use kept::Kept;
pub(crate) use kept::kubectl;

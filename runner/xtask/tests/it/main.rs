//! The checks of the task runner: that this repository passes them, and that each can turn red.

mod control_plane;
mod freshness;
mod layers;
mod stages;
mod tidy;

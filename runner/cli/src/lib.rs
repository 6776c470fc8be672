//! The `sitedrill` program as a library: tests call what users call.
//!
//! In the order in which to read it:
//!
//! - [`args`] and [`exit`]: what users type and what they get back;
//! - [`commands`]: one module a command;
//! - [`lab`]: the one composition root, where sites, world, controllers, operators and engine meet;
//! - [`up`]: sites that stay, for kubectl and pgctl;
//! - [`runs`]: many drills, their events, and the reports on disk;
//! - [`clock`], [`snapshots`], [`fixture`], [`operator`]: what the engine is handed.

pub mod args;
pub mod clock;
pub mod commands;
pub mod exit;
pub mod fixture;
pub mod lab;
pub mod operator;
pub mod runs;
pub mod signals;
pub mod snapshots;
pub mod testing;
pub mod up;

use std::ffi::OsString;

use clap::Parser;

pub use exit::Exit;

/// Runs the program with these arguments, the first being its own name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> Exit {
    match args::Cli::try_parse_from(args) {
        Ok(cli) => commands::dispatch(cli),
        Err(error) => {
            // To stdout for --help and --version, to stderr for mistakes; a closed stream is nobody's error.
            let _ = error.print();
            if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Passed
            }
        }
    }
}

//! The operator's command line for site recovery, and the two failover scripts.
//!
//! [`run`] is one invocation: words in, lines and a [`Finished`] out, on sites that are handed in.
//! The drill runner calls it in process; the binary adds a config file and real clients
//! ([`main_with`]).
//!
//! **Invariants.** Nothing here changes a site except the creation of one Failover object. A refusal
//! at the front door is the controller's own decision, taken from what is read at that moment, and it
//! creates nothing. Only [`output::Terminal`] writes to the process's streams, and only [`main_with`]
//! reads a clock or the environment.
//!
//! Read in this order: `args`, `commands`, `failover` (the front door, then the monitor), `found` and
//! `describe` (what is printed), `config` and `connect` (the binary).

mod age;
mod args;
mod commands;
pub mod config;
mod connect;
mod context;
mod describe;
mod failover;
mod found;
pub mod outcome;
pub mod output;
mod print;
mod read;
mod suggest;
mod table;

use std::future::Future;
use std::pin::Pin;

pub use args::SCRIPTS;
pub use connect::main_with;
pub use context::{Context, Now, Site};
pub use outcome::{Finished, Outcome};
pub use output::{Output, Stream, Terminal, Transcript};

/// Runs one invocation.
///
/// `args[0]` is `pgctl` or the name of one of the failover [`SCRIPTS`], with any folder before it;
/// `pgctl` may be left out.
/// Lines reach `out` as they happen. `--config` is only of use to the binary and is ignored here.
pub fn run<'a>(
    args: &'a [String],
    context: &'a Context,
    out: &'a mut (dyn Output + Send),
) -> Pin<Box<dyn Future<Output = Finished> + Send + 'a>> {
    // Boxed, so that all of it is compiled here and not in whatever program runs it.
    Box::pin(async move {
        match args::Args::parse(args, out) {
            Ok(args) => commands::run(&args, context, out).await.finish(),
            Err(outcome) => outcome.finish(),
        }
    })
}

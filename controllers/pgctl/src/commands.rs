//! The commands, one module each.

mod config;
mod failover;
mod groups;
mod locks;
mod operations;
mod status;

use crate::args::{Args, Command};
use crate::context::Context;
use crate::outcome::Outcome;
use crate::output::{Output, Stream};

/// Runs one invocation that has been understood.
pub(crate) async fn run(args: &Args, context: &Context, out: &mut (dyn Output + Send)) -> Outcome {
    let namespace = args
        .global
        .namespace
        .as_deref()
        .unwrap_or(&context.namespace);
    match &args.command {
        Command::Failover(failover) => failover::run(failover, namespace, context, out).await,
        Command::Operations(command) => operations::run(command, namespace, context, out).await,
        Command::Groups(command) => groups::run(command, namespace, context, out).await,
        Command::Locks(command) => locks::run(command, namespace, context, out).await,
        Command::Status => status::run(namespace, context, out).await,
        Command::Config(command) => config::run(command, namespace, context, out),
    }
}

/// Says that no site at all could be read, and what to look at.
pub(crate) fn nothing_reachable(sites: Vec<String>, out: &mut (dyn Output + Send)) -> Outcome {
    let message = "No site could be read".to_owned();
    out.line(Stream::Stderr, &format!("[ERROR] {message}"));
    out.line(
        Stream::Stderr,
        "Check the kubeconfigs and contexts that `pgctl config view` shows",
    );
    Outcome::Unreachable { sites, message }
}

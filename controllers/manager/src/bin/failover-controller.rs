//! The Failover Controller as a process.

use std::process::ExitCode;

use clap::Parser;
use siterecovery_manager::args::{FailoverArgs, failover_controller};

#[tokio::main]
async fn main() -> ExitCode {
    failover_controller(FailoverArgs::parse()).await
}

//! The Protection Group Controller as a process.

use std::process::ExitCode;

use clap::Parser;
use siterecovery_manager::args::{ProtectionGroupArgs, protection_group_controller};

#[tokio::main]
async fn main() -> ExitCode {
    protection_group_controller(ProtectionGroupArgs::parse()).await
}

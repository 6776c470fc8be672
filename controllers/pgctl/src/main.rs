//! The `pgctl` binary; the failover scripts call it too.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    ExitCode::from(pgctl::main_with(&args).await)
}

//! The `sitedrill` program; everything it does is in the library beside it.

use std::process::ExitCode;

/// Drills are short-lived JSON by the thousand; the system's allocator takes a third of their time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sitedrill::main(std::env::args_os()).into()
}

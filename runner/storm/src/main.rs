//! `sitedrill-storm`: the program; all it does is in the library.

use std::process::ExitCode;

/// Simulations make and drop many small objects.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sitedrill_storm::args::main(std::env::args_os())
}

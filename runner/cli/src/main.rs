//! The `sitedrill` program; everything it does is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    sitedrill::main(std::env::args_os()).into()
}

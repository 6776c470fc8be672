//! `cargo xtask VERB`: the program; all it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::main(std::env::args_os())
}

//! The commands of the program, one module each.

mod down;
mod lint;
mod list;
mod load;
mod pgctl;
mod provider;
mod report;
mod run;
mod schema;
mod selftest;
mod up;

use std::io::{self, Write};

use crate::Exit;
use crate::args::{Cli, Command};

/// Does what the user asked for.
pub fn dispatch(cli: Cli) -> Exit {
    match cli.command {
        Command::Run(args) => run::run(args),
        Command::List(args) => list::list(&args),
        Command::Lint(args) => lint::lint(&args),
        Command::Schema => schema::schema(),
        Command::Selftest(args) => selftest::selftest(&args),
        Command::Report(args) => report::report(&args),
        Command::Up(args) => up::up(&args),
        Command::Down(args) => down::down(&args),
        Command::Pgctl(args) => pgctl::pgctl(&args),
    }
}

/// Data for whoever reads stdout. A reader that went away is no error.
fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// A line of talk.
fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

//! `sitedrill pgctl`: the operator's command line, from the library that drills use too.

use super::say;
use crate::Exit;
use crate::args::PgctlArgs;

pub(super) fn pgctl(args: &PgctlArgs) -> Exit {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let words: Vec<_> = std::iter::once("pgctl".to_owned())
                .chain(args.words.iter().cloned())
                .collect();
            exit(runtime.block_on(pgctl::main_with(&words)))
        }
        Err(error) => {
            say(&format!("error: failed to start a runtime: {error}"));
            Exit::Inconclusive
        }
    }
}

/// pgctl's exit codes are numbers of ours: done, refused or failed, usage, a site that cannot be reached.
fn exit(code: u8) -> Exit {
    match code {
        0 => Exit::Passed,
        1 => Exit::Failed,
        2 => Exit::Usage,
        _ => Exit::Inconclusive,
    }
}

//! `sitedrill up`: arguments into sites that stay, in this process or in one behind it.

mod detach;

use std::env;
use std::path::{Path, PathBuf};

use sitedrill_sites::Provider;

use super::provider::provider;
use super::run::run_id;
use super::{print, say};
use crate::Exit;
use crate::args::UpArgs;
use crate::lab::chain;
use crate::lab::scratch::Scratch;
use crate::signals;
use crate::up::folder::Folder;
use crate::up::journal::Journal;
use crate::up::words::{Kept, words};
use crate::up::{self, UpConfig};

/// The folder of the sites, in the user's state folder.
const PLACE: &str = "sitedrill/up";

pub(super) fn up(args: &UpArgs) -> Exit {
    let (config, place) = match resolve(args) {
        Ok(resolved) => resolved,
        Err(exit) => return exit,
    };
    if args.detach {
        return detach::detach(args, &place);
    }
    let folder = match Folder::claim(&place, &config.scratch) {
        Ok(folder) => folder,
        Err(error) => {
            say(&format!("error: {}", chain(&error)));
            return Exit::Inconclusive;
        }
    };
    let left = folder.path().display().to_string();
    let shutdown = signals::of_process(None, move || {
        say(&format!(
            "stopped at once; `sitedrill down --out {left}` removes what is left"
        ));
    });
    let journal = Journal::of_process();
    let ended = up::run(&config, (&folder, &journal), &shutdown, |ready| {
        if args.detached {
            detach::report(&words(ready, Kept::Detached));
        } else {
            print(&words(ready, Kept::Here));
        }
    });
    if let Err(error) = folder.clear() {
        say(&format!("error: {}", chain(&error)));
    }
    match ended {
        Ok(()) => {
            say("the sites are stopped");
            Exit::Passed
        }
        Err(why) => {
            say(&format!("error: {why}"));
            Exit::Inconclusive
        }
    }
}

fn resolve(args: &UpArgs) -> Result<(UpConfig, PathBuf), Exit> {
    let provider = provider(&args.sites)?;
    if args.port.is_some() && !matches!(provider, Provider::Embedded) {
        say(
            "error: --port is for embedded sites; real control planes choose free ports of their own",
        );
        return Err(Exit::Usage);
    }
    let config = UpConfig {
        provider,
        scratch: Scratch::of_run(&format!("up-{}", run_id())),
        groups: args.groups.clone().unwrap_or_default().0,
        vms: args.vms,
        port: args.port.unwrap_or(0),
        seed: args.seed,
    };
    Ok((config, place(args.out.as_deref())?))
}

/// The folder of the sites. What is wrong has been said when this fails.
pub(super) fn place(named: Option<&Path>) -> Result<PathBuf, Exit> {
    if let Some(folder) = named {
        return Ok(folder.to_owned());
    }
    let folder = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let state = folder("XDG_STATE_HOME")
        .or_else(|| Some(folder("HOME")?.join(".local/state")))
        .ok_or_else(|| {
            say("error: neither XDG_STATE_HOME nor HOME is set, so there is no place for kubeconfigs; name one with --out");
            Exit::Usage
        })?;
    Ok(state.join(PLACE))
}

//! `sitedrill down`: ends the process that keeps sites up, and waits for it.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::up::place;
use super::{print, say};
use crate::Exit;
use crate::args::DownArgs;
use crate::lab::chain;
use crate::up::folder::{self, Error, Found, Holder};

/// How long the process may take to end. It takes a few seconds at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked at meanwhile.
const INTERVAL: Duration = Duration::from_millis(20);

pub(super) fn down(args: &DownArgs) -> Exit {
    let Ok(place) = place(args.out.as_deref()) else {
        return Exit::Usage;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!("error: failed to start a runtime: {error}"));
            return Exit::Inconclusive;
        }
    };
    match runtime.block_on(stop(&place)) {
        Ok(exit) => exit,
        Err(error) => {
            say(&format!("error: {}", chain(&error)));
            Exit::Inconclusive
        }
    }
}

async fn stop(place: &Path) -> Result<Exit, Error> {
    match folder::look(place)? {
        Found::Nothing => {
            say(&format!(
                "no sites are up in {}; `sitedrill up --detach` starts some, and --out names another folder",
                place.display()
            ));
            Ok(Exit::NothingToRun)
        }
        Found::Stale(keeper) => {
            let cleared = folder::clear_after(&keeper, place).await?;
            print(&format!(
                "process {}, which kept the sites, has ended before; removed the files it left\n",
                keeper.process
            ));
            cleared.to_string().lines().for_each(say);
            Ok(Exit::Passed)
        }
        Found::Running(holder) => end(place, &holder).await,
    }
}

async fn end(place: &Path, holder: &Holder) -> Result<Exit, Error> {
    let process = &holder.process;
    let id = process.parse().ok().and_then(Pid::from_raw);
    let Some(id) = id else {
        say(&format!(
            "error: {} does not say which process keeps the sites; try again in a moment",
            place.display()
        ));
        return Ok(Exit::Inconclusive);
    };
    if let Err(error) = kill_process(id, Signal::TERM)
        && !holder.has_ended()?
    {
        say(&format!(
            "error: failed to tell process {process} to end: {error}; its owner can, with `kill {process}`"
        ));
        return Ok(Exit::Inconclusive);
    }
    let mut waited = Duration::ZERO;
    while !holder.has_ended()? {
        if waited >= PATIENCE {
            say(&format!(
                "error: process {process} has not ended after {} s; `kill -9 {process}` ends it, and `sitedrill down` then clears up",
                PATIENCE.as_secs()
            ));
            return Ok(Exit::Inconclusive);
        }
        tokio::time::sleep(INTERVAL).await;
        waited += INTERVAL;
    }
    // It was killed rather than told if it left anything.
    if let Found::Stale(keeper) = folder::look(place)? {
        folder::clear_after(&keeper, place).await?;
    }
    print(&format!("stopped the sites that process {process} kept\n"));
    Ok(Exit::Passed)
}

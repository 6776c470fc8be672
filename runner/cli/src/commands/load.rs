//! Files into drills, with the choice among them: shared by `run`, `list` and `lint`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use sitedrill_model::names::did_you_mean;
use sitedrill_model::{LoadError, Loaded, LoadedDrill, Problem};

use super::say;
use crate::Exit;
use crate::args::SelectArgs;
use crate::runs::Selected;

/// Reads and checks the files. What is wrong with them has been said when this fails.
pub(super) fn load(paths: &[PathBuf]) -> Result<Vec<LoadedDrill>, Exit> {
    Ok(load_all(paths)?.drills)
}

/// The same, with what else was found.
pub(super) fn load_all(paths: &[PathBuf]) -> Result<Loaded, Exit> {
    sitedrill_model::load(paths).map_err(|error| match error {
        LoadError::Invalid(problems) => refuse(&problems),
        LoadError::NothingToRun { .. } => {
            say(&format!("error: {error}"));
            Exit::NothingToRun
        }
    })
}

/// Says what is wrong.
pub(super) fn refuse(problems: &[Problem]) -> Exit {
    for problem in problems {
        say(&format!("{problem}\n"));
    }
    let count = problems.len();
    let noun = if count == 1 { "problem" } else { "problems" };
    say(&format!("{count} {noun}; nothing was started"));
    Exit::Usage
}

/// Says so where no drill has a tag that was asked for: among others it would go unnoticed.
fn note_unknown(tag: &str, loaded: &[LoadedDrill]) {
    let known: BTreeSet<&str> = loaded
        .iter()
        .flat_map(|loaded| loaded.drill.tags.iter().map(String::as_str))
        .collect();
    if known.contains(tag) {
        return;
    }
    say(&format!("warning: no drill has the tag `{tag}`"));
    if let Some(remedy) = did_you_mean(tag, known) {
        say(&format!("help: {remedy}"));
    }
}

/// Chooses among what was read, and gives each its place in the run.
pub(super) fn select(
    loaded: Vec<LoadedDrill>,
    select: &SelectArgs,
    seed: u64,
) -> Result<Vec<Selected>, Exit> {
    let total = loaded.len();
    for tag in &select.tags {
        note_unknown(tag, &loaded);
    }
    let wanted = |loaded: &LoadedDrill| {
        let drill = &loaded.drill;
        let filter = select.filter.as_ref();
        let named = filter.is_none_or(|(_, filter)| filter.wants(drill));
        let shared = select.shard.is_none_or(|shard| shard.holds(drill));
        let tagged =
            select.tags.is_empty() || select.tags.iter().any(|tag| drill.tags.contains(tag));
        named && tagged && shared
    };
    let selected: Vec<_> = loaded
        .into_iter()
        .filter(wanted)
        .enumerate()
        .map(|(index, loaded)| Selected::new(&loaded, index, seed))
        .collect();
    if selected.is_empty() {
        say(&format!(
            "error: none of {total} drills matches --filter, --tag and --shard"
        ));
        say("help: `sitedrill list` shows names, tags and files");
        return Err(Exit::NothingToRun);
    }
    Ok(selected)
}

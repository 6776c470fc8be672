//! Blocks that no drill uses.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::discover::{normal, read};
use super::{API_VERSION, Loaded};
use crate::source::Source;
use crate::syntax::{Head, Pos};
use crate::{Location, Problem};

/// How deep folders of blocks are searched.
const DEEPEST: usize = 16;

/// The blocks in these folders that none of the drills loaded from them uses, each as a problem.
///
/// # Errors
///
/// A folder that cannot be read, as a problem too.
pub fn unused_blocks(paths: &[PathBuf], loaded: &Loaded) -> Vec<Problem> {
    let mut problems = Vec::new();
    for path in paths.iter().filter(|path| path.is_dir()) {
        if let Err(error) = search(path, false, 0, loaded, &mut problems) {
            problems.push(Problem {
                location: Location {
                    file: path.display().to_string(),
                    line: 1,
                    column: 1,
                },
                message: format!("the folder cannot be searched for blocks: {error}"),
                help: None,
                snippet: String::new(),
            });
        }
    }
    problems
}

/// Blocks stand in files and folders that start with `_`.
fn search(
    folder: &Path,
    is_hidden: bool,
    depth: usize,
    loaded: &Loaded,
    problems: &mut Vec<Problem>,
) -> io::Result<()> {
    let mut entries: Vec<fs::DirEntry> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let name = name.to_string_lossy();
        let is_hidden = is_hidden || name.starts_with('_');
        if kind.is_dir() && depth < DEEPEST && !name.starts_with('.') {
            search(&entry.path(), is_hidden, depth + 1, loaded, problems)?;
        }
        let is_yaml = [".yaml", ".yml"].iter().any(|end| name.ends_with(end));
        if kind.is_file() && is_hidden && is_yaml {
            problems.extend(unused(&normal(&entry.path().to_string_lossy()), loaded));
        }
    }
    Ok(())
}

fn unused(file: &str, loaded: &Loaded) -> Option<Problem> {
    if loaded.blocks.contains(file) {
        return None;
    }
    // What is no block is none of ours: other things may start with `_` too.
    let source = Source::new(file, &read(file).ok()?).ok()?;
    let head: Head = source.read().ok()?;
    let is = |at: &Option<crate::syntax::At<String>>, word: &str| {
        at.as_ref().is_some_and(|it| it.value == word)
    };
    (is(&head.api_version, API_VERSION) && is(&head.kind, "Block")).then(|| {
        let help = Some("`use` it in a drill, or remove it".to_owned());
        source.problem(Pos::START, "no drill uses this block", help)
    })
}

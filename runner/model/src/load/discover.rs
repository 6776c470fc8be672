//! Which files are meant by what the user named. The only place of this crate that touches a disk.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use super::Found;
use crate::source::MAX_FILE_BYTES;
use crate::{Location, Problem};

/// The class of a drill whose folder has no name.
const UNNAMED: &str = "scenarios";

/// Finds the files of drills in these files and folders, sorted, each once.
///
/// # Errors
///
/// A problem for every path that does not exist or cannot be read.
pub fn discover(paths: &[PathBuf]) -> Result<Vec<Found>, Vec<Problem>> {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        let searched = match fs::metadata(path) {
            Ok(kind) if kind.is_dir() => folder(path, path, &mut found),
            Ok(_) => {
                let parent = path.parent().and_then(Path::file_name);
                found.push(Found {
                    file: shown(path),
                    classname: parent.map_or(UNNAMED.to_owned(), class),
                });
                Ok(())
            }
            Err(error) => Err((path.clone(), error)),
        };
        if let Err((path, error)) = searched {
            problems.push(unreadable(&path, &error));
        }
    }
    if !problems.is_empty() {
        problems.sort();
        problems.dedup();
        return Err(problems);
    }
    // What is named twice keeps the class it was given first.
    let mut seen = BTreeSet::new();
    found.retain(|file| seen.insert(normal(&file.file)));
    found.sort_by_key(|file| normal(&file.file));
    Ok(found)
}

/// Reads a file, but not more of it than is needed to see that it is too large.
pub(super) fn read(file: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = MAX_FILE_BYTES as u64 + 1;
    fs::File::open(file)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same file by one name: without `.`, and with `..` resolved where that is possible.
pub(super) fn normal(file: &str) -> String {
    let mut clean = PathBuf::new();
    for part in Path::new(file).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if clean.file_name().is_some() => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    shown(&clean)
}

fn folder(root: &Path, folder: &Path, found: &mut Vec<Found>) -> Result<(), (PathBuf, io::Error)> {
    let failed = |error| (folder.to_owned(), error);
    let mut entries: Vec<fs::DirEntry> = fs::read_dir(folder)
        .and_then(Iterator::collect)
        .map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = part(&entry.file_name());
        if name.starts_with(['_', '.']) || name == "snapshots" {
            continue;
        }
        let path = entry.path();
        // A link to a folder is not followed, so that a search ends; a link to a file is a file.
        if entry.file_type().map_err(failed)?.is_dir() {
            self::folder(root, &path, found)?;
        } else if is_yaml(&path) && path.is_file() {
            found.push(Found {
                file: shown(&path),
                classname: classname(root, folder),
            });
        }
    }
    Ok(())
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|end| end == "yaml" || end == "yml")
}

fn classname(root: &Path, folder: &Path) -> String {
    let below = folder.strip_prefix(root).unwrap_or(folder);
    let parts: Vec<String> = below.iter().map(class).collect();
    if parts.is_empty() {
        return root.file_name().map_or(UNNAMED.to_owned(), class);
    }
    parts.join(".")
}

/// A part of a class: Jenkins splits classes at dots.
fn class(name: &std::ffi::OsStr) -> String {
    part(name).replace('.', "-")
}

fn part(name: &std::ffi::OsStr) -> String {
    name.to_string_lossy().into_owned()
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let message = if error.kind() == io::ErrorKind::NotFound {
        "no such file or folder".to_owned()
    } else {
        format!("the path cannot be read: {error}")
    };
    Problem {
        location: Location {
            file: shown(path),
            line: 1,
            column: 1,
        },
        message,
        help: None,
        snippet: String::new(),
    }
}

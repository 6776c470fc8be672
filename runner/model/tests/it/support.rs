//! Drills in memory.

use std::collections::BTreeMap;
use std::io;

use sitedrill_model::load::{Found, parse};
use sitedrill_model::{Loaded, Problem};

/// A sound scenario that uses most of the language.
pub(crate) const SOUND: &str = include_str!("sound.yaml");

/// Parses files that exist only here; those named `*.yaml` and `*.yml` without a `_` are the drills.
pub(crate) fn parse_all(files: &[(&str, &[u8])]) -> Result<Loaded, Vec<Problem>> {
    let files: BTreeMap<&str, &[u8]> = files.iter().copied().collect();
    let found: Vec<Found> = files
        .keys()
        .filter(|file| !file.starts_with('_'))
        .map(|file| Found {
            file: (*file).to_owned(),
            classname: "memory".to_owned(),
        })
        .collect();
    let read = |file: &str| {
        let bytes = files.get(file).map(|bytes| bytes.to_vec());
        bytes.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    parse(&found, &read)
}

pub(crate) fn parse_one(text: &str) -> Result<Loaded, Vec<Problem>> {
    parse_all(&[("drill.yaml", text.as_bytes())])
}

/// All problems as people see them.
pub(crate) fn rendered(problems: &[Problem]) -> String {
    let blocks: Vec<String> = problems.iter().map(ToString::to_string).collect();
    blocks.join("\n\n")
}

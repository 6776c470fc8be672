//! Suites and their members, and the drills that come of files.

use std::io;

use super::{Document, Entry, Library, beside};
use crate::lower::{LoweredScenario, LoweredSuite};
use crate::scenario::{Drill, DrillKind, Scenario};
use crate::seed::sha256_hex;
use crate::source::Source;
use crate::syntax::Pos;

/// Opens the members of a suite, so that their own problems are found.
pub(super) fn open_members(library: &mut Library<'_>, suite: &str) {
    for (member, pos) in members(library, suite) {
        let file = beside(suite, &member);
        let Err(error) = library.try_open(&file) else {
            continue;
        };
        let (message, help) = if error.kind() == io::ErrorKind::NotFound {
            let help = "members are named relative to the suite's file".to_owned();
            (format!("no such file: `{file}`"), Some(help))
        } else {
            (format!("`{file}` cannot be read: {error}"), None)
        };
        if let Some(source) = source(library, suite) {
            let problem = source.problem(pos, message, help);
            library.problems.insert(problem);
        }
    }
}

/// The drill that a file holds; `None` where something is wrong, which has been said then.
pub(super) fn drill(library: &mut Library<'_>, file: &str) -> Option<Drill> {
    let mut problems = Vec::new();
    let entry = library.entry(file)?;
    let drill = match entry.document.as_ref()? {
        Document::Scenario(scenario) => Some(alone(entry, scenario)),
        Document::Suite(suite) => {
            let source = entry.source.as_ref()?;
            let members = chapters(library, source, suite, &mut problems);
            let sites = sites(source, suite, &members, &mut problems);
            let chapters: Vec<Scenario> = members
                .iter()
                .map(|m| m.scenario.scenario.clone())
                .collect();
            let mut pieces = vec![entry.bytes.as_slice()];
            let of_members = members.iter();
            pieces.extend(of_members.flat_map(|it| it.scenario.pieces(&it.entry.bytes)));
            let metadata = &suite.metadata;
            Some(Drill {
                name: metadata.name.clone(),
                kind: DrillKind::Suite,
                file: source.file.clone(),
                summary: metadata.summary.clone(),
                tags: metadata.tags.clone(),
                requirements: metadata.requirements.clone(),
                sha256: sha256_hex(pieces),
                time: metadata.time,
                repeat: 1,
                sites,
                chapters,
            })
        }
    };
    library.problems.extend(problems);
    drill
}

/// A scenario standing alone.
fn alone(entry: &Entry, scenario: &LoweredScenario) -> Drill {
    let metadata = &scenario.metadata;
    Drill {
        name: metadata.name.clone(),
        kind: DrillKind::Scenario,
        file: scenario.scenario.file.clone(),
        summary: metadata.summary.clone(),
        tags: metadata.tags.clone(),
        requirements: metadata.requirements.clone(),
        sha256: sha256_hex(scenario.pieces(&entry.bytes)),
        time: metadata.time,
        repeat: scenario.repeat,
        sites: scenario.sites.clone(),
        chapters: vec![scenario.scenario.clone()],
    }
}

struct Member<'l> {
    pos: Pos,
    entry: &'l Entry,
    scenario: &'l LoweredScenario,
}

fn chapters<'l>(
    library: &'l Library<'_>,
    source: &Source,
    suite: &LoweredSuite,
    problems: &mut Vec<crate::Problem>,
) -> Vec<Member<'l>> {
    let mut found: Vec<Member<'l>> = Vec::new();
    for (name, pos) in &suite.members {
        let Some(entry) = library.entry(&beside(&source.file, name)) else {
            continue;
        };
        let scenario = match &entry.document {
            Some(Document::Scenario(scenario)) => scenario,
            Some(Document::Suite(_)) => {
                let message = format!("`{name}` is a suite");
                let help = Some("a suite is made of scenarios".to_owned());
                problems.push(source.problem(*pos, message, help));
                continue;
            }
            None => continue,
        };
        let twice = |member: &Member<'_>| std::ptr::eq(member.entry, entry);
        if found.iter().any(twice) {
            problems.push(source.problem(*pos, format!("duplicate member `{name}`"), None));
        }
        found.push(Member {
            pos: *pos,
            entry,
            scenario,
        });
    }
    found
}

/// The sites of all members, in the order of their first mention; those of the suite come first.
fn sites(
    source: &Source,
    suite: &LoweredSuite,
    members: &[Member<'_>],
    problems: &mut Vec<crate::Problem>,
) -> Vec<String> {
    let mut sites = suite.sites.clone().unwrap_or_default();
    for member in members {
        for site in &member.scenario.sites {
            if sites.contains(site) {
                continue;
            }
            if suite.sites.is_some() {
                let name = &member.scenario.metadata.name;
                let message =
                    format!("`{name}` needs site `{site}`, which the suite does not list");
                let place = source.location(suite.sites_pos);
                let help = Some(format!("add it to `sites` at {place}"));
                problems.push(source.problem(member.pos, message, help));
            }
            sites.push(site.clone());
        }
    }
    sites
}

fn members(library: &Library<'_>, suite: &str) -> Vec<(String, Pos)> {
    match library
        .entry(suite)
        .and_then(|entry| entry.document.as_ref())
    {
        Some(Document::Suite(suite)) => suite.members.clone(),
        Some(Document::Scenario(_)) | None => Vec::new(),
    }
}

fn source<'l>(library: &'l Library<'_>, file: &str) -> Option<&'l Source> {
    library.entry(file)?.source.as_ref()
}

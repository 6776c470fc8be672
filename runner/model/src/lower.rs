//! From the syntax to the meaning: every name resolved, every rule checked.
//!
//! Each function takes what was written, notes what is wrong with it, and gives what it means if
//! that can still be told. So all problems of a file are found at once.

use std::collections::BTreeSet;

use crate::load::blocks::Used;
use crate::scenario::{Actor, Invariant, InvariantKind, Objectives, OwnInvariant, Scenario, Step};
use crate::source::Source;
use crate::syntax::{self, At, OneInvariant, Pos, ScenarioFile};
use crate::{Location, Problem};

use self::given::given;
use self::lint::Lint;
pub(crate) use self::metadata::Metadata;
use self::metadata::metadata;
use self::step::{Block, Scope};

mod duration;
mod expression;
mod fact;
mod failover;
mod fault;
mod given;
mod links;
mod lint;
mod metadata;
mod object;
mod outcome;
mod own;
mod program;
mod save;
mod step;
mod text;
mod words;

/// A scenario as far as it can be told without the other files.
pub(crate) struct LoweredScenario {
    pub(crate) metadata: Metadata,
    pub(crate) sites: Vec<String>,
    /// How often it is run where it stands alone.
    pub(crate) repeat: u32,
    pub(crate) scenario: Scenario,
    /// The blocks that it uses.
    pub(crate) blocks: Used,
}

impl LoweredScenario {
    /// Everything that it was read from, for its digest.
    pub(crate) fn pieces<'b>(&'b self, own: &'b [u8]) -> Vec<&'b [u8]> {
        let blocks = self.blocks.bytes.iter().map(Vec::as_slice);
        std::iter::once(own).chain(blocks).collect()
    }
}

/// A suite before its members are looked up.
pub(crate) struct LoweredSuite {
    pub(crate) metadata: Metadata,
    /// The sites as written; `None` for those of the members.
    pub(crate) sites: Option<Vec<String>>,
    pub(crate) sites_pos: Pos,
    /// The members' files as written, with their places.
    pub(crate) members: Vec<(String, Pos)>,
}

/// Checks a scenario file and says what it means.
pub(crate) fn scenario(
    source: &Source,
    file: ScenarioFile,
) -> Result<LoweredScenario, Vec<Problem>> {
    let mut lint = Lint::new(source);
    let saved = links::saved(&file);
    lint.variables(&saved);
    links::block_variables(&mut lint, &file, &saved);
    links::check(&mut lint, &file);

    let metadata = metadata(&mut lint, file.metadata);
    let sites = match lint.need(file.sites, Pos::START, "sites") {
        Some(sites) => site_list(&mut lint, sites),
        None => Vec::new(),
    };
    let given = given(&mut lint, &sites, file.given.as_ref());
    let applied = file.actors.iter().flat_map(|actors| actors.value.values());
    // Also the groups that are wrong in themselves, so that each mistake is told once.
    let named = file.given.iter().flat_map(|given| given.groups.iter());
    let mut groups: BTreeSet<String> = named.flatten().map(|(name, _)| name.clone()).collect();
    groups.extend(
        applied
            .flat_map(|steps| &steps.value)
            .chain(file.then.iter().flatten())
            .filter_map(|step| object::applied_group(&step.value)),
    );
    let repeat = repeat(&mut lint, file.repeat.as_ref());
    let objectives = objectives(&mut lint, file.objectives);
    let mut scope = Scope {
        sites,
        groups,
        snapshots: BTreeSet::new(),
    };
    let written = file.invariants.unwrap_or_default();
    let (invariants, own_invariants) = invariants(&mut lint, &scope, written);
    let mut actors = Vec::new();
    if let Some(written) = lint.need(file.actors, Pos::START, "actors") {
        if written.value.is_empty() {
            lint.error(written.pos, "no actor is named");
        }
        for (name, steps) in written.value {
            let pos = lint.source.key(&["actors", &name], steps.pos);
            actor_name(&mut lint, &name, pos);
            if steps.value.is_empty() {
                lint.error(pos, format!("actor `{name}` does nothing"));
            }
            let steps = block(&mut lint, &mut scope, &Block::Actor(&name), steps.value);
            actors.push(Actor { name, steps });
        }
    }
    let then = file.then.unwrap_or_default();
    let then = block(&mut lint, &mut scope, &Block::Then, then);
    let always = file.always.unwrap_or_default();
    let always = block(&mut lint, &mut scope, &Block::Always, always);

    lint.finish()?;
    let metadata = metadata.expect("no problem was found, so the metadata is there");
    let scenario = Scenario {
        name: metadata.name.clone(),
        file: source.file.clone(),
        summary: metadata.summary.clone(),
        requirements: metadata.requirements.clone(),
        objectives,
        given,
        invariants,
        own_invariants,
        actors,
        then,
        always,
    };
    Ok(LoweredScenario {
        metadata,
        sites: scope.sites,
        repeat,
        scenario,
        blocks: Used::default(),
    })
}

/// Checks a suite file, but for its members.
pub(crate) fn suite(
    source: &Source,
    file: syntax::SuiteFile,
) -> Result<LoweredSuite, Vec<Problem>> {
    let mut lint = Lint::new(source);
    lint.variables(&[]);
    let metadata = metadata(&mut lint, file.metadata);
    let sites_pos = file.sites.as_ref().map_or(Pos::START, |sites| sites.pos);
    let sites = file.sites.map(|sites| site_list(&mut lint, sites));
    let mut members: Vec<(String, Pos)> = Vec::new();
    if let Some(scenarios) = lint.need(file.scenarios, Pos::START, "scenarios") {
        if scenarios.value.is_empty() {
            lint.error(scenarios.pos, "the suite has no scenario");
        }
        for member in scenarios.value {
            if members.iter().any(|(known, _)| *known == member.value) {
                let message = format!("duplicate member `{}`", member.value);
                lint.error(member.pos, message);
            }
            members.push((member.value, member.pos));
        }
    }
    lint.finish()?;
    Ok(LoweredSuite {
        metadata: metadata.expect("no problem was found, so the metadata is there"),
        sites,
        sites_pos,
        members,
    })
}

/// More runs than this are asked for on the command line.
const MOST_REPEATS: u32 = 1_000;

fn repeat(lint: &mut Lint<'_>, written: Option<&At<u32>>) -> u32 {
    let Some(written) = written else { return 1 };
    if !(1..=MOST_REPEATS).contains(&written.value) {
        let message = format!("a drill is repeated 1 to {MOST_REPEATS} times");
        lint.error(written.pos, message);
    }
    written.value
}

fn block(
    lint: &mut Lint<'_>,
    scope: &mut Scope,
    block: &Block<'_>,
    steps: Vec<At<syntax::Step>>,
) -> Vec<Step> {
    let mut snapshots = 0;
    let mut lowered = Vec::new();
    for step in steps {
        let origin = step.value.origin.clone();
        lint.look_at(origin.as_ref());
        lowered.extend(step::step(lint, scope, block, &mut snapshots, step));
        lint.look_at(None);
    }
    lowered
}

fn actor_name(lint: &mut Lint<'_>, name: &str, pos: Pos) {
    if matches!(name, "then" | "always") {
        lint.error(pos, format!("`{name}` is no name for an actor"));
    }
    lint.label("actor", name, pos);
}

/// The sites by canonical name, in the order written; none if one of them is wrong, so that the
/// places that use it are not reported as well.
fn site_list(lint: &mut Lint<'_>, written: At<Vec<At<String>>>) -> Vec<String> {
    if written.value.is_empty() {
        lint.error(written.pos, "no site is named");
    }
    let mut sites = Vec::new();
    let mut sound = true;
    for site in written.value {
        let Some(name) = lint.any_site(&site) else {
            sound = false;
            continue;
        };
        if sites.contains(&name) {
            let message = format!("site `{name}` is named twice");
            lint.error(site.pos, message);
            continue;
        }
        sites.push(name);
    }
    if sound { sites } else { Vec::new() }
}

fn objectives(lint: &mut Lint<'_>, written: Option<At<syntax::Objectives>>) -> Objectives {
    let Some(written) = written else {
        return Objectives::default();
    };
    let At { value, pos } = written;
    if value.rto.is_none() && value.rpo.is_none() {
        lint.error_help(pos, "no objective is named", "name `rto`, `rpo` or both");
    }
    Objectives {
        rto: value.rto.and_then(|rto| duration::positive(lint, &rto)),
        rpo: value.rpo.and_then(|rpo| duration::any(lint, &rpo)),
        location: Some(lint.location(pos)),
    }
}

/// The invariants that every drill can name, and those of the scenario itself.
fn invariants(
    lint: &mut Lint<'_>,
    scope: &Scope,
    written: Vec<At<OneInvariant>>,
) -> (Vec<Invariant>, Vec<OwnInvariant>) {
    let mut found: Vec<Invariant> = Vec::new();
    let mut own: Vec<OwnInvariant> = Vec::new();
    for At { value, pos } in written {
        let name = match value {
            OneInvariant::Named(value) => At { value, pos },
            OneInvariant::Own(written) => {
                own.extend(own::invariant(
                    lint,
                    scope,
                    &own,
                    &At {
                        value: *written,
                        pos,
                    },
                ));
                continue;
            }
        };
        let known = InvariantKind::ALL.iter();
        let Some(kind) = known.clone().find(|kind| kind.name() == name.value) else {
            lint.unknown("invariant", &name, known.map(|kind| kind.name()));
            continue;
        };
        if found.iter().any(|earlier| earlier.kind == *kind) {
            let message = format!("invariant `{}` is named twice", name.value);
            lint.error(name.pos, message);
            continue;
        }
        let location: Location = lint.location(name.pos);
        found.push(Invariant {
            kind: *kind,
            location,
        });
    }
    (found, own)
}

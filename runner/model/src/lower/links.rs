//! What steps say of other steps: names, awaited actors, recordings, and that anything is checked at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lint::Lint;
use crate::source::Source;
use crate::syntax::{At, Pos, Save, ScenarioFile, Step};

type Steps = [At<Step>];

/// Notes every reference that leads nowhere.
pub(super) fn check(lint: &mut Lint<'_>, file: &ScenarioFile) {
    let mut actors: Vec<(&str, &Steps)> = Vec::new();
    if let Some(written) = &file.actors {
        let written = written.value.iter();
        actors.extend(written.map(|(name, steps)| (name.as_str(), steps.value.as_slice())));
    }
    let then = file.then.as_deref().unwrap_or_default();
    let always = file.always.as_deref().unwrap_or_default();
    for (_, steps) in &actors {
        step_names(lint, steps);
    }
    step_names(lint, then);
    step_names(lint, always);

    awaited_actors(lint, &actors, then, always);
    recordings(lint, &actors, then, always);
    faults(lint, &actors, then, always);
    failovers(lint, &actors, then, always);
    values(lint, &actors, then, always);
    programs(lint, file);
    let mut before_always = actors.iter().flat_map(|(_, steps)| *steps).chain(then);
    let checks = before_always.any(|step| {
        let step = &step.value;
        let runs = step.pgctl.is_some() || step.kubectl.is_some() || step.shell.is_some();
        step.expect.is_some() || runs || step.failover.is_some()
    });
    if !checks && file.actors.is_some() {
        let pos = file.metadata.as_ref().map_or(Pos::START, |m| m.pos);
        let name = file.metadata.as_ref().and_then(|m| m.value.name.as_ref());
        lint.error_help(
            name.map_or(pos, |name| name.pos),
            "the scenario checks nothing",
            "add an `expect` step; only observing, waiting and sleeping proves nothing",
        );
    }
}

/// The names of all values that steps save.
pub(super) fn saved(file: &ScenarioFile) -> Vec<&str> {
    let actors = file.actors.iter().flat_map(|actors| actors.value.values());
    let steps = actors.flat_map(|steps| &steps.value);
    let steps = steps.chain(file.then.iter().flatten());
    let steps = steps.chain(file.always.iter().flatten());
    let saves = steps.filter_map(|step| step.value.save.as_ref());
    let names = saves.filter_map(|save| save.value.r#as.as_ref());
    names.map(|name| name.value.as_str()).collect()
}

/// Notes every variable in a block that is neither a param nor saved.
pub(super) fn block_variables(lint: &mut Lint<'_>, file: &ScenarioFile, saved: &[&str]) {
    let actors = file.actors.iter().flat_map(|actors| actors.value.values());
    let steps = actors.flat_map(|steps| &steps.value);
    let steps = steps.chain(file.then.iter().flatten());
    let steps = steps.chain(file.always.iter().flatten());
    let mut seen: Vec<&Arc<Source>> = Vec::new();
    for block in steps.filter_map(|step| step.value.origin.as_ref()) {
        if !seen.iter().any(|known| Arc::ptr_eq(known, block)) {
            seen.push(block);
            lint.look_at(Some(block));
            lint.variables(saved);
        }
    }
    lint.look_at(None);
}

fn step_names(lint: &mut Lint<'_>, steps: &Steps) {
    let mut seen: Vec<&str> = Vec::new();
    for step in steps {
        let Some(name) = &step.value.name else {
            continue;
        };
        lint.look_at(step.value.origin.as_ref());
        if seen.contains(&name.value.as_str()) {
            lint.error(name.pos, format!("duplicate step name `{}`", name.value));
        }
        seen.push(&name.value);
    }
    lint.look_at(None);
}

/// The actor and the step of it that a step awaits.
fn awaited(step: &Step) -> Option<(&At<String>, Option<&At<String>>)> {
    let fact = &step.r#await.as_ref()?.value;
    Some((fact.actor.as_ref()?, fact.step.as_ref()))
}

fn awaited_actors(lint: &mut Lint<'_>, actors: &[(&str, &Steps)], then: &Steps, always: &Steps) {
    for (actor, _) in then
        .iter()
        .chain(always)
        .filter_map(|step| awaited(&step.value))
    {
        lint.error(actor.pos, "all actors have ended by then");
    }
    // For each actor and step that awaits: the actor, and how many of its steps must have ended.
    let mut waits: BTreeMap<(usize, usize), (usize, usize)> = BTreeMap::new();
    for (me, (my_name, steps)) in actors.iter().enumerate() {
        for (at, step) in steps.iter().enumerate() {
            let Some((actor, name)) = awaited(&step.value) else {
                continue;
            };
            lint.look_at(step.value.origin.as_ref());
            if actor.value == *my_name {
                lint.error(actor.pos, format!("actor `{my_name}` waits for itself"));
                continue;
            }
            let Some(other) = actors.iter().position(|(name, _)| *name == actor.value) else {
                let others = actors.iter().map(|(name, _)| *name);
                lint.unknown("actor", actor, others.filter(|name| name != my_name));
                continue;
            };
            if let Some(needed) = needed_steps(lint, actors[other].1, name) {
                waits.insert((me, at), (other, needed));
            }
        }
    }
    for (me, at) in stuck(actors, &waits) {
        let (other, _) = waits[&(me, at)];
        let message = format!(
            "this waits for ever: `{}` in turn waits for `{}`",
            actors[other].0, actors[me].0
        );
        let (_, steps) = actors[me];
        lint.look_at(steps[at].value.origin.as_ref());
        lint.error(steps[at].pos, message);
    }
    lint.look_at(None);
}

/// How many steps of an actor must have ended: up to the named one, or all.
fn needed_steps(lint: &mut Lint<'_>, steps: &Steps, name: Option<&At<String>>) -> Option<usize> {
    let Some(name) = name else {
        return Some(steps.len());
    };
    let own = |step: &At<Step>| step.value.name.as_ref().map(|n| n.value.clone());
    let found = steps
        .iter()
        .position(|step| own(step).as_ref() == Some(&name.value));
    if found.is_none() {
        let names: Vec<String> = steps.iter().filter_map(own).collect();
        lint.unknown("step", name, names.iter().map(String::as_str));
    }
    found.map(|position| position + 1)
}

/// The awaiting steps at which actors stop for good, when everything else goes well.
fn stuck(
    actors: &[(&str, &Steps)],
    waits: &BTreeMap<(usize, usize), (usize, usize)>,
) -> Vec<(usize, usize)> {
    let mut ended = vec![0; actors.len()];
    loop {
        let before = ended.clone();
        for (me, (_, steps)) in actors.iter().enumerate() {
            while ended[me] < steps.len()
                && waits
                    .get(&(me, ended[me]))
                    .is_none_or(|(other, needed)| ended[*other] >= *needed)
            {
                ended[me] += 1;
            }
        }
        if ended == before {
            break;
        }
    }
    let stopped = ended.into_iter().enumerate();
    stopped
        .filter(|(me, at)| *at < actors[*me].1.len())
        .collect()
}

/// Every fault has a name of its own, and every name that is lifted is one of a fault.
fn faults(lint: &mut Lint<'_>, actors: &[(&str, &Steps)], then: &Steps, always: &Steps) {
    let all = || {
        let acted = actors.iter().flat_map(|(_, steps)| *steps);
        acted.chain(then).chain(always).map(|step| &step.value)
    };
    let mut names: Vec<String> = Vec::new();
    for step in all() {
        let Some(fault) = &step.fault else { continue };
        lint.look_at(step.origin.as_ref());
        let Some(name) = super::fault::name_of(fault) else {
            continue;
        };
        if names.contains(&name) {
            let message = format!("duplicate fault `{name}`");
            lint.error_help(fault.pos, message, "give it a name of its own with `as`");
        } else {
            names.push(name);
        }
    }
    for step in all() {
        let Some(lifted) = &step.lift else { continue };
        lint.look_at(step.origin.as_ref());
        if !names.contains(&lifted.value) {
            lint.unknown("fault", lifted, names.iter().map(String::as_str));
        }
    }
    lint.look_at(None);
}

/// A Failover whose name is taken is not created, unless that is what is drilled.
fn failovers(lint: &mut Lint<'_>, actors: &[(&str, &Steps)], then: &Steps, always: &Steps) {
    let acted = actors.iter().flat_map(|(_, steps)| *steps);
    let mut taken: Vec<(&str, Option<&str>)> = Vec::new();
    for step in acted.chain(then).chain(always).map(|step| &step.value) {
        let Some(order) = step.failover.as_ref().map(|it| &it.value) else {
            continue;
        };
        let Some(name) = &order.name else { continue };
        let namespace = order.namespace.as_ref().map(|it| it.value.as_str());
        let may_fail = step
            .expect
            .as_ref()
            .is_some_and(|it| it.value.failed.is_some());
        if taken.contains(&(name.value.as_str(), namespace)) && !may_fail {
            lint.look_at(step.origin.as_ref());
            let message = format!("duplicate failover `{}`", name.value);
            lint.error_help(name.pos, message, "leave out `name`, or choose another one");
        }
        taken.push((&name.value, namespace));
    }
    lint.look_at(None);
}

/// A drill that starts programs cannot ask for virtual time.
fn programs(lint: &mut Lint<'_>, file: &ScenarioFile) {
    let time = file.metadata.as_ref().and_then(|it| it.value.time.as_ref());
    if time.is_none_or(|time| time.value != "virtual") {
        return;
    }
    let actors = file.actors.iter().flat_map(|actors| actors.value.values());
    let steps = actors.flat_map(|steps| &steps.value);
    let steps = steps.chain(file.then.iter().flatten());
    for step in steps.chain(file.always.iter().flatten()) {
        if step.value.kubectl.is_some() || step.value.shell.is_some() {
            lint.look_at(step.value.origin.as_ref());
            let help = "programs need real time; leave out `time: virtual`";
            lint.error_help(step.pos, "a program in virtual time", help);
        }
    }
    lint.look_at(None);
}

/// Every value that is kept is used by a step, or stands in the report under a name of its own.
fn values(lint: &mut Lint<'_>, actors: &[(&str, &Steps)], then: &Steps, always: &Steps) {
    let all = || {
        let acted = actors.iter().flat_map(|(_, steps)| *steps);
        acted.chain(then).chain(always).map(|step| &step.value)
    };
    let is_used = |lint: &Lint<'_>, name: &str| {
        let mut blocks = all().filter_map(|step| step.origin.as_ref());
        lint.source.uses(name) || blocks.any(|block| block.uses(name))
    };
    let mut measured: Vec<&str> = Vec::new();
    for step in all() {
        lint.look_at(step.origin.as_ref());
        let name = |save: &'_ Option<At<Save>>| save.as_ref().and_then(|it| it.value.r#as.clone());
        if let Some(name) = name(&step.save)
            && !is_used(lint, &name.value)
        {
            let message = format!("value `{}` is saved and never used", name.value);
            let help = format!(
                "write `${{{}}}` in a later step, or `measure` it for the report",
                name.value
            );
            lint.error_help(name.pos, message, help);
        }
        let measure = step.measure.as_ref();
        if let Some(name) = measure.and_then(|it| it.value.r#as.as_ref()) {
            if measured.contains(&name.value.as_str()) {
                lint.error(name.pos, format!("duplicate measure `{}`", name.value));
            }
            measured.push(&name.value);
        }
    }
    lint.look_at(None);
}

/// A recording: who makes it, and as which step.
struct Recording<'r> {
    name: &'r At<String>,
    block: usize,
    position: usize,
}

fn recordings(lint: &mut Lint<'_>, actors: &[(&str, &Steps)], then: &Steps, always: &Steps) {
    let mut blocks: Vec<&Steps> = actors.iter().map(|(_, steps)| *steps).collect();
    let then_block = blocks.len();
    blocks.extend([then, always]);

    let mut made: Vec<Recording<'_>> = Vec::new();
    let mut used: Vec<&str> = Vec::new();
    for (block, steps) in blocks.iter().enumerate() {
        for (position, step) in steps.iter().enumerate() {
            let observe = step.value.observe.as_ref();
            let Some(name) = observe.and_then(|observe| observe.value.r#as.as_ref()) else {
                continue;
            };
            if made.iter().any(|earlier| earlier.name.value == name.value) {
                let message = format!("duplicate recording `{}`", name.value);
                lint.error(name.pos, message);
            }
            made.push(Recording {
                name,
                block,
                position,
            });
        }
    }
    for (block, steps) in blocks.iter().enumerate() {
        for (position, step) in steps.iter().enumerate() {
            let facts = [&step.value.expect, &step.value.r#await];
            for name in facts
                .into_iter()
                .flatten()
                .filter_map(|f| f.value.observed.as_ref())
            {
                used.push(&name.value);
                let Some(recording) = made.iter().find(|made| made.name.value == name.value) else {
                    lint.unknown(
                        "recording",
                        name,
                        made.iter().map(|m| m.name.value.as_str()),
                    );
                    continue;
                };
                let late = recording.block == block && recording.position > position
                    || recording.block >= then_block && recording.block > block;
                if late {
                    let message = format!("recording `{}` starts only after this", name.value);
                    lint.error_help(name.pos, message, "move the `observe` step up");
                }
            }
        }
    }
    for recording in made {
        if !used.contains(&recording.name.value.as_str()) {
            lint.error_help(
                recording.name.pos,
                format!("recording `{}` is never expected", recording.name.value),
                "add an `expect` with `observed` and `sequence`, or remove the `observe`",
            );
        }
    }
}

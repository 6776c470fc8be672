//! Expressions in CEL, judged on the objects that they read.

use serde_json::Value;
use sitedrill_cel::{Val, lift};
use sitedrill_model::scenario::{Expression, Reading, SITES};

use super::{Facts, Judgement};
use crate::objects::{self, Key, Objects};

/// The most names of a list that are shown.
const SHOWN: usize = 10;

/// A list of objects that an expression reads, and what is in it.
type Read<'e> = (&'e Reading, Vec<(&'e Key, &'e Value)>);

/// Judges an expression. One that fails, for example at a field that is not there yet, is not true.
pub(super) fn judge(expression: &Expression, facts: &Facts<'_>) -> Judgement {
    let program = match expression.text.program() {
        Ok(program) => program,
        Err(error) => {
            let seen = "(no value)".to_owned();
            return Judgement::never(seen, String::new(), error.to_owned());
        }
    };
    let reads = reads(expression, facts.objects);
    let diff = |seen: &str| format!("- {}\n+ {seen}", expression.text.text().trim());
    let seen = |value: &str| format!("{value}, with {}", shown(&reads));
    match program.run(vec![(SITES, sites(&reads))]) {
        Ok(Val::Bool(truth)) => Judgement::of(truth, seen(&truth.to_string()), diff),
        Ok(other) => {
            let reason = format!(
                "its value is of type {}, not true or false",
                other.type_name()
            );
            let seen = seen(&reason);
            let diff = diff(&seen);
            Judgement::never(seen, diff, reason)
        }
        Err(error) => Judgement::of(false, seen(&error), diff),
    }
}

/// Whether a change of this object can change what the expression comes to.
pub(super) fn concerns(expression: &Expression, key: &Key) -> bool {
    let mut reads = expression.reads.iter();
    reads.any(|read| {
        read.site == key.site
            && read.kind == key.kind
            && read.namespace.as_deref().unwrap_or_default() == key.namespace
    })
}

fn reads<'e>(expression: &'e Expression, objects: &'e Objects) -> Vec<Read<'e>> {
    let read = |reading: &'e Reading| {
        let namespace = reading.namespace.as_deref();
        let found = objects::of_kind(objects, &reading.site, reading.kind, namespace);
        let found = found.map(|(key, object)| (key, &**object));
        (reading, found.collect())
    };
    expression.reads.iter().map(read).collect()
}

/// The sites as the expression calls them, each with its lists.
fn sites<'e>(reads: &[Read<'e>]) -> Val<'e> {
    let text = |text: &'e str| Val::Text(text.into());
    let mut sites: Vec<(&str, Vec<(Val<'e>, Val<'e>)>)> = Vec::new();
    for (reading, found) in reads {
        let list = found.iter().map(|(_, object)| lift(object, None)).collect();
        let list = (text(&reading.kind_called), Val::List(list));
        match sites
            .iter_mut()
            .find(|(called, _)| *called == reading.called)
        {
            Some((_, lists)) => lists.push(list),
            None => sites.push((&reading.called, vec![list])),
        }
    }
    let sites = sites.into_iter();
    Val::Map(
        sites
            .map(|(called, lists)| (text(called), Val::Map(lists)))
            .collect(),
    )
}

/// What there is in the lists, in one line.
fn shown(reads: &[Read<'_>]) -> String {
    let list = |(reading, found): &Read<'_>| {
        let names: Vec<&str> = found.iter().map(|(key, _)| key.name.as_str()).collect();
        let mut names_shown = names[..names.len().min(SHOWN)].join(", ");
        if names.len() > SHOWN {
            names_shown.push_str(", …");
        }
        let names = if names.is_empty() {
            "none".to_owned()
        } else {
            names_shown
        };
        format!("{}.{}: {names}", reading.called, reading.kind_called)
    };
    reads.iter().map(list).collect::<Vec<_>>().join("; ")
}

//! Facts in CEL.

use super::lint::Lint;
use super::object;
use super::step::Scope;
use crate::scenario::{Cel, Condition, Expression, Reading, SITES};
use crate::syntax::{At, Fact};

/// What an expression about sites looks like.
const EXAMPLE: &str = "such as `sites.dr.vmi.exists(v, v.status.phase == 'Running')`";

/// The condition that an expression states.
pub(super) fn condition(lint: &mut Lint<'_>, scope: &Scope, fact: &At<Fact>) -> Option<Condition> {
    let written = fact.value.cel.as_ref()?;
    let text = Cel::from(written.value.clone());
    let paths = match text.program() {
        Ok(program) => program.paths_of(SITES),
        Err(error) => {
            let message = format!("the expression cannot be understood: {error}");
            lint.error_help(written.pos, message, EXAMPLE);
            return None;
        }
    };
    if paths.is_empty() {
        let message = "the expression speaks of no site, so nothing could ever change it";
        lint.error_help(written.pos, message, EXAMPLE);
        return None;
    }
    let mut reads: Vec<Reading> = Vec::new();
    let mut sound = true;
    for path in paths {
        let reading = reading(lint, scope, (written, fact.value.namespace.as_ref()), &path);
        sound &= reading.is_some();
        reads.extend(reading.filter(|reading| !reads.contains(reading)));
    }
    sound.then_some(Condition::Cel(Expression { text, reads }))
}

/// The list of objects to which a path leads.
fn reading(
    lint: &mut Lint<'_>,
    scope: &Scope,
    (written, namespace): (&At<String>, Option<&At<String>>),
    path: &[String],
) -> Option<Reading> {
    let [called, kind_called, ..] = path else {
        let message = format!("after `{SITES}` come the name of a site and a kind");
        lint.error_help(written.pos, message, EXAMPLE);
        return None;
    };
    let at = |value: &String| At {
        value: value.clone(),
        pos: written.pos,
    };
    let site = lint.site(&scope.sites, &at(called));
    let kind = object::kind(lint, &at(kind_called))?;
    // Of a kind without namespaces nothing is left out.
    let namespace = namespace.filter(|_| kind.namespaced());
    Some(Reading {
        called: called.clone(),
        site: site?,
        kind_called: kind_called.clone(),
        kind,
        namespace: object::namespace(lint, kind, namespace),
    })
}

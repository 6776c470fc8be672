//! Invariants of a scenario's own.

use super::fact;
use super::lint::Lint;
use super::step::Scope;
use crate::scenario::{Condition, InvariantKind, OwnInvariant};
use crate::syntax::{self, At};
use crate::variables::has_variable;

/// One of the scenario's own; `earlier` are those before it.
pub(super) fn invariant(
    lint: &mut Lint<'_>,
    scope: &Scope,
    earlier: &[OwnInvariant],
    written: &At<syntax::OwnInvariant>,
) -> Option<OwnInvariant> {
    let At { value, pos } = written;
    let name = lint.need(value.name.as_ref(), *pos, "name");
    if let Some(name) = name {
        lint.label("invariant", &name.value, name.pos);
        let is_built_in = InvariantKind::ALL.iter().any(|it| it.name() == name.value);
        if is_built_in || earlier.iter().any(|it| it.name == name.value) {
            let message = format!("invariant `{}` is named twice", name.value);
            lint.error(name.pos, message);
        }
    }
    let (fact, holds) = match (&value.always, &value.never) {
        (Some(fact), None) => (fact, true),
        (None, Some(fact)) => (fact, false),
        _ => {
            lint.error_help(
                *pos,
                "an invariant says what holds `always`, or `never`",
                "write one of the two, with a fact as in `expect`",
            );
            return None;
        }
    };
    let condition = fact::condition(lint, scope, fact)?;
    if matches!(
        condition,
        Condition::Actor { .. } | Condition::Sequence { .. }
    ) {
        lint.error_help(
            fact.pos,
            "an invariant speaks of the sites",
            "`object`, `kind`, `lock` and `cel` do",
        );
    }
    if let Condition::Cel(expression) = &condition
        && has_variable(expression.text.text())
    {
        let message = "an invariant is in force before any value is saved";
        lint.error_help(fact.pos, message, "say it in a step instead");
    }
    Some(OwnInvariant {
        name: name?.value.clone(),
        condition,
        holds,
        location: lint.location(*pos),
    })
}

//! Which fields of a name an expression reads.

use std::collections::BTreeSet;

use crate::parse::{Expr, Literal};

/// The paths below a name, each as far as it is written out.
pub(crate) fn of(tree: &Expr, name: &str) -> BTreeSet<Vec<String>> {
    let mut paths = BTreeSet::new();
    visit(tree, name, &mut paths);
    paths
}

fn visit(tree: &Expr, name: &str, paths: &mut BTreeSet<Vec<String>>) {
    if let Some(path) = path(tree, name) {
        paths.insert(path);
        return;
    }
    let mut inner = |tree: &Expr| visit(tree, name, paths);
    match tree {
        Expr::Literal(_) | Expr::Name(_) => {}
        Expr::Field(value, _, _) | Expr::Fits(value, _) | Expr::Prefix(_, value) => inner(value),
        Expr::Item(one, other) | Expr::Infix(_, one, other) => {
            inner(one);
            inner(other);
        }
        Expr::Call(_, value, arguments) => {
            let parts = value.iter().map(|value| &**value);
            parts.chain(arguments).for_each(inner);
        }
        Expr::List(parts) | Expr::Logic(_, parts) => parts.iter().for_each(inner),
        Expr::Choice(parts) => parts.iter().for_each(inner),
        Expr::Map(entries) => {
            for (key, value) in entries {
                inner(key);
                inner(value);
            }
        }
        Expr::Each(each) => {
            inner(&each.over);
            // Within, the name may be another thing.
            if each.name != name {
                each.test.iter().chain(&each.body).for_each(inner);
            }
        }
    }
}

/// The fields that lead from the name to this part, where nothing else does.
fn path(tree: &Expr, name: &str) -> Option<Vec<String>> {
    match tree {
        Expr::Name(known) if known == name => Some(Vec::new()),
        Expr::Field(value, field, _) => {
            let mut path = path(value, name)?;
            path.push(field.clone());
            Some(path)
        }
        Expr::Item(value, key) => {
            let Expr::Literal(Literal::Text(field)) = &**key else {
                return None;
            };
            let mut path = path(value, name)?;
            path.push(field.clone());
            Some(path)
        }
        _ => None,
    }
}

//! Values that are kept for later steps.

use super::lint::Lint;
use super::object::{self, Written};
use super::step::Scope;
use crate::scenario::Save;
use crate::syntax::{self, At};

pub(super) fn save(lint: &mut Lint<'_>, scope: &Scope, at: &At<syntax::Save>) -> Option<Save> {
    let written = Written {
        site: at.value.site.as_ref(),
        object: at.value.object.as_ref(),
        namespace: at.value.namespace.as_ref(),
        pos: at.pos,
    };
    let object = object::present(lint, scope, &written);
    let name = lint.need(at.value.r#as.as_ref(), at.pos, "as");
    let field = lint.need(at.value.field.as_ref(), at.pos, "field");
    if let Some(name) = name {
        lint.label("value", &name.value, name.pos);
    }
    let field = field?;
    object::field_path(lint, field);
    Some(Save {
        name: name?.value.clone(),
        object: object?,
        field: field.value.clone(),
    })
}

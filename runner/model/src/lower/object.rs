//! Objects of sites, and the writes that steps do to them.

use serde_json::{Map, Value};

use super::lint::Lint;
use super::step::Scope;
use crate::names::{self, CLUSTER_SCOPED, KINDS, NAMESPACE};
use crate::scenario::{Apply, ObjectKind, ObjectRef, Observe, Patch};
use crate::syntax::{self, At, Pos};
use crate::variables::has_variable;

/// The keys that together name an object.
pub(super) struct Written<'w> {
    pub(super) site: Option<&'w At<String>>,
    pub(super) object: Option<&'w At<String>>,
    pub(super) namespace: Option<&'w At<String>>,
    /// Of the map they stand in.
    pub(super) pos: Pos,
}

pub(super) fn object(
    lint: &mut Lint<'_>,
    scope: &Scope,
    written: &Written<'_>,
) -> Option<ObjectRef> {
    let site = lint.need(written.site, written.pos, "site");
    let object = lint.need(written.object, written.pos, "object");
    let site = site.and_then(|site| lint.site(&scope.sites, site));
    let object = object?;
    let Some((word, name)) = object.value.split_once('/') else {
        lint.error_help(
            object.pos,
            format!("`{}` names no object", object.value),
            "write `kind/name`, such as `protectiongroup/pg-a`",
        );
        return None;
    };
    let word = At {
        value: word.to_owned(),
        pos: object.pos,
    };
    let kind = kind(lint, &word)?;
    let has_variable = has_variable(name);
    let dns = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    if name.is_empty() || !has_variable && !name.chars().all(dns) {
        lint.error(object.pos, format!("`{name}` is no name of an object"));
        return None;
    }
    Some(ObjectRef {
        site: site?,
        kind,
        namespace: namespace(lint, kind, written.namespace),
        name: name.to_owned(),
    })
}

pub(super) fn kind(lint: &mut Lint<'_>, word: &At<String>) -> Option<ObjectKind> {
    let kind = names::kind(&word.value);
    if kind.is_none() {
        lint.unknown("kind", word, KINDS.iter().map(|(name, _)| *name));
    }
    kind
}

pub(super) fn namespace(
    lint: &mut Lint<'_>,
    kind: ObjectKind,
    written: Option<&At<String>>,
) -> Option<String> {
    let Some(written) = written else {
        return kind.namespaced().then(|| NAMESPACE.to_owned());
    };
    lint.label("namespace", &written.value, written.pos);
    if !kind.namespaced() {
        let message = format!("a {} has no namespace", kind.name());
        lint.error(written.pos, message);
        return None;
    }
    Some(written.value.clone())
}

/// An object that the scenario expects to find: a group must be one that it knows of.
pub(super) fn present(
    lint: &mut Lint<'_>,
    scope: &Scope,
    written: &Written<'_>,
) -> Option<ObjectRef> {
    let object = object(lint, scope, written)?;
    let is_known = scope.groups.contains(&object.name) || has_variable(&object.name);
    if object.kind == ObjectKind::ProtectionGroup && !is_known {
        let group = At {
            value: object.name.clone(),
            pos: written.object.map_or(written.pos, |object| object.pos),
        };
        unknown_group(lint, scope, &group);
    }
    Some(object)
}

/// A group that the scenario must know of.
pub(super) fn group(lint: &mut Lint<'_>, scope: &Scope, name: &At<String>) -> Option<String> {
    if scope.groups.contains(&name.value) {
        return Some(name.value.clone());
    }
    unknown_group(lint, scope, name);
    None
}

fn unknown_group(lint: &mut Lint<'_>, scope: &Scope, name: &At<String>) {
    lint.unknown("group", name, scope.groups.iter().map(String::as_str));
}

pub(super) fn patch(lint: &mut Lint<'_>, scope: &Scope, at: &At<syntax::Patch>) -> Option<Patch> {
    let written = Written {
        site: at.value.site.as_ref(),
        object: at.value.object.as_ref(),
        namespace: at.value.namespace.as_ref(),
        pos: at.pos,
    };
    let object = present(lint, scope, &written);
    let merge = lint.need(at.value.merge.as_ref(), at.pos, "merge")?;
    if merge.value.as_object().is_none_or(Map::is_empty) {
        lint.error(merge.pos, "a merge patch is a map of the fields to change");
    }
    Some(Patch {
        object: object?,
        merge: merge.value.clone(),
    })
}

pub(super) fn observe(
    lint: &mut Lint<'_>,
    scope: &Scope,
    at: &At<syntax::Observe>,
) -> Option<Observe> {
    let written = Written {
        site: at.value.site.as_ref(),
        object: at.value.object.as_ref(),
        namespace: at.value.namespace.as_ref(),
        pos: at.pos,
    };
    let object = present(lint, scope, &written);
    let name = lint.need(at.value.r#as.as_ref(), at.pos, "as");
    let fields = lint.need(at.value.fields.as_ref(), at.pos, "fields");
    if let Some(name) = name {
        lint.label("recording", &name.value, name.pos);
    }
    let fields = fields?;
    if fields.value.is_empty() {
        lint.error(fields.pos, "no field is named");
    }
    for field in &fields.value {
        field_path(lint, field);
    }
    Some(Observe {
        name: name?.value.clone(),
        object: object?,
        fields: fields
            .value
            .iter()
            .map(|field| field.value.clone())
            .collect(),
    })
}

/// Notes a path that leads nowhere.
pub(super) fn field_path(lint: &mut Lint<'_>, field: &At<String>) {
    if field.value.split('.').any(|part| part.trim().is_empty()) {
        lint.error_help(
            field.pos,
            format!("`{}` is no path to a field", field.value),
            "join the keys by dots, such as `status.currentState`",
        );
    }
}

pub(super) fn apply(lint: &mut Lint<'_>, scope: &Scope, at: &At<syntax::Apply>) -> Option<Apply> {
    let site = lint.need(at.value.site.as_ref(), at.pos, "site");
    let site = site.and_then(|site| lint.site(&scope.sites, site));
    let written = lint.need(at.value.manifest.as_ref(), at.pos, "manifest")?;
    let mut manifest = written.value.clone();
    for path in ["/apiVersion", "/kind", "/metadata/name"] {
        let there = manifest.pointer(path).and_then(Value::as_str);
        if there.is_none_or(str::is_empty) {
            let key = path[1..].replace('/', ".");
            lint.error(written.pos, format!("the manifest has no `{key}`"));
        }
    }
    let kind = manifest.get("kind").and_then(Value::as_str).unwrap_or("");
    if !CLUSTER_SCOPED.contains(&kind)
        && let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata
            .entry("namespace")
            .or_insert_with(|| NAMESPACE.into());
    }
    Some(Apply {
        site: site?,
        manifest,
    })
}

/// The name of the protection group that a step applies, if that is what it does.
pub(super) fn applied_group(step: &syntax::Step) -> Option<String> {
    let manifest = &step.apply.as_ref()?.value.manifest.as_ref()?.value;
    let kind = manifest.get("kind")?.as_str()?;
    let name = manifest.pointer("/metadata/name")?.as_str()?;
    (kind == "ProtectionGroup").then(|| name.to_owned())
}

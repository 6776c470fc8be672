//! Objects found on several sites: gathered, printed as a table or as they are, looked up by name.
//!
//! Objects are read without their type, so that one malformed object cannot hide the others.

use kube::api::DynamicObject;
use kube::core::ApiResource;
use serde_json::Value;

use crate::args::Format;
use crate::context::{Context, Site};
use crate::describe::describe;
use crate::outcome::Outcome;
use crate::output::{Output, Stream};
use crate::print::{list_of, print_as, value_of};
use crate::read::{events_about, list_everywhere, reachable};
use crate::suggest::nearest;
use crate::table::{Column, table};

/// One object and the site it lives on.
pub(crate) struct Found<'a> {
    pub(crate) site: &'a Site,
    pub(crate) object: DynamicObject,
}

/// What was found, and the sites that could not be asked.
pub(crate) struct Gathered<'a> {
    pub(crate) objects: Vec<Found<'a>>,
    pub(crate) silent: Vec<String>,
}

impl Found<'_> {
    pub(crate) fn name(&self) -> &str {
        self.object.metadata.name.as_deref().unwrap_or_default()
    }

    pub(crate) fn created(&self) -> Option<jiff::Timestamp> {
        let created = self.object.metadata.creation_timestamp.as_ref();
        created.map(|time| time.0)
    }

    /// A field of spec or status as text, by JSON pointer; empty where there is none.
    pub(crate) fn text(&self, pointer: &str) -> String {
        match self.object.data.pointer(pointer) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// The same, with a word for nothing.
    pub(crate) fn text_or(&self, pointer: &str, nothing: &str) -> String {
        let text = self.text(pointer);
        if text.is_empty() {
            nothing.to_owned()
        } else {
            text
        }
    }
}

/// Every object of one kind from every reachable site, oldest first.
///
/// # Errors
///
/// [`Outcome::Unreachable`] where no site at all could be read.
pub(crate) async fn gather<'a>(
    context: &'a Context,
    namespace: &str,
    kind: &ApiResource,
    out: &mut (dyn Output + Send),
) -> Result<Gathered<'a>, Outcome> {
    let answers = list_everywhere(context, namespace, kind).await;
    let (said, silent) = reachable(answers, out);
    if said.is_empty() {
        return Err(crate::commands::nothing_reachable(silent, out));
    }
    let mut objects: Vec<Found<'a>> = said
        .into_iter()
        .flat_map(|(site, objects)| {
            objects
                .into_iter()
                .map(move |object| Found { site, object })
        })
        .collect();
    objects.sort_by_cached_key(|found| {
        (
            found.created(),
            found.name().to_owned(),
            found.site.info.name.clone(),
        )
    });
    Ok(Gathered { objects, silent })
}

/// Prints the objects themselves where JSON or YAML is asked for.
pub(crate) fn print_objects(
    format: Format,
    objects: &[Found<'_>],
    out: &mut (dyn Output + Send),
) -> bool {
    match format {
        Format::Table | Format::Wide => false,
        Format::Json | Format::Yaml => {
            let values: Vec<Value> = objects.iter().map(|one| value_of(&one.object)).collect();
            print_as(format, &list_of(&values), out)
        }
    }
}

/// Prints one row for each object.
pub(crate) fn print_table(
    columns: &[Column],
    objects: &[Found<'_>],
    row: impl Fn(&Found<'_>) -> Vec<String>,
    out: &mut (dyn Output + Send),
) {
    let rows: Vec<Vec<String>> = objects.iter().map(row).collect();
    for line in table(columns, &rows) {
        out.line(Stream::Stdout, &line);
    }
}

/// Says that a list is empty, and that it need not be complete.
pub(crate) fn print_nothing(
    what: &str,
    namespace: &str,
    silent: &[String],
    out: &mut (dyn Output + Send),
) {
    out.line(
        Stream::Stderr,
        &format!("No {what} found in {namespace} namespace."),
    );
    if !silent.is_empty() {
        out.line(
            Stream::Stderr,
            &format!("[WARN] There may be some on {}.", silent.join(", ")),
        );
    }
}

/// What one name asks for.
pub(crate) struct Wanted<'a> {
    /// The kind in lower case, for messages: `operation`.
    pub(crate) what: &'a str,
    /// The Kubernetes kind, for the Events.
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) format: Format,
}

/// Shows the objects of one name in full, from every site that has one.
pub(crate) async fn show(
    wanted: &Wanted<'_>,
    gathered: Gathered<'_>,
    now: &crate::context::Now,
    out: &mut (dyn Output + Send),
) -> Outcome {
    let Gathered { objects, silent } = gathered;
    let (found, others): (Vec<Found<'_>>, Vec<Found<'_>>) = objects
        .into_iter()
        .partition(|found| found.name() == wanted.name);
    match (found.as_slice(), wanted.format) {
        ([], _) => return not_found(wanted, &others, silent, out),
        ([one], Format::Json | Format::Yaml) => {
            print_as(wanted.format, &value_of(&one.object), out);
            return Outcome::Printed;
        }
        (_, Format::Json | Format::Yaml) => {
            print_objects(wanted.format, &found, out);
            return Outcome::Printed;
        }
        (_, Format::Table | Format::Wide) => {}
    }
    for (at, one) in found.iter().enumerate() {
        if at > 0 {
            out.line(Stream::Stdout, "");
        }
        let events = events_about(one.site, wanted.namespace, wanted.kind, wanted.name).await;
        let site = &one.site.info.name;
        for line in describe(site, &value_of(&one.object), &events, now()) {
            out.line(Stream::Stdout, &line);
        }
    }
    Outcome::Printed
}

fn not_found(
    wanted: &Wanted<'_>,
    others: &[Found<'_>],
    silent: Vec<String>,
    out: &mut (dyn Output + Send),
) -> Outcome {
    let Wanted {
        what,
        name,
        namespace,
        ..
    } = wanted;
    let near = nearest(name, others.iter().map(Found::name));
    let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    let message = format!("No {what} {name} found in {namespace} namespace{hint}");
    out.line(Stream::Stderr, &format!("[ERROR] {message}"));
    if silent.is_empty() {
        let reason = "NotFound".to_owned();
        Outcome::Failed { reason, message }
    } else {
        let sites = silent;
        Outcome::Unreachable { sites, message }
    }
}

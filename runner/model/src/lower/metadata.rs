//! What a drill is called and what it shows.

use super::lint::Lint;
use crate::event::TimeMode;
use crate::syntax::{self, At, OneOrMany, Pos};

/// The checked metadata of a scenario or suite.
pub(crate) struct Metadata {
    pub(crate) name: String,
    /// Where the name stands.
    pub(crate) name_pos: Pos,
    pub(crate) summary: String,
    /// Sorted, each once.
    pub(crate) tags: Vec<String>,
    pub(crate) requirements: Vec<String>,
    pub(crate) time: Option<TimeMode>,
}

pub(super) fn metadata(
    lint: &mut Lint<'_>,
    written: Option<At<syntax::Metadata>>,
) -> Option<Metadata> {
    let At { value, pos } = lint.need(written, Pos::START, "metadata")?;
    let mut tags = Vec::new();
    for tag in value.tags.unwrap_or_default() {
        lint.label("tag", &tag.value, tag.pos);
        tags.push(tag.value);
    }
    tags.sort();
    tags.dedup();
    let requirements = match value.requirement {
        None => Vec::new(),
        Some(At {
            value: OneOrMany::One(one),
            pos,
        }) => vec![At { value: one, pos }],
        Some(At {
            value: OneOrMany::Many(many),
            ..
        }) => many,
    };
    for requirement in &requirements {
        if requirement.value.trim().is_empty() {
            lint.error(requirement.pos, "the requirement is empty");
        }
    }
    let time = value.time.as_ref().and_then(|time| mode(lint, time));
    let name = lint.need(value.name, pos, "metadata.name");
    let summary = lint.need(value.summary, pos, "metadata.summary");
    if let Some(name) = &name {
        lint.label("drill", &name.value, name.pos);
    }
    if let Some(summary) = &summary
        && summary.value.trim().is_empty()
    {
        lint.error(summary.pos, "the summary is empty");
    }
    let name = name?;
    Some(Metadata {
        name: name.value,
        name_pos: name.pos,
        summary: summary?.value.trim().to_owned(),
        tags,
        requirements: requirements.into_iter().map(|r| r.value).collect(),
        time,
    })
}

fn mode(lint: &mut Lint<'_>, written: &At<String>) -> Option<TimeMode> {
    match written.value.as_str() {
        "virtual" => Some(TimeMode::Virtual),
        "real" => Some(TimeMode::Real),
        _ => {
            lint.unknown("mode of time", written, ["virtual", "real"]);
            None
        }
    }
}

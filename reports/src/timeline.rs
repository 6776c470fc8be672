//! Steps and observations of a chapter in the order of time.

use jiff::Timestamp;
use sitedrill_model::event::{FaultChange, Observation};
use sitedrill_model::record::{ChapterRecord, DrillRecord, StepRecord, TimedFaultNote};

use crate::text::one_line;
use crate::units::offset;

/// One line of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// By the clock of the sites.
    pub(crate) at: Timestamp,
    /// The site, or the actor.
    pub(crate) who: String,
    /// Whether `who` is a site.
    pub(crate) is_site: bool,
    /// What happened, on one line.
    pub(crate) what: String,
    /// Whether this is a step that did not do what the scenario says.
    pub(crate) is_problem: bool,
}

/// The first instant of a drill, from which its times are counted.
pub(crate) fn start_of(drill: &DrillRecord) -> Option<Timestamp> {
    let chapters = drill.chapters.iter();
    let first = || chapters.flat_map(entries).map(|entry| entry.at).min();
    drill.span.map(|(start, _)| start).or_else(first)
}

/// Steps and observations of a chapter in the order of time.
///
/// Within one instant a step comes before what it may have caused, and after what it waited for.
pub(crate) fn entries(chapter: &ChapterRecord) -> Vec<Entry> {
    let (reacting, acting): (Vec<_>, Vec<_>) =
        chapter.steps.iter().partition(|step| reacts(chapter, step));
    let mut all: Vec<Entry> = acting.into_iter().filter_map(step_start).collect();
    let mut last = None;
    for seen in &chapter.observations {
        let Some(at) = seen.at.or(last) else { continue };
        last = Some(at);
        all.push(observation(at, &seen.observation));
    }
    all.extend(chapter.faults.iter().filter_map(fault));
    all.extend(chapter.steps.iter().filter_map(step_problem));
    all.extend(reacting.into_iter().filter_map(step_start));
    all.sort_by_key(|entry| entry.at);
    all
}

/// Whether the step started because the one before it had waited for something that came at that instant.
fn reacts(chapter: &ChapterRecord, step: &StepRecord) -> bool {
    let before = chapter
        .steps
        .iter()
        .find(|other| other.id.actor == step.id.actor && other.id.index + 1 == step.id.index);
    before.is_some_and(|before| {
        before.finished.is_some()
            && before.finished == step.started
            && before.started < before.finished
    })
}

fn step_start(step: &StepRecord) -> Option<Entry> {
    Some(Entry {
        at: step.started?,
        who: one_line(&step.id.actor),
        is_site: false,
        what: one_line(&step.text),
        is_problem: false,
    })
}

fn step_problem(step: &StepRecord) -> Option<Entry> {
    let failure = step.outcome.as_ref()?.failure.as_ref()?;
    Some(Entry {
        at: step.finished?,
        who: one_line(&step.id.actor),
        is_site: false,
        what: format!("step {}: {}", step.id.index + 1, one_line(&failure.message)),
        is_problem: true,
    })
}

fn observation(at: Timestamp, seen: &Observation) -> Entry {
    Entry {
        at,
        who: one_line(&seen.site),
        is_site: true,
        what: format!("{}  {}", one_line(&seen.object), one_line(&seen.what)),
        is_problem: false,
    }
}

fn fault(seen: &TimedFaultNote) -> Option<Entry> {
    let note = &seen.note;
    // That it was asked for is the step's own row.
    if note.what == FaultChange::Injected {
        return None;
    }
    let mut what = format!("{}  {}", one_line(&note.name), note.what.text());
    if !note.evidence.is_empty() {
        what.push_str(": ");
        what.push_str(&one_line(&note.evidence));
    }
    Some(Entry {
        at: seen.at?,
        who: "fault".to_owned(),
        is_site: false,
        what,
        is_problem: false,
    })
}

/// The timeline as aligned lines of text.
pub(crate) fn lines(entries: &[Entry], start: Timestamp) -> Vec<String> {
    let width = entries.iter().map(|e| e.who.chars().count()).max();
    let width = width.unwrap_or_default();
    let line = |entry: &Entry| {
        let at = offset(start, entry.at);
        let mark = if entry.is_problem { "✗ " } else { "" };
        format!("{at:>10}  {:width$}  {mark}{}", entry.who, entry.what)
    };
    entries.iter().map(line).collect()
}

//! One failure in the order in which people read it, shared by all reports:
//! file and line; what was expected; the last difference seen; the timeline; the seed and the command that repeats it.

use std::fmt::Write as _;

use jiff::Timestamp;
use sitedrill_model::event::{RunInfo, TimeMode};
use sitedrill_model::record::{ChapterRecord, DrillRecord, RunRecord, StepRecord};
use sitedrill_model::{Failure, Location, Verdict, try_seed};

use crate::measure::kind_name;
use crate::text::{cap, cap_lines, indent, one_line, plain, shell_word};
use crate::timeline;
use crate::units::offset;

/// The longest object or difference shown with a failure.
const MAX_PART_BYTES: usize = 6_000;
/// The most values shown of those seen on the way.
const MAX_SEEN: usize = 30;

/// A failure and what it belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'r> {
    /// The failure.
    pub(crate) failure: &'r Failure,
    /// `None` where it lies outside every chapter.
    pub(crate) chapter: Option<&'r ChapterRecord>,
    /// `None` where it belongs to no step.
    pub(crate) step: Option<&'r StepRecord>,
}

/// All failures of a drill: by chapter, those of steps before those of invariants and objectives.
/// A violation that the record holds twice, as a failure and with its invariant, is listed once.
pub(crate) fn all_of(drill: &DrillRecord) -> Vec<Found<'_>> {
    let mut found: Vec<Found<'_>> = Vec::new();
    let outside = drill.failure.iter().map(|failure| Found {
        failure,
        chapter: None,
        step: None,
    });
    found.extend(outside);
    for chapter in &drill.chapters {
        found.extend(of_chapter(chapter));
    }
    found
}

fn of_chapter(chapter: &ChapterRecord) -> Vec<Found<'_>> {
    let mut found: Vec<Found<'_>> = Vec::new();
    for step in &chapter.steps {
        let outcome = step.outcome.as_ref();
        if let Some(failure) = outcome.and_then(|outcome| outcome.failure.as_ref()) {
            found.push(Found {
                failure,
                chapter: Some(chapter),
                step: Some(step),
            });
        }
    }
    let violations = chapter.invariants.iter();
    let violations = violations.filter_map(|invariant| invariant.violation.as_ref());
    for failure in chapter.failures.iter().chain(violations) {
        if !found.iter().any(|known| known.failure == failure) {
            found.push(Found {
                failure,
                chapter: Some(chapter),
                step: None,
            });
        }
    }
    found
}

/// Why a drill has its verdict, in one class and one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    /// The class, as `type` of JUnit.
    pub(crate) class: &'static str,
    /// The cause in one line.
    pub(crate) message: String,
}

/// The cause of the drill's verdict: the first failure that leads to it, else any, else what the record lacks.
pub(crate) fn cause(drill: &DrillRecord) -> Cause {
    let found = all_of(drill);
    let leading = found
        .iter()
        .find(|found| found.failure.kind.verdict() == drill.verdict);
    match leading.or(found.first()) {
        Some(found) => Cause {
            class: kind_name(found.failure.kind),
            message: one_line(&found.failure.message),
        },
        None => without_failure(drill),
    }
}

fn without_failure(drill: &DrillRecord) -> Cause {
    let running = drill.chapters.iter().flat_map(|c| &c.steps);
    let running = running
        .filter(|step| step.started.is_some() && step.finished.is_none())
        .map(|step| format!("{} step {}", one_line(&step.id.actor), step.id.index + 1))
        .next_back();
    let (class, message) = match (drill.verdict, running) {
        (Verdict::Aborted, Some(step)) => ("Aborted", format!("stopped while {step} was running")),
        (Verdict::Aborted, None) => ("Aborted", "stopped before it ended".to_owned()),
        (Verdict::Skipped, _) => (
            "Skipped",
            one_line(drill.skipped.as_deref().unwrap_or("no reason was recorded")),
        ),
        (Verdict::Failed | Verdict::Inconclusive | Verdict::Passed, _) => {
            ("Unrecorded", "the record does not say why".to_owned())
        }
    };
    Cause { class, message }
}

/// Where the failure is: file, line and column, or else the file.
pub(crate) fn place(found: &Found<'_>, drill: &DrillRecord) -> String {
    let location = found
        .failure
        .location
        .as_ref()
        .or(found.step.map(|step| &step.location));
    let file = || {
        let chapter = found.chapter.map(|chapter| &chapter.info.file);
        chapter.unwrap_or(&drill.info.file).clone()
    };
    one_line(&location.map_or_else(file, Location::to_string))
}

/// The chapter and step the failure belongs to, in words.
pub(crate) fn context(found: &Found<'_>, drill: &DrillRecord) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(chapter) = found.chapter.filter(|_| drill.chapters.len() > 1) {
        parts.push(format!("chapter {}", one_line(&chapter.info.name)));
    }
    if let Some(step) = found.step {
        let (actor, number) = (one_line(&step.id.actor), step.id.index + 1);
        parts.push(format!("{actor} step {number}: {}", one_line(&step.text)));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What was expected and what was seen, under their titles.
pub(crate) fn evidence(failure: &Failure, start: Option<Timestamp>) -> Vec<(&'static str, String)> {
    let part = |text: &str| cap(plain(text).trim_end(), MAX_PART_BYTES);
    let mut parts = Vec::new();
    if let Some(expected) = &failure.expected {
        parts.push(("expected", part(expected)));
    }
    if let Some(diff) = &failure.diff {
        parts.push(("last difference seen (- expected, + seen)", part(diff)));
    } else if let Some(last) = &failure.last_seen {
        parts.push(("last seen", part(last)));
    }
    if !failure.seen.is_empty() {
        let value = |seen: &sitedrill_model::SeenValue| {
            let at = offset(start.unwrap_or(seen.at), seen.at);
            format!("{at:>10}  {}", one_line(&seen.value))
        };
        let lines = failure.seen.iter().map(value).collect();
        parts.push((
            "values seen on the way",
            cap_lines(lines, MAX_SEEN).join("\n"),
        ));
    }
    parts
}

/// The seed with which a run of a drill repeats this try of it.
pub(crate) fn repeat_seed(drill: &DrillRecord, run: &RunInfo) -> u64 {
    try_seed(run.seed, drill.attempt)
}

/// The one command that repeats a drill.
pub(crate) fn repeat_command(drill: &DrillRecord, run: &RunInfo) -> String {
    let mut command = format!(
        "sitedrill run {} --seed {}",
        shell_word(&one_line(&drill.info.file)),
        repeat_seed(drill, run)
    );
    if run.sites != "embedded" {
        command.push_str(" --sites ");
        command.push_str(&shell_word(&one_line(&run.sites)));
    }
    match run.time {
        TimeMode::Virtual => {}
        TimeMode::Real => command.push_str(" --time real"),
    }
    command
}

/// Everything a reader needs to understand why a drill did not pass, as text.
pub(crate) fn passage(record: &RunRecord, drill: &DrillRecord, timeline_lines: usize) -> String {
    let found = all_of(drill);
    let start = timeline::start_of(drill);
    let mut out = String::new();
    if found.is_empty() {
        let cause = cause(drill);
        let _ = writeln!(
            out,
            "{}\n{}: {}",
            one_line(&drill.info.file),
            cause.class,
            cause.message
        );
    }
    for found in &found {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&failure_text(found, drill, start));
    }
    for chapter in chapters_to_show(drill, &found) {
        let entries = timeline::entries(chapter);
        let Some(start) = start.filter(|_| !entries.is_empty()) else {
            continue;
        };
        let lines = cap_lines(timeline::lines(&entries, start), timeline_lines);
        let title = format!("\ntimeline of {}\n", one_line(&chapter.info.name));
        out.push_str(&title);
        out.push_str(&indent(&lines.join("\n"), 2));
    }
    if let Some(run) = &record.run {
        let command = repeat_command(drill, run);
        let seed = repeat_seed(drill, run);
        let _ = writeln!(out, "\nseed {seed}; repeat with\n  {command}");
    }
    out
}

fn failure_text(found: &Found<'_>, drill: &DrillRecord, start: Option<Timestamp>) -> String {
    let failure = found.failure;
    let mut out = format!("{}\n", place(found, drill));
    if let Some(context) = context(found, drill) {
        let _ = writeln!(out, "  {context}");
    }
    let _ = writeln!(
        out,
        "{}: {}",
        kind_name(failure.kind),
        plain(&failure.message).trim_end()
    );
    for (title, text) in evidence(failure, start) {
        let _ = write!(out, "{title}\n{}", indent(&text, 4));
    }
    out
}

/// The chapters whose timeline explains the failures; the last one where the drill broke off.
fn chapters_to_show<'r>(drill: &'r DrillRecord, found: &[Found<'r>]) -> Vec<&'r ChapterRecord> {
    let concerned = |chapter: &&ChapterRecord| {
        let mut chapters = found.iter().filter_map(|found| found.chapter);
        chapters.any(|known| std::ptr::eq(known, *chapter))
    };
    let mut chapters: Vec<_> = drill.chapters.iter().filter(concerned).collect();
    if chapters.is_empty() {
        chapters.extend(drill.chapters.last());
    }
    chapters
}

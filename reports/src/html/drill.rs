//! One drill in detail: what it is, and chapter by chapter what was done, seen and measured.

use jiff::Timestamp;
use maud::{Markup, html};
use sitedrill_model::Verdict;
use sitedrill_model::event::Stream;
use sitedrill_model::record::{ChapterRecord, DrillRecord, RunRecord, StepRecord, TranscriptLine};

use crate::measure::{drill_rto, site_seconds, verdict_name};
use crate::text::{cap, one_line, plain};
use crate::timeline::start_of;
use crate::units::{human, offset};

use super::{badge, badge_of, fact, failover, is_problem, timeline, tries};

/// The longest transcript shown with a step.
const MAX_TRANSCRIPT_BYTES: usize = 20_000;

/// A drill as a section that unfolds.
pub(super) fn details(record: &RunRecord, drill: &DrillRecord, index: usize) -> Markup {
    let sites: Vec<_> = drill
        .sites
        .iter()
        .map(|site| one_line(&site.name))
        .collect();
    let start = start_of(drill);
    let many = drill.chapters.len() > 1;
    html! {
        details class={ "drill " (verdict_name(drill.verdict)) } id={ "drill-" (index) }
            open[is_problem(drill.verdict)] {
            (headline(drill))
            div class="body" {
                p { (one_line(&drill.info.summary)) }
                @if let Some(reason) = &drill.skipped {
                    p { strong { "Not run: " } (one_line(reason)) }
                }
                (facts(drill))
                (tries::all(record, drill))
                (sites_table(drill))
                div id={ "drill-" (index) "-timeline" } {
                    @for chapter in &drill.chapters {
                        (chapter_section(chapter, many, &sites, start))
                    }
                }
            }
        }
    }
}

fn headline(drill: &DrillRecord) -> Markup {
    html! {
        summary {
            (badge_of(drill))
            span class="name" { (one_line(&drill.info.name)) }
            span class="right small soft" {
                @if let Some(rto) = drill_rto(drill) { "RTO " (human(rto.seconds)) " · " }
                @match site_seconds(drill) {
                    Some(seconds) => (human(seconds)),
                    None => "not run",
                }
            }
        }
    }
}

fn facts(drill: &DrillRecord) -> Markup {
    let info = &drill.info;
    html! {
        dl class="facts small" {
            (fact("File", &one_line(&info.file)))
            @if !info.requirements.is_empty() {
                (fact("Shows", &one_line(&info.requirements.join(", "))))
            }
            (fact("Seed of the drill", &info.seed.to_string()))
            @if !info.tags.is_empty() {
                div { dt { "Tags" } dd {
                    @for tag in &info.tags { span class="tag" { (one_line(tag)) } }
                } }
            }
            div class="wide" { dt { "SHA-256 of the file" } dd class="mono" { (one_line(&info.sha256)) } }
        }
    }
}

fn sites_table(drill: &DrillRecord) -> Markup {
    html! {
        @if !drill.sites.is_empty() {
            h4 { "Sites" }
            table class="small" {
                thead { tr { th { "Site" } th { "Role" } th { "From" } th { "Kubernetes" } th { "UID of kube-system" } } }
                tbody {
                    @for site in &drill.sites {
                        tr {
                            td { strong { (one_line(&site.name)) } }
                            td { (one_line(&site.role)) }
                            td { (one_line(&site.provider)) }
                            td { (one_line(&site.kubernetes)) }
                            td class="mono soft" { (one_line(&site.uid)) }
                        }
                    }
                }
            }
        }
    }
}

fn chapter_section(
    chapter: &ChapterRecord,
    many: bool,
    sites: &[String],
    start: Option<Timestamp>,
) -> Markup {
    html! {
        section class=[many.then_some("chapter")] {
            @if many {
                h3 { (badge(chapter.verdict)) " " (one_line(&chapter.info.name)) }
                p { (one_line(&chapter.info.summary)) }
                p class="small soft" { (one_line(&chapter.info.requirements.join(", "))) }
            }
            (failover::all(chapter, start))
            (invariants(chapter))
            h4 { "Timeline" }
            (timeline::table(chapter, sites, start))
            details class="part" open[is_problem(chapter.verdict)] {
                summary { "Steps and transcripts" }
                @if !chapter.prepared.is_empty() {
                    h4 { "Given" }
                    @for line in &chapter.prepared { p class="small" { (one_line(line)) } }
                }
                @for (actor, steps) in by_actor(chapter) {
                    h4 { (one_line(actor)) }
                    ol class="actor" { @for step in steps { (step_item(step, start)) } }
                }
            }
        }
    }
}

fn invariants(chapter: &ChapterRecord) -> Markup {
    html! {
        @if !chapter.invariants.is_empty() {
            h4 { "Invariants" }
            table class="small" {
                thead { tr { th { "Verdict" } th { "Invariant" } th class="num" { "Observed changes" } th { "First violation" } } }
                tbody {
                    @for invariant in &chapter.invariants {
                        @let verdict = invariant.violation.as_ref().map_or(Verdict::Passed, |v| v.kind.verdict());
                        tr {
                            td { (badge(verdict)) }
                            td { (one_line(&invariant.name)) }
                            td class="num" { (invariant.observations) }
                            td { @match &invariant.violation {
                                Some(violation) => (one_line(&violation.message)),
                                None => span class="soft" { "none" },
                            } }
                        }
                    }
                }
            }
        }
    }
}

/// The steps of each actor, actors in the order in which they first appear.
fn by_actor(chapter: &ChapterRecord) -> Vec<(&str, Vec<&StepRecord>)> {
    let mut actors: Vec<(&str, Vec<&StepRecord>)> = Vec::new();
    for step in &chapter.steps {
        match actors.iter_mut().find(|(name, _)| *name == step.id.actor) {
            Some((_, steps)) => steps.push(step),
            None => actors.push((&step.id.actor, vec![step])),
        }
    }
    actors
}

fn step_item(step: &StepRecord, start: Option<Timestamp>) -> Markup {
    let verdict = match (&step.outcome, &step.skipped) {
        (Some(outcome), _) => outcome.verdict,
        (None, Some(_)) => Verdict::Skipped,
        (None, None) => Verdict::Aborted,
    };
    let detail = match (&step.outcome, &step.skipped) {
        (Some(outcome), _) => one_line(&outcome.detail),
        (None, Some(reason)) => one_line(reason),
        (None, None) => "did not end".to_owned(),
    };
    html! {
        li class=(verdict_name(verdict)) {
            div class="head" {
                span class="mono soft" { (when(step, start)) }
                span class="text" { (one_line(&step.text)) }
                span class="small soft" { (detail) }
                span class="right small soft mono" { (one_line(&step.location.to_string())) }
            }
            (transcript(&step.transcript))
        }
    }
}

/// When a step started and how long it took.
fn when(step: &StepRecord, start: Option<Timestamp>) -> String {
    let (Some(start), Some(at)) = (start, step.started) else {
        return "not run".to_owned();
    };
    match step.finished {
        Some(end) if end > at => format!(
            "{} {}",
            offset(start, at),
            human(crate::units::between(at, end))
        ),
        Some(_) | None => offset(start, at),
    }
}

fn transcript(lines: &[TranscriptLine]) -> Markup {
    let bytes: usize = lines.iter().map(|line| line.line.len() + 1).sum();
    let text = |line: &TranscriptLine| plain(&line.line);
    html! {
        @if !lines.is_empty() {
            @if bytes > MAX_TRANSCRIPT_BYTES {
                pre { (cap(&lines.iter().map(text).collect::<Vec<_>>().join("\n"), MAX_TRANSCRIPT_BYTES)) }
            } @else {
                pre {
                    @for line in lines {
                        @match line.stream {
                            Stream::Stdout => (text(line)),
                            Stream::Stderr => span class="err" { (text(line)) },
                        }
                        "\n"
                    }
                }
            }
        }
    }
}

//! What did not pass, before everything else, each failure in its reading order.

use jiff::Timestamp;
use maud::{Markup, html};
use sitedrill_model::Failure;
use sitedrill_model::record::{DrillRecord, RunRecord};

use crate::failure::{Found, all_of, cause, context, evidence, place, repeat_command, repeat_seed};
use crate::measure::{kind_name, verdict_name};
use crate::text::{one_line, plain};
use crate::timeline::start_of;

use super::{badge, is_problem};

/// The section of all drills that did not pass; nothing where all did.
pub(super) fn all(record: &RunRecord) -> Markup {
    let drills: Vec<_> = record
        .drills
        .iter()
        .enumerate()
        .filter(|(_, drill)| is_problem(drill.verdict))
        .collect();
    html! {
        @if !drills.is_empty() {
            h2 { "What did not pass" }
            @for (index, drill) in drills {
                (of_drill(record, drill, index))
            }
        }
    }
}

fn of_drill(record: &RunRecord, drill: &DrillRecord, index: usize) -> Markup {
    let found = all_of(drill);
    let start = start_of(drill);
    html! {
        section class={ "problem " (verdict_name(drill.verdict)) } {
            h3 style="margin-top:0" {
                (badge(drill.verdict)) " "
                a href={ "#drill-" (index) } { (one_line(&drill.info.name)) }
            }
            p class="soft" { (one_line(&drill.info.summary)) }
            @if found.is_empty() {
                p class="where mono" { (one_line(&drill.info.file)) }
                p class="message" { (cause(drill).message) }
            }
            @for found in &found { (failure(found, drill, start)) }
            @if let Some(run) = &record.run {
                h4 { "Repeat (seed " (repeat_seed(drill, run)) ")" }
                pre { (repeat_command(drill, run)) }
            }
            p class="small" { a href={ "#drill-" (index) "-timeline" } { "Timeline and transcripts of this drill" } }
        }
    }
}

/// One failure: where, what, and the evidence.
pub(super) fn failure(found: &Found<'_>, drill: &DrillRecord, start: Option<Timestamp>) -> Markup {
    html! {
        div class="failure" {
            p {
                span class="where mono" { (place(found, drill)) } " "
                span class="tag" { (kind_name(found.failure.kind)) }
            }
            p class="message" { (plain(&found.failure.message)) }
            @if let Some(context) = context(found, drill) { p class="small soft" { (context) } }
            (evidence_pair(found.failure, start))
        }
    }
}

/// Expected, difference and values on the way, side by side where there is room.
fn evidence_pair(failure: &Failure, start: Option<Timestamp>) -> Markup {
    html! {
        div class="pair" {
            @for (title, text) in evidence(failure, start) {
                div {
                    h4 { (title) }
                    @if title.contains("difference") { (diff(&text)) } @else { pre { (text) } }
                }
            }
        }
    }
}

/// The lines of a difference, each in the colour of its side.
fn diff(text: &str) -> Markup {
    html! {
        pre {
            @for line in text.lines() {
                @if line.trim_start().starts_with('-') {
                    span class="minus" { (line) }
                } @else if line.trim_start().starts_with('+') {
                    span class="plus" { (line) }
                } @else { (line) }
                "\n"
            }
        }
    }
}

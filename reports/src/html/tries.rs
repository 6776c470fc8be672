//! The other tries of a drill that was tried again, each with its failures and its timelines.

use maud::{Markup, html};
use sitedrill_model::record::{DrillRecord, RunRecord};

use crate::failure::{all_of, cause, repeat_command, repeat_seed};
use crate::measure::{site_seconds, wall_seconds};
use crate::text::one_line;
use crate::timeline::start_of;
use crate::units::human;

use super::{badge, problem, timeline};

/// All other tries of a drill; nothing where it was run once.
pub(super) fn all(record: &RunRecord, drill: &DrillRecord) -> Markup {
    html! {
        @if !drill.attempts.is_empty() {
            h4 { "Other tries" }
            p class="small soft" {
                "Each try has sites and a seed of its own. What else is told here is told of try " (drill.attempt) "."
            }
            @for attempt in &drill.attempts { (of_one(record, attempt)) }
        }
    }
}

fn of_one(record: &RunRecord, attempt: &DrillRecord) -> Markup {
    let start = start_of(attempt);
    let sites = attempt.sites.iter().map(|site| one_line(&site.name));
    let sites: Vec<_> = sites.collect();
    html! {
        details class="part" {
            summary {
                "Try " (attempt.attempt) " " (badge(attempt.verdict)) " " (cause(attempt).message)
                span class="small soft" { (times(attempt)) }
            }
            @for found in &all_of(attempt) { (problem::failure(found, attempt, start)) }
            @if let Some(run) = &record.run {
                h4 { "Repeat (seed " (repeat_seed(attempt, run)) ")" }
                pre { (repeat_command(attempt, run)) }
            }
            @for chapter in &attempt.chapters {
                h4 { "Timeline of " (one_line(&chapter.info.name)) }
                (timeline::table(chapter, &sites, start))
            }
        }
    }
}

/// How long a try took: ` · 2m45s on the sites · 57 ms here`.
fn times(attempt: &DrillRecord) -> String {
    let site = site_seconds(attempt).map(|it| format!(" · {} on the sites", human(it)));
    let wall = wall_seconds(attempt).map(|it| format!(" · {} here", human(it)));
    [site, wall].into_iter().flatten().collect()
}

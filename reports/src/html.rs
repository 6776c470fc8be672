//! One self-contained HTML file that a person likes to read and that prints well.
//!
//! No scripts, no fonts and no images from elsewhere; the file also forbids itself to load any.
//! Failures come first, and only drills that did not pass are unfolded; on paper all are.
//!
//! **Invariant:** all text of the record goes through [`one_line`] or `plain` and is escaped by maud.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use sitedrill_model::Verdict;
use sitedrill_model::event::{RunInfo, TimeMode};
use sitedrill_model::record::{DrillRecord, RunRecord};

use crate::failure::cause;
use crate::measure::{
    Measured, counts, drill_rpo, drill_rto, site_seconds, verdict_name, wall_seconds,
};
use crate::text::one_line;
use crate::units::{human, loss};

mod drill;
mod failover;
mod problem;
mod timeline;
mod tries;

/// What a browser may load: nothing.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The record of a run as one HTML file.
pub fn html(record: &RunRecord) -> String {
    let title = format!("{} – sitedrill", headline(record));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(CONTENT_SECURITY_POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(include_str!("html/style.css"))) }
            }
            body {
                main {
                    (banner(record))
                    (overview(record))
                    (tallies(record))
                    (problem::all(record))
                    @if !record.drills.is_empty() {
                        h2 { "Drills in detail" }
                        @for (index, drill) in record.drills.iter().enumerate() {
                            (drill::details(record, drill, index))
                        }
                    }
                    (footer())
                }
            }
        }
    };
    page.into_string()
}

/// The run's verdict; a run without an end was stopped.
fn verdict(record: &RunRecord) -> Verdict {
    record
        .end
        .as_ref()
        .map_or(Verdict::Aborted, |end| end.verdict)
}

fn headline(record: &RunRecord) -> String {
    let count = record.drills.len();
    let drills = if count == 1 { "drill" } else { "drills" };
    let bad = record.drills.iter().filter(|d| is_problem(d.verdict));
    let bad = bad.count();
    let flaky = record.drills.iter().filter(|drill| drill.flaky).count();
    match verdict(record) {
        Verdict::Passed if flaky > 0 && count == 1 => {
            "The drill passed when tried again".to_owned()
        }
        Verdict::Passed if flaky > 0 => {
            format!("All {count} {drills} passed, {flaky} of them only when tried again")
        }
        Verdict::Passed if count == 1 => "The drill passed".to_owned(),
        Verdict::Passed => format!("All checks of {count} {drills} held"),
        Verdict::Skipped => "No drill was run".to_owned(),
        Verdict::Aborted if bad == 0 => "The run was stopped".to_owned(),
        Verdict::Aborted | Verdict::Inconclusive | Verdict::Failed => {
            format!("{bad} of {count} {drills} did not pass")
        }
    }
}

fn is_problem(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Passed | Verdict::Skipped => false,
        Verdict::Failed | Verdict::Inconclusive | Verdict::Aborted => true,
    }
}

/// The badge of a drill: its verdict, unless it passed only when it was tried again.
fn badge_of(drill: &DrillRecord) -> Markup {
    html! {
        @if drill.flaky { span class="badge flaky" { "flaky" } } @else { (badge(drill.verdict)) }
    }
}

fn badge(verdict: Verdict) -> Markup {
    html! { span class={ "badge " (verdict_name(verdict)) } { (verdict_name(verdict)) } }
}

fn fact(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn banner(record: &RunRecord) -> Markup {
    let site: f64 = record.drills.iter().filter_map(site_seconds).sum();
    html! {
        section class={ "banner " (verdict_name(verdict(record))) } {
            p class="kicker" { "Disaster-recovery drills" }
            h1 { (headline(record)) }
            dl class="facts" {
                (fact("Drills", &counts(&record.drills)))
                @if let Some(run) = &record.run { (run_facts(run)) }
                (fact("Time on the sites", &human(site)))
                @match &record.end {
                    Some(end) => {
                        (fact("Time of the run", &human(end.wall.seconds)))
                        (fact("Exit code", &end.exit_code.to_string()))
                    }
                    None => (fact("End", "none: the run was stopped or is still going on"))
                }
                @if let Some(run) = &record.run {
                    div class="wide" {
                        dt { "Repeat with" }
                        dd { code { (one_line(&run.command)) } }
                    }
                }
            }
        }
    }
}

fn run_facts(run: &RunInfo) -> Markup {
    let time = match run.time {
        TimeMode::Virtual => "virtual time",
        TimeMode::Real => "real time",
    };
    let sites = format!("{}, {time}", one_line(&run.sites));
    let runner = format!(
        "sitedrill {} on {}",
        one_line(&run.version),
        one_line(&run.wall.host)
    );
    let started = run.wall.started.strftime("%Y-%m-%d %H:%M:%S UTC");
    html! {
        (fact("Started", &started.to_string()))
        (fact("Run", &one_line(&run.wall.run)))
        (fact("Runner", &runner))
        (fact("Sites", &sites))
        (fact("Seed", &run.seed.to_string()))
    }
}

fn overview(record: &RunRecord) -> Markup {
    html! {
        h2 { "Overview" }
        @if record.drills.is_empty() {
            p { "The record holds no drill." }
        } @else {
            div class="sheet" { table {
                thead { tr {
                    th { "Verdict" }
                    th { "Drill" }
                    th class="num" { "Recovery time" }
                    th class="num" { "Objective" }
                    th class="num" { "Data lost" }
                    th class="num" { "On the sites" }
                    th class="num" { "Here" }
                } }
                tbody {
                    @for (index, drill) in record.drills.iter().enumerate() {
                        (overview_row(drill, index))
                    }
                }
            } }
        }
    }
}

/// What was measured over the repetitions of drills.
fn tallies(record: &RunRecord) -> Markup {
    html! {
        @if !record.tallies.is_empty() {
            h2 { "Over all repetitions" }
            div class="sheet" { table {
                thead { tr { th { "Drill" } th { "Measure" } th { "Value" } th class="num" { "Times" } } }
                tbody {
                    @for tally in &record.tallies {
                        @for (value, count) in &tally.counts {
                            tr {
                                td { (one_line(&tally.drill)) }
                                td { (one_line(&tally.name)) }
                                td { (one_line(value)) }
                                td class="num" { (count) }
                            }
                        }
                    }
                }
            } }
        }
    }
}

fn overview_row(drill: &DrillRecord, index: usize) -> Markup {
    let (rto, rpo) = (drill_rto(drill), drill_rpo(drill));
    let is_missed = |it: Option<Measured>| it.is_some_and(|it| !it.is_met());
    let seconds = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), human);
    html! {
        tr {
            td { (badge_of(drill)) }
            td {
                a href={ "#drill-" (index) } { strong { (one_line(&drill.info.name)) } }
                @if let (true, Some(before)) = (drill.flaky, drill.attempts.last()) {
                    div class="small" { "Passed on try " (drill.attempt) ". Before: " (cause(before).message) }
                }
                @match drill.verdict {
                    Verdict::Passed => div class="small soft" { (one_line(&drill.info.summary)) },
                    Verdict::Skipped
                    | Verdict::Failed
                    | Verdict::Inconclusive
                    | Verdict::Aborted => div class="small" { (cause(drill).message) },
                }
            }
            td class={ "num" @if is_missed(rto) { " failed" } } { (seconds(rto.map(|rto| rto.seconds))) }
            td class="num soft" { (seconds(rto.and_then(|rto| rto.objective_seconds))) }
            td class={ "num" @if is_missed(rpo) { " failed" } } {
                @match rpo {
                    Some(rpo) => {
                        (loss(rpo.seconds))
                        @if let Some(objective) = rpo.objective_seconds { span class="soft" { " of " (loss(objective)) } }
                    }
                    None => { "–" }
                }
            }
            td class="num" { (seconds(site_seconds(drill))) }
            td class="num soft" { (seconds(wall_seconds(drill))) }
        }
    }
}

fn footer() -> Markup {
    html! {
        footer {
            p {
                strong { "How to read this. " }
                "A drill has passed when every step did what its file says, every invariant held on every observed "
                "change of all sites, and every objective was met. It has failed when the system under test did something "
                "else. It is inconclusive when the run could not tell: a site could not be reached or prepared, or changes "
                "may have been missed."
            }
            p {
                "Recovery time (RTO) runs from the request of a failover until the group was first seen running on the target. "
                "Data lost (RPO) runs from the last marker that a machine found on the target to the last one that it had written on the source. "
                "Times with a plus sign count from the start of the drill, by the clock of the sites. "
                "Everything here is derived from record.json and events.jsonl in the same folder."
            }
        }
    }
}

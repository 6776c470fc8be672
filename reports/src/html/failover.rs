//! A failover as bars: the recovery against its objective, and the steps it was made of; and what it lost, in words.

use jiff::Timestamp;
use maud::{Markup, html};
use sitedrill_model::event::{FailoverMeasurement, Marker, MarkerEvidence, StepDuration};
use sitedrill_model::record::ChapterRecord;

use crate::measure::cleanup_start;
use crate::text::one_line;
use crate::units::{human, loss, offset};

/// How many colours the style sheet has for steps.
const COLORS: usize = 9;

/// The failovers of a chapter with their measures. Times count from the start of the drill.
pub(super) fn all(chapter: &ChapterRecord, start: Option<Timestamp>) -> Markup {
    let cleanup = cleanup_start(chapter);
    html! {
        @for failover in &chapter.failovers {
            @let is_cleanup = cleanup.is_some_and(|start| failover.requested_at >= start);
            @let objective = chapter.info.rto_objective_seconds.filter(|_| !is_cleanup);
            h4 {
                "Failover of " (one_line(&failover.group)) " to " (one_line(&failover.target))
                @if is_cleanup { " (cleanup, not judged)" }
            }
            p class="small soft" {
                span class="mono" { (one_line(&failover.failover)) } " ended " (one_line(&failover.phase))
            }
            (gauge(failover, objective))
            (steps(&failover.steps))
            (downtime(failover))
            @if let Some(evidence) = &failover.markers {
                @let objective = chapter.info.rpo_objective_seconds.filter(|_| !is_cleanup);
                (data(failover, evidence, objective))
                (markers(evidence, start))
            }
        }
    }
}

/// The recovery time as a bar whose full width is the objective, or the recovery where that is longer.
fn gauge(failover: &FailoverMeasurement, objective: Option<f64>) -> Markup {
    let Some(seconds) = failover.rto_seconds else {
        return html! { p { "The group was not seen running on the target." } };
    };
    let full = objective.unwrap_or(seconds).max(seconds).max(f64::EPSILON);
    let tone = match objective {
        Some(objective) if seconds > objective => "failed",
        Some(_) | None => "passed",
    };
    let (width, mark) = (
        percent(seconds / full),
        objective.map(|o| percent(o / full)),
    );
    html! {
        div class={ "gauge " (tone) } {
            svg height="14" role="img" aria-label="recovery time against its objective" {
                rect class="rail" width="100%" height="14" {}
                rect class="tone" width=(width) height="14" {}
                @if let Some(mark) = mark.filter(|_| tone == "failed") {
                    rect x=(mark) width="2" height="14" fill="currentColor" {}
                }
            }
            span class="num" {
                "RTO " strong { (human(seconds)) }
                @match objective {
                    Some(objective) => { " of " (human(objective)) }
                    None => span class="soft" { " (no objective)" }
                }
            }
        }
    }
}

/// The steps as one bar in parts, with a legend.
fn steps(steps: &[StepDuration]) -> Markup {
    let total: f64 = steps.iter().map(|step| step.seconds.max(0.0)).sum();
    let mut from = 0.0;
    let mut parts = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let share = step.seconds.max(0.0) / total.max(f64::EPSILON);
        parts.push((index % COLORS, percent(from), percent(share), step));
        from += share;
    }
    html! {
        @if total > 0.0 {
            div class="steps" {
                svg height="22" role="img" aria-label="steps of the failover in proportion" {
                    @for (color, x, width, step) in &parts {
                        rect class={ "s" (color) } x=(x) width=(width) height="22" {
                            title { (one_line(&step.step)) ": " (human(step.seconds)) }
                        }
                    }
                }
                ul class="legend" {
                    @for (color, _, _, step) in &parts {
                        li {
                            i class={ "s" (color) } {}
                            (one_line(&step.step)) " " span class="soft" { (human(step.seconds)) }
                        }
                    }
                }
            }
        }
    }
}

fn downtime(failover: &FailoverMeasurement) -> Markup {
    html! {
        @if !failover.downtime.is_empty() {
            p class="small" {
                span class="soft" { "Downtime: " }
                @for (index, machine) in failover.downtime.iter().enumerate() {
                    @if index > 0 { ", " }
                    (one_line(&machine.vm)) " "
                    @match machine.seconds {
                        Some(seconds) => strong { (human(seconds)) },
                        None => strong class="minus" { "did not come back" },
                    }
                }
            }
        }
    }
}

/// The loss of data against its objective.
fn data(
    failover: &FailoverMeasurement,
    evidence: &MarkerEvidence,
    objective: Option<f64>,
) -> Markup {
    let seconds = failover.rpo_seconds;
    let is_missed = match (seconds, objective) {
        (Some(seconds), Some(objective)) => seconds > objective,
        (None, Some(_)) => !evidence.machines.is_empty(),
        (_, None) => false,
    };
    html! {
        p {
            "RPO "
            strong class=[is_missed.then_some("minus")] { (seconds.map_or_else(|| "not known".to_owned(), loss)) }
            @match objective {
                Some(objective) => { " of " (loss(objective)) }
                None => span class="soft" { " (no objective)" }
            }
            @if let Some(records) = failover.records_lost {
                span class="soft" { ", " (records) " markers lost" }
            }
            span class="soft" { "; each machine writes one every " (human(evidence.interval_seconds)) }
        }
    }
}

/// What each machine wrote last and found first.
fn markers(evidence: &MarkerEvidence, start: Option<Timestamp>) -> Markup {
    let name = |marker: &Marker| {
        let at = start.map_or_else(String::new, |start| {
            format!(" {}", offset(start, marker.at))
        });
        format!("#{}{at}", marker.number)
    };
    html! {
        @if !evidence.machines.is_empty() {
            p class="small" {
                span class="soft" { "Data: " }
                @for (index, machine) in evidence.machines.iter().enumerate() {
                    @if index > 0 { ", " }
                    (one_line(&machine.vm)) " last wrote " strong { (name(&machine.written)) } " and found "
                    @match (&machine.found, machine.records_lost) {
                        (Some(found), _) => strong { (name(found)) },
                        (None, Some(_)) => strong class="minus" { "nothing" },
                        (None, None) => strong class="minus" { "nobody knows what" },
                    }
                }
            }
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.3}%", share * 100.0)
}

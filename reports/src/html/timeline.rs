//! The timeline of a chapter: time runs down, with a lane for the actors and one for each site.

use jiff::Timestamp;
use maud::{Markup, html};
use sitedrill_model::record::ChapterRecord;

use crate::timeline::{Entry, entries};
use crate::units::offset;

/// A longer timeline is cut in the middle; a browser and a reader both give up at some point.
const MAX_ROWS: usize = 600;

/// The timeline as a table.
pub(super) fn table(chapter: &ChapterRecord, sites: &[String], start: Option<Timestamp>) -> Markup {
    let entries = entries(chapter);
    let (Some(start), false) = (start, entries.is_empty()) else {
        return html! { p class="soft" { "Nothing was observed." } };
    };
    let mut lanes = sites.to_vec();
    for entry in entries.iter().filter(|entry| entry.is_site) {
        if !lanes.contains(&entry.who) {
            lanes.push(entry.who.clone());
        }
    }
    let (head, left_out, tail) = cut(&entries);
    html! {
        div class="sheet" { table class="time" {
            thead { tr {
                th { "Time" }
                th { "Actors" }
                @for lane in &lanes { th { (lane) } }
            } }
            tbody {
                @for entry in head { (row(entry, &lanes, start)) }
                @if left_out > 0 {
                    tr class="gap" {
                        td colspan=(lanes.len() + 2) { (left_out) " rows left out here; record.json has them all" }
                    }
                }
                @for entry in tail { (row(entry, &lanes, start)) }
            }
        } }
    }
}

fn cut(entries: &[Entry]) -> (&[Entry], usize, &[Entry]) {
    if entries.len() <= MAX_ROWS {
        return (entries, 0, &[]);
    }
    let half = MAX_ROWS / 2;
    let tail = entries.len() - half;
    (&entries[..half], tail - half, &entries[tail..])
}

fn row(entry: &Entry, lanes: &[String], start: Timestamp) -> Markup {
    html! {
        tr class=[entry.is_problem.then_some("bad")] {
            td { (offset(start, entry.at)) }
            td {
                @if !entry.is_site {
                    strong { (entry.who) } " "
                    @if entry.is_problem { "✗ " }
                    (entry.what)
                }
            }
            @for lane in lanes {
                td {
                    @if entry.is_site && *lane == entry.who {
                        @match entry.what.split_once("  ") {
                            Some((object, what)) => { span class="object" { (object) } " " (what) }
                            None => (entry.what),
                        }
                    }
                }
            }
        }
    }
}

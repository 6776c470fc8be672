//! The timeline of a chapter: time runs down, with a lane for the actors and one for each site.

use jiff::Timestamp;
use maud::{Markup, html};
use sitedrill_model::record::ChapterRecord;

use crate::timeline::{Entry, entries};
use crate::units::offset;

/// A longer timeline is cut in the middle; a browser and a reader both give up at some point.
const MAX_ENTRIES: usize = 600;

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
                @for instant in instants(head) { (row(instant, &lanes, start)) }
                @if left_out > 0 {
                    tr class="gap" {
                        td colspan=(lanes.len() + 2) { (left_out) " entries left out here; record.json has them all" }
                    }
                }
                @for instant in instants(tail) { (row(instant, &lanes, start)) }
            }
        } }
    }
}

fn cut(entries: &[Entry]) -> (&[Entry], usize, &[Entry]) {
    if entries.len() <= MAX_ENTRIES {
        return (entries, 0, &[]);
    }
    let half = MAX_ENTRIES / 2;
    let tail = entries.len() - half;
    (&entries[..half], tail - half, &entries[tail..])
}

/// Entries of the same instant together: nothing says which of them came first.
fn instants(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    entries.chunk_by(|a, b| a.at == b.at)
}

fn row(instant: &[Entry], lanes: &[String], start: Timestamp) -> Markup {
    let at = instant.first().map(|entry| offset(start, entry.at));
    html! {
        tr {
            td { (at.unwrap_or_default()) }
            td {
                @for entry in instant.iter().filter(|entry| !entry.is_site) {
                    div class=[entry.is_problem.then_some("bad")] {
                        strong { (entry.who) } " "
                        @if entry.is_problem { "✗ " }
                        (entry.what)
                    }
                }
            }
            @for lane in lanes {
                td {
                    @for entry in instant.iter().filter(|entry| entry.is_site && *lane == entry.who) {
                        div { (observed(&entry.what)) }
                    }
                }
            }
        }
    }
}

/// The object in a softer colour than what became of it.
fn observed(what: &str) -> Markup {
    let (object, what) = what.split_once("  ").unwrap_or(("", what));
    html! { span class="object" { (object) } " " (what) }
}

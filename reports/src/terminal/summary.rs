//! What a run came to: the failures in reading order, one line a drill, totals, the folder of the reports.

use std::fmt::Write as _;

use sitedrill_model::Verdict;
use sitedrill_model::record::{DrillRecord, RunRecord, Tally};

use crate::failure::{cause, passage};
use crate::measure::{
    Measured, drill_rpo, drill_rto, site_seconds, tally, verdict_name, wall_seconds,
};
use crate::text::{indent, one_line};
use crate::units::{human, loss};

use super::Look;

/// The most lines of a timeline below a failure; the other reports hold all.
const MAX_TIMELINE_LINES: usize = 40;
/// Names longer than this are not cut, but they do not push all other columns to the right either.
const MAX_NAME_COLUMN: usize = 48;

/// The summary of a run: failures first, then one line a drill in the run's order, then totals and the folder.
///
/// A drill's line holds its verdict, its name, how long it took by the clock of its sites,
/// the recovery time and the loss of data measured, and in brackets how long it took on this machine.
pub fn summary(record: &RunRecord, look: Look) -> String {
    let mut out = String::new();
    for drill in record.drills.iter().filter(|drill| is_problem(drill)) {
        out.push_str(&problem(record, drill, look));
        out.push('\n');
    }
    for line in table(record, look) {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    for tally in &record.tallies {
        let _ = writeln!(out, "{}", tally_line(tally));
    }
    out.push_str(&totals(record));
    if let Some(run) = &record.run {
        let _ = writeln!(out, "reports: {}", one_line(&run.wall.out));
    }
    out
}

/// `lock-race: terminal-1 was Failed 97 times, Succeeded 103 times`.
fn tally_line(tally: &Tally) -> String {
    let counts = tally.counts.iter().map(|(value, count)| {
        let times = if *count == 1 { "time" } else { "times" };
        format!("{} {count} {times}", one_line(value))
    });
    let counts = counts.collect::<Vec<_>>().join(", ");
    format!(
        "{}: {} was {counts}",
        one_line(&tally.drill),
        one_line(&tally.name)
    )
}

fn is_problem(drill: &DrillRecord) -> bool {
    match drill.verdict {
        Verdict::Passed | Verdict::Skipped => false,
        Verdict::Inconclusive | Verdict::Aborted | Verdict::Failed => true,
    }
}

fn problem(record: &RunRecord, drill: &DrillRecord, look: Look) -> String {
    let word = verdict_word(drill.verdict, look);
    let name = paint(look, "1", &one_line(&drill.info.name));
    let body = passage(record, drill, MAX_TIMELINE_LINES);
    format!("{word}  {name}\n{}", indent(&body, 2))
}

/// One line a drill, in columns.
fn table(record: &RunRecord, look: Look) -> Vec<String> {
    let drills = &record.drills;
    let slow = record.run.as_ref().and_then(|run| run.slow_seconds);
    let rows: Vec<[String; 5]> = drills.iter().map(cells).collect();
    let width = |column: usize, most: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.filter(|width| *width <= most).max().unwrap_or(0)
    };
    let names = width(0, MAX_NAME_COLUMN);
    let [site, rto, rpo, wall] = [1, 2, 3, 4].map(|column| width(column, 99));
    let words = drills.iter().map(|d| word(d.verdict).len()).max();
    let words = words.unwrap_or_default();
    let line = |(drill, row): (&DrillRecord, &[String; 5])| {
        let verdict = verdict_word(drill.verdict, look);
        let gap = " ".repeat(words - word(drill.verdict).len());
        let is_slow = wall_seconds(drill)
            .zip(slow)
            .is_some_and(|(wall, slow)| wall > slow);
        let mark = if is_slow { "slow  " } else { "" };
        let note = format!("{mark}{}", note(drill));
        // Few runs have an objective for data; the others do not have the column.
        let lost = match rpo {
            0 => String::new(),
            width => format!("{:width$}  ", row[3]),
        };
        format!(
            "{verdict}{gap}  {:names$}  {:>site$}  {:rto$}  {lost}{:>wall$}  {note}",
            row[0], row[1], row[2], row[4]
        )
    };
    drills.iter().zip(&rows).map(line).collect()
}

fn cells(drill: &DrillRecord) -> [String; 5] {
    let site = site_seconds(drill).map(human).unwrap_or_default();
    let wall = wall_seconds(drill).map(|wall| format!("({})", human(wall)));
    [
        one_line(&drill.info.name),
        site,
        drill_rto(drill).map_or_else(String::new, |rto| held("rto", rto, human)),
        drill_rpo(drill).map_or_else(String::new, |rpo| held("rpo", rpo, loss)),
        wall.unwrap_or_default(),
    ]
}

/// `rto 48.2s`, with the objective where there is one.
fn held(name: &str, measured: Measured, text: fn(f64) -> String) -> String {
    let seconds = text(measured.seconds);
    match measured.objective_seconds {
        None => format!("{name} {seconds}"),
        Some(objective) if measured.is_met() => format!("{name} {seconds} of {}", text(objective)),
        Some(objective) => format!("{name} {seconds} over {}", text(objective)),
    }
}

/// Why a drill did not pass, in a few words.
fn note(drill: &DrillRecord) -> String {
    match drill.verdict {
        Verdict::Passed => String::new(),
        Verdict::Skipped => cause(drill).message,
        Verdict::Failed | Verdict::Inconclusive | Verdict::Aborted => cause(drill).class.to_owned(),
    }
}

fn totals(record: &RunRecord) -> String {
    let count = record.drills.len();
    let drills = if count == 1 { "drill" } else { "drills" };
    let tally = tally(&record.drills).into_iter();
    let counts: Vec<_> = tally
        .map(|(verdict, count)| format!("{count} {}", verdict_name(verdict)))
        .collect();
    let mut out = format!("\n{count} {drills}: {}", counts.join(", "));
    let site: f64 = record.drills.iter().filter_map(site_seconds).sum();
    if site > 0.0 {
        let _ = write!(out, "; {} on the sites", human(site));
    }
    match &record.end {
        Some(end) => {
            let _ = write!(out, "; {} here", human(end.wall.seconds));
        }
        None => out.push_str("; the run did not end"),
    }
    if let Some(run) = &record.run {
        let _ = write!(out, "; seed {}", run.seed);
    }
    out.push('\n');
    out
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Skipped => "SKIP",
        Verdict::Passed => "PASS",
        Verdict::Inconclusive => "INCONCLUSIVE",
        Verdict::Aborted => "ABORTED",
        Verdict::Failed => "FAIL",
    }
}

/// The verdict as the first word of a line, in its colour.
pub(super) fn verdict_word(verdict: Verdict, look: Look) -> String {
    let color = match verdict {
        Verdict::Skipped => "36",
        Verdict::Passed => "1;32",
        Verdict::Inconclusive | Verdict::Aborted => "1;33",
        Verdict::Failed => "1;31",
    };
    paint(look, color, word(verdict))
}

/// The text in a colour, where colour is wanted.
fn paint(look: Look, color: &str, text: &str) -> String {
    if look.color {
        format!("\u{1b}[{color}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

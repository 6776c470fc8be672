//! What a run came to: the failures in reading order, those of earlier tries after them, one line a drill, totals, the
//! folder of the reports.

use std::fmt::Write as _;

use sitedrill_model::Verdict;
use sitedrill_model::record::{DrillRecord, RunRecord, Tally};

use crate::failure::{cause, passage, repeat_command};
use crate::measure::{
    Measured, counts, drill_rpo, drill_rto, site_seconds, verdict_name, wall_seconds,
};
use crate::text::{indent, one_line};
use crate::units::{human, loss};

use super::Look;

/// The most lines of a timeline below a failure; the other reports hold all.
const MAX_TIMELINE_LINES: usize = 40;
/// Names longer than this are not cut, but they do not push all other columns to the right either.
const MAX_NAME_COLUMN: usize = 48;
/// The word for a pass that needed more than one try.
const FLAKY: &str = "FLAKY";

/// The summary of a run: failures first, then what went wrong before flaky passes, then one line a drill in the run's
/// order, then totals and the folder.
///
/// A drill's line holds its verdict, its name, how long it took by the clock of its sites,
/// the recovery time and the loss of data measured, and in brackets how long it took on this machine.
pub fn summary(record: &RunRecord, look: Look) -> String {
    let mut out = String::new();
    for drill in record.drills.iter().filter(|drill| is_problem(drill)) {
        out.push_str(&problem(record, drill, look));
        out.push('\n');
    }
    for drill in record.drills.iter().filter(|drill| drill.flaky) {
        out.push_str(&flaky(record, drill, look));
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
    let mut body = passage(record, drill, MAX_TIMELINE_LINES);
    if !drill.attempts.is_empty() {
        let _ = writeln!(body, "\nother tries");
        for attempt in &drill.attempts {
            body.push_str(&indent(&attempt_line(record, attempt), 2));
        }
    }
    format!("{word}  {name}\n{}", indent(&body, 2))
}

/// What went wrong before a drill passed.
fn flaky(record: &RunRecord, drill: &DrillRecord, look: Look) -> String {
    let (word, name) = (flaky_word(look), one_line(&drill.info.name));
    let name = paint(look, "1", &name);
    let mut out = format!("{word}  {name}\n");
    for attempt in &drill.attempts {
        let title = format!(
            "try {} {}\n",
            attempt.attempt,
            verdict_name(attempt.verdict)
        );
        let body = passage(record, attempt, MAX_TIMELINE_LINES);
        out.push_str(&indent(&format!("{title}{}", indent(&body, 2)), 2));
    }
    out
}

/// `try 2 failed: OutcomeDiffers: …`, and how to repeat it.
fn attempt_line(record: &RunRecord, attempt: &DrillRecord) -> String {
    let (number, verdict) = (attempt.attempt, verdict_name(attempt.verdict));
    let cause = cause(attempt);
    let mut line = format!(
        "try {number} {verdict}: {}: {}\n",
        cause.class, cause.message
    );
    if let Some(run) = &record.run {
        let _ = writeln!(line, "  {}", repeat_command(attempt, run));
    }
    line
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
    let words = drills.iter().map(|drill| word_of(drill).len()).max();
    let words = words.unwrap_or_default();
    let line = |(drill, row): (&DrillRecord, &[String; 5])| {
        let verdict = if drill.flaky {
            flaky_word(look)
        } else {
            verdict_word(drill.verdict, look)
        };
        let gap = " ".repeat(words - word_of(drill).len());
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

/// Why a drill did not pass, or not at once, in a few words.
fn note(drill: &DrillRecord) -> String {
    match drill.verdict {
        Verdict::Passed => drill.attempts.last().map_or_else(String::new, |before| {
            format!(
                "passed on try {}, after {}",
                drill.attempt,
                cause(before).class
            )
        }),
        Verdict::Skipped => cause(drill).message,
        Verdict::Failed | Verdict::Inconclusive | Verdict::Aborted => {
            let (class, tries) = (cause(drill).class, drill.attempts.len() + 1);
            match tries {
                1 => class.to_owned(),
                tries => format!("{class}, {tries} tries"),
            }
        }
    }
}

fn totals(record: &RunRecord) -> String {
    let count = record.drills.len();
    let drills = if count == 1 { "drill" } else { "drills" };
    let mut out = format!("\n{count} {drills}: {}", counts(&record.drills));
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

/// The first word of a drill's line.
fn word_of(drill: &DrillRecord) -> &'static str {
    if drill.flaky {
        FLAKY
    } else {
        word(drill.verdict)
    }
}

/// The first word of a drill that passed only when it was tried again, in the colour of what needs a look.
pub(super) fn flaky_word(look: Look) -> String {
    paint(look, "1;33", FLAKY)
}

/// The first word of a try after which there is another, in the same colour.
pub(super) fn retry_word(look: Look) -> String {
    paint(look, "1;33", "RETRY")
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

//! What the terminal says while a run goes on, and afterwards.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use sitedrill_model::event::{Event, EventKind, TimeMode};
use sitedrill_reports::{Look, Terminal, summary};

use crate::support::{cut_off_at, drill, events, hostile, lossy, nothing, record, with_drills};

/// A stream that a test can read.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.0.lock().expect("no test panics while it writes");
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn talk(events: &[Event]) -> String {
    let stream = Shared::default();
    let mut terminal = Terminal::new(Box::new(stream.clone()), Look::default());
    for event in events {
        terminal.take(event).expect("memory can be written to");
    }
    let bytes = stream.0.lock().expect("no test panics while it writes");
    String::from_utf8(bytes.clone()).expect("what is written is text")
}

fn in_real_time(mut events: Vec<Event>) -> Vec<Event> {
    if let EventKind::RunStarted(info) = &mut events[0].kind {
        info.time = TimeMode::Real;
    }
    events
}

#[test]
fn in_virtual_time_only_drills_that_did_not_pass_are_told() {
    assert_eq!(
        talk(&events()),
        "sitedrill 0.1.0: 4 drills, embedded sites, virtual time, seed 7\n\
         FAIL  safety-check  pgctl ended with success where refused: SafetyCheckFailed was expected\n\
         INCONCLUSIVE  site-loss  changes of primary could not be observed for 29 s: \
         the watch ended with 410 and the list after it failed\n"
    );
}

#[test]
fn in_real_time_starts_and_ends_are_told_too() {
    let told = talk(&in_real_time(events()));
    for line in [
        "start  operations-api\n",
        "PASS  operations-api  41 ms\n",
        "start  safety-check\n",
        "SKIP  kubectl-tour  it starts processes",
    ] {
        assert!(told.contains(line), "{line:?} in\n{told}");
    }
}

#[test]
fn drills_that_run_side_by_side_are_told_apart() {
    let all = in_real_time(events());
    let of = |name: &str| -> Vec<Event> {
        let mine = all.iter().filter(|e| e.drill.as_deref() == Some(name));
        mine.cloned().collect()
    };
    let (mut left, mut right) = (
        of("safety-check").into_iter(),
        of("operations-api").into_iter(),
    );
    let mut mixed = vec![all[0].clone()];
    loop {
        let pair = (left.next(), right.next());
        if pair == (None, None) {
            break;
        }
        mixed.extend(pair.0);
        mixed.extend(pair.1);
    }
    let told = talk(&mixed);
    assert!(told.contains("\nPASS  operations-api  41 ms\n"), "{told}");
    assert!(told.contains("\nFAIL  safety-check  pgctl ended"), "{told}");
    assert_eq!(told.lines().count(), 5, "{told}");
}

#[test]
fn a_line_has_verdict_time_on_the_sites_measured_rto_and_time_here() {
    let text = summary(&record(), Look::default());
    let line = text.lines().find(|line| line.starts_with("PASS"));
    let words: Vec<_> = line.unwrap_or_default().split_whitespace().collect();
    assert_eq!(
        words.join(" "),
        "PASS operations-api 2m52s rto 48.2s of 5m rpo 0s of 0s (41 ms)"
    );
    assert!(text.contains("rto 48.2s over 30s"), "{text}");
}

#[test]
fn a_loss_above_its_objective_is_said_and_no_objective_for_data_takes_no_room() {
    let text = summary(&with_drills(vec![lossy()]), Look::default());
    assert!(text.contains("rpo 1m over 0s"), "{text}");
    let text = summary(&with_drills(vec![drill("site-loss")]), Look::default());
    assert!(!text.contains("rpo"), "{text}");
    assert!(text.contains("45s    (10 ms)"), "{text}");
}

#[test]
fn the_summary_ends_with_the_totals_and_the_folder() {
    let text = summary(&record(), Look::default());
    let last: Vec<_> = text.lines().rev().take(2).collect();
    assert_eq!(last[0], "reports: sitedrill-runs/20260302-091500-k3v9");
    assert!(
        last[1].starts_with("4 drills: 1 passed, 1 failed, 1 inconclusive, 1 skipped; "),
        "{text}"
    );
}

#[test]
fn the_lines_of_the_drills_stand_in_the_runs_order_and_in_columns() {
    let text = summary(&record(), Look::default());
    let names = [
        "operations-api",
        "safety-check",
        "site-loss",
        "kubectl-tour",
    ];
    let lines: Vec<_> = text.lines().rev().skip(3).take(4).collect();
    let columns: Vec<_> = lines
        .iter()
        .rev()
        .zip(names)
        .map(|(line, name)| line.find(name))
        .collect();
    assert_eq!(columns, [Some(14); 4], "{text}");
}

#[test]
fn a_run_that_did_not_end_says_so() {
    let record = cut_off_at(|kind| matches!(kind, EventKind::ChapterFailure(_)));
    let text = summary(&record, Look::default());
    assert!(text.contains("the run did not end"), "{text}");
    assert!(text.contains("ABORTED"), "{text}");
    assert!(summary(&nothing(), Look::default()).contains("0 drills"));
}

#[test]
fn colour_needs_a_terminal_and_no_wish_against_it() {
    let dumb = Some(OsStr::new("dumb"));
    let xterm = Some(OsStr::new("xterm"));
    let set = Some(OsStr::new("1"));
    let empty = Some(OsStr::new(""));
    assert!(Look::detect(true, None, xterm).color);
    assert!(Look::detect(true, empty, xterm).color);
    assert!(!Look::detect(true, set, xterm).color);
    assert!(Look::detect(true, set, xterm).live);
    assert_eq!(Look::detect(true, None, dumb), Look::default());
    assert_eq!(Look::detect(false, None, xterm), Look::default());
}

#[test]
fn colour_changes_nothing_but_colour() {
    let look = Look {
        color: true,
        live: false,
    };
    let text = summary(&record(), look);
    assert!(text.contains("\u{1b}[1;31mFAIL\u{1b}[0m"), "{text}");
    let mut bare = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('\u{1b}') {
        bare.push_str(&rest[..at]);
        rest = rest[at..].split_once('m').map_or("", |(_, rest)| rest);
    }
    bare.push_str(rest);
    assert_eq!(bare, summary(&record(), Look::default()));
}

#[test]
fn no_system_under_test_reaches_the_terminal_with_control_characters() {
    let text = summary(
        &hostile("\u{1b}[2J\u{1b}]0;owned\u{7}\r\u{9b}x"),
        Look::default(),
    );
    let control = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(control, None, "{text:?}");
    assert!(!text.contains("owned"), "{text}");
}

//! The sample run, and the smallest drills that show one thing.

use std::path::PathBuf;

use sitedrill_model::Verdict;
use sitedrill_model::event::{Event, EventKind};
use sitedrill_model::record::{DrillRecord, RunRecord};

/// The folder of the golden outputs.
pub(crate) fn samples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// The hand-written events: a passed suite, a failed, an inconclusive and a skipped drill.
pub(crate) fn events() -> Vec<Event> {
    let text = std::fs::read_to_string(samples().join("events.jsonl"))
        .expect("the sample stands in the repository");
    let line = |line| serde_json::from_str(line).expect("each line of the sample is an event");
    text.lines().map(line).collect()
}

/// The record of the sample.
pub(crate) fn record() -> RunRecord {
    RunRecord::from_events(&events())
}

/// A drill of the sample by name.
pub(crate) fn drill(name: &str) -> DrillRecord {
    let record = record();
    let found = record.drills.into_iter().find(|d| d.info.name == name);
    found.expect("the sample has a drill of this name")
}

/// The passed drill as if its first failover had lost a minute of one machine, and all of the other.
pub(crate) fn lossy() -> DrillRecord {
    let mut drill = drill("operations-api");
    let failover = &mut drill.chapters[0].failovers[0];
    failover.rpo_seconds = Some(60.0);
    failover.records_lost = Some(60);
    let markers = failover.markers.as_mut();
    let machines = &mut markers.expect("the sample has markers").machines;
    machines[0].records_lost = Some(60);
    (machines[1].found, machines[1].records_lost) = (None, Some(35));
    drill
}

/// The sample's run with other drills.
pub(crate) fn with_drills(drills: Vec<DrillRecord>) -> RunRecord {
    RunRecord { drills, ..record() }
}

/// The failed drill with a text put wherever a system under test or a user's file can put one.
pub(crate) fn hostile(text: &str) -> RunRecord {
    let mut drill = drill("safety-check");
    text.clone_into(&mut drill.info.name);
    text.clone_into(&mut drill.info.classname);
    text.clone_into(&mut drill.info.file);
    text.clone_into(&mut drill.info.summary);
    drill.info.tags = vec![text.to_owned()];
    let chapter = &mut drill.chapters[0];
    text.clone_into(&mut chapter.info.name);
    for step in &mut chapter.steps {
        text.clone_into(&mut step.text);
        for line in &mut step.transcript {
            text.clone_into(&mut line.line);
        }
        let outcome = step.outcome.as_mut();
        if let Some(failure) = outcome.and_then(|outcome| outcome.failure.as_mut()) {
            text.clone_into(&mut failure.message);
            failure.expected = Some(text.to_owned());
            failure.diff = Some(text.to_owned());
        }
    }
    for seen in &mut chapter.observations {
        text.clone_into(&mut seen.observation.what);
        text.clone_into(&mut seen.observation.site);
    }
    with_drills(vec![drill])
}

/// The events of the sample up to the first of a kind, as a killed run leaves them.
pub(crate) fn cut_off_at(last: fn(&EventKind) -> bool) -> RunRecord {
    let events = events();
    let end = events.iter().position(|event| last(&event.kind));
    let end = end.expect("the sample has an event of this kind");
    RunRecord::from_events(&events[..end])
}

/// The passed drill, which failed in its first try as the failed one did.
pub(crate) fn flaky() -> RunRecord {
    let (mut passed, mut failed) = (drill("operations-api"), drill("safety-check"));
    failed.info.name.clone_from(&passed.info.name);
    passed.flaky = true;
    passed.attempt = 2;
    passed.attempts = vec![failed];
    let mut record = with_drills(vec![passed]);
    if let Some(end) = &mut record.end {
        (end.verdict, end.exit_code) = (Verdict::Passed, 0);
    }
    record
}

/// The failed drill, which also could not tell when it was tried again.
pub(crate) fn never_passed() -> RunRecord {
    let (mut failed, mut other) = (drill("safety-check"), drill("site-loss"));
    other.info.name.clone_from(&failed.info.name);
    other.attempt = 2;
    failed.attempts = vec![other];
    with_drills(vec![failed])
}

/// A record without drills and without an end.
pub(crate) fn nothing() -> RunRecord {
    RunRecord::default()
}

/// The name of a verdict, for messages of tests.
pub(crate) fn name(verdict: Verdict) -> String {
    format!("{verdict:?}")
}

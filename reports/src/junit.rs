//! JUnit XML, in the dialect that Jenkins, GitLab and GitHub's reporters all read in the same way.
//!
//! - `failure`: the system under test was wrong. `error`: the run could not tell, or was stopped.
//! - One case a drill, suites by class name, no suite within a suite.
//! - Children of a case: `properties`, one of `skipped`, `error`, `failure`, then `system-out`.
//! - Class name and name together are unique, and no name holds a dot: Jenkins splits there.
//! - Skipped drills are written too, each with its reason.
//! - What passed only when it was tried again has passed, with a `flakyFailure` or `flakyError` for each try before;
//!   tries of what never passed are `rerunFailure` and `rerunError` beside the first.
//!
//! **Invariant:** the text is well-formed XML 1.0 whatever the systems under test printed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use indexmap::IndexMap;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};
use sitedrill_model::Verdict;
use sitedrill_model::event::{RunInfo, Stream, TimeMode};
use sitedrill_model::record::{DrillRecord, RunRecord, StepRecord};

use crate::failure::{cause, passage};
use crate::measure::{drill_rpo, drill_rto, site_seconds, verdict_name, wall_seconds};
use crate::text::{cap, one_line, plain};
use crate::timeline::start_of;
use crate::units::{offset, span};

/// GitHub cuts a check run at 65,535 characters; a few failures should fit into one.
const MAX_BODY_BYTES: usize = 16_000;
/// Jenkins keeps about 100,000 characters of a failing case.
const MAX_OUTPUT_BYTES: usize = 48_000;
/// The most lines of a timeline in the body of a failure.
const MAX_TIMELINE_LINES: usize = 120;

/// The record of a run as JUnit XML.
pub fn junit(record: &RunRecord) -> String {
    let mut suites: IndexMap<String, Vec<&DrillRecord>> = IndexMap::new();
    for drill in &record.drills {
        suites.entry(classname(drill)).or_default().push(drill);
    }
    let mut report = Report::new("sitedrill");
    report.timestamp = record
        .run
        .as_ref()
        .and_then(|run| run.wall.started.to_string().parse().ok());
    let total: f64 = record.drills.iter().filter_map(wall_seconds).sum();
    let seconds = record.end.as_ref().map_or(total, |end| end.wall.seconds);
    report.set_time(span(seconds));
    for (classname, drills) in suites {
        report.add_test_suite(suite(record, &classname, &drills));
    }
    report
        .to_string()
        .expect("writing XML into memory cannot fail")
}

fn suite(record: &RunRecord, classname: &str, drills: &[&DrillRecord]) -> TestSuite {
    let mut suite = TestSuite::new(classname);
    let seconds: f64 = drills.iter().filter_map(|drill| wall_seconds(drill)).sum();
    suite.set_time(span(seconds));
    let first = drills.iter().filter_map(|drill| started(drill)).min();
    let first = first.or(record.run.as_ref().map(|run| run.wall.started));
    suite.timestamp = first.and_then(|at| at.to_string().parse().ok());
    if let Some(run) = &record.run {
        let host = one_line(&run.wall.host);
        suite.extra.insert("hostname".into(), host.as_str().into());
        for (name, value) in run_properties(run) {
            suite.add_property((name, value.as_str()));
        }
    }
    for (name, value) in site_properties(drills) {
        suite.add_property((name.as_str(), value.as_str()));
    }
    let mut names = BTreeSet::new();
    for drill in drills {
        let name = unique_name(&drill.info.name, &mut names);
        for (key, value) in drill_properties(drill) {
            suite.add_property((format!("drill.{name}.{key}").as_str(), value.as_str()));
        }
        suite.add_test_case(case(record, drill, &name, classname));
    }
    suite
}

fn case(record: &RunRecord, drill: &DrillRecord, name: &str, classname: &str) -> TestCase {
    let mut case = TestCase::new(name, status(record, drill));
    case.set_classname(classname);
    case.timestamp = started(drill).and_then(|at| at.to_string().parse().ok());
    case.set_time(span(wall_seconds(drill).unwrap_or_default()));
    let file = one_line(&drill.info.file);
    case.extra.insert("file".into(), file.as_str().into());
    for (name, value) in measures(drill) {
        case.add_property((name, value.as_str()));
    }
    let output = output(drill);
    if !output.is_empty() {
        case.set_system_out(cap(&output, MAX_OUTPUT_BYTES));
    }
    case
}

fn status(record: &RunRecord, drill: &DrillRecord) -> TestCaseStatus {
    let mut status = match (drill.verdict, kind(drill.verdict)) {
        (_, Some(kind)) => TestCaseStatus::non_success(kind),
        (Verdict::Skipped, None) => return skipped(drill),
        (_, None) => TestCaseStatus::success(),
    };
    let reruns = drill.attempts.iter();
    status.add_reruns(reruns.filter_map(|attempt| rerun(record, attempt)));
    if drill.verdict == Verdict::Passed {
        return status;
    }
    let cause = cause(drill);
    status.set_type(cause.class);
    status.set_message(cause.message);
    let body = passage(record, drill, MAX_TIMELINE_LINES);
    status.set_description(cap(&body, MAX_BODY_BYTES));
    status
}

/// `failure` or `error`; `None` for what is neither.
fn kind(verdict: Verdict) -> Option<NonSuccessKind> {
    match verdict {
        Verdict::Failed => Some(NonSuccessKind::Failure),
        Verdict::Inconclusive | Verdict::Aborted => Some(NonSuccessKind::Error),
        Verdict::Passed | Verdict::Skipped => None,
    }
}

fn skipped(drill: &DrillRecord) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    let cause = cause(drill);
    status.set_type(cause.class);
    status.set_message(cause.message);
    status
}

/// Another try of a drill: `flakyFailure` beside a pass, `rerunFailure` beside a failure.
fn rerun(record: &RunRecord, attempt: &DrillRecord) -> Option<TestRerun> {
    let mut rerun = TestRerun::new(kind(attempt.verdict)?);
    rerun.timestamp = started(attempt).and_then(|at| at.to_string().parse().ok());
    rerun.set_time(span(wall_seconds(attempt).unwrap_or_default()));
    let cause = cause(attempt);
    rerun.set_type(cause.class);
    rerun.set_message(cause.message);
    let body = passage(record, attempt, MAX_TIMELINE_LINES);
    rerun.set_description(cap(&body, MAX_BODY_BYTES));
    let output = output(attempt);
    if !output.is_empty() {
        rerun.set_system_out(cap(&output, MAX_OUTPUT_BYTES));
    }
    Some(rerun)
}

/// When the drill started on the machine that ran it.
fn started(drill: &DrillRecord) -> Option<jiff::Timestamp> {
    let wall = drill.wall.as_ref()?;
    let length = jiff::SignedDuration::try_from(span(wall.seconds)).ok()?;
    wall.finished.checked_sub(length).ok()
}

/// The suite's name: identity for every consumer, so never empty.
fn classname(drill: &DrillRecord) -> String {
    let name = one_line(&drill.info.classname);
    if name.is_empty() {
        "sitedrill".to_owned()
    } else {
        name
    }
}

/// The drill's name without dots, with a number where it is taken already.
fn unique_name(name: &str, taken: &mut BTreeSet<String>) -> String {
    let base = one_line(name).replace('.', "-");
    let base = if base.is_empty() {
        "unnamed".to_owned()
    } else {
        base
    };
    let mut unique = base.clone();
    let mut number = 1;
    while !taken.insert(unique.clone()) {
        number += 1;
        unique = format!("{base} ({number})");
    }
    unique
}

fn run_properties(run: &RunInfo) -> Vec<(&'static str, String)> {
    let time = match run.time {
        TimeMode::Virtual => "virtual",
        TimeMode::Real => "real",
    };
    vec![
        ("run.id", one_line(&run.wall.run)),
        ("run.version", one_line(&run.version)),
        ("run.seed", run.seed.to_string()),
        ("run.sites", one_line(&run.sites)),
        ("run.time", time.to_owned()),
        ("run.command", one_line(&run.command)),
    ]
}

/// What is known of the sites of the drills; where they differ, all values with commas.
fn site_properties(drills: &[&DrillRecord]) -> BTreeMap<String, String> {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for site in drills.iter().flat_map(|drill| &drill.sites) {
        for (key, value) in [
            ("kubernetes", &site.kubernetes),
            ("provider", &site.provider),
            ("role", &site.role),
        ] {
            let name = format!("site.{}.{key}", one_line(&site.name));
            values.entry(name).or_default().insert(one_line(value));
        }
    }
    let join = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(", ");
    values.into_iter().map(|(k, v)| (k, join(v))).collect()
}

fn drill_properties(drill: &DrillRecord) -> Vec<(&'static str, String)> {
    let info = &drill.info;
    let mut all = vec![
        ("id", one_line(&info.name)),
        ("sha256", one_line(&info.sha256)),
        ("seed", info.seed.to_string()),
    ];
    if !info.requirements.is_empty() {
        all.push(("requirements", one_line(&info.requirements.join(", "))));
    }
    if !info.tags.is_empty() {
        all.push(("tags", one_line(&info.tags.join(", "))));
    }
    all
}

/// What was measured by the clock of the sites.
fn measures(drill: &DrillRecord) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    if let Some(seconds) = site_seconds(drill) {
        all.push(("siteSeconds", format!("{seconds:.3}")));
    }
    if let Some(rto) = drill_rto(drill) {
        all.push(("rtoSeconds", format!("{:.3}", rto.seconds)));
        if let Some(objective) = rto.objective_seconds {
            all.push(("rtoObjectiveSeconds", format!("{objective:.3}")));
        }
    }
    if let Some(rpo) = drill_rpo(drill) {
        all.push(("rpoSeconds", format!("{:.3}", rpo.seconds)));
        if let Some(objective) = rpo.objective_seconds {
            all.push(("rpoObjectiveSeconds", format!("{objective:.3}")));
        }
    }
    all
}

/// The steps with their transcripts.
fn output(drill: &DrillRecord) -> String {
    let start = start_of(drill);
    let mut out = String::new();
    for chapter in &drill.chapters {
        if drill.chapters.len() > 1 {
            let name = one_line(&chapter.info.name);
            let verdict = verdict_name(chapter.verdict);
            let _ = writeln!(out, "== {name}: {verdict}");
        }
        for line in &chapter.prepared {
            let _ = writeln!(out, "given  {}", one_line(line));
        }
        for step in &chapter.steps {
            out.push_str(&step_output(step, start));
        }
    }
    out
}

fn step_output(step: &StepRecord, start: Option<jiff::Timestamp>) -> String {
    let at = match (start, step.started) {
        (Some(start), Some(at)) => offset(start, at),
        (_, None) | (None, _) => "not run".to_owned(),
    };
    let (actor, text) = (one_line(&step.id.actor), one_line(&step.text));
    let mut out = format!("{at:>10}  {actor}: {text}\n");
    for line in &step.transcript {
        let mark = match line.stream {
            Stream::Stdout => '|',
            Stream::Stderr => '!',
        };
        for part in plain(&line.line).split('\n') {
            out.push_str(format!("{:>12}{mark} {part}", "").trim_end());
            out.push('\n');
        }
    }
    let end = match (&step.outcome, &step.skipped) {
        (Some(outcome), _) => {
            let verdict = verdict_name(outcome.verdict);
            format!("{verdict}: {}", one_line(&outcome.detail))
        }
        (None, Some(reason)) => format!("skipped: {}", one_line(reason)),
        (None, None) => "did not end".to_owned(),
    };
    let _ = writeln!(out, "{:>12}{}", "", end.trim_end_matches(": "));
    out
}

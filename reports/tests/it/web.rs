//! The HTML report: whole in itself, honest about problems, and safe against what it shows.

use sitedrill_model::Verdict;
use sitedrill_model::event::EventKind;
use sitedrill_reports::html;

use crate::support::{cut_off_at, drill, hostile, lossy, nothing, record, with_drills};

#[test]
fn nothing_is_loaded_and_nothing_runs() {
    let page = html(&record());
    for forbidden in [
        "<script",
        "<link",
        "<img",
        "<iframe",
        "@import",
        "url(",
        "javascript:",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
}

#[test]
fn what_a_system_prints_stays_text() {
    let page = html(&hostile(
        "</pre><script>alert(1)</script>\" onload=\"x\u{1b}[31m\u{ffff}",
    ));
    assert!(
        !page.contains("<script"),
        "no element comes from the record"
    );
    assert!(
        !page.contains("\" onload"),
        "no attribute comes from the record"
    );
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!page.contains('\u{1b}') && !page.contains('\u{ffff}'));
}

#[test]
fn only_drills_that_did_not_pass_are_unfolded() {
    let page = html(&record());
    let drills: Vec<_> = page.split("<details class=\"drill ").skip(1).collect();
    let open: Vec<_> = drills
        .iter()
        .map(|drill| {
            drill
                .split('>')
                .next()
                .unwrap_or_default()
                .contains(" open")
        })
        .collect();
    assert_eq!(open, [false, true, true, false]);
}

#[test]
fn failures_come_before_the_drills_in_detail() {
    let page = html(&record());
    let problems = page.find("What did not pass").expect("there are problems");
    let details = page.find("Drills in detail").expect("there are drills");
    assert!(problems < details);
    let passed = html(&with_drills(vec![drill("operations-api")]));
    assert!(!passed.contains("What did not pass"));
}

#[test]
fn every_failure_stands_with_place_evidence_and_the_command_that_repeats_it() {
    let page = html(&record());
    for wanted in [
        "scenarios/guide/3-safety-check.yaml:29:7",
        "did not come to match within 30s",
        "values seen on the way",
        "Repeat (seed 7)",
        "sitedrill run scenarios/guide/3-safety-check.yaml --seed 7",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
}

#[test]
fn invariants_stand_with_the_number_of_observed_changes() {
    let page = html(&record());
    assert!(page.contains("<td>single-primary</td><td class=\"num\">58</td>"));
}

#[test]
fn a_run_that_was_stopped_is_never_shown_as_passed() {
    let record = cut_off_at(|kind| matches!(kind, EventKind::ChapterFailure(_)));
    let page = html(&record);
    assert!(page.contains("class=\"banner aborted\""));
    let page = html(&nothing());
    assert!(page.contains("The record holds no drill"));
    assert!(page.contains("The run was stopped"));
}

#[test]
fn the_banner_shows_the_verdict_of_the_run() {
    let mut record = record();
    assert!(html(&record).contains("class=\"banner failed\""));
    let end = record.end.as_mut().expect("the sample ends");
    end.verdict = Verdict::Passed;
    record
        .drills
        .retain(|drill| drill.verdict == Verdict::Passed);
    assert!(html(&record).contains("class=\"banner passed\""));
}

#[test]
fn a_failing_number_stays_within_its_bar() {
    let mut drill = drill("safety-check");
    drill.chapters[0].failovers[0].rto_seconds = Some(f64::MAX);
    let page = html(&with_drills(vec![drill]));
    assert!(!page.contains("NaN%") && !page.contains("inf%"));
}

#[test]
fn what_was_lost_stands_with_its_objective_and_the_markers_that_tell_it() {
    let page = html(&with_drills(vec![lossy()]));
    for wanted in [
        "<td class=\"num failed\">1m<span class=\"soft\"> of 0s</span></td>",
        "<strong class=\"minus\">1m</strong> of 0s",
        ", 60 markers lost",
        "each machine writes one every 1s",
        "pg-a-vm-1 last wrote <strong>#34 +00:34.000</strong> and found <strong>#34 +00:34.000</strong>",
        "found <strong class=\"minus\">nothing</strong>",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
}

//! Drills that were tried again, in every report.

use sitedrill_model::event::{Event, EventKind};
use sitedrill_reports::{Look, html, junit, summary};

use crate::junit::{attribute, cases, children, tags};
use crate::support::{events, flaky, never_passed, record};
use crate::terminal::talk;

#[test]
fn in_junit_a_flaky_pass_is_a_pass_with_what_went_wrong_before() {
    let xml = junit(&flaky());
    assert_eq!(tags(&xml, "failure").len() + tags(&xml, "error").len(), 0);
    let root = tags(&xml, "testsuites")[0];
    assert_eq!(attribute(root, "failures"), Some("0"));
    let orders: Vec<_> = cases(&xml).into_iter().map(children).collect();
    // The first output is that of the try that failed, within its element.
    let order = ["properties", "flakyFailure", "system-out", "system-out"];
    assert_eq!(orders, [order]);
    let before = tags(&xml, "flakyFailure")[0];
    assert_eq!(attribute(before, "type"), Some("OutcomeDiffers"));
    assert_eq!(attribute(before, "time"), Some("0.057"));
    let message = attribute(before, "message").unwrap_or_default();
    assert!(message.starts_with("pgctl ended with success"), "{message}");
    assert!(xml.contains("\ntimeline of safety-check\n"), "{xml}");
}

#[test]
fn the_tries_of_what_never_passed_stand_beside_the_first() {
    let xml = junit(&never_passed());
    assert_eq!(tags(&xml, "failure").len(), 1);
    let other = tags(&xml, "rerunError")[0];
    assert_eq!(attribute(other, "type"), Some("ObservationGap"));
    let root = tags(&xml, "testsuites")[0];
    assert_eq!(attribute(root, "failures"), Some("1"));
    assert_eq!(attribute(root, "errors"), Some("0"));
    let seed = sitedrill_model::try_seed(7, 2);
    let repeat = format!("sitedrill run scenarios/loss/site-loss.yaml --seed {seed}");
    assert!(xml.contains(&repeat), "{repeat} in {xml}");
}

#[test]
fn in_html_a_flaky_pass_shows_its_earlier_tries() {
    let page = html(&flaky());
    assert!(page.contains("The drill passed when tried again"), "{page}");
    assert!(page.contains("<span class=\"badge flaky\">flaky</span>"));
    assert!(page.contains("1 passed (1 flaky)"));
    let tries = page.split("Other tries").nth(1).unwrap_or_default();
    for said in [
        "Try 1 <span class=\"badge failed\">failed</span>",
        "OutcomeDiffers",
        "Timeline of safety-check",
        "sitedrill run scenarios/guide/3-safety-check.yaml --seed 7",
    ] {
        assert!(tries.contains(said), "{said}");
    }
    assert!(!html(&record()).contains("Other tries"));
}

#[test]
fn in_the_summary_a_flaky_pass_is_told_with_what_went_wrong_before() {
    let text = summary(&flaky(), Look::default());
    assert!(
        text.starts_with("FLAKY  operations-api\n  try 1 failed\n    scenarios/"),
        "{text}"
    );
    assert!(text.contains("\nFLAKY  operations-api  2m52s"), "{text}");
    assert!(
        text.contains("  passed on try 2, after OutcomeDiffers\n"),
        "{text}"
    );
    assert!(text.contains("\n1 drill: 1 passed (1 flaky); "), "{text}");
}

#[test]
fn what_never_passed_is_told_with_all_its_tries() {
    let text = summary(&never_passed(), Look::default());
    let seed = sitedrill_model::try_seed(7, 2);
    let other = format!(
        "  other tries\n    try 2 inconclusive: ObservationGap: changes of primary could not be observed for 29 s: the watch \
         ended with 410 and the list after it failed\n      sitedrill run scenarios/loss/site-loss.yaml --seed {seed}\n"
    );
    assert!(text.contains(&other), "{text}");
    assert!(text.contains("  OutcomeDiffers, 2 tries\n"), "{text}");
    assert!(text.contains("\n1 drill: 1 failed; "), "{text}");
}

#[test]
fn a_try_after_which_there_is_another_is_told_and_so_is_the_pass_after_it() {
    let all = events();
    let of = |name: &'static str| {
        let all = all.clone();
        all.into_iter()
            .filter(move |event| event.drill.as_deref() == Some(name))
    };
    let mut tried: Vec<Event> = all[..1].to_vec();
    for mut event in of("safety-check") {
        if let EventKind::DrillFinished {
            verdict,
            failure,
            wall,
        } = event.kind
        {
            event.kind = EventKind::DrillRetried {
                verdict,
                failure,
                seed: 8,
                wall,
            };
        }
        tried.push(event);
    }
    for mut event in of("operations-api").skip(1) {
        event.drill = Some("safety-check".to_owned());
        tried.push(event);
    }
    assert_eq!(
        talk(&tried),
        "sitedrill 0.1.0: 4 drills, embedded sites, virtual time, seed 7\n\
         RETRY  safety-check  try 1: pgctl ended with success where refused: SafetyCheckFailed was expected\n\
         FLAKY  safety-check  passed on try 2\n"
    );
}

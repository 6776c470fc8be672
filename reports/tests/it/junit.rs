//! The dialect: what Jenkins, GitLab and GitHub's reporters need, checked on the text.

use sitedrill_model::event::EventKind;
use sitedrill_model::record::RunRecord;
use sitedrill_model::{FailureKind, Verdict};
use sitedrill_reports::junit;

use crate::support::{cut_off_at, drill, hostile, lossy, name, nothing, record, with_drills};

/// The start tags of an element, in order.
pub(crate) fn tags<'x>(xml: &'x str, element: &str) -> Vec<&'x str> {
    let open = format!("<{element} ");
    let starts = xml.match_indices(&open).map(|(at, _)| &xml[at..]);
    starts
        .map(|rest| &rest[..rest.find('>').expect("every tag ends")])
        .collect()
}

/// The value of an attribute of a start tag.
pub(crate) fn attribute<'x>(tag: &'x str, name: &str) -> Option<&'x str> {
    let open = format!(" {name}=\"");
    let from = tag.find(&open)? + open.len();
    tag[from..].split('"').next()
}

/// The elements of a case in the order in which they start.
pub(crate) fn children(case: &str) -> Vec<&str> {
    let known = [
        "properties",
        "skipped",
        "error",
        "failure",
        "flakyFailure",
        "system-out",
        "system-err",
    ];
    let starts = case.match_indices('<').map(|(at, _)| &case[at + 1..]);
    starts
        .filter_map(|rest| {
            let name = rest.split([' ', '>', '/']).next()?;
            known.into_iter().find(|known| *known == name)
        })
        .collect()
}

/// The cases of a report, from start tag to end tag.
pub(crate) fn cases(xml: &str) -> Vec<&str> {
    let starts = xml.match_indices("<testcase ").map(|(at, _)| &xml[at..]);
    starts
        .map(|rest| {
            let end = rest.find("</testcase>").or(rest.find("/>"));
            &rest[..end.expect("every case ends")]
        })
        .collect()
}

#[test]
fn every_drill_is_one_case_with_time_classname_and_file() {
    let xml = junit(&record());
    let cases = tags(&xml, "testcase");
    assert_eq!(cases.len(), 4, "{xml}");
    for case in cases {
        for wanted in ["name", "classname", "time", "file"] {
            let value = attribute(case, wanted).unwrap_or_default();
            assert!(!value.is_empty(), "{wanted} of {case}");
        }
    }
}

#[test]
fn suites_are_flat_and_named_for_the_class_name_of_their_cases() {
    let xml = junit(&record());
    let names: Vec<_> = tags(&xml, "testsuite")
        .into_iter()
        .filter_map(|tag| attribute(tag, "name"))
        .collect();
    assert_eq!(
        names,
        ["scenarios.guide", "scenarios.loss", "scenarios.tour"]
    );
    for suite in xml.split("<testsuite ").skip(1) {
        let name = attribute(&format!(" {suite}"), "name").map(str::to_owned);
        for case in tags(suite, "testcase") {
            assert_eq!(attribute(case, "classname").map(str::to_owned), name);
        }
        assert!(suite.contains("</testsuite>"), "no suite within a suite");
    }
}

#[test]
fn counts_of_the_report_agree_with_its_suites_and_cases() {
    let xml = junit(&record());
    let number = |tag: &str, name: &str| -> usize {
        let value = attribute(tag, name).expect("both levels have all counts");
        value.parse().expect("counts are numbers")
    };
    let root = tags(&xml, "testsuites")[0];
    for (count, element) in [
        ("failures", "failure"),
        ("errors", "error"),
        ("skipped", "skipped"),
    ] {
        let suites = tags(&xml, "testsuite");
        let sum: usize = suites.iter().map(|tag| number(tag, count)).sum();
        let found = cases(&xml)
            .iter()
            .filter(|case| children(case).contains(&element))
            .count();
        assert_eq!(number(root, count), sum, "{count}");
        assert_eq!(sum, found, "{count}");
    }
    assert_eq!(number(root, "tests"), 4);
}

#[test]
fn a_case_holds_properties_then_one_verdict_then_output() {
    let xml = junit(&record());
    let orders: Vec<_> = cases(&xml).into_iter().map(children).collect();
    assert_eq!(orders[0], ["properties", "system-out"]);
    assert_eq!(orders[1], ["properties", "failure", "system-out"]);
    assert_eq!(orders[2], ["properties", "error", "system-out"]);
    assert_eq!(orders[3], ["skipped"]);
}

#[test]
fn a_wrong_system_is_a_failure_and_a_run_that_could_not_tell_is_an_error() {
    for (verdict, element) in [
        (Verdict::Failed, "failure"),
        (Verdict::Inconclusive, "error"),
        (Verdict::Aborted, "error"),
        (Verdict::Skipped, "skipped"),
    ] {
        let mut drill = drill("safety-check");
        drill.verdict = verdict;
        let xml = junit(&with_drills(vec![drill]));
        let tag = tags(&xml, element);
        assert_eq!(tag.len(), 1, "{}", name(verdict));
        for wanted in ["type", "message"] {
            let value = attribute(tag[0], wanted).unwrap_or_default();
            assert!(!value.is_empty(), "{wanted} of {}", name(verdict));
        }
    }
}

#[test]
fn type_and_message_name_the_failure_that_decided_the_verdict() {
    let mut drill = drill("safety-check");
    drill.verdict = Verdict::Inconclusive;
    drill.chapters[0].failures[0].kind = FailureKind::ObservationGap;
    drill.chapters[0].failures[0].message = "a gap\nof 3 s".to_owned();
    let xml = junit(&with_drills(vec![drill]));
    let error = tags(&xml, "error")[0];
    assert_eq!(attribute(error, "type"), Some("ObservationGap"));
    assert_eq!(attribute(error, "message"), Some("a gap of 3 s"));
}

#[test]
fn the_body_of_a_failure_reads_from_the_place_to_the_command_that_repeats_it() {
    let xml = junit(&record());
    let body = cases(&xml)[1];
    let order = [
        "scenarios/guide/3-safety-check.yaml:26:7",
        "OutcomeDiffers: pgctl ended with success",
        "\nexpected\n",
        "\nlast difference seen (- expected, + seen)\n",
        "\nvalues seen on the way\n",
        "\ntimeline of safety-check\n",
        "\nseed 7; repeat with\n  sitedrill run scenarios/guide/3-safety-check.yaml --seed 7\n",
    ];
    let mut from = 0;
    for part in order {
        let at = body[from..].find(part);
        from += at.unwrap_or_else(|| panic!("{part:?} is missing or too early in\n{body}"));
    }
}

#[test]
fn a_violation_that_is_recorded_twice_is_told_once() {
    let xml = junit(&record());
    let body = cases(&xml)[1];
    let told = body.matches("InvariantViolated: single-primary").count();
    assert_eq!(told, 1, "{body}");
}

#[test]
fn a_skipped_drill_is_written_with_its_reason() {
    let xml = junit(&record());
    let reason = attribute(tags(&xml, "skipped")[0], "message").unwrap_or_default();
    assert!(reason.contains("need real time"), "{reason}");
}

#[test]
fn a_run_that_was_killed_leaves_its_running_drill_as_aborted() {
    let record = cut_off_at(|kind| matches!(kind, EventKind::ChapterFailure(_)));
    let xml = junit(&record);
    let error = tags(&xml, "error");
    assert!(!error.is_empty(), "{xml}");
    assert_eq!(attribute(tags(&xml, "testsuites")[0], "errors"), Some("1"));
    assert!(attribute(tags(&xml, "testcase")[1], "time").is_some());
}

#[test]
fn a_drill_that_was_stopped_says_what_was_running() {
    let record = cut_off_at(|kind| matches!(kind, EventKind::StepFinished { .. }));
    let xml = junit(&record);
    let error = tags(&xml, "error")[0];
    assert_eq!(attribute(error, "type"), Some("Aborted"));
    let message = attribute(error, "message");
    assert_eq!(message, Some("stopped while terminal-1 step 1 was running"));
}

#[test]
fn names_hold_no_dots_and_are_unique_within_their_class() {
    let (mut first, mut second) = (drill("safety-check"), drill("safety-check"));
    first.info.name = "v1.2 lock".to_owned();
    second.info.name = "v1-2 lock".to_owned();
    let xml = junit(&with_drills(vec![first, second]));
    let names: Vec<_> = tags(&xml, "testcase")
        .into_iter()
        .filter_map(|tag| attribute(tag, "name"))
        .collect();
    assert_eq!(names, ["v1-2 lock", "v1-2 lock (2)"]);
}

#[test]
fn nothing_that_a_system_prints_breaks_the_xml() {
    let nasty =
        "]]>&<script>\"'\u{1b}[31mred\u{1b}[0m\0\u{8}\u{b}\u{fffe}\u{ffff}\u{7f}\r\nend. 😀";
    let xml = junit(&hostile(nasty));
    let allowed =
        |c: char| matches!(c, '\t' | '\n' | ' '..='\u{7e}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..);
    assert!(xml.chars().all(allowed), "{xml:?}");
    assert!(!xml.contains("<script>") && !xml.contains("[31m"), "{xml}");
    assert!(
        xml.contains("😀") && xml.contains("&lt;script&gt;"),
        "{xml}"
    );
    assert_eq!(tags(&xml, "testcase").len(), 1);
    assert_eq!(
        xml.matches("<failure ").count(),
        xml.matches("</failure>").count()
    );
}

#[test]
fn a_long_transcript_keeps_its_head_and_tail_and_says_so() {
    let mut drill = drill("safety-check");
    let step = &mut drill.chapters[0].steps[0];
    let line = step.transcript[0].clone();
    step.transcript = (0..20_000)
        .map(|i| {
            let mut line = line.clone();
            line.line = format!("line {i} of many");
            line
        })
        .collect();
    let xml = junit(&with_drills(vec![drill]));
    assert!(xml.len() < 120_000, "{}", xml.len());
    assert!(xml.contains("line 0 of many") && xml.contains("left out here"));
    assert!(
        xml.contains("return pg-a to primary"),
        "the last step is there"
    );
}

#[test]
fn properties_tell_seed_versions_and_ids() {
    let xml = junit(&record());
    for wanted in [
        r#"<property name="run.seed" value="7"/>"#,
        r#"<property name="site.dr.kubernetes" value="v1.33.4+sitedrill"/>"#,
        r#"<property name="drill.safety-check.id" value="safety-check"/>"#,
        r#"<property name="rtoSeconds" value="48.200"/>"#,
        r#"<property name="siteSeconds" value="165.000"/>"#,
    ] {
        assert!(xml.contains(wanted), "{wanted} in\n{xml}");
    }
}

#[test]
fn a_recovery_in_the_always_block_is_not_the_measured_one() {
    let mut drill = drill("operations-api");
    drill.chapters.remove(0);
    drill.chapters[0].failovers[1].rto_seconds = Some(9_999.0);
    let xml = junit(&with_drills(vec![drill]));
    assert!(xml.contains(r#"name="rtoSeconds" value="48.200""#), "{xml}");
}

#[test]
fn an_empty_record_is_still_a_report() {
    let xml = junit(&nothing());
    let root = tags(&xml, "testsuites")[0];
    assert_eq!(attribute(root, "tests"), Some("0"));
    assert_eq!(junit(&RunRecord::default()), xml);
}

#[test]
fn the_loss_of_data_is_a_property_beside_its_objective() {
    let text = junit(&with_drills(vec![lossy()]));
    for (name, value) in [("rpoSeconds", "60.000"), ("rpoObjectiveSeconds", "0.000")] {
        let property = format!("<property name=\"{name}\" value=\"{value}\"/>");
        assert!(text.contains(&property), "{text}");
    }
    assert!(!junit(&with_drills(vec![drill("site-loss")])).contains("rpo"));
}

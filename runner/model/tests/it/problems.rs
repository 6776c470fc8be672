//! What is refused, and in which words.

use std::fmt::Write as _;

use sitedrill_model::scenario::Action;

use crate::support::{SOUND, parse_all, parse_one, rendered};
use crate::wrong::WRONG;

#[test]
fn each_wrong_file_is_refused_with_its_place_and_a_remedy() {
    let mut seen = String::new();
    for (name, from, to) in WRONG {
        assert!(
            SOUND.contains(from),
            "{name}: the sound file has no {from:?}"
        );
        let text = SOUND.replacen(from, to, 1);
        let Err(problems) = parse_one(&text) else {
            panic!("{name} was accepted");
        };
        assert!(problems.iter().all(|p| p.location.file == "drill.yaml"));
        writeln!(seen, "## {name}\n\n{}\n", rendered(&problems)).unwrap();
    }
    insta::assert_snapshot!(seen);
}

const SHORT: &str = "\
apiVersion: sitedrill/v1
kind: Scenario
metadata: {name: short, summary: A short one.}
sites: [primary, dr, quorum]
given: {groups: {pg-a: {vms: 1, at: primary}}}
";

#[test]
fn a_scenario_that_checks_nothing_is_refused() {
    let text = format!(
        "{SHORT}actors:\n  idle:\n    - sleep: 5s\n      because: to look busy\n\
         always:\n  - expect: {{site: dr, object: node/dr-1, matches: {{}}}}\n"
    );
    insta::assert_snapshot!(rendered(&parse_one(&text).unwrap_err()));
}

#[test]
fn a_scenario_without_actors_is_refused() {
    let none = parse_one(&format!("{SHORT}actors: {{}}\n")).unwrap_err();
    assert_eq!(none[0].message, "the scenario checks nothing");
    assert_eq!(none[1].message, "no actor is named");
    let missing = parse_one(SHORT).unwrap_err();
    assert_eq!(missing[0].message, "`actors` is missing");
}

#[test]
fn actors_that_wait_for_each_other_are_refused() {
    let text = format!(
        "{SHORT}actors:
  one:
    - await: {{actor: two, step: done}}
      within: 5s
    - pgctl: status
      name: done
  two:
    - await: {{actor: one, step: done}}
      within: 5s
    - pgctl: status
      name: done
"
    );
    insta::assert_snapshot!(rendered(&parse_one(&text).unwrap_err()));
    let crossed = text.replacen("step: done", "step: start", 1).replacen(
        "  two:\n",
        "  two:\n    - pgctl: status\n      name: start\n",
        1,
    );
    assert!(
        parse_one(&crossed).is_ok(),
        "two starts, one follows, two follows"
    );
}

#[test]
fn a_recording_that_starts_after_it_is_expected_is_refused() {
    let text = format!(
        "{SHORT}actors:
  one:
    - expect: {{observed: states, sequence: [running]}}
    - observe: {{site: primary, object: pg/pg-a, fields: [status.currentState], as: states}}
"
    );
    let problems = parse_one(&text).unwrap_err();
    assert_eq!(
        problems[0].message,
        "recording `states` starts only after this"
    );
    assert_eq!(
        (problems[0].location.line, problems[0].location.column),
        (8, 26)
    );
}

#[test]
fn files_that_are_no_drill_at_all_are_refused() {
    let large = "#".repeat(1024 * 1024 + 1);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..9 {
        let one = format!("*a{}, ", n - 1);
        writeln!(
            bomb,
            "a{n}: &a{n} [{}]",
            one.repeat(10).trim_end_matches(", ")
        )
        .unwrap();
    }
    let deep = format!("kind: {}", "[".repeat(5000));
    let deep_matches = SOUND.replacen(
        "matches: {}",
        &format!("matches: {{x: {}{}}}", "[".repeat(100), "]".repeat(100)),
        1,
    );
    let unknown = SOUND.replacen("summary: Says", "summary: *nowhere # Says", 1);
    let circle = "apiVersion: sitedrill/v1\nkind: &a [*a]\n";
    let cases: [(&str, &[u8]); 12] = [
        ("an alias of nothing", unknown.as_bytes()),
        ("an alias of itself", circle.as_bytes()),
        ("too large", large.as_bytes()),
        ("not UTF-8", b"apiVersion: sitedrill/v1\nkind: \xff\xfe\n"),
        ("empty", b""),
        ("only a comment", b"# nothing\n"),
        ("a text", b"just text\n"),
        ("a list", b"- one\n- two\n"),
        ("not YAML", b"<html><body>: {]</body></html>\n"),
        ("an alias bomb", bomb.as_bytes()),
        ("very deep", deep.as_bytes()),
        ("deep in a value", deep_matches.as_bytes()),
    ];
    let mut seen = String::new();
    for (name, bytes) in cases {
        let Err(problems) = parse_all(&[("drill.yaml", bytes)]) else {
            panic!("{name} was accepted");
        };
        writeln!(seen, "## {name}\n\n{}\n", rendered(&problems)).unwrap();
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn a_program_in_virtual_time_is_refused() {
    let text = SOUND
        .replacen("  tags:", "  time: virtual\n  tags:", 1)
        .replacen(
            "    - delete:",
            "    - shell: 'true'\n      within: 1s\n    - delete:",
            1,
        );
    let problems = parse_one(&text).unwrap_err();
    assert_eq!(problems.len(), 1, "{}", rendered(&problems));
    assert_eq!(problems[0].message, "a program in virtual time");
}

#[test]
fn without_a_quorum_site_a_failover_is_created_on_its_target_or_nowhere() {
    let drill = |failover: &str| {
        format!(
            "{}actors:\n  a:\n    - failover: {failover}\n      within: 1m\n",
            SHORT.replacen(", quorum]", "]", 1)
        )
    };
    let loaded = parse_one(&drill("{group: pg-a, to: cluster2}")).unwrap();
    let step = &loaded.drills[0].drill.chapters[0].actors[0].steps[0];
    let Action::Failover(order) = &step.action else {
        panic!("{step:?}");
    };
    assert_eq!((order.site.as_str(), order.to.as_str()), ("dr", "cluster2"));
    let refused = "{group: pg-a, to: cluster9}\n      expect: {refused: NoSuchSite}";
    let problems = parse_one(&drill(refused)).unwrap_err();
    assert_eq!(problems.len(), 1, "{}", rendered(&problems));
    assert_eq!(
        problems[0].message,
        "nothing says where a Failover to `cluster9` is created"
    );
}

#[test]
fn of_two_anchors_of_one_name_the_later_counts_as_yaml_says() {
    let tags = "tags: [&a conformance, &a lock, *a]";
    let text = SOUND.replacen("tags: [conformance, lock, conformance]", tags, 1);
    let loaded = parse_one(&text).unwrap();
    assert_eq!(loaded.drills[0].drill.tags, ["conformance", "lock"]);
    let only = SOUND.replacen(
        "tags: [conformance, lock, conformance]",
        "tags: [&a x, &a y, *a]",
        1,
    );
    assert_eq!(parse_one(&only).unwrap().drills[0].drill.tags, ["x", "y"]);
}

//! What is refused, and in which words.

use std::fmt::Write as _;

use crate::support::{SOUND, parse_all, parse_one, rendered};

/// A change of the sound scenario that makes it wrong: the name of the case, what is replaced, by what.
const WRONG: &[(&str, &str, &str)] = &[
    ("unknown key at the top", "actors:\n", "actorz:\n"),
    ("unknown key in a step", "within: 30s", "witin: 30s"),
    ("unknown key in metadata", "summary:", "sumary:"),
    ("unknown key in a fact", "absent: true", "abscent: true"),
    ("unknown key in a count", "{min: 1, max: 3}", "{mim: 1}"),
    ("unknown key in a group", "vms: 1,", "vm: 1,"),
    ("unknown site", "sites: [cluster1", "sites: [cluster3"),
    (
        "site that is not listed",
        "sites: [cluster1, dr,",
        "sites: [cluster1,",
    ),
    (
        "site twice",
        "sites: [cluster1, dr,",
        "sites: [cluster1, primary, dr,",
    ),
    (
        "no sites",
        "sites: [cluster1, dr, quorum-cluster]",
        "sites: []",
    ),
    ("group at the quorum site", "at: primary", "at: quorum"),
    ("group of nothing", "vms: 2", "vms: 0"),
    ("group in no state", "state: stopped", "state: halted"),
    ("group of words", "vms: 2", "vms: two"),
    ("unknown group", "lock: pg-a", "lock: pg-aa"),
    (
        "unknown group of an object",
        "object: protectiongroup/pg-a, merge",
        "object: protectiongroup/pg-q, merge",
    ),
    (
        "unknown group returns",
        "return: pg-a to",
        "return: pg-c to",
    ),
    (
        "return to nowhere",
        "return: pg-a to primary",
        "return: pg-a primary",
    ),
    (
        "return among actors",
        "    - await: {lock: pg-a, is: held}\n      within: 30s",
        "    - return: pg-a to primary",
    ),
    (
        "unknown actor",
        "{actor: terminal-1, step",
        "{actor: terminal-3, step",
    ),
    ("unknown step of an actor", "step: first", "step: frist"),
    (
        "an actor waits for itself",
        "{actor: terminal-1}",
        "{actor: terminal-2}",
    ),
    (
        "an actor is awaited at the end",
        "  - expect: {site: primary, object: node/primary-1, matches: {}}",
        "  - await: {actor: terminal-1}\n    within: 1s",
    ),
    (
        "unknown recording",
        "observed: pg-a-on-primary",
        "observed: pg-a-on-primry",
    ),
    (
        "recording never expected",
        "  - expect: {observed: pg-a-on-primary, sequence: [\"stopped running\", \"stopped mixed\", \"stopped stopped\"]}\n    within: 2m\n",
        "",
    ),
    ("unknown invariant", "single-primary,", "single-primry,"),
    (
        "unknown controller",
        "kill: failover-controller",
        "kill: failover-controler",
    ),
    (
        "unknown step of a failover",
        "at: StopSource",
        "at: StopSorce",
    ),
    ("unknown key in a fault", "putBack", "putBak"),
    (
        "a key that does not go with the fault",
        "putBack: true",
        "by: 3s",
    ),
    ("two faults in one", "taint: dr,", "taint: dr, cutOff: dr,"),
    (
        "nothing is broken",
        "{taint: dr, putBack: true}",
        "{putBack: true}",
    ),
    ("a code of no error", "with: 500", "with: 200"),
    ("unknown verb", "verbs: [patch, get]", "verbs: [patch, gte]"),
    ("unknown fault is lifted", "lift: errors", "lift: erors"),
    ("duplicate fault", "as: errors", "as: kill"),
    ("invariant twice", "single-primary,", "one-lock-holder,"),
    ("unknown kind of object", "vmi/pg-a-vm-1", "vmu/pg-a-vm-1"),
    ("object without a kind", "vmi/pg-a-vm-1", "pg-a-vm-1"),
    ("object with a bad name", "vmi/pg-a-vm-1", "vmi/PG A"),
    (
        "a node in a namespace",
        "object: node/primary-1,",
        "object: node/primary-1, namespace: x,",
    ),
    ("unknown unit", "within: 30s", "within: 30sec"),
    ("no unit", "within: 30s", "within: 30"),
    ("no duration", "within: 30s", "within: soon"),
    ("nothing as a duration", "within: 30s", "within: 0s"),
    ("too long", "within: 30s", "within: 30h"),
    ("duplicate actor", "  terminal-2:\n", "  terminal-1:\n"),
    (
        "duplicate recording",
        "    - delete:",
        "    - observe: {site: dr, object: pg/pg-a, fields: [spec], as: pg-a-on-primary}\n    - delete:",
    ),
    ("duplicate step name", "snapshot: again", "name: first"),
    (
        "duplicate snapshot",
        "snapshot: again",
        "snapshot: terminal-1-1",
    ),
    ("no name", "  name: sound\n", ""),
    (
        "no summary",
        "  summary: Says most of what can be said.\n",
        "",
    ),
    (
        "empty summary",
        "summary: Says most of what can be said.",
        "summary: ' '",
    ),
    (
        "no metadata and no sites",
        "metadata:\n  name: sound\n  summary: Says most of what can be said.\n  tags: [conformance, lock, conformance]\n  requirement: [operations-api/scenario-2, operations-api/scenario-5]\nsites: [cluster1, dr, quorum-cluster]\n",
        "",
    ),
    ("a name with a dot", "name: sound", "name: so.und"),
    ("a name in capitals", "  terminal-1:\n", "  Terminal_1:\n"),
    ("a reserved name", "  terminal-1:\n", "  always:\n"),
    (
        "await without a bound",
        "    - await: {actor: terminal-1}\n      within: 1h\n",
        "    - await: {actor: terminal-1}\n",
    ),
    (
        "a bound on a step that does not wait",
        "namespace: elsewhere}\n",
        "namespace: elsewhere}\n      within: 5s\n",
    ),
    (
        "sleep without a reason",
        "      because: the lock of a dead holder is not watched by anybody\n",
        "",
    ),
    (
        "a reason without a sleep",
        "snapshot: again",
        "because: I said so",
    ),
    (
        "a snapshot without a transcript",
        "      within: 30s",
        "      within: 30s\n      snapshot: true",
    ),
    (
        "a snapshot as a step",
        "    - delete: {site: quorum, object: lease/failover-lock-pg-a, namespace: elsewhere}",
        "    - snapshot: all",
    ),
    (
        "a value that is saved and never used",
        "    - delete: {site: quorum, object: lease/failover-lock-pg-a, namespace: elsewhere}",
        "    - save: {site: quorum, object: lease/failover-lock-pg-a, field: spec.holderIdentity, as: holder}",
    ),
    (
        "a measure of the name of another",
        "    - delete: {site: quorum, object: lease/failover-lock-pg-a, namespace: elsewhere}",
        "    - measure: {site: dr, object: pg/pg-a, field: status.currentState, as: state}\n    - measure: {site: dr, object: pg/pg-a, field: status.currentState, as: state}",
    ),
    (
        "a program without a bound",
        "    - delete: {site: quorum, object: lease/failover-lock-pg-a, namespace: elsewhere}",
        "    - shell: 'true'",
    ),
    (
        "kubectl twice, elsewhere",
        "    - delete: {site: quorum, object: lease/failover-lock-pg-a, namespace: elsewhere}",
        "    - kubectl: {site: dr, args: kubectl get pg}\n      within: 1s\n    - kubectl: {site: dr, args: get pg --context=primary}\n      within: 1s",
    ),
    (
        "a program that ends as pgctl does",
        "    - delete: {site: quorum, object: lease/failover-lock-pg-a, namespace: elsewhere}",
        "    - shell: 'true'\n      within: 1s\n      expect: {refused: LockHeld}",
    ),
    (
        "no regular expression",
        "    - delete: {site: quorum, object: lease/failover-lock-pg-a, namespace: elsewhere}",
        "    - shell: 'true'\n      within: 1s\n      expect: {matches: '(a'}",
    ),
    (
        "nothing said of a program",
        "    - delete: {site: quorum, object: lease/failover-lock-pg-a, namespace: elsewhere}",
        "    - shell: 'true'\n      within: 1s\n      expect: {}",
    ),
    (
        "an empty step",
        "    - delete: {site: quorum, object: lease/failover-lock-pg-a, namespace: elsewhere}",
        "    - {}",
    ),
    (
        "two actions",
        "      name: first",
        "      name: first\n      sleep: 1s\n      because: both",
    ),
    (
        "a step of a later version",
        "    - delete: {site: quorum, object: lease/failover-lock-pg-a, namespace: elsewhere}",
        "    - failover: pg-a",
    ),
    (
        "a fact about nothing",
        "{lock: pg-a, is: held}",
        "{is: held}",
    ),
    (
        "a fact about two things",
        "{lock: pg-a, is: held}",
        "{lock: pg-a, is: held, actor: terminal-1}",
    ),
    (
        "a fact with a foreign key",
        "{lock: pg-a, is: held}",
        "{lock: pg-a, is: held, count: 1}",
    ),
    (
        "a fact without its half",
        "{lock: pg-a, is: held}",
        "{lock: pg-a}",
    ),
    (
        "an object of which nothing is said",
        "object: node/primary-1, matches: {}",
        "object: node/primary-1",
    ),
    (
        "an object that is there and not",
        "object: node/primary-1, matches: {}",
        "object: node/primary-1, matches: {}, absent: true",
    ),
    ("absent: false", "absent: true", "absent: false"),
    (
        "matches a word",
        "object: node/primary-1, matches: {}",
        "object: node/primary-1, matches: ready",
    ),
    ("no count", "kind: fo, count: {min: 1, max: 3}", "kind: fo"),
    ("an empty range", "{min: 1, max: 3}", "{min: 3, max: 1}"),
    ("a range of everything", "{min: 1, max: 3}", "{min: 0}"),
    ("a negative count", "count: 1}", "count: -1}"),
    (
        "a sequence of nothing",
        "[\"stopped running\", \"stopped mixed\", \"stopped stopped\"]",
        "[]",
    ),
    (
        "a sequence that stands still",
        "\"stopped mixed\", ",
        "\"stopped running\", ",
    ),
    ("unknown outcome", "outcome: no-op", "outcome: noop"),
    (
        "no reason of a refusal",
        "refused: LockHeld",
        "refused: lock held",
    ),
    (
        "an outcome that is a fact",
        "expect: {outcome: no-op}",
        "expect: {lock: pg-a, is: free}",
    ),
    (
        "a fact that is an outcome",
        "expect: {site: quorum, kind: fo, count: {min: 1, max: 3}}",
        "expect: {outcome: success}",
    ),
    (
        "unknown command",
        "pgctl: failover pg-b",
        "pgctl: failovr pg-b",
    ),
    (
        "pgctl twice",
        "pgctl: failover pg-b",
        "pgctl: pgctl failover pg-b",
    ),
    (
        "an open quote",
        "pgctl: failover pg-b",
        "pgctl: failover 'pg-b",
    ),
    (
        "an empty command",
        "pgctl: failover pg-b --to-cluster1 --force",
        "pgctl: ''",
    ),
    (
        "an empty patch",
        "merge: {spec: {desiredState: stopped, note: null}}",
        "merge: {}",
    ),
    (
        "a manifest without a name",
        "metadata: {name: failover-pg-a-1}",
        "metadata: {}",
    ),
    (
        "a taint with a slip",
        "[drbd.linbit.com/lost-quorum]",
        "[drbd.linbit.com/lost-qorum]",
    ),
    (
        "an unknown set of taints",
        "quorum: quorum",
        "quorum: storage",
    ),
    (
        "taints of a site by two names",
        "quorum: quorum",
        "cluster2: quorum",
    ),
    (
        "an actor that does nothing",
        "  terminal-2:\n",
        "  idle: []\n  terminal-2:\n",
    ),
    (
        "a variable",
        "object: vmi/pg-a-vm-1",
        "object: \"vmi/${vm}\"",
    ),
    (
        "two variables",
        "failover pg-b --to-cluster1",
        "failover ${group} --to-${site}",
    ),
    ("unknown version", "sitedrill/v1", "sitedrill/v2"),
    ("unknown kind", "kind: Scenario", "kind: Scenaro"),
    ("no kind", "kind: Scenario\n", ""),
    (
        "a list where a map belongs",
        "given:\n",
        "given: []\nlater:\n",
    ),
    (
        "a word where a list belongs",
        "[single-primary, one-lock-holder, audit-append-only, failover-deadline]",
        "single-primary",
    ),
    (
        "a map where a text belongs",
        "name: sound",
        "name: {first: sound}",
    ),
    (
        "nothing where a map belongs",
        "given:\n",
        "given: {groups: }\nlater:\n",
    ),
    ("no objective", "{rto: 5m, rpo: 0s}", "{}"),
    ("a tab", "  tags:", "\ttags:"),
    (
        "a bracket that is not closed",
        "sites: [cluster1, dr, quorum-cluster]",
        "sites: [cluster1, dr, quorum-cluster",
    ),
    ("a second document", "always:\n", "---\nalways:\n"),
];

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

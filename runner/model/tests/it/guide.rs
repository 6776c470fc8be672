//! The guide's drills, and the example of the language's definition.

use std::path::PathBuf;

use sitedrill_model::load;
use sitedrill_model::scenario::DrillKind;

use crate::support::{SOUND, parse_one, rendered};

fn scenarios() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

#[test]
fn the_guides_drills_load_in_the_order_of_their_files_and_the_suite_has_them_all() {
    let loaded = load(&[scenarios()]).unwrap_or_else(|error| panic!("{error:?}"));
    let guide: Vec<_> = loaded
        .drills
        .iter()
        .filter(|d| d.classname == "guide")
        .collect();
    let files: Vec<&str> = guide.iter().map(|d| d.drill.file.as_str()).collect();
    assert!(files.is_sorted());
    let suite = guide
        .iter()
        .find(|drill| drill.drill.kind == DrillKind::Suite)
        .expect("the guide has a suite");
    let chapters: Vec<&str> = suite
        .drill
        .chapters
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    let alone: Vec<&str> = guide
        .iter()
        .filter(|drill| drill.drill.kind == DrillKind::Scenario)
        .map(|drill| drill.drill.name.as_str())
        .collect();
    assert_eq!(chapters, alone);
    assert_eq!(suite.drill.sites, ["primary", "dr", "quorum"]);
}

#[test]
fn a_sound_scenario_says_all_of_this() {
    let loaded = parse_one(SOUND).unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
    insta::assert_yaml_snapshot!(loaded.drills[0].drill);
}

/// The example of the language's definition, as it stands there.
const EXAMPLE: &str = "\
apiVersion: sitedrill/v1
kind: Scenario
metadata:
  name: lock-contention
  summary: A second failover of the same group is refused while the first holds the lock.
  tags: [conformance, lock]
  requirement: operations-api/scenario-2
sites: [primary, dr, quorum]
objectives: {rto: 5m, rpo: 0s}
given:
  groups:
    pg-a: {vms: 2, at: primary, state: running}
invariants: [single-primary, one-lock-holder, audit-append-only]
actors:
  terminal-1:
    - pgctl: failover pg-a --to-cluster2
      snapshot: true
  terminal-2:
    - await: {lock: pg-a, is: held}
      within: 30s
    - pgctl: failover pg-a --to-cluster2
      expect: {refused: LockHeld}
      snapshot: true
    - expect:
        site: quorum
        object: lease/failover-lock-pg-a
        matches: {spec: {leaseDurationSeconds: 300}}
then:
  - expect: {site: dr, object: protectiongroup/pg-a, matches: {status: {currentState: running}}}
    within: 2m
always:
  - return: pg-a to primary
";

#[test]
fn the_example_of_the_definition_parses() {
    let loaded = parse_one(EXAMPLE).unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
    let scenario = &loaded.drills[0].drill.chapters[0];
    let texts: Vec<&str> = scenario
        .actors
        .iter()
        .flat_map(|actor| &actor.steps)
        .chain(&scenario.then)
        .chain(&scenario.always)
        .map(|step| step.text.as_str())
        .collect();
    insta::assert_yaml_snapshot!(texts);
    assert_eq!(
        scenario.actors[0].steps[0].snapshot.as_deref(),
        Some("terminal-1-1")
    );
}

//! The guide's drills, and the example of the language's definition.

use std::path::PathBuf;

use sitedrill_model::load;
use sitedrill_model::scenario::DrillKind;

use crate::support::{SOUND, parse_all, parse_one, rendered};

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

/// The YAML examples of the drills' README.
fn examples() -> Vec<String> {
    let readme = std::fs::read_to_string(scenarios().join("README.md"));
    let readme = readme.unwrap_or_else(|error| panic!("{error}"));
    let examples = readme.split("```yaml\n").skip(1);
    examples
        .filter_map(|rest| Some(rest.split("```").next()?.to_owned()))
        .collect()
}

#[test]
fn every_example_of_the_readme_can_be_run() {
    let examples = examples();
    let [drill, failovers, programs, facts, cel, own, faults, block] = examples.as_slice() else {
        panic!("{} examples", examples.len());
    };
    parse_one(drill).unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
    let head = "apiVersion: sitedrill/v1
kind: Scenario
metadata: {name: d, summary: From the README.}
sites: [primary, dr, quorum]
given: {groups: {pg-a: {vms: 1, at: primary}}}
actors:
  terminal-1:
    - observe: {site: dr, object: pg/pg-a, fields: [status], as: seen}
  a:
";
    let indented = |steps: &str| -> String {
        let lines = steps.lines().map(|line| format!("    {line}\n"));
        lines.collect()
    };
    let looked = "    - expect: {observed: seen, sequence: [x]}\n";
    let text = format!("{head}{}{looked}", indented(programs));
    parse_one(&text).unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
    let text = format!("{head}{}{looked}", indented(failovers));
    parse_one(&text).unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
    let own = head.replace("actors:\n", &format!("{own}actors:\n"));
    let text = format!("{own}{}{looked}", indented(cel));
    parse_one(&text).unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
    let facts = facts
        .lines()
        .map(|fact| fact.split(" # ").next().unwrap_or(fact));
    let steps: Vec<String> = facts
        .map(|fact| format!("    - await: {fact}\n      within: 1m\n"))
        .collect();
    let steps = steps.concat();
    let checks = "    - expect: {site: primary, object: pg/pg-a, matches: {}}\n";
    let text = format!("{head}{steps}{checks}");
    parse_one(&text).unwrap_or_else(|problems| panic!("{text}{}", rendered(&problems)));
    let steps: Vec<String> = faults.lines().map(|line| format!("    {line}\n")).collect();
    let steps = steps.concat();
    let text = format!("{head}{steps}{checks}    - expect: {{observed: seen, sequence: [x]}}\n");
    parse_one(&text).unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
    let text = format!(
        "{head}    - use: _b.yaml\n      with: {{step: Validate}}\n{checks}    - expect: {{observed: seen, sequence: [x]}}\n"
    );
    let files: [(&str, &[u8]); 2] = [("d.yaml", text.as_bytes()), ("_b.yaml", block.as_bytes())];
    parse_all(&files).unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
}

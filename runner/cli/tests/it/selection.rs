//! Which drills of many are run.

use std::collections::BTreeSet;
use std::fs;

use crate::program::run;
use crate::scenarios;

fn listed(more: &[&str]) -> BTreeSet<String> {
    let folder = scenarios().display().to_string();
    let mut args = vec!["list", &folder, "--output", "json"];
    args.extend(more);
    let ended = run(&args);
    let list: serde_json::Value = match ended.code {
        0 => serde_json::from_str(&ended.stdout).expect("a list is JSON"),
        4 => return BTreeSet::new(),
        other => panic!("{other}: {}", ended.stderr),
    };
    let text = list.to_string();
    let names = text.split("\"name\":\"").skip(1);
    names
        .filter_map(|rest| Some(rest.split('"').next()?.to_owned()))
        .collect()
}

#[test]
fn shares_are_disjoint_and_together_everything() {
    let all = listed(&[]);
    assert!(all.len() >= 32, "{}", all.len());
    let shares = ["1/3", "2/3", "3/3"].map(|share| listed(&["--shard", share]));
    assert_eq!(shares.iter().map(BTreeSet::len).sum::<usize>(), all.len());
    let union: BTreeSet<String> = shares.into_iter().flatten().collect();
    assert_eq!(union, all);
}

#[test]
fn an_expression_chooses_by_tag_name_and_requirement() {
    let chosen = listed(&["--filter", "tag(crash) & !name(killed)"]);
    assert!(chosen.contains("paused-holder"), "{chosen:?}");
    assert!(!chosen.contains("killed-at-validate"), "{chosen:?}");
    let wrong = run(&["list", "--filter", "tag(crash) &"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("column 13"), "{}", wrong.stderr);
}

#[test]
fn a_tag_that_no_drill_has_does_not_go_unnoticed() {
    let scenarios = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios");
    let ended = run(&["list", scenarios, "--tag", "crash", "--tag", "lok"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("killed-at-validate"));
    let said = "warning: no drill has the tag `lok`\nhelp: did you mean `lock`?\n";
    assert_eq!(ended.stderr, said);
    assert_eq!(run(&["list", scenarios, "--tag", "lok"]).code, 4);
}

#[test]
fn a_drill_that_needs_the_other_time_is_skipped_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("real.yaml");
    let text = "\
apiVersion: sitedrill/v1
kind: Scenario
metadata: {name: real, summary: Needs real time., time: real}
sites: [primary, dr]
given: {groups: {pg-a: {vms: 1, at: primary}}}
actors:
  a:
    - expect: {site: primary, object: pg/pg-a, matches: {}}
";
    fs::write(&file, text).unwrap();
    let out = folder.path().join("run").display().to_string();
    let ended = run(&["run", &file.display().to_string(), "--out", &out]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(ended.stdout.contains("needs real time"), "{}", ended.stdout);
}

#[test]
fn a_race_that_is_repeated_has_one_winner_each_time_under_other_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run").display().to_string();
    let race = scenarios().join("lock/race.yaml").display().to_string();
    let ended = run(&["run", &race, "--repeat", "4", "--out", &out]);
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    let record = fs::read_to_string(folder.path().join("run/record.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let drills = record["drills"].as_array().unwrap();
    let seeds: BTreeSet<u64> = drills
        .iter()
        .map(|drill| drill["info"]["seed"].as_u64().unwrap())
        .collect();
    assert_eq!((drills.len(), seeds.len()), (4, 4));
}

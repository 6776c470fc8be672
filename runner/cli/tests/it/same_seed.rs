//! Same seed, same run.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::run;
use crate::scenarios;

/// The record of a run under this seed, without what its fields named `wall` hold. Its drills race for a lock, kill
/// controllers, break and silence watches, and write data markers.
fn record(out: &Path, seed: &str) -> Value {
    let [lock, api, two] =
        ["lock", "api", "two-site"].map(|it| scenarios().join(it).display().to_string());
    let folder = out.display().to_string();
    let exit = run(&["run", &lock, &api, &two, "--seed", seed, "--out", &folder]);
    assert_eq!(exit.code, 0, "{}", exit.stderr);
    let text = fs::read_to_string(out.join("record.json")).expect("a run leaves a record");
    let mut record = serde_json::from_str(&text).expect("a record is JSON");
    forget_wall(&mut record);
    record
}

fn forget_wall(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("wall");
            map.values_mut().for_each(forget_wall);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_wall),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn two_runs_of_the_same_seed_differ_only_in_the_time_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let first = record(&folder.path().join("first"), "7");
    let second = record(&folder.path().join("second"), "7");
    let drills = first["drills"].as_array().expect("a record has drills");
    assert!(drills.len() >= 10, "{} drills", drills.len());
    assert!(first == second, "two records of seed 7 differ");
    let other = record(&folder.path().join("other"), "8");
    assert!(
        first != other,
        "another seed gives the same run: the seed is not used"
    );
}

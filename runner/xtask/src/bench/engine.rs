//! What the engine adds to a drill: 2,000 steps of 50 actors, beside the same drill with one step.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::release::Program;
use crate::repo::{Repo, say};

/// The actors of the large drill, and the steps of each.
const ACTORS: usize = 50;
const STEPS: usize = 40;

/// The goal, in milliseconds a step.
const GOAL: f64 = 1.0;

/// Runs both drills in a release build, and says what a step costs.
///
/// # Errors
/// Something could not be built, written or run.
pub fn engine(repo: &Repo) -> anyhow::Result<String> {
    let folder = repo.path("target/bench/engine");
    // What an earlier bench left; that there is none is as good.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let program = Program::Sitedrill.build(repo)?;
    let small = seconds(&program, &folder, "small", &drill(1, 1))?;
    let large = seconds(&program, &folder, "large", &drill(ACTORS, STEPS))?;
    let steps = ACTORS * STEPS;
    let each = (large - small) * 1000.0 / f64::from(u32::try_from(steps - 1)?);
    let met = if each < GOAL { "met" } else { "missed" };
    let mut out = String::new();
    writeln!(out, "1 step                {small:>8.3} s")?;
    writeln!(out, "{steps} steps, {ACTORS} actors {large:>8.3} s")?;
    writeln!(
        out,
        "a step                {each:>8.3} ms, goal {GOAL} ms: {met}"
    )?;
    Ok(out)
}

/// A drill of so many actors, each with so many steps that look at a group.
fn drill(actors: usize, steps: usize) -> String {
    let mut text = "apiVersion: sitedrill/v1
kind: Scenario
metadata: {name: load, summary: Many actors with many steps.}
sites: [primary, dr, quorum]
given: {groups: {pg-a: {vms: 1, at: primary}}}
actors:
"
    .to_owned();
    let step = "    - expect: {site: primary, object: pg/pg-a, matches: {status: {currentState: running}}}\n";
    for actor in 1..=actors {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  actor-{actor}:");
        text.push_str(&step.repeat(steps));
    }
    text
}

/// How long the drill itself took, from its sites to its end.
fn seconds(program: &Path, folder: &Path, name: &str, drill: &str) -> anyhow::Result<f64> {
    say(&format!("running the {name} drill"));
    let file = folder.join(format!("{name}.yaml"));
    fs::write(&file, drill).with_context(|| format!("failed to write {}", file.display()))?;
    let out = folder.join(name);
    let ended = Command::new(program)
        .arg("run")
        .arg(&file)
        .arg("--out")
        .arg(&out)
        .output()
        .with_context(|| format!("failed to start {}", program.display()))?;
    if !ended.status.success() {
        bail!(
            "the {name} drill ended with {}: {}",
            ended.status,
            String::from_utf8_lossy(&ended.stderr)
        );
    }
    let record = out.join("record.json");
    let text = fs::read_to_string(&record)
        .with_context(|| format!("failed to read {}", record.display()))?;
    let record: serde_json::Value =
        serde_json::from_str(&text).context("failed to read the record")?;
    let wall = &record["drills"][0]["wall"]["seconds"];
    wall.as_f64().context("the record has no time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_large_drill_has_fifty_actors_and_two_thousand_steps() {
        let text = drill(ACTORS, STEPS);
        assert_eq!(text.matches("  actor-").count(), 50);
        assert_eq!(text.matches("- expect:").count(), 2000);
    }
}

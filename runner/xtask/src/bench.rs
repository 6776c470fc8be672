//! Benchmarks: figures of two servers side by side, as a table for people and JSON for programs. Nothing here is a
//! test; a goal that is missed is said, and fails nothing.

pub mod engine;
pub mod failover;
pub mod scale;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::control_plane;
use crate::repo::{Repo, say};

/// How often both servers are started and measured. What is shown is the median.
const ROUNDS: usize = 5;

/// One line of the table.
struct Line {
    /// The figure's name in the JSON.
    name: &'static str,
    /// What it is.
    what: &'static str,
    /// Whether more is better.
    more: bool,
    /// How many times better the embedded server shall be, where there is a goal.
    goal: Option<f64>,
}

const LINES: [Line; 8] = [
    line("startMs", "start, ms", false, Some(100.0)),
    line(
        "createLatencyMs",
        "one create after the other, ms each",
        false,
        None,
    ),
    line("createsPerSecond", "creates a second", true, Some(5.0)),
    line(
        "mergePatchesPerSecond",
        "merge patches a second",
        true,
        Some(5.0),
    ),
    line("list5000Ms", "list of 5,000 objects, ms", false, None),
    line(
        "watchEventsPerSecond",
        "events a second to 100 watches",
        true,
        None,
    ),
    line("idleMb", "memory after the start, MB", false, Some(10.0)),
    line(
        "loadedMb",
        "memory after all of this, MB",
        false,
        Some(10.0),
    ),
];

const fn line(name: &'static str, what: &'static str, more: bool, goal: Option<f64>) -> Line {
    Line {
        name,
        what,
        more,
        goal,
    }
}

/// Measures the embedded API server and kube-apiserver with etcd, both over TCP with TLS, in a release build.
///
/// # Errors
/// Something could not be built, started or measured.
pub fn apiserver(repo: &Repo, out: &Path) -> anyhow::Result<String> {
    let assets = control_plane::find_or_make()?;
    let (mut embedded, mut real) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        // One after the other in each round, so that what else the machine does meets both.
        say(&format!("round {round} of {ROUNDS}"));
        embedded.push(measure(repo, &assets, "embedded")?);
        real.push(measure(repo, &assets, "real")?);
    }
    let (embedded, real) = (median(&embedded), median(&real));
    let both = json!({"embedded": embedded, "kubeApiserver": real});
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("failed to make {}", folder.display()))?;
    }
    let text =
        serde_json::to_string_pretty(&both).context("failed to write the figures as JSON")?;
    fs::write(out, text + "\n").with_context(|| format!("failed to write {}", out.display()))?;
    Ok(table(&embedded, &real))
}

fn measure(repo: &Repo, assets: &Path, which: &str) -> anyhow::Result<Value> {
    say(&format!("measuring {which}"));
    let output = repo
        .cargo(&[
            "run",
            "--quiet",
            "--release",
            "-p",
            "sitedrill-sites",
            "--example",
            "bench",
            "--",
            which,
        ])
        .env("KUBEBUILDER_ASSETS", assets)
        .stderr(Stdio::inherit())
        .output()
        .context("failed to start cargo")?;
    if !output.status.success() {
        bail!("measuring {which} ended with {}", output.status);
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("failed to read the figures of {which}"))
}

/// The median of each figure; of what is no figure, the first.
fn median(rounds: &[Value]) -> Value {
    let mut out = rounds.first().cloned().unwrap_or_default();
    for (name, shown) in out.as_object_mut().into_iter().flatten() {
        let figures = rounds.iter().filter_map(|round| round[name].as_f64());
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_by(f64::total_cmp);
        if let Some(middle) = figures.get(figures.len() / 2) {
            *shown = json!(middle);
        }
    }
    out
}

/// The figures side by side, with how many times better the embedded server is.
fn table(embedded: &Value, real: &Value) -> String {
    let version = |figures: &Value| figures["version"].as_str().unwrap_or("?").to_owned();
    let real_name = format!("kube-apiserver {}", version(real));
    let mut out = format!(
        "{:<38} {:>12} {real_name:>24} {:>8}  goal\n",
        "", "embedded", "times"
    );
    for line in &LINES {
        let value = |figures: &Value| figures[line.name].as_f64();
        let (Some(ours), Some(theirs)) = (value(embedded), value(real)) else {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{:<38} not measured", line.what);
            continue;
        };
        let times = if line.more {
            ours / theirs
        } else {
            theirs / ours
        };
        let goal = match line.goal {
            None => String::new(),
            Some(goal) if times >= goal => format!("{goal}: met"),
            Some(goal) => format!("{goal}: missed"),
        };
        let row = format!(
            "{:<38} {ours:>12.2} {theirs:>24.2} {times:>8.1}  {goal}",
            line.what
        );
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_the_median_of_the_rounds() {
        let round = |start: f64| json!({"version": "v1", "startMs": start});
        let shown = median(&[round(9.0), round(1.0), round(2.0)]);
        assert_eq!(shown, json!({"version": "v1", "startMs": 2.0}));
        assert_eq!(median(&[]), Value::Null);
    }

    #[test]
    fn the_table_says_how_many_times_better_and_which_goals_are_missed() {
        let embedded = json!({"version": "v1.33.0", "startMs": 10.0, "createsPerSecond": 4000.0, "idleMb": 20.0});
        let real = json!({"version": "v1.20.2", "startMs": 3000.0, "createsPerSecond": 2000.0, "idleMb": 300.0});
        let text = table(&embedded, &real);
        let row = |what: &str| text.lines().find(|line| line.starts_with(what)).unwrap();
        assert!(row("start").ends_with("300.0  100: met"), "{text}");
        assert!(row("creates").ends_with("2.0  5: missed"), "{text}");
        assert!(
            row("memory after the start").ends_with("15.0  10: met"),
            "{text}"
        );
        assert!(row("list").ends_with("not measured"), "{text}");
    }
}

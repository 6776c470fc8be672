//! What many groups cost that fail over at once: 10, 100 and 1,000 groups of ten machines, each size in a process of
//! its own, on embedded sites in virtual time.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::release::Program;
use crate::repo::{Repo, say};

/// The goal for the largest size, in MB.
const GOAL_MB: f64 = 500.0;

/// Measures every size that is asked for, and prints a line for each.
///
/// # Errors
/// Something could not be built, run or written.
pub fn scale(repo: &Repo, sizes: &[u32], out: &Path) -> anyhow::Result<String> {
    let program = Program::Scale.build(repo)?;
    let mut figures = Vec::new();
    for size in sizes {
        figures.push(measure(&program, *size)?);
    }
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("failed to make {}", folder.display()))?;
    }
    let text =
        serde_json::to_string_pretty(&figures).context("failed to write the figures as JSON")?;
    fs::write(out, text + "\n").with_context(|| format!("failed to write {}", out.display()))?;
    Ok(table(&figures))
}

fn measure(program: &Path, groups: u32) -> anyhow::Result<Value> {
    say(&format!("{groups} groups"));
    let output = Command::new(program)
        .arg(groups.to_string())
        .stderr(Stdio::inherit())
        .output()
        .context("failed to start the groups")?;
    if !output.status.success() {
        bail!("{groups} groups ended with {}", output.status);
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("failed to read the figures of {groups} groups"))
}

/// A line a size. Linear is what costs as much a machine as the smallest size does.
fn table(figures: &[Value]) -> String {
    let mut out = format!(
        "{:>7} {:>9} {:>8} {:>8} {:>16} {:>9} {:>18}\n",
        "groups",
        "machines",
        "wall s",
        "CPU s",
        "CPU ms a machine",
        "peak MB",
        "requests a machine"
    );
    for line in figures {
        let value = |name: &str| line[name].as_f64().unwrap_or(f64::NAN);
        let each = value("cpuSeconds") * 1000.0 / value("machines");
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{:>7} {:>9} {:>8.1} {:>8.1} {each:>16.1} {:>9.0} {:>18.1}",
            value("groups"),
            value("machines"),
            value("wallSeconds"),
            value("cpuSeconds"),
            value("peakMb"),
            value("requestsPerMachine"),
        );
    }
    if let Some(peak) = figures.last().and_then(|line| line["peakMb"].as_f64()) {
        let met = if peak < GOAL_MB { "met" } else { "missed" };
        let _ = writeln!(out, "goal: under {GOAL_MB} MB: {met}");
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_says_what_a_machine_costs_and_whether_memory_is_within_the_goal() {
        let figures = [
            json!({"groups": 10, "machines": 100, "wallSeconds": 2.0, "cpuSeconds": 1.0, "peakMb": 50.0, "requestsPerMachine": 20.0}),
            json!({"groups": 100, "machines": 1000, "wallSeconds": 20.0, "cpuSeconds": 15.0, "peakMb": 600.0, "requestsPerMachine": 21.0}),
        ];
        let text = table(&figures);
        let second = text.lines().nth(2).unwrap();
        assert!(
            second.contains("15.0") && second.ends_with("21.0"),
            "{text}"
        );
        assert!(text.ends_with("missed\n"), "{text}");
    }
}

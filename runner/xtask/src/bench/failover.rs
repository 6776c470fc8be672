//! What a failover adds to the time that machines take to stop and to start: failovers to and fro in real time, on
//! embedded sites and on real control planes.
//!
//! What counts is the time in which everything waits for the controllers: from the Failover to the last machine told to
//! halt, from the last machine stopped to the last one told to run, and from the last machine ready to the end.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::control_plane;
use crate::release::Program;
use crate::repo::{Repo, say};

/// The goal for a failover between real control planes, in milliseconds.
const GOAL_MS: f64 = 150.0;

/// How much faster than usual machines stop and start, so that many failovers take little time.
const MACHINES_TAKE: f64 = 0.1;

/// Machines of the group.
const MACHINES: u32 = 2;

/// Measures so many failovers on each kind of site.
///
/// # Errors
/// Something could not be built, run or read, or a failover did not succeed.
pub fn failover(repo: &Repo, failovers: usize, out: &Path) -> anyhow::Result<String> {
    let assets = control_plane::find_or_make()?;
    let folder = repo.path("target/bench/failover");
    // What an earlier bench left; that there is none is as good.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let program = Program::Sitedrill.build(repo)?;
    let mut lines = Vec::new();
    for sites in ["embedded", "envtest"] {
        say(&format!("{failovers} failovers on {sites} sites"));
        let added = measure((&program, &assets, &folder), sites, failovers)?;
        lines.push((sites, added));
    }
    let figures: Value = lines
        .iter()
        .map(|(sites, added)| ((*sites).to_owned(), figures(added)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let text = serde_json::to_string_pretty(&figures).context("failed to write JSON")?;
    fs::write(out, text + "\n").with_context(|| format!("failed to write {}", out.display()))?;
    Ok(table(&lines))
}

/// What each failover added, in milliseconds.
fn measure(
    (program, assets, folder): (&Path, &Path, &Path),
    sites: &str,
    failovers: usize,
) -> anyhow::Result<Vec<f64>> {
    let file = folder.join(format!("{sites}.yaml"));
    fs::write(&file, drill(failovers))
        .with_context(|| format!("failed to write {}", file.display()))?;
    let run = folder.join(sites);
    let ended = Command::new(program)
        .arg("run")
        .arg(&file)
        .args(["--sites", sites, "--time", "real", "--timeout", "1h"])
        .arg("--out")
        .arg(&run)
        .env("KUBEBUILDER_ASSETS", assets)
        .output()
        .with_context(|| format!("failed to start {}", program.display()))?;
    if !ended.status.success() {
        bail!(
            "the drill on {sites} sites ended with {}: {}{}",
            ended.status,
            String::from_utf8_lossy(&ended.stdout),
            String::from_utf8_lossy(&ended.stderr)
        );
    }
    let events = run.join("events.jsonl");
    let text = fs::read_to_string(&events)
        .with_context(|| format!("failed to read {}", events.display()))?;
    let added = added(&observed(&text)?)?;
    if added.len() != failovers {
        bail!("{} of {failovers} failovers were seen whole", added.len());
    }
    Ok(added)
}

/// Failovers to and fro, one after the other.
fn drill(failovers: usize) -> String {
    let mut text = format!(
        "apiVersion: sitedrill/v1
kind: Scenario
metadata: {{name: to-and-fro, summary: A group fails over again and again.}}
sites: [primary, dr, quorum]
given: {{groups: {{pg-a: {{vms: {MACHINES}, at: primary}}}}}}
actors:
  operator:
    - fault: {{slowSite: primary, factor: {MACHINES_TAKE}}}
    - fault: {{slowSite: dr, factor: {MACHINES_TAKE}, as: slow-dr}}
"
    );
    for number in 0..failovers {
        let to = if number % 2 == 0 {
            "cluster2"
        } else {
            "cluster1"
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    - pgctl: failover pg-a --to-{to}");
        let _ = writeln!(
            text,
            "    - sleep: 1s\n      because: failovers are named after the second they are made in"
        );
    }
    let _ = write!(
        text,
        "then:
  - expect: {{site: quorum, kind: failover, namePrefix: failover-pg-a-, matches: {{status: {{phase: Succeeded}}}}, count: {failovers}}}
"
    );
    text
}

/// One thing that was seen.
#[derive(Debug, Clone, Deserialize)]
struct Seen {
    at: Timestamp,
    object: String,
    what: String,
}

fn observed(events: &str) -> anyhow::Result<Vec<Seen>> {
    let mut all = Vec::new();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).context("an event is no JSON")?;
        if event["type"] == "observed" {
            all.push(serde_json::from_value(event).context("an event is not as it should be")?);
        }
    }
    Ok(all)
}

/// What each failover added, in milliseconds.
fn added(seen: &[Seen]) -> anyhow::Result<Vec<f64>> {
    let starts =
        |seen: &Seen| seen.object.starts_with("failover/") && seen.what.starts_with("created");
    let begun: Vec<usize> = (0..seen.len())
        .filter(|index| starts(&seen[*index]))
        .collect();
    let mut all = Vec::new();
    for (number, from) in begun.iter().enumerate() {
        let to = begun.get(number + 1).copied().unwrap_or(seen.len());
        let of = &seen[*from..to];
        all.push(
            added_by(of).with_context(|| format!("failover {} was not seen whole", number + 1))?,
        );
    }
    Ok(all)
}

/// What one failover added; `None` if something of it was not seen.
fn added_by(seen: &[Seen]) -> Option<f64> {
    let last = |object: &str, is: &dyn Fn(&str) -> bool| {
        let mut of = seen.iter().rev().filter(|it| it.object.starts_with(object));
        of.find(|it| is(&it.what)).map(|it| it.at)
    };
    let machine = "virtualmachine/";
    let instance = "virtualmachineinstance/";
    let created = seen.first()?.at;
    let told_to_halt = last(machine, &|what| what.ends_with("-> Halted"))?;
    let stopped = last(instance, &|what| what.contains("Running -> Succeeded"))?;
    let told_to_run = last(machine, &|what| what.contains("Halted -> "))?;
    let ready = last(instance, &|what| what == "ready")?;
    let ended = last("failover/", &|what| what.contains("-> Succeeded"))?;
    let waited = [
        (created, told_to_halt),
        (stopped, told_to_run),
        (ready, ended),
    ];
    let waited = waited
        .iter()
        .map(|(from, to)| to.duration_since(*from).as_secs_f64().max(0.0));
    Some(waited.sum::<f64>() * 1000.0)
}

/// The value below which so many per cent are.
fn percentile(added: &[f64], percent: usize) -> f64 {
    let mut sorted = added.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

fn figures(added: &[f64]) -> Value {
    json!({
        "failovers": added.len(),
        "p50Ms": percentile(added, 50),
        "p99Ms": percentile(added, 99),
        "addedMs": added,
    })
}

fn table(lines: &[(&str, Vec<f64>)]) -> String {
    let mut out = format!(
        "{:<10} {:>10} {:>10} {:>10}\n",
        "sites", "failovers", "p50, ms", "p99, ms"
    );
    for (sites, added) in lines {
        let (p50, p99) = (percentile(added, 50), percentile(added, 99));
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{sites:<10} {:>10} {p50:>10.1} {p99:>10.1}",
            added.len()
        );
    }
    if let Some((sites, added)) = lines.last() {
        let met = if percentile(added, 50) < GOAL_MS {
            "met"
        } else {
            "missed"
        };
        let _ = writeln!(out, "goal: p50 under {GOAL_MS} ms on {sites} sites: {met}");
    }
    out
}

#[cfg(test)]
mod tests {
    use sitedrill_model::load::{Found, parse};

    use super::*;

    fn seen(seconds: f64, object: &str, what: &str) -> Seen {
        #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
        let at = Timestamp::from_millisecond((seconds * 1000.0) as i64).unwrap();
        Seen {
            at,
            object: object.to_owned(),
            what: what.to_owned(),
        }
    }

    #[test]
    fn the_drill_is_a_sound_one() {
        let found = [Found {
            file: "drill.yaml".to_owned(),
            classname: "bench".to_owned(),
        }];
        let read = |_: &str| Ok(drill(3).into_bytes());
        let loaded = parse(&found, &read);
        assert!(loaded.is_ok(), "{:?}", loaded.err());
    }

    #[test]
    fn only_the_time_in_which_all_wait_for_the_controllers_counts() {
        let (machine, instance, failover) =
            ("virtualmachine/a", "virtualmachineinstance/a", "failover/f");
        let mut whole = vec![
            seen(0.0, failover, "created: a to dr"),
            seen(0.1, machine, "runStrategy Always -> Halted"),
            seen(5.0, instance, "phase Running -> Succeeded on n"),
            seen(5.02, machine, "runStrategy Halted -> Always"),
            seen(9.0, instance, "ready"),
            seen(9.003, failover, "phase Running -> Succeeded: done"),
        ];
        let found = added(&whole).unwrap();
        assert!((found[0] - 123.0).abs() < 0.5, "{found:?}");
        whole.remove(3);
        assert!(added(&whole).is_err(), "what was not seen is not made up");
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let added: Vec<f64> = (1..=100).map(f64::from).collect();
        assert!((percentile(&added, 50) - 50.0).abs() < 1e-9);
        assert!((percentile(&added, 99) - 99.0).abs() < 1e-9);
        assert!((percentile(&[7.0], 99) - 7.0).abs() < 1e-9);
    }
}

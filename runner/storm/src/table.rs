//! What came of a storm, for people.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use crate::plan::FaultKind;
use crate::storm::{Broken, Outcome};

/// From so many seeds on, something that was never reached is a failure and not bad luck.
pub const FULL: u64 = 2_000;

/// The whole report. `sabotage` is what was made wrong on purpose, for the command that replays.
pub fn report(outcome: &Outcome, sabotage: Option<&str>) -> String {
    let mut text = String::new();
    let coverage = &outcome.coverage;
    let _ = writeln!(text, "seeds      {}", outcome.seeds);
    let _ = writeln!(text, "failovers  {}", coverage.failovers);
    counts(
        &mut text,
        "faults that did something",
        coverage
            .faults
            .iter()
            .map(|(kind, count)| (kind.as_str(), count)),
    );
    counts(&mut text, "steps begun", named(&coverage.steps));
    counts(
        &mut text,
        "controller died in step",
        named(&coverage.deaths),
    );
    counts(&mut text, "refusals", named(&coverage.refusals));
    counts(
        &mut text,
        "refusals at the front door",
        named(&coverage.front_door),
    );
    counts(&mut text, "endings and turns", named(&coverage.turns));
    let missing = coverage.missing();
    if !missing.is_empty() {
        let _ = writeln!(text, "never reached");
        for what in &missing {
            let _ = writeln!(text, "  {what}");
        }
        if outcome.seeds < FULL {
            let _ = writeln!(text, "  (fewer than {FULL} seeds: no failure)");
        }
    }
    for broken in &outcome.broken {
        violation(&mut text, broken, sabotage);
    }
    let _ = writeln!(text, "violations {}", outcome.broken.len());
    text
}

/// Whether a storm passed.
pub fn passed(outcome: &Outcome) -> bool {
    let covered = outcome.seeds < FULL || outcome.coverage.missing().is_empty();
    outcome.broken.is_empty() && covered && outcome.seeds > 0
}

fn named<K: AsRef<str>>(counts: &BTreeMap<K, u64>) -> impl Iterator<Item = (&str, &u64)> {
    counts.iter().map(|(name, count)| (name.as_ref(), count))
}

fn counts<'a>(
    text: &mut String,
    title: &str,
    counts: impl Iterator<Item = (impl Display, &'a u64)>,
) {
    let _ = writeln!(text, "{title}");
    for (name, count) in counts {
        let _ = writeln!(text, "  {count:>8}  {name}");
    }
}

fn violation(text: &mut String, broken: &Broken, sabotage: Option<&str>) {
    let seed = broken.seed;
    let _ = writeln!(text, "VIOLATION  seed {seed}");
    for violation in &broken.violations {
        let rule = violation.rule.as_str();
        let _ = writeln!(text, "  {rule}, {} ms: {}", violation.at, violation.message);
    }
    let mut replay = format!("cargo xtask storm --seeds 1 --from {seed}");
    if let Some(shortest) = &broken.shortest {
        let numbers: Vec<String> = shortest.iter().map(ToString::to_string).collect();
        let plan = crate::plan::draw(seed);
        let kinds: Vec<&str> = plan
            .faults
            .iter()
            .filter(|fault| shortest.contains(&fault.number))
            .map(|fault| FaultKind::as_str(fault.fault.kind(fault.lasts.is_none())))
            .collect();
        let _ = writeln!(
            text,
            "  shortest list of faults: {}",
            if kinds.is_empty() {
                "none".to_owned()
            } else {
                kinds.join(", ")
            }
        );
        let _ = write!(
            replay,
            " --only-faults {}",
            if numbers.is_empty() {
                "none".to_owned()
            } else {
                numbers.join(",")
            }
        );
    }
    if let Some(sabotage) = sabotage {
        let _ = write!(replay, " --sabotage {sabotage}");
    }
    let _ = writeln!(text, "  replay: {replay}");
}

//! `sitedrill selftest`: makes the system under test wrong in known ways, and demands that drills turn red.
//!
//! A drill that cannot fail shows nothing. First every drill must pass on the sound system; then each mutation must be
//! killed by at least one drill. Inconclusive is not killed: the drill could not tell.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde::Serialize;
use sitedrill_model::Verdict;
use sitedrill_model::event::TimeMode;
use sitedrill_sites::Provider;

use super::{load, print, say};
use crate::Exit;
use crate::args::{OutputArg, SelftestArgs};
use crate::lab::mutation::Mutation;
use crate::lab::scratch::Scratch;
use crate::lab::{LabConfig, Voice, run_in_lab};
use crate::runs::Selected;
use crate::signals;
use crate::snapshots::SnapshotMode;

pub(super) fn selftest(args: &SelftestArgs) -> Exit {
    let output = args.output;
    let plan = match plan(args) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    let matrix = plan.run();
    match output {
        OutputArg::Text => print(&matrix.text()),
        OutputArg::Json => print(&matrix.json()),
    }
    matrix.exit()
}

/// A row of the matrix: no mutation, or one.
type Row = (String, Option<Mutation>);

struct Plan {
    drills: Vec<Selected>,
    rows: Vec<Row>,
    seed: u64,
    jobs: usize,
}

fn plan(args: &SelftestArgs) -> Result<Plan, Exit> {
    let known = Mutation::ALL;
    for name in &args.mutations {
        if !known.iter().any(|(known, _)| known == name) {
            let names = known.map(|(name, _)| name).join(", ");
            say(&format!(
                "error: there is no mutation {name}; there are {names}"
            ));
            return Err(Exit::Usage);
        }
    }
    let wanted =
        |name: &str| args.mutations.is_empty() || args.mutations.iter().any(|it| it == name);
    let mutations = known.into_iter().filter(|(name, _)| wanted(name));
    let mutations = mutations.map(|(name, mutation)| (name.to_owned(), Some(mutation)));
    let rows = [("(none)".to_owned(), None)].into_iter().chain(mutations);
    let drills = load::select(load::load(&args.paths)?, &args.select, args.seed)?;
    let (left_out, drills): (Vec<_>, Vec<_>) = drills
        .into_iter()
        .partition(|one| one.needs_other_time(TimeMode::Virtual).is_some());
    for one in &left_out {
        say(&format!(
            "left out, since it needs real time: {}",
            one.info.name
        ));
    }
    if drills.is_empty() {
        say("error: every drill needs real time");
        return Err(Exit::NothingToRun);
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    Ok(Plan {
        drills,
        rows: rows.collect(),
        seed: args.seed,
        jobs: args.jobs.map_or(cores, usize::from),
    })
}

impl Plan {
    fn run(self) -> Matrix {
        let cells: Arc<Mutex<BTreeMap<(usize, usize), Verdict>>> = Arc::default();
        let next = AtomicUsize::new(0);
        let all = self.rows.len() * self.drills.len();
        thread::scope(|scope| {
            for _ in 0..self.jobs.min(all) {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        if at >= all {
                            break;
                        }
                        let (row, drill) = (at / self.drills.len(), at % self.drills.len());
                        let verdict = self.cell(row, drill);
                        let mut cells = cells.lock().unwrap_or_else(PoisonError::into_inner);
                        cells.insert((row, drill), verdict);
                    }
                });
            }
        });
        let cells = std::mem::take(&mut *cells.lock().unwrap_or_else(PoisonError::into_inner));
        let drills = self.drills.iter();
        Matrix {
            drills: drills.map(|it| it.drill.name.clone()).collect(),
            rows: self
                .rows
                .into_iter()
                .enumerate()
                .map(|(row, (mutation, _))| MatrixRow {
                    mutation,
                    verdicts: cells
                        .range((row, 0)..(row + 1, 0))
                        .map(|(_, it)| *it)
                        .collect(),
                })
                .collect(),
        }
    }

    /// What one drill comes to under one mutation.
    fn cell(&self, row: usize, drill: usize) -> Verdict {
        let drill = &self.drills[drill].drill;
        let config = LabConfig {
            provider: Provider::Embedded,
            scratch: Scratch::shared(),
            time: TimeMode::Virtual,
            seed: self.seed,
            snapshots: SnapshotMode::ReadOnly,
            mutations: self.rows[row].1.into_iter().collect(),
            by_hand: None,
        };
        let voice = Voice::new(&drill.name, TimeMode::Virtual, Arc::new(|_| {}));
        let (_stop, shutdown) = signals::pair();
        let run = || run_in_lab(drill, &config, &voice, &shutdown).0;
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or(Verdict::Inconclusive)
    }
}

/// Which drill came to what under which mutation.
#[derive(Debug, Serialize)]
struct Matrix {
    drills: Vec<String>,
    /// The first is that without a mutation.
    rows: Vec<MatrixRow>,
}

#[derive(Debug, Serialize)]
struct MatrixRow {
    mutation: String,
    verdicts: Vec<Verdict>,
}

impl MatrixRow {
    fn killers<'m>(&self, drills: &'m [String]) -> Vec<&'m str> {
        let cells = self.verdicts.iter().zip(drills);
        let red = cells.filter(|(verdict, _)| **verdict == Verdict::Failed);
        red.map(|(_, name)| name.as_str()).collect()
    }
}

impl Matrix {
    /// Drills that do not pass on the sound system: they prove nothing.
    fn unsound(&self) -> Vec<&str> {
        let Some(sound) = self.rows.first() else {
            return Vec::new();
        };
        let cells = sound.verdicts.iter().zip(&self.drills);
        let bad = cells.filter(|(verdict, _)| **verdict != Verdict::Passed);
        bad.map(|(_, name)| name.as_str()).collect()
    }

    fn survivors(&self) -> Vec<&str> {
        let mutated = self.rows.iter().skip(1);
        let alive = mutated.filter(|row| row.killers(&self.drills).is_empty());
        alive.map(|row| row.mutation.as_str()).collect()
    }

    fn exit(&self) -> Exit {
        if !self.unsound().is_empty() {
            Exit::Inconclusive
        } else if self.survivors().is_empty() {
            Exit::Passed
        } else {
            Exit::Failed
        }
    }

    fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        let mut text = text.expect("names and verdicts are JSON");
        text.push('\n');
        text
    }

    fn text(&self) -> String {
        let mut out = String::new();
        let width = self.rows.iter().map(|row| row.mutation.len()).max();
        let width = width.unwrap_or_default();
        for (n, name) in self.drills.iter().enumerate() {
            let bars: String = (0..n).map(|_| '│').collect();
            line(&mut out, &format!("{:width$}  {bars}┌ {name}", ""));
        }
        for row in &self.rows {
            let marks: String = row.verdicts.iter().map(|it| mark(*it)).collect();
            let killers = row.killers(&self.drills).len();
            let note = match (row.mutation.as_str(), killers) {
                ("(none)", _) => String::new(),
                (_, 0) => "SURVIVED".to_owned(),
                (_, 1) => "killed by 1 drill".to_owned(),
                (_, many) => format!("killed by {many} drills"),
            };
            line(
                &mut out,
                &format!("{:width$}  {marks}  {note}", row.mutation),
            );
        }
        line(&mut out, "");
        line(&mut out, "✗ red, · green, ? could not tell");
        let (unsound, survivors) = (self.unsound(), self.survivors());
        if !unsound.is_empty() {
            let names = unsound.join(", ");
            line(&mut out, &format!("not green on the sound system: {names}"));
        }
        let mutations = self.rows.len().saturating_sub(1);
        let killed = mutations - survivors.len();
        line(
            &mut out,
            &format!(
                "{killed} of {mutations} mutations killed by {} drills",
                self.drills.len()
            ),
        );
        if !survivors.is_empty() {
            line(&mut out, &format!("survived: {}", survivors.join(", ")));
        }
        out
    }
}

fn mark(verdict: Verdict) -> char {
    match verdict {
        Verdict::Failed => '✗',
        Verdict::Passed => '·',
        Verdict::Inconclusive | Verdict::Aborted | Verdict::Skipped => '?',
    }
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{}", text.trim_end()).expect("a String takes every text");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[(&str, &[Verdict])]) -> Matrix {
        let rows = rows.iter().map(|(mutation, verdicts)| MatrixRow {
            mutation: (*mutation).to_owned(),
            verdicts: verdicts.to_vec(),
        });
        Matrix {
            drills: vec!["a".to_owned(), "b".to_owned()],
            rows: rows.collect(),
        }
    }

    const GREEN: (&str, &[Verdict]) = ("(none)", &[Verdict::Passed, Verdict::Passed]);

    #[test]
    fn a_mutation_that_no_drill_fails_on_survives() {
        let sound = matrix(&[GREEN, ("m", &[Verdict::Passed, Verdict::Failed])]);
        assert_eq!((sound.exit(), sound.survivors()), (Exit::Passed, vec![]));
        let alive = matrix(&[GREEN, ("m", &[Verdict::Passed, Verdict::Inconclusive])]);
        assert_eq!((alive.exit(), alive.survivors()), (Exit::Failed, vec!["m"]));
        assert!(
            alive.text().contains("m       ·?  SURVIVED"),
            "{}",
            alive.text()
        );
    }

    #[test]
    fn drills_that_are_not_green_on_the_sound_system_prove_nothing() {
        let broken = ("(none)", [Verdict::Passed, Verdict::Failed].as_slice());
        let unsound = matrix(&[broken, ("m", &[Verdict::Failed, Verdict::Failed])]);
        assert_eq!(
            (unsound.exit(), unsound.unsound()),
            (Exit::Inconclusive, vec!["b"])
        );
    }
}

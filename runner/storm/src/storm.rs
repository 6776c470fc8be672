//! Many seeds, on several threads, with a result that does not depend on how many.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::coverage::Coverage;
use crate::judge::{Rule, Violation, judge};
use crate::lab::{Options, run};
use crate::plan::{Plan, draw};
use crate::shrink::shrink;

/// So many broken seeds are shrunk; shrinking runs a seed again and again.
const SHRUNK: usize = 5;

/// Which seeds, and how.
#[derive(Clone, Debug)]
pub struct Storm {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// On how many threads.
    pub jobs: usize,
    /// Only these faults of each plan.
    pub only_faults: Option<Vec<usize>>,
    /// Whether to look for the shortest list of faults of what broke.
    pub shrinks: bool,
    /// How each is run.
    pub options: Options,
}

/// A seed that broke something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The seed.
    pub seed: u64,
    /// What it broke.
    pub violations: Vec<Violation>,
    /// The shortest known list of faults that breaks the first rule, where it was looked for.
    pub shortest: Option<Vec<usize>>,
}

/// What came of a storm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Simulations that were run.
    pub seeds: u64,
    /// What they reached together.
    pub coverage: Coverage,
    /// Those that broke something, by seed.
    pub broken: Vec<Broken>,
}

/// The plan of a seed under the storm's restrictions.
pub fn plan(storm: &Storm, seed: u64) -> Plan {
    let plan = draw(seed);
    match &storm.only_faults {
        None => plan,
        Some(numbers) => plan.only(numbers),
    }
}

/// What one plan broke, and what it reached.
pub fn judged(plan: &Plan, options: &Options) -> (Vec<Violation>, Coverage) {
    let history = run(plan, options);
    (judge(&history), Coverage::of(&history))
}

/// Runs a storm. `heard` is called after each seed with what it broke, from any thread.
pub fn storm(storm: &Storm, heard: impl Fn(u64, &[Violation]) + Sync) -> Outcome {
    let next = AtomicU64::new(0);
    // Added up at once: a little of each seed kept until the end would keep whole pages of its memory alive.
    let sum: Mutex<Sum> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..storm.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= storm.seeds {
                        return;
                    }
                    let seed = storm.from + index;
                    let (violations, coverage) = judged(&plan(storm, seed), &storm.options);
                    heard(seed, &violations);
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    sum.coverage.add(&coverage);
                    if !violations.is_empty() {
                        sum.broken.insert(seed, violations);
                    }
                }
            });
        }
    });
    let Sum { coverage, broken } = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut outcome = Outcome {
        seeds: storm.seeds,
        coverage,
        broken: Vec::new(),
    };
    for (seed, violations) in broken {
        let shrinks = storm.shrinks && outcome.broken.len() < SHRUNK;
        let first = violations.first().filter(|_| shrinks);
        let shortest = first.map(|first| shortest(storm, seed, first.rule));
        outcome.broken.push(Broken {
            seed,
            violations,
            shortest,
        });
    }
    outcome
}

/// What many seeds came to, in whatever order they ended.
#[derive(Default)]
struct Sum {
    coverage: Coverage,
    broken: BTreeMap<u64, Vec<Violation>>,
}

fn shortest(storm: &Storm, seed: u64, rule: Rule) -> Vec<usize> {
    let whole = plan(storm, seed);
    let numbers: Vec<usize> = whole.faults.iter().map(|fault| fault.number).collect();
    shrink(&numbers, |numbers| {
        let (violations, _) = judged(&whole.clone().only(numbers), &storm.options);
        violations.iter().any(|violation| violation.rule == rule)
    })
}

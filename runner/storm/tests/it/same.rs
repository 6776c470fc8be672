//! Same seed, same run, on however many threads.

use sitedrill_storm::history::in_words;
use sitedrill_storm::lab::{Options, run};
use sitedrill_storm::plan::draw;
use sitedrill_storm::storm::{Storm, storm};

fn lines(seed: u64) -> Vec<String> {
    let history = run(&draw(seed), &Options::default());
    let lines = history
        .entries
        .iter()
        .map(|entry| format!("{} {}", entry.at, in_words(&entry.what)));
    lines.collect()
}

#[test]
fn a_seed_gives_the_same_history_each_time() {
    for seed in [2, 9] {
        let first = lines(seed);
        assert!(first.len() > 20, "something happens: {}", first.len());
        assert_eq!(first, lines(seed), "seed {seed}");
    }
}

#[test]
fn what_comes_of_a_storm_does_not_depend_on_the_number_of_threads() {
    let with = |jobs| Storm {
        from: 1,
        seeds: 6,
        jobs,
        only_faults: None,
        shrinks: true,
        options: Options::default(),
    };
    let (one, three) = (storm(&with(1), |_, _| ()), storm(&with(3), |_, _| ()));
    assert_eq!(one, three);
    assert_eq!(one.seeds, 6);
    assert_eq!(one.broken, []);
    assert!(one.coverage.failovers > 6);
}

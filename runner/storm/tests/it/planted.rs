//! Bugs that are planted in the controllers, each of which the storm reports within 500 seeds.
//!
//! For each a seed is known that finds it, and is tried first, so that the test is quick. If it does not find it any
//! more, all the others are tried, in order, and none after the 500th.

use sitedrill_storm::judge::{Rule, judge};
use sitedrill_storm::lab::{Options, run};
use sitedrill_storm::plan::draw;
use siterecovery_decide::Sabotage;

const SEEDS: u64 = 500;

/// The rules that a seed breaks when the controllers are wrong in this way.
fn broken(seed: u64, sabotage: Option<Sabotage>) -> Vec<Rule> {
    let history = run(&draw(seed), &Options { sabotage });
    judge(&history).iter().map(|found| found.rule).collect()
}

/// A seed of the first 500 that reports the planted bug as this rule, and is silent without it.
fn found(planted: Sabotage, as_rule: Rule, try_first: u64) -> Option<u64> {
    assert!((1..=SEEDS).contains(&try_first));
    let mut seeds = std::iter::once(try_first).chain(1..=SEEDS);
    seeds.find(|&seed| {
        broken(seed, Some(planted)).contains(&as_rule) && !broken(seed, None).contains(&as_rule)
    })
}

fn assert_found(planted: Sabotage, as_rule: Rule, try_first: u64) {
    let seed = found(planted, as_rule, try_first);
    assert!(
        seed.is_some(),
        "{planted:?} is not reported as {as_rule:?} within {SEEDS} seeds"
    );
}

#[test]
fn a_lock_that_is_not_looked_at_is_reported() {
    assert_found(Sabotage::IgnoreLock, Rule::OneHolder, 5);
}

#[test]
fn a_lock_that_is_not_looked_at_again_on_resuming_is_reported() {
    assert_found(Sabotage::ResumeWithoutLock, Rule::OneHolder, 17);
}

#[test]
fn a_lost_lock_that_is_not_noticed_is_reported() {
    assert_found(Sabotage::IgnoreLostLock, Rule::OneHolder, 17);
}

#[test]
fn a_takeover_without_compare_and_swap_is_reported() {
    assert_found(Sabotage::TakeOverWithoutCompare, Rule::OneHolder, 75);
}

#[test]
fn a_safety_check_that_believes_a_stale_status_is_reported() {
    assert_found(Sabotage::BelieveStaleStatus, Rule::Safety, 8);
}

#[test]
fn a_safety_check_that_is_skipped_is_reported() {
    assert_found(Sabotage::SkipSafetyCheck, Rule::Safety, 8);
}

#[test]
fn a_start_before_the_release_is_reported() {
    assert_found(Sabotage::StartBeforeRelease, Rule::StopBeforeStart, 4);
}

#[test]
fn a_rollback_after_the_start_is_reported() {
    assert_found(Sabotage::RollBackAfterStart, Rule::StopBeforeStart, 63);
}

#[test]
fn a_source_that_is_not_stopped_on_its_return_is_reported() {
    assert_found(Sabotage::ForgetFencing, Rule::Settles, 2);
}

#[test]
fn a_terminal_phase_that_is_written_again_is_reported() {
    assert_found(Sabotage::RewriteTheEnd, Rule::TerminalForEver, 2);
}

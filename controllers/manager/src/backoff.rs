//! How long to wait before trying again: exponential, with jitter from the run's seed.
//!
//! **Invariant:** no hidden randomness. The same seed, name and attempt give the same delay,
//! whatever else happens, so a run repeats exactly.

use std::time::Duration;

use tokio::time::Instant;

/// How delays grow. The delay doubles from `first` and stops at `most`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delays {
    /// The delay after the first failure, before jitter.
    pub(crate) first: Duration,
    /// No delay is longer than this, before jitter.
    pub(crate) most: Duration,
}

impl Delays {
    /// For a watch: short, because nothing else tells us that a site is back.
    pub(crate) const WATCH: Self = Self {
        first: Duration::from_millis(500),
        most: Duration::from_secs(5),
    };
    /// For a pass that failed: patient, because the next change starts one anyway.
    pub(crate) const PASS: Self = Self {
        first: Duration::from_millis(500),
        most: Duration::from_secs(60),
    };
    /// For a write that met a newer object: only our view is old, so look again at once.
    pub(crate) const CONFLICT: Self = Self {
        first: Duration::from_millis(20),
        most: Duration::from_secs(1),
    };

    /// The delay before attempt number `attempt` (0 is the first retry), with up to 20 % added.
    pub(crate) fn delay(self, attempt: u32, seed: u64, name: &str) -> Duration {
        let plain = self
            .first
            .saturating_mul(1_u32 << attempt.min(16))
            .min(self.most);
        plain + plain.mul_f64(0.2 * fraction(seed, name, attempt))
    }
}

/// A number in `0.0..1.0` that depends on its arguments and on nothing else.
fn fraction(seed: u64, name: &str, attempt: u32) -> f64 {
    let mixed = splitmix64(mix(seed, name) ^ u64::from(attempt));
    let top = u32::try_from(mixed >> 32).expect("a u64 shifted by 32 bits fits into a u32");
    f64::from(top) / (f64::from(u32::MAX) + 1.0)
}

/// A hash that is the same on every machine and in every build, unlike the standard library's.
pub(crate) fn mix(seed: u64, text: &str) -> u64 {
    text.bytes().fold(splitmix64(seed), |state, byte| {
        splitmix64(state ^ u64::from(byte))
    })
}

/// The splitmix64 step (Steele, Lea, Flood 2014): one addition and a finaliser.
fn splitmix64(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The backoff of one watch, for kube's `StreamBackoff`.
///
/// kube's watcher announces each relist with a success before the list itself has been tried,
/// and `StreamBackoff` resets on a success. So a reset counts here only after a quiet time.
#[derive(Debug)]
pub(crate) struct WatchBackoff {
    seed: u64,
    name: String,
    attempt: u32,
    last_failure: Option<Instant>,
}

/// A watch that has been quiet for this long starts its delays afresh.
const QUIET: Duration = Duration::from_secs(30);

impl WatchBackoff {
    /// A backoff whose jitter depends on the run's seed and on the name of the watch.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        Self {
            seed,
            name: name.to_owned(),
            attempt: 0,
            last_failure: None,
        }
    }
}

impl Iterator for WatchBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.last_failure.is_some_and(|at| at.elapsed() > QUIET) {
            self.attempt = 0;
        }
        let delay = Delays::WATCH.delay(self.attempt, self.seed, &self.name);
        self.attempt = self.attempt.saturating_add(1);
        self.last_failure = Some(Instant::now());
        Some(delay)
    }
}

impl kube::runtime::utils::Backoff for WatchBackoff {
    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_name_give_the_same_delays_and_another_seed_gives_others() {
        let series = |seed| {
            (0..8)
                .map(|n| Delays::PASS.delay(n, seed, "pg-a"))
                .collect::<Vec<_>>()
        };
        assert_eq!(series(7), series(7));
        assert_ne!(series(7), series(8));
    }

    #[test]
    fn delays_grow_and_stop_growing() {
        let plain = |n| Delays::WATCH.delay(n, 1, "x");
        assert!(plain(0) >= Duration::from_millis(500) && plain(0) < Duration::from_millis(600));
        assert!(plain(3) > plain(1));
        assert!(plain(60) <= Duration::from_secs(6));
    }

    #[test]
    fn jitter_spreads_over_the_whole_range() {
        let values: Vec<f64> = (0..200).map(|n| fraction(3, "watch", n)).collect();
        assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
        assert!(values.iter().any(|value| *value < 0.1) && values.iter().any(|value| *value > 0.9));
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_was_quiet_for_a_while_starts_afresh() {
        let mut backoff = WatchBackoff::new(1, "leases");
        let first = backoff.next().unwrap();
        assert!(backoff.nth(3).unwrap() > first);
        tokio::time::advance(QUIET * 2).await;
        assert_eq!(backoff.next().unwrap(), first);
    }
}

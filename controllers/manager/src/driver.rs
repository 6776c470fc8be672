//! Runs passes: takes keys from triggers, starts one pass a key, and plans the next.
//!
//! Why not kube's `Controller`: it keeps running passes in a `HashMap` and polls them in that
//! map's order, which differs from process to process, so two passes that end at the same
//! instant would make the same seed run differently. It also reconciles the cached object,
//! and ours read live. The watches are kube's.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use crate::backoff::Delays;
use crate::error::{Error, PassError, Remedy};
use crate::queue::WorkQueue;
use crate::telemetry::chain;

/// When to make the next pass over an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// On a change; a slow fallback pass covers a change that nobody told us of.
    OnChange,
    /// On a change, and at the latest after this time.
    After(Duration),
    /// Only on a change: the object is gone, or at its end.
    Never,
}

/// After a pass, changes are collected for this long before they start the next one.
const TRIGGER_PAUSE: Duration = Duration::from_millis(5);

/// A pass that asks for another one at once gets it after this time: an object that asks for ever
/// then costs virtual time, so that deadlines still come.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// How a driver runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DriverSettings {
    /// No more passes than this at the same time.
    pub(crate) concurrency: usize,
    /// The longest time without a pass over a live object.
    pub(crate) fallback: Duration,
    /// The seed of all jitter.
    pub(crate) seed: u64,
    /// How long running passes may take to end after shutdown was asked for.
    pub(crate) grace: Duration,
}

impl DriverSettings {
    /// The settings of both controllers.
    pub(crate) fn with_seed(seed: u64) -> Self {
        Self {
            concurrency: 64,
            fallback: Duration::from_secs(300),
            seed,
            grace: Duration::from_secs(10),
        }
    }
}

/// Runs passes until shutdown.
///
/// # Errors
///
/// Only when a pass ends with [`PassError::Halted`]; every other failure is retried.
pub(crate) async fn drive<K, Pass, Fut>(
    settings: DriverSettings,
    mut triggers: UnboundedReceiver<K>,
    shutdown: impl Future<Output = ()>,
    pass: Pass,
) -> Result<(), Error>
where
    K: Ord + Clone + Display + Send + 'static,
    Pass: Fn(K) -> Fut,
    Fut: Future<Output = Result<Next, PassError>> + Send + 'static,
{
    let mut shutdown = pin!(shutdown);
    let mut driver = Driver::new(settings);
    loop {
        while let Ok(key) = triggers.try_recv() {
            driver.queue.trigger(key, Instant::now());
        }
        driver.start_due(&pass);
        let next_due = driver.next_start();
        tokio::select! {
            biased;
            () = &mut shutdown => return driver.finish().await,
            Some(ended) = driver.passes.join_next_with_id(), if !driver.passes.is_empty() => driver.ended(ended)?,
            Some(key) = triggers.recv() => driver.queue.trigger(key, Instant::now()),
            () = sleep_until(next_due), if next_due.is_some() => {}
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}

type Ended = Result<(Id, Result<Next, PassError>), JoinError>;

struct Driver<K> {
    settings: DriverSettings,
    queue: WorkQueue<K>,
    passes: JoinSet<Result<Next, PassError>>,
    running: BTreeMap<Id, K>,
    failures: BTreeMap<K, u32>,
}

impl<K: Ord + Clone + Display> Driver<K> {
    fn new(settings: DriverSettings) -> Self {
        Self {
            settings,
            queue: WorkQueue::new(),
            passes: JoinSet::new(),
            running: BTreeMap::new(),
            failures: BTreeMap::new(),
        }
    }

    fn has_room(&self) -> bool {
        self.running.len() < self.settings.concurrency
    }

    fn start_due<Pass, Fut>(&mut self, pass: &Pass)
    where
        Pass: Fn(K) -> Fut,
        Fut: Future<Output = Result<Next, PassError>> + Send + 'static,
    {
        while self.has_room() {
            let Some(key) = self.queue.take_due(Instant::now()) else {
                return;
            };
            let task = self.passes.spawn(pass(key.clone()));
            self.running.insert(task.id(), key);
        }
    }

    /// When to wake up to start a pass; never while every place is taken.
    fn next_start(&self) -> Option<Instant> {
        self.has_room().then(|| self.queue.next_due()).flatten()
    }

    fn ended(&mut self, ended: Ended) -> Result<(), Error> {
        let (id, outcome) = match ended {
            Ok(ended) => ended,
            Err(join) => (join.id(), Err(PassError::Panicked { source: join })),
        };
        let key = self
            .running
            .remove(&id)
            .expect("every task was noted when it was spawned");
        self.queue.finish(&key, Instant::now() + TRIGGER_PAUSE);
        match outcome {
            Ok(next) => {
                if self.failures.remove(&key).is_some() {
                    tracing::info!(object = %key, "a pass succeeds again");
                }
                self.plan(key, next);
                Ok(())
            }
            Err(PassError::Halted { at }) => Err(Error::Halted { at }),
            Err(error) => {
                self.failed(key, &error);
                Ok(())
            }
        }
    }

    fn plan(&mut self, key: K, next: Next) {
        let after = match next {
            Next::Never => return,
            Next::After(delay) => delay.clamp(SHORTEST_PAUSE, self.settings.fallback),
            Next::OnChange => self.settings.fallback,
        };
        self.queue.add(key, Instant::now() + after);
    }

    /// Plans the retry of a failed pass.
    fn failed(&mut self, key: K, error: &PassError) {
        let streak = self.failures.entry(key.clone()).or_insert(0);
        let (attempt, name) = (*streak, key.to_string());
        *streak = streak.saturating_add(1);
        let error_chain = chain(error);
        let after = match error.remedy() {
            Remedy::LookAgainSoon => {
                tracing::debug!(object = %name, error = %error_chain, "a write met a newer object");
                Delays::CONFLICT.delay(attempt, self.settings.seed, &name)
            }
            Remedy::WaitForChange => {
                tracing::error!(object = %name, reason = error.reason(), error = %error_chain, "a pass waits for a change");
                self.settings.fallback
            }
            Remedy::BackOff => {
                if attempt == 0 {
                    tracing::warn!(object = %name, reason = error.reason(), error = %error_chain, "a pass failed");
                } else {
                    tracing::debug!(object = %name, attempt, error = %error_chain, "a pass failed again");
                }
                Delays::PASS.delay(attempt, self.settings.seed, &name)
            }
        };
        self.queue.add(key, Instant::now() + after);
    }

    /// Lets running passes end, within the grace time.
    async fn finish(mut self) -> Result<(), Error> {
        let deadline = Instant::now() + self.settings.grace;
        while let Ok(Some(ended)) =
            tokio::time::timeout_at(deadline, self.passes.join_next_with_id()).await
        {
            self.ended(ended)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::sync::mpsc;

    use super::*;

    type Log = Arc<Mutex<Vec<(String, Duration)>>>;

    async fn run(
        script: impl Fn(&str, usize) -> Result<Next, PassError> + Send + Sync + 'static,
    ) -> Vec<(String, Duration)> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let log = Log::default();
        let start = Instant::now();
        let script = Arc::new(script);
        for key in ["b", "a"] {
            sender.send(key.to_owned()).unwrap();
        }
        let passes = Arc::clone(&log);
        let shutdown = tokio::time::sleep(Duration::from_secs(3600));
        drive(
            DriverSettings::with_seed(1),
            receiver,
            shutdown,
            move |key: String| {
                let (log, script) = (Arc::clone(&passes), Arc::clone(&script));
                async move {
                    let count = {
                        let mut log = log.lock().unwrap();
                        log.push((key.clone(), start.elapsed()));
                        log.iter().filter(|(seen, _)| *seen == key).count()
                    };
                    script(&key, count)
                }
            },
        )
        .await
        .unwrap();
        drop(sender);
        Arc::try_unwrap(log).unwrap().into_inner().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_settled_object_gets_only_the_slow_fallback_pass() {
        let log = run(|_, _| Ok(Next::OnChange)).await;
        assert_eq!(log.iter().filter(|(key, _)| key == "a").count(), 12);
        assert_eq!(log[0].0, "a", "keys start in order: {log:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_at_its_end_gets_no_more_passes() {
        assert_eq!(run(|_, _| Ok(Next::Never)).await.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panicking_pass_is_retried_and_does_not_stop_the_others() {
        let log = run(|key, count| {
            assert!(key != "a" || count > 1, "a broken promise");
            Ok(Next::Never)
        })
        .await;
        assert_eq!(log.iter().filter(|(key, _)| key == "a").count(), 2);
        assert_eq!(log.iter().filter(|(key, _)| key == "b").count(), 1);
    }
}

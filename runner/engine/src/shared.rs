//! The core, shared by watches and actors, and the bell that tells them that something has changed.

use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sitedrill_model::event::EventKind;
use tokio::sync::Notify;

use crate::core::{Core, Input};
use crate::{Emitter, Now, Target};

/// The core with its way in, its way out, and its bell.
///
/// **Invariant:** events leave in the order in which the core made them, because they leave under its lock.
pub(crate) struct Shared {
    core: Mutex<Core>,
    emitter: Emitter,
    now: Now,
    // Notify wakes in the order of asking. A tokio watch channel would wake in random order,
    // and the same seed would no longer give the same run.
    bell: Notify,
}

impl Shared {
    pub(crate) fn new(target: &Target, emitter: Emitter) -> Self {
        let sites = target.sites.iter();
        let names = sites.map(|it| (it.info.name.clone(), it.aliases.clone()));
        let core = Core::new(&target.namespace, &names.collect::<Vec<_>>());
        Self {
            core: Mutex::new(core),
            emitter,
            now: target.now.clone(),
            bell: Notify::new(),
        }
    }

    /// The time of the sites.
    pub(crate) fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Lets the core take something in, emits what it says, and rings.
    pub(crate) fn take(&self, input: Input<'_>) {
        let now = self.now();
        self.change(|core| (core.handle(input, now), ()));
    }

    /// Changes the core, emits what it says, and rings.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Core) -> (Vec<EventKind>, T)) -> T {
        let result = self.change_quietly(change);
        self.bell.notify_waiters();
        result
    }

    /// Changes what nobody waits for in the core, and emits what it says.
    pub(crate) fn change_quietly<T>(
        &self,
        change: impl FnOnce(&mut Core) -> (Vec<EventKind>, T),
    ) -> T {
        let mut core = self.core();
        let (events, result) = change(&mut core);
        let chapter = core.act().index;
        for event in events {
            self.emitter.emit(chapter, event);
        }
        result
    }

    /// Emits an event of the chapter that runs.
    pub(crate) fn emit(&self, event: EventKind) {
        let core = self.core();
        self.emitter.emit(core.act().index, event);
    }

    /// The core; not to be kept over an await.
    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the core whenever something has changed, and at the latest when `look` says so, until `look` answers.
    /// Ends with `None` at the deadline.
    pub(crate) async fn until<T>(
        &self,
        deadline: tokio::time::Instant,
        mut look: impl FnMut(&mut Core, Timestamp) -> Look<T>,
    ) -> Option<T> {
        loop {
            // Asked for before looking, so that no ring between looking and sleeping is lost.
            let mut rung = pin!(self.bell.notified());
            rung.as_mut().enable();
            let now = self.now();
            let seen = look(&mut self.core(), now);
            let again = match seen {
                Look::Answer(answer) => return Some(answer),
                Look::Later(again) => again,
            };
            let wake = again.map_or(deadline, |again| deadline.min(instant_of(again, now)));
            tokio::select! {
                biased;
                () = rung => {}
                () = tokio::time::sleep_until(wake) => {
                    if tokio::time::Instant::now() >= deadline {
                        return None;
                    }
                }
            }
        }
    }

    /// Rings once more whenever time alone may have broken an invariant; never ends.
    pub(crate) async fn keep_time(&self) -> std::convert::Infallible {
        loop {
            let mut rung = pin!(self.bell.notified());
            rung.as_mut().enable();
            let now = self.now();
            let next = self.core().act().next_tick();
            match next {
                None => rung.await,
                Some(next) => tokio::select! {
                    biased;
                    () = rung => {}
                    () = tokio::time::sleep_until(instant_of(next, now)) => self.take(Input::Tick),
                },
            }
        }
    }
}

/// What a look at the core came to.
pub(crate) enum Look<T> {
    /// This.
    Answer(T),
    /// Nothing yet; look again at this time even if nothing changes.
    Later(Option<Timestamp>),
}

/// The shortest sleep. A time that has come by the clock of the sites and not by the runtime's
/// must not become a loop that never lets time go on.
const SHORTEST: Duration = Duration::from_millis(1);

fn instant_of(time: Timestamp, now: Timestamp) -> tokio::time::Instant {
    let ahead = Duration::try_from(time.duration_since(now)).unwrap_or_default();
    tokio::time::Instant::now() + ahead.max(SHORTEST)
}

/// Runs a future with time being kept beside it.
pub(crate) async fn in_time<T>(shared: &Shared, work: impl Future<Output = T>) -> T {
    tokio::select! {
        biased;
        never = shared.keep_time() => match never {},
        done = work => done,
    }
}

//! The one clock of a run.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sitedrill_model::event::TimeMode;

/// The time of the sites, as a function that is handed to everything that needs it.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Where virtual time starts: the second in the names of the guide's example operations.
pub const VIRTUAL_EPOCH: Timestamp = Timestamp::constant(1_730_400_000, 0);

/// The clock for a mode of time. Call it inside the runtime in which the time passes.
pub fn clock(mode: TimeMode) -> Now {
    match mode {
        TimeMode::Virtual => starting_at(VIRTUAL_EPOCH),
        TimeMode::Real => system(),
    }
}

/// A clock that can be handed out before the runtime exists in which its time passes, and kept after its end.
#[derive(Clone, Default)]
pub struct LateClock(Arc<Mutex<Option<Now>>>);

impl LateClock {
    /// Sets the clock.
    pub fn start(&self, now: &Now) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now.clone());
    }

    /// Stops the clock where it stands: outside its runtime, virtual time means nothing.
    pub fn stop(&self) {
        let last = (self.now())();
        self.start(&(Arc::new(move || last) as Now));
    }

    /// The time; where virtual time starts, as long as the clock has not been set.
    pub fn now(&self) -> Now {
        let cell = self.0.clone();
        Arc::new(move || {
            let now = cell.lock().unwrap_or_else(PoisonError::into_inner).clone();
            now.map_or(VIRTUAL_EPOCH, |now| now())
        })
    }
}

/// The machine's own time.
pub fn system() -> Now {
    Arc::new(wall_now)
}

/// Time that starts at `epoch` and follows tokio's, paused or not.
pub fn starting_at(epoch: Timestamp) -> Now {
    let start = tokio::time::Instant::now();
    Arc::new(move || {
        let elapsed = SignedDuration::try_from(start.elapsed())
            .expect("a run is shorter than the range of a duration");
        epoch + elapsed
    })
}

/// The machine's time, for fields named `wall` and for real time.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of the runner that reads the machine's clock"
)]
pub fn wall_now() -> Timestamp {
    Timestamp::now()
}

//! `sleep`: lets time pass, for a reason.

use sitedrill_model::event::StepOutcome;
use sitedrill_model::scenario::Sleep;

use super::passed;
use crate::objects::span;

pub(super) async fn run(sleep: &Sleep) -> StepOutcome {
    tokio::time::sleep(sleep.duration).await;
    let slept = span(sleep.duration.as_secs_f64());
    passed(format!("slept {slept}: {}", sleep.because))
}

//! `await`: waits for a fact that somebody else causes.

use std::time::Duration;

use sitedrill_model::FailureKind;
use sitedrill_model::event::StepOutcome;
use sitedrill_model::scenario::{Condition, Step};

use super::Stage;
use crate::waiting;

pub(super) async fn run(condition: &Condition, step: &Step, stage: &Stage<'_>) -> StepOutcome {
    // A checked scenario has a time on every step that waits; none means: not at all.
    let within = step.within.unwrap_or(Duration::ZERO);
    waiting::judge_within(condition, within, step, FailureKind::AwaitTimedOut, stage).await
}

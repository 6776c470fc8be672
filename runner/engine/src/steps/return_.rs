//! `return`: moves a group back and waits until it runs there.

use sitedrill_model::event::StepOutcome;
use sitedrill_model::scenario::{Return, Step};
use sitedrill_model::{Failure, FailureKind};

use super::{Stage, failed, passed};
use crate::rest::chain;

pub(super) async fn run(it: &Return, step: &Step, stage: &Stage<'_>) -> StepOutcome {
    match stage.target.fixture.return_group(&it.group, &it.to).await {
        Ok(done) => passed(done),
        Err(error) => {
            let (group, to) = (&it.group, &it.to);
            let message = format!("{group} could not be returned to {to}: {}", chain(&error));
            failed(Failure::new(FailureKind::CleanupFailed, message).at(&step.location))
        }
    }
}

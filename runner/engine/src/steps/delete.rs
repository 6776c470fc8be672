//! `delete`: deletes an object. That there is none is a refusal like any other.

use sitedrill_model::event::StepOutcome;
use sitedrill_model::scenario::{ObjectRef, Step};

use super::{Stage, failed, written};
use crate::objects::Key;

pub(super) async fn run(object: &ObjectRef, step: &Step, stage: &Stage<'_>) -> StepOutcome {
    let rest = match stage.rest(object) {
        Ok(rest) => rest,
        Err(failure) => return failed(failure.at(&step.location)),
    };
    let result = rest.delete(&object.name).await;
    written("deleted", &Key::of(object), result, step)
}

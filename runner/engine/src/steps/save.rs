//! `save`: keeps the value of a field for later steps.

use sitedrill_model::event::StepOutcome;
use sitedrill_model::scenario::{Save, Step};
use sitedrill_model::{Failure, FailureKind};

use super::{Stage, failed, passed};
use crate::core::Input;
use crate::objects::{self, Key};
use crate::reads;

pub(super) async fn run(save: &Save, step: &Step, stage: &Stage<'_>) -> StepOutcome {
    let key = Key::of(&save.object);
    let object = match reads::get(&key, stage.target).await {
        Ok(object) => object,
        Err(failure) => return failed(failure.at(&step.location)),
    };
    let value = object
        .as_ref()
        .and_then(|it| objects::field(it, &save.field));
    let Some(value) = value else {
        let message = format!("{key} has no {} to save", save.field);
        return failed(Failure::new(FailureKind::ExpectationNotMet, message).at(&step.location));
    };
    let (name, value) = (save.name.clone(), objects::text(Some(value)));
    let detail = format!("{name} is {value}");
    stage.shared.take(Input::Saved { name, value });
    passed(detail)
}

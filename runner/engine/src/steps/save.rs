//! `save` keeps the value of a field for later steps, `measure` in the report.

use sitedrill_model::event::{EventKind, MeasuredValue, StepOutcome};
use sitedrill_model::scenario::{Save, Step};
use sitedrill_model::{Failure, FailureKind};

use super::{Stage, failed, passed};
use crate::core::Input;
use crate::objects::{self, Key};
use crate::reads;

pub(super) async fn run(save: &Save, step: &Step, stage: &Stage<'_>) -> StepOutcome {
    let value = match read(save, stage).await {
        Ok(value) => value,
        Err(failure) => return failed(failure.at(&step.location)),
    };
    let name = save.name.clone();
    let detail = format!("{name} is {value}");
    stage.shared.take(Input::Saved { name, value });
    passed(detail)
}

pub(super) async fn measure(save: &Save, step: &Step, stage: &Stage<'_>) -> StepOutcome {
    let value = match read(save, stage).await {
        Ok(value) => value,
        Err(failure) => return failed(failure.at(&step.location)),
    };
    let name = save.name.clone();
    let detail = format!("{name} is {value}");
    let measured = EventKind::ValueMeasured(MeasuredValue { name, value });
    stage.shared.emit(measured);
    passed(detail)
}

/// The value of the field on the site, now.
async fn read(save: &Save, stage: &Stage<'_>) -> Result<String, Failure> {
    let key = Key::of(&save.object);
    let object = reads::get(&key, stage.target).await?;
    let value = object
        .as_ref()
        .and_then(|it| objects::field(it, &save.field));
    value.map_or_else(
        || {
            let message = format!("{key} has no {} to save", save.field);
            Err(Failure::new(FailureKind::ExpectationNotMet, message))
        },
        |value| Ok(objects::text(Some(value))),
    )
}

//! `observe`: starts to record the values of fields.

use sitedrill_model::event::StepOutcome;
use sitedrill_model::scenario::{Observe, Step};

use super::{Stage, failed, passed};
use crate::core::Input;
use crate::reads;

pub(super) async fn run(observe: &Observe, step: &Step, stage: &Stage<'_>) -> StepOutcome {
    // The first value must be the present one, not one that the watch has yet to replace.
    let settled = reads::settle(&observe.object, stage.target, stage.shared).await;
    if let Err(failure) = settled {
        return failed(failure.at(&step.location));
    }
    stage.shared.take(Input::Record(observe));
    let recorded = stage.shared.core().recorded(&observe.name);
    let first = recorded.first().map_or("", |it| &it.value);
    passed(format!("recording, from: {first}"))
}

//! `expect`: checks a fact, now or within a time.

use sitedrill_model::FailureKind;
use sitedrill_model::event::StepOutcome;
use sitedrill_model::scenario::{Condition, Step};

use super::Stage;
use crate::core::Input;
use crate::waiting;

pub(super) async fn run(condition: &Condition, step: &Step, stage: &Stage<'_>) -> StepOutcome {
    let kind = FailureKind::ExpectationNotMet;
    let outcome = match (step.within, step.throughout) {
        (_, Some(length)) => waiting::judge_throughout(condition, length, step, stage).await,
        (None, None) => waiting::judge_now(condition, step, kind, stage).await,
        (Some(within), None) => waiting::judge_within(condition, within, step, kind, stage).await,
    };
    let could_tell = outcome
        .failure
        .as_ref()
        .is_none_or(|it| it.kind != FailureKind::EnvironmentFailed);
    if could_tell {
        stage.shared.take(Input::Checked);
    }
    outcome
}

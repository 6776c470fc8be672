//! `patch`: merge-patches an object.

use serde_json::Value;
use sitedrill_model::event::StepOutcome;
use sitedrill_model::scenario::{Patch, Step};

use super::{Stage, failed, written};
use crate::kinds;
use crate::objects::Key;

pub(super) async fn run(patch: &Patch, step: &Step, stage: &Stage<'_>) -> StepOutcome {
    let rest = match stage.rest(&patch.object) {
        Ok(rest) => rest,
        Err(failure) => return failed(failure.at(&step.location)),
    };
    let status = is_status_only(&patch.merge) && kinds::has_status_subresource(patch.object.kind);
    let result = rest.merge(&patch.object.name, &patch.merge, status).await;
    written("patched", &Key::of(&patch.object), result, step)
}

/// A server with a status subresource would ignore such a patch of the object itself, without a word.
fn is_status_only(merge: &Value) -> bool {
    let keys = merge.as_object().map(|map| map.keys().collect::<Vec<_>>());
    keys.is_some_and(|keys| keys == ["status"])
}

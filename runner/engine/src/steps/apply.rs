//! `apply`: server-side apply of a manifest.

use sitedrill_model::event::StepOutcome;
use sitedrill_model::scenario::{Apply, Step};
use sitedrill_model::{Failure, FailureKind};

use super::{Stage, failed, passed};
use crate::kinds;
use crate::objects;
use crate::observer::client_of;
use crate::rest::{self, Rest};

pub(super) async fn run(apply: &Apply, step: &Step, stage: &Stage<'_>) -> StepOutcome {
    let text = |pointer| objects::string(&apply.manifest, pointer).unwrap_or_default();
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    let client = match client_of(stage.target, &apply.site) {
        Ok(client) => client,
        Err(failure) => return failed(failure.at(&step.location)),
    };
    let namespace = objects::string(&apply.manifest, "/metadata/namespace");
    let resource = kinds::resource_of(text("/apiVersion"), kind);
    let rest = Rest::new(client, resource, namespace);
    let object = format!("{}/{name} on {}", kind.to_lowercase(), apply.site);
    let Err(error) = rest.apply(name, &apply.manifest).await else {
        return passed(format!("applied {object}"));
    };
    let reason = rest::reason(&error);
    let failure = match &error {
        kube::Error::Api(status) if status.code < 500 => {
            let message = format!("{object} was not applied: {reason}");
            Failure::new(FailureKind::WriteRefused, message)
        }
        _ => {
            let message = format!("{object} could not be applied: {reason}");
            Failure::new(FailureKind::EnvironmentFailed, message)
        }
    };
    failed(failure.at(&step.location))
}

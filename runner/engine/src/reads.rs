//! Live reads: what a site says now, where what was observed must not be trusted to be the latest.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sitedrill_model::scenario::{Condition, ObjectKind, ObjectRef};
use sitedrill_model::{Failure, FailureKind};
use tokio::time::Instant;

use crate::conditions::lock_key;
use crate::core::Source;
use crate::objects::{self, Key, Objects};
use crate::observer::client_of;
use crate::rest::{self, Rest};
use crate::shared::{Look, Shared};
use crate::{Target, kinds};

/// The pauses between the tries of a read. A site that fails three times in a row cannot be read.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// How long a watch may take to bring what a read has shown.
const LAG: Duration = Duration::from_secs(30);

/// The objects that a condition speaks of, as they are on the sites now.
pub(crate) async fn objects_of(condition: &Condition, target: &Target) -> Result<Objects, Failure> {
    match condition {
        Condition::Matches { object, .. } | Condition::Absent { object } => {
            let key = Key::of(object);
            let found = get(&key, target).await?;
            Ok(found.map(|it| (key, Arc::new(it))).into_iter().collect())
        }
        Condition::Count {
            site,
            kind,
            namespace,
            ..
        } => {
            let source = Source {
                site: site.clone(),
                kind: *kind,
                namespace: namespace.clone().unwrap_or_default(),
            };
            list(&source, target).await
        }
        Condition::Lock { group, .. } => {
            let mut found = BTreeMap::new();
            for site in &target.sites {
                let key = lock_key(&site.info.name, &target.namespace, group);
                if let Some(lease) = get(&key, target).await? {
                    found.insert(key, Arc::new(lease));
                }
            }
            Ok(found)
        }
        Condition::Cel(expression) => {
            let mut found = Objects::new();
            for read in &expression.reads {
                let source = Source {
                    site: read.site.clone(),
                    kind: read.kind,
                    namespace: read.namespace.clone().unwrap_or_default(),
                };
                found.extend(list(&source, target).await?);
            }
            Ok(found)
        }
        // These speak of what was observed, not of what is.
        Condition::Sequence { .. } | Condition::Actor { .. } => Ok(Objects::new()),
    }
}

/// Waits until the present version of an object has been observed.
pub(crate) async fn settle(
    object: &ObjectRef,
    target: &Target,
    shared: &Shared,
) -> Result<(), Failure> {
    let key = Key::of(object);
    let present = get(&key, target).await?;
    let look = |core: &mut crate::core::Core, _| {
        let seen = match &present {
            None => !core.objects().contains_key(&key),
            Some(it) => core.history().has_seen(&key, objects::resource_version(it)),
        };
        if seen {
            Look::Answer(())
        } else {
            Look::Later(None)
        }
    };
    let settled = shared.until(Instant::now() + LAG, look).await;
    settled.ok_or_else(|| {
        let message = format!("the watch does not bring the present state of {key}");
        Failure::new(FailureKind::ObservationGap, message)
    })
}

/// The object as it is on its site now.
pub(crate) async fn get(key: &Key, target: &Target) -> Result<Option<Value>, Failure> {
    let rest = rest(&key.site, key.kind, &key.namespace, target)?;
    let read = || rest.get(&key.name);
    patiently(read)
        .await
        .map_err(|error| unreadable(&key.to_string(), &error))
}

async fn list(source: &Source, target: &Target) -> Result<Objects, Failure> {
    let rest = rest(&source.site, source.kind, &source.namespace, target)?;
    let listed = patiently(|| rest.list()).await;
    match listed {
        Ok((items, _)) => {
            let objects = items.into_iter().map(|it| (source.key(&it), Arc::new(it)));
            Ok(objects.collect())
        }
        // The site does not have this kind, so it has no object of it.
        Err(error) if rest::is_code(&error, 404) => Ok(Objects::new()),
        Err(error) => {
            let what = format!("{} on {}", kinds::plural(source.kind), source.site);
            Err(unreadable(&what, &error))
        }
    }
}

async fn patiently<T, F>(read: impl Fn() -> F) -> kube::Result<T>
where
    F: Future<Output = kube::Result<T>>,
{
    for pause in PAUSES {
        match read().await {
            // An answer that will not change with time: refused, not found, malformed.
            Err(kube::Error::Api(status)) if status.code < 500 && status.code != 429 => {
                return Err(kube::Error::Api(status));
            }
            Err(_) => tokio::time::sleep(pause).await,
            Ok(found) => return Ok(found),
        }
    }
    read().await
}

fn rest(site: &str, kind: ObjectKind, namespace: &str, target: &Target) -> Result<Rest, Failure> {
    let namespace = (!namespace.is_empty()).then_some(namespace);
    Ok(Rest::new(
        client_of(target, site)?,
        kinds::resource(kind),
        namespace,
    ))
}

fn unreadable(what: &str, error: &kube::Error) -> Failure {
    let message = format!("{what} could not be read: {}", rest::reason(error));
    Failure::new(FailureKind::EnvironmentFailed, message)
}

//! Reading sites: all of them at the same time, each with a limit, none able to spoil the others.

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::ApiResource;

use crate::context::{Context, Site};
use crate::output::{Output, Stream};

/// A site that has not answered one request in this time counts as unreachable. Long enough for a
/// tired API server, short enough for a person who waits.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// What one site said, or why it said nothing.
pub(crate) struct Answer<'a, T> {
    pub(crate) site: &'a Site,
    pub(crate) result: Result<T, ReadError>,
}

/// Why a site could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("no answer in {} s", ANSWER_LIMIT.as_secs())]
    Silent,
    #[error("not authenticated: check the credentials in its kubeconfig")]
    NotAuthenticated,
    #[error("not allowed: {0}")]
    NotAllowed(String),
    #[error("not found: {0}")]
    NotFound(String),
    #[error("unreachable: {0}")]
    Unreachable(String),
    #[error("{0}")]
    Failed(String),
}

/// Waits for one request, with a limit.
pub(crate) async fn limited<T>(
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, ReadError> {
    match tokio::time::timeout(ANSWER_LIMIT, request).await {
        Err(_) => Err(ReadError::Silent),
        Ok(answer) => answer.map_err(|error| classify(&error)),
    }
}

/// Turns a client error into what an operator can act on.
pub(crate) fn classify(error: &kube::Error) -> ReadError {
    let kube::Error::Api(status) = error else {
        return ReadError::Unreachable(cause(error));
    };
    match status.code {
        401 => ReadError::NotAuthenticated,
        403 => ReadError::NotAllowed(status.message.clone()),
        404 => ReadError::NotFound(status.message.clone()),
        502..=504 => ReadError::Unreachable(status.message.clone()),
        _ => ReadError::Failed(status.message.clone()),
    }
}

/// An error with its causes, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}

/// The last two causes of a transport error; what stands before them names only our own layers.
fn cause(error: &kube::Error) -> String {
    let first: &dyn std::error::Error = error;
    let mut said: Vec<String> = std::iter::successors(Some(first), |error| error.source())
        .map(ToString::to_string)
        .collect();
    said.dedup();
    said.split_off(said.len().saturating_sub(2)).join(": ")
}

/// All objects of one kind, from every site. A site that does not know the kind has none.
pub(crate) async fn list_everywhere<'a>(
    context: &'a Context,
    namespace: &str,
    kind: &ApiResource,
) -> Vec<Answer<'a, Vec<DynamicObject>>> {
    join_all(context.sites.iter().map(|site| async move {
        let api: Api<DynamicObject> = Api::namespaced_with(site.client.clone(), namespace, kind);
        let result = match limited(api.list(&ListParams::default())).await {
            Ok(list) => Ok(list.items),
            Err(ReadError::NotFound(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        Answer { site, result }
    }))
    .await
}

/// The Events about one object. None are shown where they cannot be read: they only add detail.
pub(crate) async fn events_about(
    site: &Site,
    namespace: &str,
    kind: &str,
    name: &str,
) -> Vec<Event> {
    let api: Api<Event> = Api::namespaced(site.client.clone(), namespace);
    let about = ListParams::default().fields(&format!("involvedObject.name={name}"));
    let mut events = limited(api.list(&about))
        .await
        .map(|list| list.items)
        .unwrap_or_default();
    events.retain(|event| {
        event.involved_object.name.as_deref() == Some(name)
            && event.involved_object.kind.as_deref() == Some(kind)
    });
    events
}

/// Names every silent site on stderr; gives back what the others said, and the names of the silent.
pub(crate) fn reachable<'a, T>(
    answers: Vec<Answer<'a, T>>,
    out: &mut (dyn Output + Send),
) -> (Vec<(&'a Site, T)>, Vec<String>) {
    let (mut said, mut silent) = (Vec::new(), Vec::new());
    for Answer { site, result } in answers {
        match result {
            Ok(value) => said.push((site, value)),
            Err(error) => {
                out.line(Stream::Stderr, &unreachable_line(&site.info.name, &error));
                silent.push(site.info.name.clone());
            }
        }
    }
    (said, silent)
}

/// How a site that could not be read is named to the operator.
pub(crate) fn unreachable_line(site: &str, error: &ReadError) -> String {
    format!("[WARN] Site {site} could not be read: {error}")
}

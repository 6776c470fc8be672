//! A client that gives up on a silent site.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::client::Body;
use tower::{BoxError, service_fn};

use crate::meter::{SharedMeter, Unmetered};

/// The answer to a request did not begin in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s", .after.as_secs_f64())]
pub struct NoAnswer {
    after: Duration,
}

/// Covers `client` so that each request whose answer has not begun within `limit` fails.
///
/// This holds for watches too: their answer begins at once and then goes on. Time is tokio's,
/// so it passes in virtual time.
pub(crate) fn bounded(client: Client, limit: Duration) -> Client {
    metered(client, limit, "", Arc::new(Unmetered))
}

/// The same; each answer is told to the meter, as one of that site.
pub(crate) fn metered(client: Client, limit: Duration, site: &str, meter: SharedMeter) -> Client {
    let site: Arc<str> = Arc::from(site);
    let namespace = client.default_namespace().to_owned();
    let service = service_fn(move |request: http::Request<Body>| {
        let (client, site, meter) = (client.clone(), Arc::clone(&site), Arc::clone(&meter));
        async move {
            let method = request.method().clone();
            let answer = match tokio::time::timeout(limit, client.send(request)).await {
                Ok(answer) => answer.map_err(BoxError::from),
                Err(_elapsed) => Err(BoxError::from(NoAnswer { after: limit })),
            };
            let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
            meter.request(&site, method.as_str(), status);
            answer
        }
    });
    Client::new(service, namespace)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Node;
    use kube::Api;

    use super::*;
    use crate::telemetry::chain;

    #[tokio::test(start_paused = true)]
    async fn a_site_that_never_answers_is_given_up_on() {
        let silent = service_fn(|_: http::Request<Body>| {
            std::future::pending::<Result<http::Response<Body>, BoxError>>()
        });
        let client = bounded(Client::new(silent, "default"), Duration::from_secs(5));
        let error = Api::<Node>::all(client).get("primary-1").await.unwrap_err();
        assert!(
            chain(&error).contains("no answer within 5 s"),
            "{}",
            chain(&error)
        );
    }
}

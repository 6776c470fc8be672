//! Health and metrics over HTTP: `/livez`, `/readyz` and `/metrics`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::metrics::Metrics;

/// What this process still lacks to do its work. One that stands by for another is ready.
#[derive(Debug, Clone, Default)]
pub struct Health {
    lacking: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

impl Health {
    /// The named part is not well, for this reason.
    pub fn lacks(&self, part: &'static str, why: impl Into<String>) {
        self.lock().insert(part, why.into());
    }

    /// The named part is well.
    pub fn has(&self, part: &'static str) {
        self.lock().remove(part);
    }

    /// What is lacking, a line for each part; `Ok` if nothing is.
    ///
    /// # Errors
    ///
    /// Something is lacking.
    pub fn ready(&self) -> Result<(), String> {
        let lacking = self.lock();
        if lacking.is_empty() {
            return Ok(());
        }
        let lines = lacking.iter().map(|(part, why)| format!("{part}: {why}\n"));
        Err(lines.collect())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        // The map changes by single calls only, so a panic elsewhere leaves it usable.
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The three addresses.
pub fn router(health: Health, metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz).with_state(health))
        .route("/metrics", get(exposition).with_state(metrics))
}

async fn readyz(State(health): State<Health>) -> Response {
    match health.ready() {
        Ok(()) => "ok\n".into_response(),
        Err(lacking) => (StatusCode::SERVICE_UNAVAILABLE, lacking).into_response(),
    }
}

async fn exposition(State(metrics): State<Arc<Metrics>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], metrics.text()).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn ask(router: &Router, path: &str) -> StatusCode {
        let request = Request::get(path).body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap().status()
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_lacks_something_lives_and_is_not_ready() {
        let health = Health::default();
        let router = router(health.clone(), Arc::new(Metrics::new()));
        health.lacks("sites", "Secret a cannot be read");
        assert_eq!(
            ask(&router, "/readyz").await,
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(ask(&router, "/livez").await, StatusCode::OK);
        health.has("sites");
        assert_eq!(ask(&router, "/readyz").await, StatusCode::OK);
        assert_eq!(ask(&router, "/metrics").await, StatusCode::OK);
    }
}

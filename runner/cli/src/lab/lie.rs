//! Lies that a line can tell: ways in which the product could be wrong that are no decisions of it.
//!
//! Only `sitedrill selftest` tells them, to show that a drill finds out.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request};
use kube::client::Body;
use serde_json::{Value, json};
use tower::BoxError;

use super::wire::{Answer, Call, answer_of, json_answer};

/// What is told instead of the truth.
#[derive(Clone, Debug)]
pub enum Lie {
    /// What was to be created is said to be there, and is not.
    NothingCreated,
    /// Once a group has said where it stands, what is to be written is said to be written, and is not.
    /// Holds the groups, by site and path, that have said so.
    Frozen(Arc<Mutex<BTreeSet<(String, String)>>>),
    /// A Failover that is written to be over is deleted at once.
    AuditDeleted,
    /// A Failover that is written to have succeeded is written again to have failed.
    PhaseRewritten,
}

impl Lie {
    pub(super) async fn tell(
        self,
        request: Request<Body>,
        (call, site): (&Call, &str),
        inner: kube::Client,
    ) -> Result<Answer, BoxError> {
        let (parts, body) = request.into_parts();
        let bytes: Bytes = body.collect_bytes().await?;
        let again = |bytes: Bytes| Request::from_parts(parts.clone(), Body::from(bytes));
        match self {
            Self::NothingCreated => {
                let object: Value = serde_json::from_slice(&bytes)?;
                Ok(json_answer(201, &object))
            }
            Self::Frozen(settled) => {
                let key = (site.to_owned(), parts.uri.path().to_owned());
                if !settled
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .contains(&key)
                {
                    let answer = inner.send(again(bytes.clone())).await?;
                    let written: Value = serde_json::from_slice(&bytes).unwrap_or_default();
                    let state = written.pointer("/status/currentState");
                    if matches!(state.and_then(Value::as_str), Some("running" | "stopped")) {
                        settled
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .insert(key);
                    }
                    return Ok(answer_of(answer));
                }
                let path = parts.uri.path().trim_end_matches("/status").to_owned();
                let get = Request::get(path).body(Body::empty())?;
                Ok(answer_of(inner.send(get).await?))
            }
            Self::AuditDeleted | Self::PhaseRewritten => {
                let answer = inner.send(again(bytes.clone())).await?;
                let written: Value = serde_json::from_slice(&bytes).unwrap_or_default();
                let phase = written.pointer("/status/phase").and_then(Value::as_str);
                let is_over = matches!(phase, Some("Succeeded" | "Failed"));
                let is_status = call.resource == "failovers/status";
                if is_over && is_status && answer.status().is_success() {
                    let request = afterwards(&self, parts.uri.path())?;
                    inner.send(request).await?;
                }
                Ok(answer_of(answer))
            }
        }
    }
}

/// What somebody else does to a Failover that is over.
fn afterwards(lie: &Lie, status_path: &str) -> Result<Request<Body>, http::Error> {
    if matches!(lie, Lie::AuditDeleted) {
        let path = status_path.trim_end_matches("/status");
        return Request::delete(path).body(Body::empty());
    }
    let merge = json!({"status": {"phase": "Failed", "message": "rewritten"}});
    Request::builder()
        .method(Method::PATCH)
        .uri(status_path)
        .header(http::header::CONTENT_TYPE, "application/merge-patch+json")
        .body(Body::from(merge.to_string().into_bytes()))
}

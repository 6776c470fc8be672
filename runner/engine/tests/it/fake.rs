//! A site in a hundred lines: get, list, watch, create, merge patch, apply and delete on any path, and watches that
//! can break.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};

/// One scripted site; clones are the same site.
#[derive(Clone, Default)]
pub(crate) struct FakeSite(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    version: u64,
    /// By the path of its collection, then by name.
    objects: BTreeMap<String, BTreeMap<String, Value>>,
    /// What happened, as version, collection and watch event.
    log: Vec<(u64, String, Value)>,
    watches: Vec<(String, UnboundedSender<Bytes>)>,
    /// Watches from before this version are answered with 410.
    compacted: u64,
    /// Whether watches say nothing any more.
    is_mute: bool,
    /// The message with which writes are refused.
    refusal: Option<String>,
    is_down: bool,
}

impl FakeSite {
    pub(crate) fn client(&self) -> kube::Client {
        kube::Client::new(self.clone(), "default")
    }

    /// Creates an object or replaces it.
    pub(crate) fn put(&self, collection: &str, name: &str, object: Value) {
        let mut state = self.state();
        state.put(collection, name, object);
    }

    pub(crate) fn remove(&self, collection: &str, name: &str) {
        let mut state = self.state();
        state.remove(collection, name);
    }

    pub(crate) fn get(&self, collection: &str, name: &str) -> Option<Value> {
        self.state().objects.get(collection)?.get(name).cloned()
    }

    /// Ends all watches; they can be taken up again.
    pub(crate) fn cut_watches(&self) {
        self.state().watches.clear();
    }

    /// Forgets what happened so far, so that a watch cannot be taken up from before.
    pub(crate) fn compact(&self) {
        let mut state = self.state();
        state.compacted = state.version + 1;
        state.log.clear();
    }

    pub(crate) fn mute_watches(&self) {
        self.state().is_mute = true;
    }

    pub(crate) fn refuse_writes(&self, message: &str) {
        self.state().refusal = Some(message.to_owned());
    }

    pub(crate) fn go_down(&self) {
        self.state().is_down = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl tower::Service<Request<Body>> for FakeSite {
    type Response = Response<axum::body::Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<axum::body::Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let body = read(body);
        let mut state = self.state();
        let query = parts.uri.query().unwrap_or_default();
        ready(Ok(state.answer(
            &parts.method,
            parts.uri.path(),
            query,
            &body,
        )))
    }
}

/// A body that is all there: the engine's requests are never streamed.
fn read(body: Body) -> Value {
    let bytes = futures::FutureExt::now_or_never(body.collect());
    let bytes = bytes
        .and_then(Result::ok)
        .map(http_body_util::Collected::to_bytes);
    serde_json::from_slice(&bytes.unwrap_or_default()).unwrap_or_default()
}

impl State {
    fn answer(
        &mut self,
        method: &Method,
        path: &str,
        query: &str,
        body: &Value,
    ) -> Response<axum::body::Body> {
        if self.is_down {
            return status(503, "the site is down");
        }
        let is_collection = path.ends_with('s') && !path.contains("failover-");
        let (collection, name) = match path.rsplit_once('/') {
            Some(parts) if !is_collection => parts,
            _ => (path, ""),
        };
        if *method != Method::GET
            && let Some(message) = &self.refusal
        {
            return status(422, message);
        }
        match *method {
            Method::GET if query.contains("watch=true") => self.watch(collection, query),
            Method::GET if name.is_empty() => self.list(collection),
            Method::GET => match self.objects.get(collection).and_then(|it| it.get(name)) {
                Some(object) => answer(200, object),
                None => status(404, "not found"),
            },
            Method::POST => {
                let name = body["metadata"]["name"].as_str().unwrap_or_default();
                let taken = self.objects.get(collection);
                if taken.is_some_and(|it| it.contains_key(name)) {
                    return status(409, &format!("{name} already exists"));
                }
                answer(201, &self.put(collection, name, body.clone()))
            }
            Method::PATCH => {
                let known = self.objects.get(collection).and_then(|it| it.get(name));
                let mut object = known.cloned().unwrap_or_else(|| json!({}));
                merge(&mut object, body);
                answer(200, &self.put(collection, name, object))
            }
            Method::DELETE => match self.remove(collection, name) {
                Some(object) => answer(200, &object),
                None => status(404, "not found"),
            },
            _ => status(405, "not allowed"),
        }
    }

    fn list(&self, collection: &str) -> Response<axum::body::Body> {
        let objects = self.objects.get(collection);
        let items: Vec<&Value> = objects.into_iter().flat_map(BTreeMap::values).collect();
        let metadata = json!({"resourceVersion": self.version.to_string()});
        answer(200, &json!({"metadata": metadata, "items": items}))
    }

    fn watch(&mut self, collection: &str, query: &str) -> Response<axum::body::Body> {
        let from = query
            .split('&')
            .find_map(|it| it.strip_prefix("resourceVersion="));
        let from: u64 = from.and_then(|it| it.parse().ok()).unwrap_or_default();
        if from < self.compacted {
            return status(410, "too old resource version");
        }
        let (sender, receiver): (_, UnboundedReceiver<Bytes>) = unbounded();
        let missed = self
            .log
            .iter()
            .filter(|(at, of, _)| *at > from && of == collection);
        for (_, _, event) in missed {
            send(&sender, event);
        }
        self.watches.push((collection.to_owned(), sender));
        let lines = receiver.map(Ok::<_, Infallible>);
        Response::new(axum::body::Body::from_stream(lines))
    }

    fn put(&mut self, collection: &str, name: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["name"] = json!(name);
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let objects = self.objects.entry(collection.to_owned()).or_default();
        let known = objects.insert(name.to_owned(), object.clone());
        let kind = if known.is_some() { "MODIFIED" } else { "ADDED" };
        self.tell(collection, json!({"type": kind, "object": object.clone()}));
        object
    }

    fn remove(&mut self, collection: &str, name: &str) -> Option<Value> {
        let mut object = self.objects.get_mut(collection)?.remove(name)?;
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.tell(
            collection,
            json!({"type": "DELETED", "object": object.clone()}),
        );
        Some(object)
    }

    fn tell(&mut self, collection: &str, event: Value) {
        let watches = self.watches.iter().filter(|(of, _)| of == collection);
        for (_, watch) in watches.filter(|_| !self.is_mute) {
            send(watch, &event);
        }
        self.log.push((self.version, collection.to_owned(), event));
    }
}

fn send(watch: &UnboundedSender<Bytes>, event: &Value) {
    // A watch whose client is gone is not missed.
    let _ = watch.unbounded_send(Bytes::from(format!("{event}\n")));
}

fn answer(code: u16, body: &Value) -> Response<axum::body::Body> {
    let mut response = Response::new(axum::body::Body::from(body.to_string()));
    *response.status_mut() = http::StatusCode::from_u16(code).expect("a code of this file is one");
    response
}

fn status(code: u16, message: &str) -> Response<axum::body::Body> {
    let body = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure",
        "message": message, "code": code,
    });
    answer(code, &body)
}

fn merge(object: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *object = patch.clone();
        return;
    };
    for (key, value) in fields {
        merge(&mut object[key], value);
    }
}

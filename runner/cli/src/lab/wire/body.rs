//! Answers on a line: whole ones, made-up ones, and watches that can break or fall silent.

use std::io;

use bytes::Bytes;
use futures::stream;
use http::Response;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, BodyStream, Full, StreamBody};
use kube::client::Body;
use sitedrill_apiserver::bell::Listener;
use tower::BoxError;

use super::{Call, Effect, Line, RuleId};

/// What comes back over a line.
pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// The body as it came.
pub(super) fn whole(body: Body) -> UnsyncBoxBody<Bytes, BoxError> {
    body.map_err(BoxError::from).boxed_unsync()
}

/// An answer with this JSON.
pub(crate) fn json(code: u16, value: &serde_json::Value) -> Answer {
    let body = Full::new(Bytes::from(value.to_string()));
    let body = body.map_err(|never| match never {}).boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() =
        http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let json = http::HeaderValue::from_static("application/json");
    answer
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    answer
}

/// An answer in the server's place.
pub(super) fn status(code: u16, call: &Call) -> Answer {
    let reason = match code {
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "InternalError",
    };
    let message = format!("injected fault: {code} for {call}");
    json(
        code,
        &serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        }),
    )
}

/// The error of a connection that is not there.
pub(super) fn refused(what: &'static str) -> BoxError {
    Box::new(io::Error::new(io::ErrorKind::ConnectionRefused, what))
}

/// A watch's body, which breaks or falls silent as rules say.
pub(super) fn watched(
    body: Body,
    line: Line,
    call: Call,
    opened: RuleId,
) -> UnsyncBoxBody<Bytes, BoxError> {
    let changed = line.wires.changed.listen();
    let start = Some(Watch {
        frames: BodyStream::new(body),
        line,
        call,
        opened,
        changed,
    });
    let frames = stream::unfold(start, |watch| async move {
        let mut watch = watch?;
        match watch.next().await {
            Ok(None) => None,
            Ok(Some(frame)) => Some((Ok(frame), Some(watch))),
            Err(error) => Some((Err(error), None)),
        }
    });
    // Pinned, because a stream of futures cannot be moved.
    UnsyncBoxBody::new(StreamBody::new(Box::pin(frames)))
}

struct Watch {
    frames: BodyStream<Body>,
    line: Line,
    call: Call,
    opened: RuleId,
    changed: Listener,
}

type Frame = http_body::Frame<Bytes>;

impl Watch {
    async fn next(&mut self) -> Result<Option<Frame>, BoxError> {
        loop {
            self.changed.catch_up();
            let is_silent = match self.state() {
                State::Broken => return Err(refused("connection reset by peer")),
                State::Silent => true,
                State::Open => false,
            };
            tokio::select! {
                biased;
                () = self.changed.rung() => {}
                frame = futures::StreamExt::next(&mut self.frames), if !is_silent => {
                    return frame.transpose().map_err(BoxError::from);
                }
            }
        }
    }

    fn state(&self) -> State {
        let line = &self.line;
        let mut found = State::Open;
        let mut is_news = false;
        let mut state = line.wires.state();
        for (id, armed) in &mut state.rules {
            let rule = &armed.rule;
            let is_meant = rule.is_for(&line.party, &line.site) && self.call.is_among(&rule.calls);
            let meets = match rule.effect {
                Effect::DropWatches => is_meant && *id > self.opened,
                Effect::Refuse | Effect::MuteWatches | Effect::Hold => is_meant,
                _ => false,
            };
            if !meets {
                continue;
            }
            let breaks = matches!(rule.effect, Effect::Refuse | Effect::DropWatches);
            let what = if breaks { "broke" } else { "fell silent" };
            if armed.evidence.is_none() {
                let (name, resource, site) = (&line.party.name, &self.call.resource, &line.site);
                armed.evidence = Some(format!("{name}'s watch of {resource} on {site} {what}"));
                is_news = true;
            }
            armed.hits += u64::from(breaks);
            found = if breaks { State::Broken } else { State::Silent };
            if breaks {
                break;
            }
        }
        drop(state);
        if is_news {
            line.wires.ring();
        }
        found
    }
}

enum State {
    Open,
    Silent,
    Broken,
}

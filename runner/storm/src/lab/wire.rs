//! The network between a site and those who talk to it: what befalls single requests.
//!
//! The API server's own faults can refuse, delay and cut. Here is what needs the request itself: carrying it out
//! late or twice, and answering too late. Watches are left alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Method, Request, StatusCode};
use kube::Client;
use kube::client::Body;
use tower::{BoxError, service_fn};

use crate::dice::Dice;
use crate::plan::Trouble;

/// Longer than any caller waits.
const TOO_LATE: Duration = Duration::from_secs(8);

/// The network before one site. Clones are the same.
#[derive(Clone)]
pub(super) struct Wire {
    state: Arc<Mutex<State>>,
}

struct State {
    /// What befalls how many of a hundred requests, by number of the fault.
    rules: BTreeMap<usize, (Trouble, u64)>,
    hits: BTreeMap<usize, u64>,
    dice: Dice,
}

/// What befalls one request.
#[derive(Clone, Copy)]
struct Fate {
    trouble: Trouble,
    /// By how much, where that matters.
    late: Duration,
}

impl Wire {
    pub(super) fn new(seed: u64, site: &str) -> Self {
        let purpose = site
            .bytes()
            .fold(7, |sum: u64, byte| sum * 31 + u64::from(byte));
        let state = State {
            rules: BTreeMap::new(),
            hits: BTreeMap::new(),
            dice: Dice::new(seed, purpose),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    pub(super) fn add(&self, number: usize, trouble: Trouble, percent: u64) {
        self.lock().rules.insert(number, (trouble, percent));
    }

    /// Takes a fault away and says how often it has hit.
    pub(super) fn remove(&self, number: usize) -> u64 {
        let mut state = self.lock();
        state.rules.remove(&number);
        state.hits.remove(&number).unwrap_or(0)
    }

    /// A client whose requests go over this wire.
    pub(super) fn client(&self, client: Client) -> Client {
        let namespace = client.default_namespace().to_owned();
        let wire = self.clone();
        let service = service_fn(move |request: Request<Body>| {
            let (client, wire) = (client.clone(), wire.clone());
            async move {
                let watch = request.uri().query().is_some_and(|q| q.contains("watch="));
                match (!watch).then(|| wire.fate(request.method())).flatten() {
                    None => client.send(request).await.map_err(BoxError::from),
                    Some(fate) => suffer(client, request, fate).await,
                }
            }
        });
        Client::new(service, namespace)
    }

    fn fate(&self, method: &Method) -> Option<Fate> {
        let mut state = self.lock();
        let State { rules, hits, dice } = &mut *state;
        for (number, (trouble, percent)) in rules {
            let only_writes = matches!(
                trouble,
                Trouble::Conflict | Trouble::Twice | Trouble::ArrivesLate
            );
            if (only_writes && *method == Method::GET) || !dice.percent(*percent) {
                continue;
            }
            *hits.entry(*number).or_insert(0) += 1;
            let late = match trouble {
                Trouble::Delayed => dice.between(50, 6_000),
                _ => dice.between(500, 18_000),
            };
            return Some(Fate {
                trouble: *trouble,
                late: Duration::from_millis(late),
            });
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn suffer(
    client: Client,
    request: Request<Body>,
    fate: Fate,
) -> Result<http::Response<Body>, BoxError> {
    match fate.trouble {
        Trouble::Delayed => {
            tokio::time::sleep(fate.late).await;
            Ok(client.send(request).await?)
        }
        Trouble::Failed => refused(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        Trouble::Throttled => refused(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests"),
        Trouble::Conflict => refused(StatusCode::CONFLICT, "Conflict"),
        Trouble::AnswerLost => {
            drop(client.send(request).await?);
            let lost = "connection closed before message completed";
            Err(std::io::Error::new(std::io::ErrorKind::ConnectionReset, lost).into())
        }
        Trouble::AnswerLate => {
            let answer = client.send(request).await?;
            tokio::time::sleep(TOO_LATE).await;
            Ok(answer)
        }
        Trouble::Twice => {
            let (first, second) = twin(request).await?;
            let again = client.clone();
            tokio::spawn(async move {
                tokio::time::sleep(fate.late).await;
                drop(again.send(second).await);
            });
            Ok(client.send(first).await?)
        }
        Trouble::ArrivesLate => {
            let sent = tokio::spawn(async move {
                tokio::time::sleep(fate.late).await;
                client.send(request).await
            });
            Ok(sent.await??)
        }
    }
}

fn refused(code: StatusCode, reason: &str) -> Result<http::Response<Body>, BoxError> {
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "reason": reason, "message": format!("the storm says {reason}"), "code": code.as_u16(),
    });
    let body = Body::from(serde_json::to_vec(&status)?);
    Ok(http::Response::builder().status(code).body(body)?)
}

/// The same request twice.
async fn twin(request: Request<Body>) -> Result<(Request<Body>, Request<Body>), BoxError> {
    let (parts, body) = request.into_parts();
    let bytes = body.collect_bytes().await?;
    let second = Request::from_parts(parts.clone(), Body::from(bytes.clone()));
    Ok((Request::from_parts(parts, Body::from(bytes)), second))
}

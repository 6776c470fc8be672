//! The lines between the clients of the product and the API servers of the sites.
//!
//! A fault of an API is a fault of the lines that lead to it: a site that is cut off is itself well, and nobody
//! reaches it. So the same faults work on embedded sites and on real API servers, and never blind the observer.
//! Lines are laid only for drills that need them.

mod body;
mod call;
mod rule;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use kube::client::Body;
use sitedrill_apiserver::bell::Bell;
use tower::{BoxError, service_fn};

pub(crate) use body::{Answer, json as json_answer};
use body::{refused, status, watched, whole};
pub(crate) use call::Call;

pub use rule::{Effect, Rule, RuleId, Trap};

/// Who sends requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The controller's name, or `operator`.
    pub name: String,
    /// The site on which it runs; operators come from outside.
    pub home: Option<String>,
}

/// All lines of a drill. Clones share the rules.
#[derive(Clone)]
pub struct Wires {
    state: Arc<Mutex<State>>,
    /// Rings whenever a rule comes, goes or hits.
    changed: Bell,
}

#[derive(Default)]
struct State {
    next: u64,
    rules: BTreeMap<RuleId, Armed>,
}

struct Armed {
    rule: Rule,
    hits: u64,
    evidence: Option<String>,
}

impl Armed {
    fn is_spent(&self) -> bool {
        self.rule
            .calls
            .times
            .is_some_and(|times| self.hits >= times)
    }
}

/// One client's line to one site.
#[derive(Clone)]
struct Line {
    wires: Wires,
    party: Arc<Party>,
    site: Arc<str>,
}

impl Default for Wires {
    fn default() -> Self {
        Self::new()
    }
}

impl Wires {
    /// Lines without any rule.
    pub fn new() -> Self {
        Self {
            state: Arc::default(),
            changed: Bell::default(),
        }
    }

    /// A client whose requests go over a line.
    pub fn client(&self, inner: kube::Client, party: Party, site: &str) -> kube::Client {
        let namespace = inner.default_namespace().to_owned();
        let line = Line {
            wires: self.clone(),
            party: Arc::new(party),
            site: site.into(),
        };
        let service = service_fn(move |request: Request<Body>| {
            let (line, inner) = (line.clone(), inner.clone());
            async move { line.carry(request, inner).await }
        });
        kube::Client::new(service, namespace)
    }

    /// Adds a rule; it works from now on, on open watches too.
    pub fn add(&self, rule: Rule) -> RuleId {
        let id = {
            let mut state = self.state();
            state.next += 1;
            let id = RuleId(state.next);
            let armed = Armed {
                rule,
                hits: 0,
                evidence: None,
            };
            state.rules.insert(id, armed);
            id
        };
        self.ring();
        id
    }

    /// Takes a rule away; whether it was there.
    pub fn remove(&self, id: RuleId) -> bool {
        let was_there = self.state().rules.remove(&id).is_some();
        self.ring();
        was_there
    }

    /// What the first hit of a rule was, in one line.
    pub fn evidence(&self, id: RuleId) -> Option<String> {
        self.state().rules.get(&id)?.evidence.clone()
    }

    /// Ends when a rule comes, goes or hits.
    pub fn rung(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut changed = self.changed.listen();
        async move { changed.rung().await }
    }

    fn ring(&self) {
        self.changed.ring();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest(&self) -> RuleId {
        RuleId(self.state().next)
    }
}

impl Line {
    /// Carries one request over the line.
    async fn carry(self, request: Request<Body>, inner: kube::Client) -> Result<Answer, BoxError> {
        let call = Call::of(&request);
        let mut is_lost = false;
        for (id, effect) in self.on_request(&call) {
            match effect {
                Effect::Hold => self.until_released(id).await,
                Effect::Delay(by) => tokio::time::sleep(by).await,
                Effect::Answer(code) => return Ok(status(code, &call)),
                Effect::Refuse => return Err(refused("connection refused")),
                Effect::LoseAnswer => is_lost = true,
                Effect::Lie(lie) => return lie.tell(request, (&call, &self.site), inner).await,
                Effect::DropWatches | Effect::MuteWatches | Effect::Trap(_) => {}
            }
        }
        let (request, sprung) = self.over_traps(request, &call).await?;
        let opened = self.wires.newest();
        let answer = inner.send(request).await?;
        for (trap, evidence) in sprung {
            (trap.spring)(&evidence);
        }
        if let Some(id) = self.holding() {
            self.until_released(id).await;
        }
        if is_lost {
            return Err(refused("connection closed before message completed"));
        }
        Ok(if call.is_watch && answer.status().is_success() {
            answer.map(|body| watched(body, self, call, opened))
        } else {
            answer_of(answer)
        })
    }

    /// The effects on a new request, in the order of the rules; each is counted.
    fn on_request(&self, call: &Call) -> Vec<(RuleId, Effect)> {
        let mut state = self.wires.state();
        if state.rules.is_empty() {
            return Vec::new();
        }
        let mut effects = Vec::new();
        for (id, armed) in &mut state.rules {
            let meets = armed.rule.effect.meets_requests()
                && !armed.is_spent()
                && armed.rule.is_for(&self.party, &self.site)
                && call.is_among(&armed.rule.calls);
            if meets {
                armed.hits += 1;
                let text = || format!("{} met it: {call} on {}", self.party.name, self.site);
                armed.evidence.get_or_insert_with(text);
                effects.push((*id, armed.rule.effect.clone()));
            }
        }
        drop(state);
        if !effects.is_empty() {
            self.wires.ring();
        }
        effects
    }

    /// The traps that a request springs; its body is read only where one lies on this line.
    async fn over_traps(
        &self,
        request: Request<Body>,
        call: &Call,
    ) -> Result<(Request<Body>, Vec<(Trap, String)>), BoxError> {
        let traps: Vec<(RuleId, Trap)> = {
            let state = self.wires.state();
            let rules = state.rules.iter();
            let traps = rules
                .filter(|(_, armed)| armed.hits == 0 && armed.rule.is_for(&self.party, &self.site));
            let traps = traps.filter_map(|(id, armed)| match &armed.rule.effect {
                Effect::Trap(trap) => Some((*id, trap.clone())),
                _ => None,
            });
            traps.collect()
        };
        if traps.is_empty() || !call.is_failover_status() {
            return Ok((request, Vec::new()));
        }
        let (parts, body) = request.into_parts();
        let bytes: Bytes = body.collect_bytes().await?;
        let mut sprung = Vec::new();
        for (id, trap) in traps {
            if trap.is_sprung_by(&bytes) {
                let (name, step) = (&self.party.name, &trap.step);
                let evidence = format!("{name} had reported {step} of {}", call.name);
                if let Some(armed) = self.wires.state().rules.get_mut(&id) {
                    armed.hits += 1;
                    armed.evidence = Some(evidence.clone());
                }
                sprung.push((trap, evidence));
            }
        }
        if !sprung.is_empty() {
            self.wires.ring();
        }
        Ok((Request::from_parts(parts, Body::from(bytes)), sprung))
    }

    /// The rule that holds this line, if one does.
    fn holding(&self) -> Option<RuleId> {
        let state = self.wires.state();
        let mut rules = state.rules.iter();
        rules
            .find(|(_, armed)| {
                matches!(armed.rule.effect, Effect::Hold)
                    && armed.rule.is_for(&self.party, &self.site)
            })
            .map(|(id, _)| *id)
    }

    async fn until_released(&self, id: RuleId) {
        let mut changed = self.wires.changed.listen();
        while self.wires.state().rules.contains_key(&id) {
            changed.rung().await;
        }
    }
}

/// An answer as it came.
pub(crate) fn answer_of(answer: Response<Body>) -> Answer {
    answer.map(whole)
}

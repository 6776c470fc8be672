//! `failover`: creates a Failover in the name of the actor, and follows it to its end on what is observed.
//!
//! There is no front door: whatever the scenario asks for is written, and it is the controllers that refuse it.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sitedrill_model::event::{StepId, StepOutcome, Stream};
use sitedrill_model::scenario::{FailoverOrder, ObjectKind, Step};
use sitedrill_model::{Failure, FailureKind, SeenValue};
use tokio::time::{Instant, timeout_at};

mod status;

use super::{Stage, failed, outcome, passed};
use crate::core::Input;
use crate::objects::{self, Key, seconds_between, span};
use crate::rest::{self, Rest};
use crate::shared::Look;
use crate::{CommandOutcome, kinds, reads};

/// Names are made of whole seconds, as those of pgctl; so many orders of one group in one second are enough.
const NAME_ATTEMPTS: i64 = 20;

/// How many values of the Failover's way are shown, the latest.
const SHOWN: usize = 20;

/// The longest a step may take. A span too long to be a time is as good as a day.
const LONGEST: Duration = Duration::from_secs(86_400);

pub(super) async fn run(
    order: &FailoverOrder,
    id: &StepId,
    step: &Step,
    stage: &Stage<'_>,
) -> StepOutcome {
    let started = stage.shared.now();
    // A checked scenario has a time on every step that waits; none means: not at all.
    let within = step.within.unwrap_or_default().min(LONGEST);
    let deadline = Instant::now() + within;
    let (what, end) = match timeout_at(deadline, create(order, id, stage)).await {
        Err(_) => return failed(no_answer(order, within).at(&step.location)),
        Ok(Err(failure)) => return failed(failure.at(&step.location)),
        Ok(Ok(Creation::Refused(message))) => {
            let what = format!("the failover of {} to {}", order.group, order.to);
            (what, CommandOutcome::Failed { message })
        }
        Ok(Ok(Creation::Created(created))) => match follow(&created, deadline, stage).await {
            Ok(Some(end)) => (created.key.to_string(), end),
            Ok(None) => {
                let failure = too_long(order, &created, within, stage);
                return failed(failure.at(&step.location));
            }
            Err(failure) => return failed(failure.at(&step.location)),
        },
    };
    stage.shared.take(Input::Checked);
    let seen = outcome::shown(&end);
    if outcome::is_expected(&order.expect, &end, true) {
        let took = span(seconds_between(started, stage.shared.now()));
        return passed(format!("{what}: {seen}, after {took}"));
    }
    let message = match end {
        CommandOutcome::Refused { message, .. } => format!("{seen}: {message}"),
        _ => seen,
    };
    failed(outcome::differs(&what, &order.expect, message).at(&step.location))
}

/// What became of the wish to create a Failover.
enum Creation {
    Created(Created),
    /// It was not created, and why in one line.
    Refused(String),
}

/// A Failover that was created.
struct Created {
    key: Key,
    uid: String,
    version: String,
}

/// Creates the Failover, under the first free name where the scenario gives it none.
async fn create(
    order: &FailoverOrder,
    id: &StepId,
    stage: &Stage<'_>,
) -> Result<Creation, Failure> {
    let client = stage.target.operator.client(&id.actor, &order.site);
    let client = client.map_err(|error| {
        let message = format!("{} cannot act: {}", id.actor, rest::chain(&error));
        Failure::new(FailureKind::EnvironmentFailed, message)
    })?;
    let resource = kinds::resource(ObjectKind::Failover);
    let rest = Rest::new(client, resource.clone(), Some(&order.namespace));
    let seconds = stage.shared.now().as_second();
    for later in 0..NAME_ATTEMPTS {
        let name = order.name.clone();
        let name = name.unwrap_or_else(|| format!("failover-{}-{}", order.group, seconds + later));
        let manifest = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name, "namespace": order.namespace},
            "spec": spec(order),
        });
        let error = match rest.create(&manifest).await {
            Ok(object) => return Ok(Creation::Created(told(order, &name, &object, id, stage))),
            Err(error) => error,
        };
        if rest::is_code(&error, 409) && order.name.is_none() {
            continue;
        }
        if may_have_been_done(&error)
            && let Some(object) = created_after_all(order, &name, stage).await?
        {
            return Ok(Creation::Created(told(order, &name, &object, id, stage)));
        }
        let (site, reason) = (&order.site, rest::reason(&error));
        let message = format!("the Failover could not be created on site {site}: {reason}");
        return Ok(Creation::Refused(message));
    }
    let group = &order.group;
    let message = format!("{NAME_ATTEMPTS} Failovers of {group} were created in this second");
    Ok(Creation::Refused(message))
}

fn spec(order: &FailoverOrder) -> Value {
    let mut spec = json!({
        "protectionGroup": order.group,
        "targetCluster": order.to,
        "force": order.force,
    });
    let timeouts = order.timeouts.all().into_iter();
    let timeouts: Map<String, Value> = timeouts
        .filter_map(|(step, time)| Some((format!("{step}Seconds"), time?.as_secs().into())))
        .collect();
    if !timeouts.is_empty() {
        spec["timeouts"] = Value::Object(timeouts);
    }
    spec
}

/// Tells, in kubectl's words, what was created: the measure of the failover finds its request by that.
fn told(
    order: &FailoverOrder,
    name: &str,
    object: &Value,
    id: &StepId,
    stage: &Stage<'_>,
) -> Created {
    let line = format!("failover.siterecovery.trilio.io/{name} created");
    stage.shared.take(Input::Output {
        id,
        stream: Stream::Stdout,
        line: &line,
    });
    Created {
        key: key(order, name),
        uid: uid(object).to_owned(),
        version: objects::resource_version(object).to_owned(),
    }
}

fn key(order: &FailoverOrder, name: &str) -> Key {
    Key {
        site: order.site.clone(),
        kind: ObjectKind::Failover,
        namespace: order.namespace.clone(),
        name: name.to_owned(),
    }
}

fn uid(object: &Value) -> &str {
    objects::string(object, "/metadata/uid").unwrap_or_default()
}

/// Whether an error leaves open what the site did. One that the site has stated does not.
fn may_have_been_done(error: &kube::Error) -> bool {
    !matches!(error, kube::Error::Api(status) if status.code < 500)
}

/// The Failover of a creation whose answer was lost, as the observer finds it on the site.
async fn created_after_all(
    order: &FailoverOrder,
    name: &str,
    stage: &Stage<'_>,
) -> Result<Option<Value>, Failure> {
    let found = reads::get(&key(order, name), stage.target).await?;
    let wanted = spec(order);
    let is_ours = |object: &Value| {
        let fields = wanted.as_object().into_iter().flatten();
        fields
            .into_iter()
            .all(|(field, value)| object["spec"][field] == *value)
    };
    Ok(found.filter(is_ours))
}

/// Follows the Failover to its end; `None` where it has none in time.
async fn follow(
    created: &Created,
    deadline: Instant,
    stage: &Stage<'_>,
) -> Result<Option<CommandOutcome>, Failure> {
    let key = &created.key;
    let observed = stage
        .shared
        .until(deadline, |core, _| {
            let known = core.objects().get(key);
            let end = match known.filter(|it| uid(it) == created.uid) {
                Some(failover) => status::ended(failover),
                None if core.history().has_seen(key, &created.version) => Some(vanished(key)),
                None => None,
            };
            end.map_or(Look::Later(None), Look::Answer)
        })
        .await;
    if observed.is_some() {
        return Ok(observed);
    }
    // What was observed may lag behind what the site says.
    let last = reads::get(key, stage.target).await?;
    let last = last.filter(|it| uid(it) == created.uid);
    Ok(last.map_or_else(|| Some(vanished(key)), |it| status::ended(&it)))
}

fn vanished(key: &Key) -> CommandOutcome {
    let (name, site) = (&key.name, &key.site);
    let message =
        format!("{name} vanished from site {site}: somebody deleted it while it was followed");
    CommandOutcome::Failed { message }
}

fn no_answer(order: &FailoverOrder, within: Duration) -> Failure {
    let (group, to, site) = (&order.group, &order.to, &order.site);
    let within = span(within.as_secs_f64());
    let message = format!(
        "the failover of {group} to {to} was not created within {within}: site {site} does not answer"
    );
    let mut failure = Failure::new(FailureKind::AwaitTimedOut, message);
    failure.expected = Some(outcome::wanted(&order.expect));
    failure
}

fn too_long(
    order: &FailoverOrder,
    created: &Created,
    within: Duration,
    stage: &Stage<'_>,
) -> Failure {
    let seen = on_the_way(&created.key, stage);
    let last = seen.last().map_or("nothing of it", |it| it.value.as_str());
    let (key, within) = (&created.key, span(within.as_secs_f64()));
    let message = format!("{key}: had not ended within {within}; last seen {last}");
    let mut failure = Failure::new(FailureKind::AwaitTimedOut, message);
    failure.expected = Some(outcome::wanted(&order.expect));
    failure.last_seen = Some(last.to_owned());
    failure.seen = seen;
    failure
}

/// What the Failover said of itself, without immediate repetitions.
fn on_the_way(key: &Key, stage: &Stage<'_>) -> Vec<SeenValue> {
    let core = stage.shared.core();
    let mut seen: Vec<SeenValue> = Vec::new();
    for (at, failover) in core.history().whole_since(key, core.act().began) {
        let value = failover.map_or_else(|| "(absent)".to_owned(), |it| status::said(&it));
        if seen.last().is_none_or(|last| last.value != value) {
            seen.push(SeenValue { at, value });
        }
    }
    let shown = seen.len().saturating_sub(SHOWN);
    seen.split_off(shown)
}

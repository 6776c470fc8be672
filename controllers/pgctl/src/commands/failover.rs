//! `pgctl failover`: the front door, then one Failover object, then its phases up to the end.

use kube::api::{Api, PostParams};
use siterecovery_api::names::failover_name;
use siterecovery_api::{Failover, FailoverPhase, FailoverStatus, SiteDirectory, StepName, reasons};
use siterecovery_decide::{Refusal, conditions};

use crate::args::FailoverArgs;
use crate::context::{Context, Site};
use crate::failover::monitor::{Lost, follow, limit};
use crate::failover::{Order, door, words};
use crate::outcome::Outcome;
use crate::output::{Output, Stream};
use crate::read::{ReadError, limited};
use crate::suggest::nearest;

/// Names are made of whole seconds; so many orders of one group in one second are enough.
const NAME_ATTEMPTS: i64 = 20;

pub(crate) async fn run(
    args: &FailoverArgs,
    namespace: &str,
    context: &Context,
    out: &mut (dyn Output + Send),
) -> Outcome {
    let order = Order {
        group: &args.group,
        target: &args.to,
        force: args.force,
        namespace,
    };
    let directory = context.directory();
    let Some(target) = directory.resolve(order.target) else {
        return unknown_site(order.target, &directory, out);
    };
    if !target.runs_workloads() {
        return no_workload_site(order.target, &directory, out);
    }
    match door::check(&order, target, &directory, context).await {
        Ok(warnings) => warnings
            .iter()
            .for_each(|line| out.line(Stream::Stderr, line)),
        Err(stopped) => return stopped.report(out),
    }
    let management = context
        .site(&directory.management_of(target).name)
        .expect("the directory is made of the context's sites");
    let created = match create(&order, management, context).await {
        Ok(created) => created,
        Err(error) => return not_created(&order, management, &error, out),
    };
    let name = created.metadata.name.as_deref().unwrap_or_default();
    for line in words::opening(&order, name) {
        out.line(Stream::Stdout, &line);
    }
    let limit = limit(&context.policy.timeouts.with(created.spec.timeouts.as_ref()));
    match follow(management, &created, limit, out).await {
        Ok(status) => ended(&order, &status, out),
        Err(lost) => lost_sight(&order, name, management, &lost, out),
    }
}

/// Creates the Failover under the first free name of `failover-<group>-<unix seconds>`.
async fn create(
    order: &Order<'_>,
    management: &Site,
    context: &Context,
) -> Result<Failover, ReadError> {
    let api: Api<Failover> = Api::namespaced(management.client.clone(), order.namespace);
    let seconds = (context.now)().as_second();
    for later in 0..NAME_ATTEMPTS {
        let name = failover_name(order.group, seconds + later);
        let failover = Failover::new(&name, order.spec());
        let params = PostParams::default();
        let made = limited(async {
            match api.create(&params, &failover).await {
                Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(None),
                other => other.map(Some),
            }
        });
        match made.await {
            Ok(Some(created)) => return Ok(created),
            Ok(None) => {}
            Err(error @ (ReadError::Silent | ReadError::Unreachable(_))) => {
                return created_after_all(&api, &failover).await.ok_or(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(ReadError::Failed(format!(
        "{NAME_ATTEMPTS} Failovers of {} were created in this second",
        order.group
    )))
}

/// The Failover of a creation whose answer was lost: an operator must not be told that nothing
/// happened while a group moves.
async fn created_after_all(api: &Api<Failover>, wanted: &Failover) -> Option<Failover> {
    let name = wanted.metadata.name.as_deref().unwrap_or_default();
    let found = limited(api.get(name)).await.ok()?;
    (found.spec == wanted.spec).then_some(found)
}

fn lost_sight(
    order: &Order<'_>,
    name: &str,
    management: &Site,
    lost: &Lost,
    out: &mut (dyn Output + Send),
) -> Outcome {
    let site = &management.info.name;
    let look = format!(
        "pgctl operations get {name} --namespace {}",
        order.namespace
    );
    let (reason, message) = match lost {
        Lost::Vanished => (
            "Vanished",
            format!("{name} vanished from site {site}: somebody deleted it while it was followed"),
        ),
        Lost::TooLong(phase) => (
            "DeadlineExceeded",
            format!("{name} is still {phase} after the sum of its deadlines; see {look}"),
        ),
        Lost::OutOfSight(error) => (
            "SiteUnreachable",
            format!(
                "{name} could not be followed to its end: {error}; it may still be under way, see {look}"
            ),
        ),
    };
    out.line(Stream::Stderr, &words::failure(order, &message));
    if matches!(lost, Lost::OutOfSight(_)) {
        let sites = vec![site.clone()];
        return Outcome::Unreachable { sites, message };
    }
    let reason = reason.to_owned();
    Outcome::Failed { reason, message }
}

fn not_created(
    order: &Order<'_>,
    management: &Site,
    error: &ReadError,
    out: &mut (dyn Output + Send),
) -> Outcome {
    let site = &management.info.name;
    let message = format!("the Failover could not be created on site {site}: {error}");
    out.line(Stream::Stderr, &words::failure(order, &message));
    match error {
        ReadError::Silent | ReadError::NotAuthenticated | ReadError::Unreachable(_) => {
            let sites = vec![site.clone()];
            Outcome::Unreachable { sites, message }
        }
        ReadError::NotAllowed(_) | ReadError::NotFound(_) | ReadError::Failed(_) => {
            let reason = "NotCreated".to_owned();
            Outcome::Failed { reason, message }
        }
    }
}

fn unknown_site(typed: &str, directory: &SiteDirectory, out: &mut (dyn Output + Send)) -> Outcome {
    let known = directory.target_words();
    let hint = nearest(typed, known.iter().copied())
        .map_or_else(String::new, |near| format!("; did you mean {near}?"));
    let message = format!("unknown site {typed}{hint}");
    out.line(Stream::Stderr, &format!("error: {message}"));
    out.line(
        Stream::Stderr,
        &format!("Known sites: {}", known.join(", ")),
    );
    Outcome::Usage { message }
}

fn no_workload_site(
    typed: &str,
    directory: &SiteDirectory,
    out: &mut (dyn Output + Send),
) -> Outcome {
    let known = directory.target_words();
    let message = Refusal::NotAWorkloadSite {
        asked: typed.to_owned(),
        known: known.into_iter().map(str::to_owned).collect(),
    };
    let message = message.to_string();
    out.line(Stream::Stderr, &format!("error: {message}"));
    Outcome::Usage { message }
}

fn ended(order: &Order<'_>, status: &FailoverStatus, out: &mut (dyn Output + Send)) -> Outcome {
    if status.phase == Some(FailoverPhase::Succeeded) {
        return succeeded(order, status, out);
    }
    let message = status.message.clone().unwrap_or_default();
    if let Some(refusal) = &status.refusal {
        let touched = status.step(StepName::StopSource).is_some();
        return door::ended(order, refusal, &message, touched).report(out);
    }
    out.line(Stream::Stderr, &words::failure(order, &message));
    let reason = status
        .condition(conditions::SUCCEEDED)
        .map(|condition| condition.reason.clone());
    Outcome::Failed {
        reason: reason.unwrap_or_else(|| "Failed".to_owned()),
        message,
    }
}

fn succeeded(order: &Order<'_>, status: &FailoverStatus, out: &mut (dyn Output + Send)) -> Outcome {
    let unfenced = status
        .condition(conditions::SOURCE_FENCED)
        .filter(|fenced| fenced.status == "False");
    if let Some(fenced) = unfenced {
        out.line(Stream::Stderr, &format!("[WARN] {}", fenced.message));
    }
    let already = status
        .condition(conditions::SUCCEEDED)
        .is_some_and(|condition| condition.reason == reasons::ALREADY_THERE);
    if already {
        out.line(Stream::Stdout, &words::already_there(order));
        return Outcome::AlreadyThere;
    }
    out.line(Stream::Stdout, &words::success(order));
    if order.force {
        Outcome::Forced
    } else {
        Outcome::Done
    }
}

//! The front door: the controllers' own refusals, decided from what is read right now.
//!
//! An order that passes may still lose a race; the controller then refuses it by the same rules, and
//! the operator reads the same text.

use siterecovery_api::{FailoverRefusal, GroupLocation, SiteDirectory, SiteInfo, reasons};
use siterecovery_decide::failover::{Fetch, Fetched, Observed, SiteView, front_door, understand};
use siterecovery_decide::{Policy, Refusal, location, text};

use crate::context::Context;
use crate::outcome::Outcome;
use crate::output::{Output, Stream};
use crate::suggest::nearest;

use super::Order;
use super::fetch::fetch;
use super::words;

/// An order that goes no further: what to print, and what it means.
pub(crate) struct Stopped {
    lines: Vec<String>,
    outcome: Outcome,
}

impl Stopped {
    /// Prints it and gives its outcome back.
    pub(crate) fn report(self, out: &mut (dyn Output + Send)) -> Outcome {
        for line in &self.lines {
            out.line(Stream::Stderr, line);
        }
        self.outcome
    }
}

/// Lets an order pass or stops it. What passes may come with warnings.
pub(crate) async fn check(
    order: &Order<'_>,
    target: &SiteInfo,
    directory: &SiteDirectory,
    context: &Context,
) -> Result<Vec<String>, Stopped> {
    let home = directory.management_of(target).name.clone();
    let fetched = fetch(order, &home, directory, context).await;
    needed_sites(order, &[&target.name, &home], &fetched)?;
    known_group(order, &fetched)?;
    let observed = understand(&fetched);
    match refusal(&observed, target, &context.policy, (context.now)()) {
        Some(refusal) => {
            let (evidence, message) = (refusal.evidence(), refusal.to_string());
            Err(Stopped {
                lines: words::refusal(order, &evidence).unwrap_or_else(|| text::failure(&message)),
                outcome: outcome(&evidence, &message),
            })
        }
        None => Ok(silent_sites(&observed)),
    }
}

/// How the controller ended a Failover that the front door had let pass: a race that was lost prints
/// the front door's text. Once the source was touched, no end is a mere refusal.
pub(crate) fn ended(
    order: &Order<'_>,
    refusal: &FailoverRefusal,
    message: &str,
    touched: bool,
) -> Stopped {
    let outcome = if touched {
        Outcome::Failed {
            reason: refusal.reason.clone(),
            message: message.to_owned(),
        }
    } else {
        outcome(refusal, message)
    };
    Stopped {
        lines: words::refusal(order, refusal)
            .unwrap_or_else(|| vec![words::failure(order, message)]),
        outcome,
    }
}

/// The controller's own answer, and split-brain before a safety check that force could skip.
fn refusal(
    observed: &Observed,
    target: &SiteInfo,
    policy: &Policy,
    now: jiff::Timestamp,
) -> Option<Refusal> {
    match front_door(observed, policy, now) {
        refusal @ (None | Some(Refusal::SafetyCheck { .. })) => {
            split_brain(observed, target).or(refusal)
        }
        refusal => refusal,
    }
}

fn split_brain(observed: &Observed, target: &SiteInfo) -> Option<Refusal> {
    let source = observed.source()?;
    let look = |site: &SiteInfo| observed.facts(&site.name);
    let located = location::locate((&source.name, look(source)), (&target.name, look(target)));
    (located.location == GroupLocation::Both).then_some(Refusal::SplitBrain {
        copies: located.copies,
    })
}

/// The target and the management site have to answer; a silent source is what failovers are for.
fn needed_sites(order: &Order<'_>, needed: &[&String], fetched: &Fetched) -> Result<(), Stopped> {
    let (mut lines, mut sites) = (Vec::new(), Vec::new());
    for site in needed {
        let error = match fetched.sites.get(*site) {
            Some(Fetch::Read(_)) => continue,
            Some(Fetch::Failed { error, .. }) => error.as_str(),
            None => "it is not configured",
        };
        if !sites.contains(*site) {
            lines.push(format!("[ERROR] Site {site} could not be read: {error}"));
            sites.push((*site).clone());
        }
    }
    if sites.is_empty() {
        return Ok(());
    }
    let message = format!("no answer from {}, which is needed", sites.join(" and "));
    lines.push(words::failure(order, &message));
    Err(Stopped {
        lines,
        outcome: Outcome::Unreachable { sites, message },
    })
}

/// A group that no site knows was mistyped. One that a silent site may know passes on.
fn known_group(order: &Order<'_>, fetched: &Fetched) -> Result<(), Stopped> {
    let mut names = Vec::new();
    for site in fetched.sites.values() {
        match site {
            Fetch::Failed { .. } => return Ok(()),
            Fetch::Read(objects) => names.extend(
                objects
                    .groups
                    .iter()
                    .filter_map(|group| group.metadata.name.as_deref()),
            ),
        }
    }
    names.sort_unstable();
    names.dedup();
    if names.contains(&order.group) {
        return Ok(());
    }
    let Order {
        group, namespace, ..
    } = order;
    let mut message = format!("unknown protection group {group} in namespace {namespace}");
    if let Some(near) = nearest(group, names.iter().copied()) {
        message = format!("{message}; did you mean {near}?");
    } else if names.is_empty() {
        message = format!("{message}; there is none at all, is this the right namespace?");
    }
    Err(Stopped {
        lines: vec![format!("error: {message}")],
        outcome: Outcome::Usage { message },
    })
}

/// A warning for each site that is silent and not needed.
fn silent_sites(observed: &Observed) -> Vec<String> {
    let silent = observed.sites.iter().filter_map(|(site, view)| match view {
        SiteView::Reachable(_) => None,
        SiteView::Unreachable { error, .. } => {
            Some(format!("[WARN] Site {site} could not be read: {error}"))
        }
    });
    silent.collect()
}

fn outcome(refusal: &FailoverRefusal, message: &str) -> Outcome {
    let (reason, message) = (refusal.reason.clone(), message.to_owned());
    if is_refusal(&reason) {
        let holder = refusal.holder.clone();
        Outcome::Refused {
            reason,
            holder,
            message,
        }
    } else {
        Outcome::Failed { reason, message }
    }
}

/// Whether a reason means that a rule said no before anything was moved. All others mean that
/// something was tried and did not succeed.
fn is_refusal(reason: &str) -> bool {
    [
        reasons::LOCK_HELD,
        reasons::SAFETY_CHECK,
        reasons::SPLIT_BRAIN,
        reasons::NO_SUCH_GROUP,
        reasons::NO_SUCH_SITE,
        reasons::NOT_A_WORKLOAD_SITE,
        reasons::NO_MEMBERS,
        reasons::STORAGE_NOT_PROMOTABLE,
        reasons::SOURCE_UNREACHABLE,
        reasons::INVALID,
    ]
    .contains(&reason)
}

//! Failovers that an actor creates as objects.
//!
//! What is drilled may be a Failover of a group or to a site that does not exist. So both may be unknown where the
//! step says that the Failover is refused for it, or that it fails; everywhere else they are slips.

use std::time::Duration;

use super::lint::Lint;
use super::step::Scope;
use super::{duration, object, outcome};
use crate::names::{NAMESPACE, canonical_site};
use crate::scenario::{ExpectedOutcome, FailoverOrder, StepTimeouts};
use crate::syntax::{self, At, Fact};
use crate::variables::has_variable;

/// The reasons with which the controllers refuse what does not exist.
const NO_SUCH_GROUP: &str = "NoSuchGroup";
const NO_SUCH_SITE: &str = "NoSuchSite";
const NOT_A_WORKLOAD_SITE: &str = "NotAWorkloadSite";

pub(super) fn order(
    lint: &mut Lint<'_>,
    scope: &Scope,
    written: &At<syntax::Failover>,
    expect: Option<&At<Fact>>,
) -> Option<FailoverOrder> {
    let At { value, pos } = written;
    let expected = match expect {
        None => Some(ExpectedOutcome::Success),
        Some(expect) => outcome::outcome(lint, expect),
    };
    let force = value.force.as_ref().is_some_and(|force| force.value);
    if let (Some(ExpectedOutcome::Forced), Some(expect)) = (&expected, expect)
        && !force
    {
        let help = "add `force: true`, or expect `success`";
        lint.error_help(expect.pos, "nothing forces this failover", help);
    }
    let group = lint.need(value.group.as_ref(), *pos, "group");
    let group = group.and_then(|group| self::group(lint, scope, group, expected.as_ref()));
    let to = lint.need(value.to.as_ref(), *pos, "to");
    let site = to.and_then(|to| management_site(lint, scope, to, expected.as_ref()));
    if let Some(name) = &value.name {
        lint.label("failover", &name.value, name.pos);
    }
    if let Some(namespace) = &value.namespace {
        lint.label("namespace", &namespace.value, namespace.pos);
    }
    let text = |it: &Option<At<String>>| it.as_ref().map(|it| it.value.clone());
    let timeouts = value.timeouts.as_ref();
    Some(FailoverOrder {
        timeouts: timeouts.map_or_else(StepTimeouts::default, |it| self::timeouts(lint, it)),
        namespace: text(&value.namespace).unwrap_or_else(|| NAMESPACE.to_owned()),
        name: text(&value.name),
        force,
        site: site?,
        group: group?,
        to: to?.value.clone(),
        expect: expected?,
    })
}

/// Whether the step says that the Failover is refused for this reason, or that it fails for any.
/// An expectation that is wrong in itself has been told so already.
fn may_be_refused(expected: Option<&ExpectedOutcome>, reason: &str) -> bool {
    match expected {
        None | Some(ExpectedOutcome::Failed { .. }) => true,
        Some(ExpectedOutcome::Refused { reason: given, .. }) => given == reason,
        Some(ExpectedOutcome::Success | ExpectedOutcome::NoOp | ExpectedOutcome::Forced) => false,
    }
}

fn group(
    lint: &mut Lint<'_>,
    scope: &Scope,
    written: &At<String>,
    expected: Option<&ExpectedOutcome>,
) -> Option<String> {
    let is_known = scope.groups.contains(&written.value) || has_variable(&written.value);
    if is_known || may_be_refused(expected, NO_SUCH_GROUP) {
        return Some(written.value.clone());
    }
    object::group(lint, scope, written)
}

/// Where the Failover is created: on the quorum site, or without one on its target.
fn management_site(
    lint: &mut Lint<'_>,
    scope: &Scope,
    to: &At<String>,
    expected: Option<&ExpectedOutcome>,
) -> Option<String> {
    let has_quorum = scope.sites.iter().any(|site| site == "quorum");
    let site = canonical_site(&to.value);
    let is_drilled = match site {
        _ if has_variable(&to.value) => true,
        None => may_be_refused(expected, NO_SUCH_SITE),
        Some("quorum") => may_be_refused(expected, NOT_A_WORKLOAD_SITE),
        Some(_) => false,
    };
    if !is_drilled {
        let target = lint.workload_site(&scope.sites, to)?;
        return Some(if has_quorum {
            "quorum".to_owned()
        } else {
            target
        });
    }
    if !has_quorum && !scope.sites.is_empty() {
        let message = format!("nothing says where a Failover to `{}` is created", to.value);
        let help = "without a quorum site it is created on its target; `apply` it to the site that is meant";
        lint.error_help(to.pos, message, help);
        return None;
    }
    Some("quorum".to_owned())
}

fn timeouts(lint: &mut Lint<'_>, written: &At<syntax::Timeouts>) -> StepTimeouts {
    let syntax::Timeouts {
        clear_taints,
        stop_source,
        release_storage,
        start_target,
    } = &written.value;
    let mut seconds = |at: &Option<At<String>>| whole_seconds(lint, at.as_ref()?);
    StepTimeouts {
        clear_taints: seconds(clear_taints),
        stop_source: seconds(stop_source),
        release_storage: seconds(release_storage),
        start_target: seconds(start_target),
    }
}

fn whole_seconds(lint: &mut Lint<'_>, written: &At<String>) -> Option<Duration> {
    let duration = duration::positive(lint, written)?;
    if duration.subsec_nanos() > 0 {
        let message = format!("`{}` is no number of whole seconds", written.value);
        lint.error_help(written.pos, message, "a Failover knows seconds only");
        return None;
    }
    Some(duration)
}

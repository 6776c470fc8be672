//! Steps: one action each, and what may go with it.

use std::collections::BTreeSet;

use super::lint::Lint;
use super::object::{self, Written};
use super::{duration, fact, failover, outcome, program, text};
use crate::names::{all_of, quoted};
use crate::scenario::{Action, Condition, Return, Sleep, Step};
use crate::syntax::{self, At, Pos, SnapshotName};

/// What a step may refer to.
pub(super) struct Scope {
    /// The scenario's sites by canonical name.
    pub(super) sites: Vec<String>,
    /// The groups that are given or applied.
    pub(super) groups: BTreeSet<String>,
    /// The names of the snapshots so far.
    pub(super) snapshots: BTreeSet<String>,
}

/// The list that a step stands in.
pub(super) enum Block<'b> {
    Actor(&'b str),
    Then,
    Always,
}

impl Block<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Actor(name) => name,
            Self::Then => "then",
            Self::Always => "always",
        }
    }
}

/// Checks a step. `snapshots` counts those of the same block.
pub(super) fn step(
    lint: &mut Lint<'_>,
    scope: &mut Scope,
    block: &Block<'_>,
    snapshots: &mut usize,
    written: At<syntax::Step>,
) -> Option<Step> {
    let At { value: step, pos } = written;
    let snapshot = snapshot(lint, scope, block, snapshots, &step);
    let within = within(lint, &step, pos);
    let throughout = throughout(lint, &step);
    if let Some(because) = &step.because
        && step.sleep.is_none()
    {
        lint.error(because.pos, "`because` goes with `sleep` only");
    }
    if let Some(name) = &step.name {
        lint.label("step", &name.value, name.pos);
    }
    if let Some(with) = &step.with {
        lint.error(with.pos, "`with` goes with `use` only");
    }
    only_action(lint, &step, pos)?;
    let action = action(lint, scope, block, &step)?;
    Some(Step {
        location: lint.location(pos),
        text: text::step(&action, within, throughout),
        name: step.name.map(|name| name.value),
        action,
        within,
        throughout,
        snapshot,
    })
}

/// Notes what is wrong unless the step has exactly one action.
fn only_action(lint: &mut Lint<'_>, step: &syntax::Step, pos: Pos) -> Option<()> {
    // Beside a command or a Failover, `expect` says how that ends.
    let expects = step.expect.is_some() && !has_an_end(step);
    let present = [
        ("pgctl", step.pgctl.is_some()),
        ("kubectl", step.kubectl.is_some()),
        ("shell", step.shell.is_some()),
        ("failover", step.failover.is_some()),
        ("patch", step.patch.is_some()),
        ("apply", step.apply.is_some()),
        ("delete", step.delete.is_some()),
        ("await", step.r#await.is_some()),
        ("expect", expects),
        ("observe", step.observe.is_some()),
        ("return", step.r#return.is_some()),
        ("sleep", step.sleep.is_some()),
        ("fault", step.fault.is_some()),
        ("lift", step.lift.is_some()),
        ("save", step.save.is_some()),
        ("measure", step.measure.is_some()),
    ];
    let actions = present.iter().filter(|(_, there)| *there);
    let actions: Vec<&str> = actions.map(|(name, _)| *name).collect();
    match actions.as_slice() {
        [_] => Some(()),
        [] if step.snapshot.is_some() => {
            lint.error_help(
                pos,
                "`snapshot` as a step of its own is not in this version",
                "put `snapshot` beside the command whose transcript is meant",
            );
            None
        }
        [] => {
            let all: Vec<&str> = present.iter().map(|(name, _)| *name).collect();
            lint.error_help(
                pos,
                "the step does nothing",
                format!("name one of {}", quoted(&all)),
            );
            None
        }
        several => {
            let message = format!("a step has one action, not {}", all_of(several));
            lint.error_help(pos, message, "use one step for each");
            None
        }
    }
}

fn action(
    lint: &mut Lint<'_>,
    scope: &Scope,
    block: &Block<'_>,
    step: &syntax::Step,
) -> Option<Action> {
    if let Some(pgctl) = &step.pgctl {
        return outcome::pgctl(lint, pgctl, step.expect.as_ref()).map(Action::Pgctl);
    }
    if step.kubectl.is_some() || step.shell.is_some() {
        return program::program(lint, scope, step).map(Action::Program);
    }
    if let Some(written) = &step.failover {
        let expect = step.expect.as_ref();
        return failover::order(lint, scope, written, expect).map(Action::Failover);
    }
    if let Some(patch) = &step.patch {
        return object::patch(lint, scope, patch).map(Action::Patch);
    }
    if let Some(apply) = &step.apply {
        return object::apply(lint, scope, apply).map(Action::Apply);
    }
    if let Some(delete) = &step.delete {
        let written = Written {
            site: delete.value.site.as_ref(),
            object: delete.value.object.as_ref(),
            namespace: delete.value.namespace.as_ref(),
            pos: delete.pos,
        };
        return object::present(lint, scope, &written).map(Action::Delete);
    }
    if let Some(fact) = &step.r#await {
        return fact::condition(lint, scope, fact).map(Action::Await);
    }
    if let Some(fact) = &step.expect {
        let condition = fact::condition(lint, scope, fact)?;
        if matches!(condition, Condition::Actor { .. }) {
            lint.error(fact.pos, "another actor is awaited, not expected");
        }
        return Some(Action::Expect(condition));
    }
    if let Some(observe) = &step.observe {
        return object::observe(lint, scope, observe).map(Action::Observe);
    }
    if let Some(back) = &step.r#return {
        return self::back(lint, scope, block, back).map(Action::Return);
    }
    if let Some(fault) = &step.fault {
        return super::fault::fault(lint, scope, fault).map(Action::Fault);
    }
    if let Some(save) = &step.save {
        return super::save::save(lint, scope, save).map(Action::Save);
    }
    if let Some(measure) = &step.measure {
        return super::save::save(lint, scope, measure).map(Action::Measure);
    }
    if let Some(name) = &step.lift {
        return Some(Action::Lift(name.value.clone()));
    }
    sleep(lint, step).map(Action::Sleep)
}

/// `return: GROUP to SITE`
fn back(
    lint: &mut Lint<'_>,
    scope: &Scope,
    block: &Block<'_>,
    written: &At<String>,
) -> Option<Return> {
    if !matches!(block, Block::Always) {
        lint.error_help(
            written.pos,
            "`return` belongs in `always`",
            "move a group with `pgctl: failover` here",
        );
    }
    let words: Vec<&str> = written.value.split_whitespace().collect();
    let [group, "to", site] = words.as_slice() else {
        lint.error_help(
            written.pos,
            format!("`{}` does not say who returns where", written.value),
            "write `GROUP to SITE`, such as `pg-a to primary`",
        );
        return None;
    };
    let at = |word: &str| At {
        value: word.to_owned(),
        pos: written.pos,
    };
    let group = object::group(lint, scope, &at(group));
    let to = lint.workload_site(&scope.sites, &at(site));
    Some(Return {
        group: group?,
        to: to?,
    })
}

fn sleep(lint: &mut Lint<'_>, step: &syntax::Step) -> Option<Sleep> {
    let sleep = step.sleep.as_ref()?;
    let because = step.because.as_ref().filter(|b| !b.value.trim().is_empty());
    if because.is_none() {
        lint.error_help(
            sleep.pos,
            "a `sleep` says why",
            "await a fact instead, or add `because: REASON`",
        );
    }
    Some(Sleep {
        duration: duration::positive(lint, sleep)?,
        because: because?.value.clone(),
    })
}

fn within(lint: &mut Lint<'_>, step: &syntax::Step, pos: Pos) -> Option<std::time::Duration> {
    let waits = step.r#await.is_some()
        || step.expect.is_some()
        || has_an_end(step)
        || step.r#return.is_some()
        || step.fault.is_some();
    let Some(within) = &step.within else {
        let unbound = if step.r#await.is_some() {
            Some("an `await` needs a bound")
        } else if step.kubectl.is_some() || step.shell.is_some() {
            Some("a step that starts a program needs a bound")
        } else if step.failover.is_some() {
            Some("a `failover` waits for its end and needs a bound")
        } else {
            None
        };
        if let Some(message) = unbound {
            lint.error_help(pos, message, "add `within: 30s` beside it");
        }
        return None;
    };
    let duration = duration::positive(lint, within);
    if !waits {
        lint.error_help(
            within.pos,
            "`within` stands on a step that does not wait",
            "`await`, `expect`, commands, `failover`, `return` and `fault` wait",
        );
    }
    duration
}

fn throughout(lint: &mut Lint<'_>, step: &syntax::Step) -> Option<std::time::Duration> {
    let throughout = step.throughout.as_ref()?;
    if step.expect.is_none() || has_an_end(step) {
        let help = "it says how long the fact of an `expect` must hold";
        lint.error_help(throughout.pos, "`throughout` goes with `expect` only", help);
    }
    if step.within.is_some() {
        let help = "wait for the fact in one step, and let it hold in the next";
        lint.error_help(
            throughout.pos,
            "`throughout` and `within` do not go together",
            help,
        );
    }
    duration::positive(lint, throughout)
}

fn snapshot(
    lint: &mut Lint<'_>,
    scope: &mut Scope,
    block: &Block<'_>,
    count: &mut usize,
    step: &syntax::Step,
) -> Option<String> {
    let written = step.snapshot.as_ref()?;
    let name = match &written.value {
        SnapshotName::Wanted(false) => return None,
        SnapshotName::Wanted(true) => {
            *count += 1;
            format!("{}-{count}", block.name())
        }
        SnapshotName::Named(name) => {
            *count += 1;
            lint.label("snapshot", name, written.pos);
            name.clone()
        }
    };
    if !is_command(step) && only_snapshot_is_wrong(step) {
        lint.error_help(
            written.pos,
            "`snapshot` stands on a step without a transcript",
            "only `pgctl`, `kubectl` and `shell` leave a transcript",
        );
    }
    if !scope.snapshots.insert(name.clone()) {
        lint.error(written.pos, format!("duplicate snapshot `{name}`"));
    }
    Some(name)
}

/// Whether the step does something whose end `expect` speaks of.
fn has_an_end(step: &syntax::Step) -> bool {
    is_command(step) || step.failover.is_some()
}

/// Whether the step runs a command, which leaves a transcript.
fn is_command(step: &syntax::Step) -> bool {
    step.pgctl.is_some() || step.kubectl.is_some() || step.shell.is_some()
}

/// Whether the step has an action at all; a lone `snapshot` is told apart elsewhere.
fn only_snapshot_is_wrong(step: &syntax::Step) -> bool {
    step.failover.is_some()
        || step.patch.is_some()
        || step.apply.is_some()
        || step.delete.is_some()
        || step.r#await.is_some()
        || step.expect.is_some()
        || step.observe.is_some()
        || step.r#return.is_some()
        || step.sleep.is_some()
        || step.fault.is_some()
        || step.lift.is_some()
        || step.save.is_some()
        || step.measure.is_some()
}

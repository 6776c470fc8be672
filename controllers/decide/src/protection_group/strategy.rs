//! How a `VirtualMachine` is asked to run or to stop, and how it gets its own strategy back.

use siterecovery_api::DesiredState;
use siterecovery_api::kubevirt::{RUN_ALWAYS, RUN_HALTED, RUN_MANUAL};

use super::observed::Machine;
use crate::effect::{OriginalStrategy, RunChange};
use crate::facts::InstanceFacts;

/// The change that brings a machine to what its group wants, or `None` when it is on its way.
pub(super) fn change(
    machine: &Machine,
    instance: Option<&InstanceFacts>,
    desired: DesiredState,
) -> Option<RunChange> {
    if let Some(strategy) = machine.run_strategy.as_deref() {
        let (strategy, original) = match desired {
            DesiredState::Running => {
                start(strategy, machine.original_strategy.as_deref(), instance)?
            }
            DesiredState::Stopped => {
                stop(strategy, machine.original_strategy.as_deref(), instance)?
            }
        };
        return Some(RunChange {
            state: desired,
            run_strategy: Some(strategy),
            running: None,
            original,
        });
    }
    // Neither field is a VM that KubeVirt itself refuses; there is nothing sound to write.
    let wanted = desired == DesiredState::Running;
    (machine.running? != wanted).then_some(RunChange {
        state: desired,
        run_strategy: None,
        running: Some(wanted),
        original: OriginalStrategy::Keep,
    })
}

fn start(
    strategy: &str,
    original: Option<&str>,
    instance: Option<&InstanceFacts>,
) -> Option<(String, OriginalStrategy)> {
    let is_live = instance.is_some_and(InstanceFacts::is_live);
    let is_up = instance.is_some_and(InstanceFacts::is_up);
    match (strategy, original) {
        // `Manual` alone would not start it: it gets `Always` until it is up, and then its own back.
        (RUN_HALTED, Some(RUN_MANUAL) | None) => {
            Some((RUN_ALWAYS.to_owned(), OriginalStrategy::Keep))
        }
        (RUN_MANUAL, _) if !is_live => Some((
            RUN_ALWAYS.to_owned(),
            OriginalStrategy::Remember(RUN_MANUAL.to_owned()),
        )),
        (RUN_ALWAYS, Some(RUN_MANUAL)) if is_up => {
            Some((RUN_MANUAL.to_owned(), OriginalStrategy::Forget))
        }
        (RUN_HALTED, Some(RUN_HALTED)) => Some((RUN_ALWAYS.to_owned(), OriginalStrategy::Forget)),
        // KubeVirt starts such a machine only when it comes from another strategy; while its last instance is still
        // there that moment would pass unused, and it would never start.
        (RUN_HALTED, Some(own)) if own != RUN_ALWAYS && instance.is_some() => None,
        (RUN_HALTED, Some(own)) => Some((own.to_owned(), OriginalStrategy::Forget)),
        _ => None,
    }
}

fn stop(
    strategy: &str,
    original: Option<&str>,
    instance: Option<&InstanceFacts>,
) -> Option<(String, OriginalStrategy)> {
    let is_live = instance.is_some_and(InstanceFacts::is_live);
    match (strategy, original) {
        (RUN_HALTED, _) => None,
        (RUN_MANUAL, _) if !is_live => None,
        // `Always` was only lent to it while it started.
        (RUN_ALWAYS, Some(RUN_MANUAL)) => Some((RUN_HALTED.to_owned(), OriginalStrategy::Keep)),
        (own, _) => Some((
            RUN_HALTED.to_owned(),
            OriginalStrategy::Remember(own.to_owned()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::ObjectVersion;

    fn machine(
        run_strategy: Option<&str>,
        running: Option<bool>,
        original: Option<&str>,
    ) -> Machine {
        Machine {
            version: ObjectVersion::default(),
            deleting: false,
            run_strategy: run_strategy.map(str::to_owned),
            running,
            original_strategy: original.map(str::to_owned),
            printable_status: None,
            problem: None,
        }
    }

    fn up() -> InstanceFacts {
        InstanceFacts {
            uid: "i".to_owned(),
            phase: "Running".to_owned(),
            ready: true,
            node: None,
            deleting: false,
        }
    }

    #[test]
    fn a_machine_that_reruns_on_failure_waits_until_its_last_instance_is_gone() {
        let halted = machine(Some(RUN_HALTED), None, Some("RerunOnFailure"));
        let ended = InstanceFacts {
            phase: "Succeeded".to_owned(),
            deleting: true,
            ..up()
        };
        let running = DesiredState::Running;
        assert_eq!(change(&halted, Some(&ended), running), None);
        let started = change(&halted, None, running).expect("nothing is in the way");
        assert_eq!(started.run_strategy.as_deref(), Some("RerunOnFailure"));
    }

    /// Strategy and note after a change, or what it was.
    fn after(
        strategy: &str,
        note: Option<&str>,
        live: bool,
        desired: DesiredState,
    ) -> (String, Option<String>) {
        let instance = up();
        let machine = machine(Some(strategy), None, note);
        let change = change(&machine, live.then_some(&instance), desired);
        let keep = (strategy.to_owned(), note.map(str::to_owned));
        change.map_or(keep, |change| {
            let note = match change.original {
                OriginalStrategy::Keep => note.map(str::to_owned),
                OriginalStrategy::Remember(own) => Some(own),
                OriginalStrategy::Forget => None,
            };
            (change.run_strategy.unwrap(), note)
        })
    }

    #[test]
    fn every_strategy_comes_back_after_a_stop_and_a_start() {
        for own in ["Always", "RerunOnFailure", "Once", "Manual"] {
            let (halted, note) = after(own, None, true, DesiredState::Stopped);
            assert_eq!((halted.as_str(), note.as_deref()), ("Halted", Some(own)));
            let (started, note) = after(&halted, note.as_deref(), false, DesiredState::Running);
            assert_ne!(started, "Halted");
            let (end, note) = after(&started, note.as_deref(), true, DesiredState::Running);
            assert_eq!((end.as_str(), note), (own, None), "for {own}");
        }
    }

    #[test]
    fn a_halted_machine_without_a_note_is_started_with_always() {
        assert_eq!(
            after("Halted", None, false, DesiredState::Running).0,
            "Always"
        );
    }

    #[test]
    fn a_machine_with_running_gets_running() {
        let stop = change(
            &machine(None, Some(true), None),
            None,
            DesiredState::Stopped,
        )
        .unwrap();
        assert_eq!((stop.running, stop.run_strategy), (Some(false), None));
        assert_eq!(
            change(
                &machine(None, Some(false), None),
                None,
                DesiredState::Stopped
            ),
            None
        );
    }

    #[test]
    fn a_machine_with_neither_field_is_left_alone() {
        assert_eq!(
            change(&machine(None, None, None), None, DesiredState::Running),
            None
        );
    }

    #[test]
    fn a_manual_machine_that_does_not_run_needs_no_stop() {
        assert_eq!(
            after("Manual", None, false, DesiredState::Stopped).0,
            "Manual"
        );
    }
}

//! Which parts of the surroundings a pass has to read, from how far the Failover has come.
//!
//! Reading too much costs only time; reading too little could let a decision miss something.
//! So a part is left out only where the decision's own order of steps cannot reach the step that
//! looks at it.

use siterecovery_api::{DesiredState, Failover, StepName, StepState};
use siterecovery_decide::conditions::SUCCEEDED;

use super::{is_active, is_terminal};

/// What the first reads of a pass showed.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each read by one rule"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// A lock site shows a Lease that this very Failover took.
    pub(super) holds_lock: bool,
    /// What the target's copy of the group is asked to do; `None` if there is no such copy or the
    /// target does not answer.
    pub(super) target_asked: Option<DesiredState>,
    /// The target answered.
    pub(super) target_answers: bool,
    /// The target's copy says, about its very spec, that it runs.
    pub(super) target_runs: bool,
    /// The other workload site answered.
    pub(super) source_answers: bool,
    /// The source's copy exists and does not say, about its very spec, that it is stopped.
    pub(super) source_not_stopped: bool,
}

/// Which other Failovers to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Others {
    /// None of them.
    Nobody,
    /// Those that have not ended, or still owe a lost source its stop.
    Active,
    /// All, ended ones too.
    All,
}

/// What to read beside the group's own copies and lock.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent answers to independent questions"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    /// The instances of the members, on both sites.
    pub(super) instances: bool,
    /// The target's nodes.
    pub(super) nodes: bool,
    /// The `VirtualMachines` that the target's copy names; those it selects are always read.
    pub(super) machines: bool,
    /// The disks of the members, and what storage says about them. The machines of both sites come
    /// along, because they name the disks.
    pub(super) storage: bool,
    /// The other Failovers on the management sites.
    pub(super) failovers: Others,
    /// The other groups on the target with their machines.
    pub(super) neighbours: bool,
}

impl Need {
    /// Nothing but what tells where the group runs.
    const LITTLE: Self = Self {
        instances: true,
        nodes: false,
        machines: false,
        storage: false,
        failovers: Others::Nobody,
        neighbours: false,
    };

    /// Nothing at all.
    const NOTHING: Self = Self {
        instances: false,
        ..Self::LITTLE
    };

    /// Whether who has read this has read all of `other`, too.
    pub(super) fn covers(self, other: Self) -> bool {
        let pairs = [
            (self.instances, other.instances),
            (self.nodes, other.nodes),
            (self.machines, other.machines),
            (self.storage, other.storage),
            (self.neighbours, other.neighbours),
        ];
        self.failovers >= other.failovers && pairs.iter().all(|(read, needed)| *read || !needed)
    }

    /// The needs of this pass.
    pub(super) fn of(failover: &Failover, seen: Seen) -> Self {
        let status = failover.status.as_ref();
        let step = |name| status.and_then(|status| status.step(name));
        let is_done = |name| {
            step(name)
                .is_some_and(|step| matches!(step.state, StepState::Succeeded | StepState::Skipped))
        };
        if is_terminal(status) {
            // An end is only followed by the stop of a lost source that is back. A later failover
            // of the group, even an ended one, may have made that wrong.
            let fences = is_active(status) && seen.source_answers;
            return Self {
                failovers: if fences { Others::All } else { Others::Nobody },
                ..Self::LITTLE
            };
        }
        if status.is_some_and(|status| status.condition(SUCCEEDED).is_some()) {
            // Only the rollback and the release of the lock are left.
            return Self::LITTLE;
        }
        if is_done(StepName::Validate) && !is_done(StepName::AcquireLock) && !seen.holds_lock {
            // The lock comes before everything else.
            return Self::NOTHING;
        }
        // Nothing looks at other failovers and groups before the lock is held. This keeps the
        // number of long lists at one or two for each failover.
        let looks_around = seen.holds_lock && !is_done(StepName::SafetyCheck);
        let located = is_done(StepName::LocateGroup);
        let begun = step(StepName::StartTarget).is_some();
        let started =
            begun && (!seen.target_answers || seen.target_asked == Some(DesiredState::Running));
        // A source that answers and still runs holds the failover in StopSource, before the step
        // that looks at storage. LocateGroup looks at storage only where the source is silent.
        let validated = is_done(StepName::Validate);
        let storage = !started && (!validated || !seen.source_not_stopped);
        Self {
            instances: true,
            // Nothing looks at nodes before the lock is held. A target that is about to be asked to run, and until its
            // group says that it does, loses taints that have come back.
            nodes: (validated || seen.holds_lock)
                && (!is_done(StepName::ClearTaints) || storage || begun && !seen.target_runs),
            machines: storage || seen.target_runs || !located,
            storage,
            failovers: if looks_around {
                Others::Active
            } else {
                Others::Nobody
            },
            neighbours: looks_around && !failover.spec.force,
        }
    }
}

#[cfg(test)]
mod tests {
    use siterecovery_api::time::micro_time;
    use siterecovery_api::{FailoverPhase, FailoverSpec, FailoverStatus, FailoverStep};

    use super::*;

    const CALM: Seen = Seen {
        holds_lock: true,
        target_asked: Some(DesiredState::Stopped),
        target_answers: true,
        target_runs: false,
        source_answers: true,
        source_not_stopped: true,
    };

    fn failover(steps: &[(StepName, StepState)], force: bool) -> Failover {
        let spec = FailoverSpec {
            protection_group: "pg-a".to_owned(),
            target_cluster: "dr".to_owned(),
            force,
            timeouts: None,
        };
        let mut failover = Failover::new("f", spec);
        let step = |(name, state): &(StepName, StepState)| FailoverStep {
            name: *name,
            state: *state,
            started_at: micro_time(jiff::Timestamp::UNIX_EPOCH),
            finished_at: None,
            retried_at: None,
            message: None,
        };
        let steps = steps.iter().map(step).collect();
        failover.status = Some(FailoverStatus {
            steps,
            ..FailoverStatus::default()
        });
        failover
    }

    #[test]
    fn the_neighbours_are_read_once_the_lock_is_held_and_until_the_safety_check_is_behind() {
        let before = failover(&[(StepName::SafetyCheck, StepState::Running)], false);
        assert!(Need::of(&before, CALM).neighbours);
        assert!(
            !Need::of(
                &before,
                Seen {
                    holds_lock: false,
                    ..CALM
                }
            )
            .neighbours
        );
        let after = failover(&[(StepName::SafetyCheck, StepState::Succeeded)], false);
        assert!(!Need::of(&after, CALM).neighbours);
    }

    #[test]
    fn between_the_validation_and_the_lock_nothing_else_is_looked_at() {
        let unlocked = Seen {
            holds_lock: false,
            ..CALM
        };
        let states = |acquiring| {
            [
                (StepName::Validate, StepState::Succeeded),
                (StepName::AcquireLock, acquiring),
            ]
        };
        let taking = failover(&states(StepState::Running), false);
        assert_eq!(Need::of(&taking, unlocked), Need::NOTHING);
        let need = Need::of(&failover(&[], false), unlocked);
        assert!(need.instances && need.storage && !need.nodes, "{need:?}");
        for (failover, seen) in [
            (taking, CALM),
            // Who has lost its lock looks at everything once more.
            (failover(&states(StepState::Succeeded), false), unlocked),
        ] {
            let need = Need::of(&failover, seen);
            assert!(need.instances && need.nodes, "{need:?}");
        }
    }

    #[test]
    fn a_forced_failover_still_reads_the_other_failovers_because_force_skips_only_one_check() {
        let need = Need::of(&failover(&[], true), CALM);
        assert!(need.failovers == Others::Active && !need.neighbours);
    }

    #[test]
    fn storage_is_read_until_the_target_has_really_been_asked_to_run() {
        let begun = failover(&[(StepName::StartTarget, StepState::Running)], false);
        let stopped = Seen {
            source_not_stopped: false,
            ..CALM
        };
        assert!(
            Need::of(&begun, stopped).storage,
            "the intent is stored, the group is not asked yet"
        );
        let asked = Seen {
            target_asked: Some(DesiredState::Running),
            ..stopped
        };
        assert!(!Need::of(&begun, asked).storage);
        assert!(Need::of(&failover(&[], false), asked).storage);
    }

    #[test]
    fn a_source_that_answers_and_still_runs_keeps_the_look_at_storage_for_later() {
        let done = [StepName::Validate, StepName::LocateGroup].map(|s| (s, StepState::Succeeded));
        let located = failover(&done, false);
        let validated = failover(&done[..1], false);
        assert!(!Need::of(&located, CALM).storage, "StopSource holds it");
        let need = Need::of(&validated, CALM);
        assert!(
            !need.storage && need.machines,
            "LocateGroup looks at machines"
        );
        for seen in [
            Seen {
                source_not_stopped: false,
                ..CALM
            },
            Seen {
                source_answers: false,
                source_not_stopped: false,
                ..CALM
            },
        ] {
            assert!(Need::of(&located, seen).storage, "{seen:?}");
            assert!(Need::of(&validated, seen).storage, "{seen:?}");
        }
        assert!(
            Need::of(&failover(&[], false), CALM).storage,
            "Validate looks at storage"
        );
    }

    #[test]
    fn the_machines_of_a_started_target_are_read_when_its_group_says_that_it_runs() {
        let begun = failover(
            &[
                (StepName::LocateGroup, StepState::Succeeded),
                (StepName::ClearTaints, StepState::Succeeded),
                (StepName::StartTarget, StepState::Running),
            ],
            false,
        );
        let asked = Seen {
            target_asked: Some(DesiredState::Running),
            ..CALM
        };
        let waits = Need::of(&begun, asked);
        assert!(!waits.machines && waits.nodes, "{waits:?}");
        let runs = Seen {
            target_runs: true,
            ..asked
        };
        let done = Need::of(&begun, runs);
        assert!(done.machines && !done.nodes, "{done:?}");
    }

    #[test]
    fn what_was_read_covers_what_is_needed_or_it_does_not() {
        let all = Need {
            instances: true,
            nodes: true,
            machines: true,
            storage: true,
            failovers: Others::All,
            neighbours: true,
        };
        assert!(all.covers(all) && all.covers(Need::LITTLE) && Need::LITTLE.covers(Need::NOTHING));
        for lacking in [
            Need {
                instances: false,
                ..all
            },
            Need {
                nodes: false,
                ..all
            },
            Need {
                machines: false,
                ..all
            },
            Need {
                storage: false,
                ..all
            },
            Need {
                failovers: Others::Active,
                ..all
            },
            Need {
                neighbours: false,
                ..all
            },
        ] {
            assert!(!lacking.covers(all), "{lacking:?}");
        }
    }

    #[test]
    fn a_failover_that_has_ended_needs_next_to_nothing() {
        let mut ended = failover(&[], false);
        ended.status.as_mut().unwrap().phase = Some(FailoverPhase::Succeeded);
        assert_eq!(Need::of(&ended, CALM), Need::LITTLE);
    }
}

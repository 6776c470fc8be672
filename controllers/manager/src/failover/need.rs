//! Which parts of the surroundings a pass has to read, from how far the Failover has come.
//!
//! Reading too much costs only time; reading too little could let a decision miss something.
//! So a part is left out only where the decision's own order of steps cannot reach the step that
//! looks at it.

use siterecovery_api::{DesiredState, Failover, StepName, StepState};

use super::{is_active, is_terminal};

/// What the first reads of a pass showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// A lock site shows a Lease that this very Failover took.
    pub(super) holds_lock: bool,
    /// What the target's copy of the group is asked to do; `None` if there is no such copy or the
    /// target does not answer.
    pub(super) target_asked: Option<DesiredState>,
    /// The target answered.
    pub(super) target_answers: bool,
    /// The other workload site answered.
    pub(super) source_answers: bool,
}

/// What to read beside the group's own copies, machines and lock.
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent answers to four questions"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    /// The target's nodes.
    pub(super) nodes: bool,
    /// The disks of the members, and what storage says about them.
    pub(super) storage: bool,
    /// The other Failovers on the management sites.
    pub(super) failovers: bool,
    /// The other groups on the target with their machines.
    pub(super) neighbours: bool,
}

impl Need {
    /// The needs of this pass.
    pub(super) fn of(failover: &Failover, seen: Seen) -> Self {
        let status = failover.status.as_ref();
        let step = |name| status.and_then(|status| status.step(name));
        if is_terminal(status) {
            // An end is only followed by the stop of a lost source that is back. A later failover
            // of the group may have made that wrong.
            let failovers = is_active(status) && seen.source_answers;
            return Self {
                nodes: false,
                storage: false,
                failovers,
                neighbours: false,
            };
        }
        let checked = step(StepName::SafetyCheck)
            .is_some_and(|step| matches!(step.state, StepState::Succeeded | StepState::Skipped));
        // Nothing looks at other failovers and groups before the lock is held. This keeps the
        // number of long lists at one or two for each failover.
        let looks_around = seen.holds_lock && !checked;
        let started = step(StepName::StartTarget).is_some()
            && (!seen.target_answers || seen.target_asked == Some(DesiredState::Running));
        Self {
            nodes: true,
            storage: !started,
            failovers: looks_around,
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
        source_answers: true,
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
    fn a_forced_failover_still_reads_the_other_failovers_because_force_skips_only_one_check() {
        let need = Need::of(&failover(&[], true), CALM);
        assert!(need.failovers && !need.neighbours);
    }

    #[test]
    fn storage_is_read_until_the_target_has_really_been_asked_to_run() {
        let begun = failover(&[(StepName::StartTarget, StepState::Running)], false);
        assert!(
            Need::of(&begun, CALM).storage,
            "the intent is stored, the group is not asked yet"
        );
        let asked = Seen {
            target_asked: Some(DesiredState::Running),
            ..CALM
        };
        assert!(!Need::of(&begun, asked).storage);
        assert!(Need::of(&failover(&[], false), asked).storage);
    }

    #[test]
    fn a_failover_that_has_ended_needs_next_to_nothing() {
        let mut ended = failover(&[], false);
        ended.status.as_mut().unwrap().phase = Some(FailoverPhase::Succeeded);
        let nothing = Need {
            nodes: false,
            storage: false,
            failovers: false,
            neighbours: false,
        };
        assert_eq!(Need::of(&ended, CALM), nothing);
    }
}

//! What holds for every observation, however odd.

use proptest::prelude::*;
use siterecovery_api::{
    CurrentState, DesiredState, FailoverPhase, FailoverStatus, SiteDirectory, StepName, names,
};

use super::builder::{ME, UID, at, group, lease, machine, other, policy};
use crate::conditions::{self, NewCondition, Truth};
use crate::decision::Decision;
use crate::effect::Effect;
use crate::facts::MachineFacts;
use crate::failover::{Observed, StorageView, decide};
use crate::storage::{self, Direction};

/// Random choices in a row, so that a failing case shrinks to few of them.
struct Dice<'a>(std::slice::Iter<'a, u8>);

impl Dice<'_> {
    fn below(&mut self, sides: u8) -> u8 {
        self.0.next().copied().unwrap_or(0) % sides
    }

    fn rarely(&mut self) -> bool {
        self.below(5) == 4
    }

    fn desired(&mut self) -> DesiredState {
        if self.below(2) == 0 {
            DesiredState::Running
        } else {
            DesiredState::Stopped
        }
    }

    fn current(&mut self) -> CurrentState {
        match self.below(4) {
            0 => CurrentState::Running,
            1 => CurrentState::Stopped,
            2 => CurrentState::Mixed,
            _ => CurrentState::Unknown,
        }
    }

    fn maybe(&mut self) -> Option<bool> {
        match self.below(3) {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

/// Any observation at all: what can be combined is combined, whether it could happen or not.
fn anything(bytes: &[u8]) -> (Observed, i64) {
    let mut dice = Dice(bytes.iter());
    let directory = match dice.below(3) {
        0 | 1 => SiteDirectory::linstor(),
        _ => SiteDirectory::drbd_operator(false),
    };
    let lock_site = if directory.quorum().is_some() {
        "quorum"
    } else {
        "dr"
    };
    let mut seen = Observed::calm_in(directory.clone());
    let step = StepName::ALL[usize::from(dice.below(9))];
    if lock_site == "quorum" && dice.below(4) > 0 {
        seen = seen.in_step(step);
    }
    for site in ["primary", "dr"] {
        let facts = seen.site(site);
        let mut copy = group(site, dice.desired());
        copy.current = dice.current();
        copy.generation = 1 + i64::from(dice.below(2));
        facts.group = (!dice.rarely()).then_some(copy);
        facts.machines = vec![
            machine(1, dice.below(2) == 0),
            machine(2, dice.below(2) == 0),
        ];
        if let Some(instance) = facts.machines.iter_mut().find_map(|m| m.instance.as_mut()) {
            instance.ready = !dice.rarely();
            instance.deleting = dice.rarely();
        }
    }
    if dice.rarely() {
        seen = seen.with_taint(names::TAINT_LOST_QUORUM);
    }
    if dice.rarely() {
        let (state, live) = (dice.current(), dice.below(2) == 0);
        seen = seen.with_neighbour("pg-b", state, live);
    }
    seen.failover.spec.force = dice.rarely();
    seen.site(lock_site).lock = match dice.below(6) {
        0..=2 => Some(lease(UID, ME, at(0))),
        3 => Some(lease("uid-else", "someone", at(0))),
        4 => Some(lease(UID, "before", at(0))),
        _ => None,
    };
    if dice.rarely() {
        let mut rival = other(
            "failover-pg-b-1",
            if dice.below(2) == 0 { "pg-a" } else { "pg-b" },
        );
        rival.owes_fencing = dice.below(2) == 0;
        rival.source = Some("dr".to_owned());
        seen.site(lock_site).failovers.push(rival);
    }
    storage_of(&mut seen, &mut dice);
    status_of(&mut seen.failover.status, &mut dice);
    for site in ["primary", "dr"] {
        if dice.rarely() {
            seen = seen.with_site_lost(site, at(-100));
        }
    }
    if dice.rarely() {
        seen.failover.spec.target_cluster =
            ["cluster1", "mars", ""][usize::from(dice.below(3))].to_owned();
    }
    (seen, i64::from(dice.below(40)) * 20)
}

fn storage_of(seen: &mut Observed, dice: &mut Dice<'_>) {
    if let StorageView::Known { volumes, .. } = &mut seen.storage {
        for replica in volumes.iter_mut().flat_map(|volume| &mut volume.replicas) {
            replica.in_use = dice.maybe();
            replica.may_promote = dice.maybe();
            replica.quorum = dice.maybe();
            replica
                .connections
                .values_mut()
                .for_each(|up| *up = dice.below(2) == 0);
        }
    }
    if dice.rarely() {
        seen.storage = StorageView::Unknown {
            error: "503".to_owned(),
        };
    }
}

fn status_of(status: &mut FailoverStatus, dice: &mut Dice<'_>) {
    let mut set = |kind: &'static str, truth: Truth| {
        let new = NewCondition {
            kind,
            truth,
            reason: "SplitBrain",
            message: "m".to_owned(),
            generation: Some(1),
        };
        conditions::set_condition(&mut status.conditions, new, at(0));
    };
    if dice.rarely() {
        set(conditions::SOURCE_FENCED, Truth::False);
    }
    if dice.rarely() {
        set(
            conditions::SUCCEEDED,
            if dice.below(2) == 0 {
                Truth::True
            } else {
                Truth::False
            },
        );
        if dice.below(2) == 0 {
            set(conditions::ROLLED_BACK, Truth::Unknown);
        }
        if dice.below(2) == 0 {
            status.phase = Some(FailoverPhase::Failed);
        }
    }
}

fn starts(decision: &Decision<FailoverStatus>, site: &str) -> bool {
    decision.effects.iter().any(|effect| {
        matches!(effect, Effect::SetDesiredState { site: s, state: DesiredState::Running, .. } if s == site)
    })
}

fn any_live(seen: &Observed, site: &str) -> bool {
    seen.facts(site)
        .is_some_and(|facts| facts.machines.iter().any(MachineFacts::is_live))
}

/// Stores what was decided and decides again, with nothing else happening.
fn once_more(
    seen: &Observed,
    decision: Decision<FailoverStatus>,
    second: i64,
) -> Decision<FailoverStatus> {
    let mut seen = seen.clone();
    seen.failover.status = decision.status;
    decide(&seen, &policy(), at(second))
}

fn dice() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_target_is_never_started_while_the_source_lives_or_holds_its_storage(bytes in dice()) {
        let (seen, second) = anything(&bytes);
        let decision = decide(&seen, &policy(), at(second));
        let (Some(source), Some(target)) = (seen.source(), seen.target()) else { return Ok(()) };
        let ended = seen.failover.status.condition(conditions::SUCCEEDED).is_some();
        if starts(&decision, &target.name) && !ended {
            prop_assert!(!any_live(&seen, &source.name));
            let StorageView::Known { volumes, .. } = &seen.storage else {
                return Err(TestCaseError::fail("started without knowing the storage"));
            };
            let direction = Direction { source: &source.name, target: &target.name };
            let judged = match seen.facts(&source.name) {
                Some(_) => storage::release(volumes, direction),
                None => storage::proof(volumes, direction),
            };
            prop_assert_eq!(judged, Ok(()));
        }
    }

    #[test]
    fn nothing_is_started_on_one_site_while_the_other_lives(bytes in dice()) {
        let (seen, second) = anything(&bytes);
        let decision = decide(&seen, &policy(), at(second));
        let started = |site: &str| starts(&decision, site);
        prop_assert!(!(started("primary") && any_live(&seen, "dr")));
        prop_assert!(!(started("dr") && any_live(&seen, "primary")));
    }

    #[test]
    fn a_terminal_phase_never_changes_and_a_settled_failover_does_nothing(bytes in dice()) {
        let (seen, second) = anything(&bytes);
        let before = seen.failover.status.phase;
        let decision = decide(&seen, &policy(), at(second));
        if before.is_some_and(FailoverPhase::is_terminal) {
            prop_assert_eq!(decision.status.phase, before);
            prop_assert_eq!(&decision.status.message, &seen.failover.status.message);
            let fenced = conditions::holds(
                &seen.failover.status.conditions, conditions::SOURCE_FENCED, Truth::False).is_none();
            let locked = seen.directory.lock_sites().into_iter().any(|site| {
                seen.facts(&site.name).and_then(|f| f.lock.as_ref())
                    .is_some_and(|l| l.failover_uid.as_deref() == Some(UID))
            });
            if fenced && !locked {
                prop_assert!(decision.effects.is_empty());
                prop_assert!(!decision.persist);
                prop_assert!(decision.events.is_empty());
            }
        }
    }

    #[test]
    fn force_never_skips_the_lock_or_split_brain(bytes in dice()) {
        let (mut seen, second) = anything(&bytes);
        seen.failover.spec.force = true;
        let decision = decide(&seen, &policy(), at(second));
        let ended = seen.failover.status.phase.is_some_and(FailoverPhase::is_terminal)
            || seen.failover.status.condition(conditions::SUCCEEDED).is_some();
        let touches = decision.effects.iter().any(|effect| {
            matches!(effect, Effect::SetDesiredState { .. } | Effect::RemoveTaints { .. })
        });
        if touches && !ended {
            prop_assert!(!(any_live(&seen, "primary") && any_live(&seen, "dr")
                && seen.failover.status.step(StepName::StartTarget).is_none()));
            for site in seen.directory.lock_sites() {
                if let Some(facts) = seen.facts(&site.name) {
                    let own = facts.lock.as_ref().and_then(|l| l.failover_uid.as_deref());
                    prop_assert_eq!(own, Some(UID));
                }
            }
        }
    }

    #[test]
    fn deciding_again_over_a_stored_decision_tells_no_event_twice(bytes in dice()) {
        let (seen, second) = anything(&bytes);
        let first = decide(&seen, &policy(), at(second));
        let effects = first.effects.is_empty();
        let waits = first.waiting.as_ref().is_some_and(|w| !matches!(w, crate::WaitingOn::Write));
        let again = once_more(&seen, first, second);
        if effects && waits {
            prop_assert!(again.events.is_empty(), "{:?}", again.events);
            prop_assert!(!again.persist);
        }
    }

    #[test]
    fn every_failover_that_only_waits_ends_by_its_deadlines(bytes in dice()) {
        let (mut seen, second) = anything(&bytes);
        // Nothing in the world moves; only the status is stored, and the lock stays fresh.
        let mut now = second;
        for _ in 0..100 {
            let decision = decide(&seen, &policy(), at(now));
            seen.failover.status = decision.status;
            for site in ["quorum", "dr", "primary"] {
                if let Some(crate::failover::SiteView::Reachable(facts)) = seen.sites.get_mut(site)
                    && let Some(lock) = facts.lock.as_mut()
                    && lock.failover_uid.as_deref() == Some(UID)
                {
                    lock.renewed = Some(at(now));
                    lock.holder = ME.to_owned();
                }
            }
            now += 20;
        }
        let phase = seen.failover.status.phase;
        prop_assert!(phase.is_some_and(FailoverPhase::is_terminal), "{:?}", seen.failover.status);
    }
}

/// The checks above can fail: with a rule switched off, some observation breaks them.
#[cfg(feature = "sabotage")]
mod can_be_red {
    use super::*;
    use crate::policy::Policy;
    use crate::sabotage::Sabotage;

    fn some_observation_breaks(
        policy: &Policy,
        bad: impl Fn(&Observed, &Decision<FailoverStatus>) -> bool,
    ) -> bool {
        // A plain linear congruential generator: the same bytes each time, without a seed to pass.
        let mut state: u32 = 1;
        (0..20_000).any(|_| {
            let bytes: Vec<u8> = (0..80)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state.to_be_bytes()[0]
                })
                .collect();
            let (seen, second) = anything(&bytes);
            bad(&seen, &decide(&seen, policy, at(second)))
        })
    }

    fn starts_a_second_copy(seen: &Observed, decision: &Decision<FailoverStatus>) -> bool {
        (starts(decision, "primary") && any_live(seen, "dr"))
            || (starts(decision, "dr") && any_live(seen, "primary"))
    }

    #[test]
    fn starting_before_the_release_is_noticed() {
        assert!(!some_observation_breaks(&policy(), starts_a_second_copy));
        let wrong = policy().with_sabotage(Sabotage::StartBeforeRelease);
        assert!(some_observation_breaks(&wrong, starts_a_second_copy));
    }

    #[test]
    fn a_rollback_after_the_start_is_noticed() {
        let wrong = policy().with_sabotage(Sabotage::RollBackAfterStart);
        assert!(some_observation_breaks(&wrong, starts_a_second_copy));
    }

    #[test]
    fn acting_under_a_lost_lock_is_noticed() {
        let acts_without_lock = |seen: &Observed, decision: &Decision<FailoverStatus>| {
            let ended = seen
                .failover
                .status
                .condition(conditions::SUCCEEDED)
                .is_some()
                || seen
                    .failover
                    .status
                    .phase
                    .is_some_and(FailoverPhase::is_terminal);
            let foreign = seen
                .facts("quorum")
                .and_then(|f| f.lock.as_ref())
                .is_some_and(|lock| lock.failover_uid.as_deref() != Some(UID));
            let acts = decision
                .effects
                .iter()
                .any(|e| matches!(e, Effect::SetDesiredState { .. }));
            !ended && foreign && acts
        };
        assert!(!some_observation_breaks(&policy(), acts_without_lock));
        let wrong = policy().with_sabotage(Sabotage::IgnoreLostLock);
        assert!(some_observation_breaks(&wrong, acts_without_lock));
    }
}

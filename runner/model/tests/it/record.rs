//! The fold of events into the record.

use proptest::prelude::*;
use sitedrill_model::event::{
    ChapterInfo, DrillInfo, Event, EventKind, FORMAT, InvariantRecord, Observation, RunInfo,
    SiteInfo, StepId, StepOutcome, Stream, TimeMode, Wall, WallStart,
};
use sitedrill_model::record::RunRecord;
use sitedrill_model::scenario::DrillKind;
use sitedrill_model::{Failure, FailureKind, Location, Verdict};

fn second(n: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_700_000_000 + n).expect("a small number of seconds")
}

fn place(line: u32) -> Location {
    Location {
        file: "scenarios/lock.yaml".to_owned(),
        line,
        column: 7,
    }
}

fn info(index: usize, name: &str) -> DrillInfo {
    DrillInfo {
        index,
        name: name.to_owned(),
        classname: "guide".to_owned(),
        kind: DrillKind::Scenario,
        file: format!("scenarios/guide/{name}.yaml"),
        summary: "A drill.".to_owned(),
        tags: vec!["lock".to_owned()],
        requirements: vec![],
        sha256: "00".to_owned(),
        seed: 7,
    }
}

fn wall(n: i64) -> Wall {
    Wall {
        finished: second(n),
        seconds: 0.25,
    }
}

fn step(index: usize) -> StepId {
    StepId {
        actor: "terminal-1".to_owned(),
        index,
    }
}

fn of(drill: &str, at: i64, kind: EventKind) -> Event {
    let chapter = match &kind {
        EventKind::DrillStarted { .. }
        | EventKind::DrillFinished { .. }
        | EventKind::DrillRetried { .. }
        | EventKind::DrillSkipped { .. }
        | EventKind::SiteReady(_) => None,
        _ => Some(0),
    };
    Event {
        seq: 0,
        drill: Some(drill.to_owned()),
        chapter,
        at: Some(second(at)),
        kind,
    }
}

fn of_run(kind: EventKind) -> Event {
    Event {
        seq: 0,
        drill: None,
        chapter: None,
        at: None,
        kind,
    }
}

fn run_started() -> Event {
    of_run(EventKind::RunStarted(RunInfo {
        format: FORMAT,
        version: "0.1.0".to_owned(),
        seed: 7,
        time: TimeMode::Virtual,
        sites: "embedded".to_owned(),
        selected: 2,
        command: "sitedrill run scenarios --seed 7".to_owned(),
        slow_seconds: None,
        wall: WallStart {
            started: second(0),
            run: "abc".to_owned(),
            out: "out".to_owned(),
            host: "workbench".to_owned(),
        },
    }))
}

fn chapter(name: &str) -> ChapterInfo {
    ChapterInfo {
        name: name.to_owned(),
        file: "scenarios/lock.yaml".to_owned(),
        summary: "A drill.".to_owned(),
        requirements: vec![],
        rto_objective_seconds: Some(300.0),
        rpo_objective_seconds: None,
    }
}

fn a_whole_drill(index: usize, name: &str) -> Vec<Event> {
    let kinds = [
        EventKind::DrillStarted {
            info: info(index, name),
            wall: second(0),
        },
        EventKind::SiteReady(SiteInfo {
            name: "primary".to_owned(),
            role: "primary".to_owned(),
            provider: "embedded".to_owned(),
            uid: "u".to_owned(),
            kubernetes: "v1.33.0".to_owned(),
        }),
        EventKind::ChapterStarted(chapter(name)),
        EventKind::Prepared {
            what: "group pg-a".to_owned(),
        },
        EventKind::StepStarted {
            step: step(0),
            text: "pgctl failover pg-a".to_owned(),
            location: place(20),
        },
        EventKind::Observed(Observation {
            site: "quorum".to_owned(),
            object: "lease/failover-lock-pg-a".to_owned(),
            what: "lock taken".to_owned(),
            resource_version: "12".to_owned(),
        }),
        EventKind::Output {
            step: step(0),
            stream: Stream::Stdout,
            line: "done".to_owned(),
        },
        EventKind::StepFinished {
            step: step(0),
            outcome: StepOutcome {
                verdict: Verdict::Passed,
                detail: "success".to_owned(),
                failure: None,
            },
        },
        EventKind::StepSkipped {
            step: step(1),
            text: "sleep 1s".to_owned(),
            location: place(22),
            reason: "aborted".to_owned(),
        },
        EventKind::InvariantJudged(InvariantRecord {
            name: "single-primary".to_owned(),
            observations: 12,
            violation: None,
        }),
        EventKind::ChapterFailure(Failure::new(FailureKind::ObjectiveMissed, "RTO")),
        EventKind::ChapterFinished {
            verdict: Verdict::Failed,
        },
        EventKind::DrillFinished {
            verdict: Verdict::Failed,
            failure: None,
            wall: wall(3),
        },
    ];
    (0..)
        .zip(kinds)
        .map(|(n, kind)| of(name, n, kind))
        .collect()
}

fn a_whole_run() -> Vec<Event> {
    let mut events = vec![run_started()];
    let late = a_whole_drill(1, "alpha");
    let early = a_whole_drill(0, "beta");
    for (one, other) in late.into_iter().zip(early) {
        events.extend([one, other]);
    }
    events.push(of(
        "gamma",
        0,
        EventKind::DrillSkipped {
            info: info(2, "gamma"),
            reason: "needs real time".to_owned(),
        },
    ));
    events.push(of_run(EventKind::RunFinished {
        verdict: Verdict::Failed,
        exit_code: 1,
        wall: wall(4),
    }));
    events
}

#[test]
fn interleaved_drills_fold_into_the_order_of_the_run() {
    let record = RunRecord::from_events(&a_whole_run());
    let names: Vec<_> = record.drills.iter().map(|d| d.info.name.as_str()).collect();
    assert_eq!(names, ["beta", "alpha", "gamma"]);
    assert_eq!(record.end.as_ref().unwrap().exit_code, 1);
    assert_eq!(record.drills[2].skipped.as_deref(), Some("needs real time"));
    assert_eq!(record.drills[2].verdict, Verdict::Skipped);
    insta::assert_yaml_snapshot!(record.drills[0]);
}

#[test]
fn every_event_of_a_run_survives_a_round_trip_through_its_line() {
    for event in a_whole_run() {
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(
            serde_json::from_str::<Event>(&line).unwrap(),
            event,
            "{line}"
        );
    }
}

#[test]
fn a_record_survives_a_round_trip() {
    let record = RunRecord::from_events(&a_whole_run());
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<RunRecord>(&text).unwrap(), record);
}

#[test]
fn what_has_not_ended_is_aborted_and_never_passed() {
    let events = a_whole_run();
    for cut in 0..events.len() {
        let record = RunRecord::from_events(&events[..cut]);
        assert!(record.end.is_none());
        for drill in &record.drills {
            assert_ne!(drill.verdict, Verdict::Passed, "cut at {cut}");
            if drill.wall.is_none() && drill.skipped.is_none() {
                assert_eq!(drill.verdict, Verdict::Aborted, "cut at {cut}");
            }
        }
    }
}

#[test]
fn a_step_that_is_run_again_gets_its_own_transcript() {
    let mut events = a_whole_drill(0, "beta");
    let again: Vec<Event> = events[4..8].to_vec();
    events.splice(8..8, again);
    let record = RunRecord::from_events(&events);
    let steps = &record.drills[0].chapters[0].steps;
    assert_eq!(steps.len(), 3);
    assert_eq!(steps[0].transcript.len(), 1);
    assert_eq!(steps[1].transcript.len(), 1);
}

/// The events of a drill that is tried three times; so ends each of its tries.
fn tried(verdicts: [Verdict; 3]) -> Vec<Event> {
    let [first, second, last] = verdicts;
    let whole = a_whole_drill(0, "beta");
    let (begin, rest) = whole.split_at(1);
    let (work, _) = rest.split_at(rest.len() - 1);
    let retried = |verdict, seed| {
        let failure = None;
        let kind = EventKind::DrillRetried {
            verdict,
            failure,
            seed,
            wall: wall(3),
        };
        of("beta", 20, kind)
    };
    let finished = EventKind::DrillFinished {
        verdict: last,
        failure: None,
        wall: wall(9),
    };
    let mut events = begin.to_vec();
    events.extend_from_slice(work);
    events.push(retried(first, 8));
    events.extend_from_slice(work);
    events.push(retried(second, 9));
    events.extend_from_slice(work);
    events.push(of("beta", 21, finished));
    events
}

#[test]
fn a_drill_that_passes_in_its_last_try_is_flaky_and_keeps_the_tries_before() {
    use Verdict::{Failed, Inconclusive, Passed};
    let record = RunRecord::from_events(&tried([Failed, Inconclusive, Passed]));
    let [drill] = record.drills.as_slice() else {
        panic!("{} drills", record.drills.len());
    };
    assert_eq!(
        (drill.verdict, drill.flaky, drill.attempt),
        (Passed, true, 3)
    );
    assert_eq!(drill.info.seed, 9);
    let tries = drill.attempts.iter();
    let tries: Vec<_> = tries
        .map(|it| (it.attempt, it.info.seed, it.verdict, it.flaky))
        .collect();
    assert_eq!(tries, [(1, 7, Failed, false), (2, 8, Inconclusive, false)]);
    for attempt in drill.attempts.iter().chain([drill]) {
        assert_eq!(attempt.chapters.len(), 1);
        assert_eq!(attempt.chapters[0].steps.len(), 2);
        assert_eq!(attempt.sites.len(), 1);
        assert!(attempt.wall.is_some());
    }
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<RunRecord>(&text).unwrap(), record);
}

#[test]
fn a_drill_that_never_passes_is_its_worst_try_beside_the_others() {
    use Verdict::{Failed, Inconclusive};
    let record = RunRecord::from_events(&tried([Inconclusive, Failed, Failed]));
    let drill = &record.drills[0];
    assert_eq!(
        (drill.verdict, drill.flaky, drill.attempt),
        (Failed, false, 2)
    );
    let others: Vec<_> = drill.attempts.iter().map(|it| it.attempt).collect();
    assert_eq!(others, [1, 3]);
}

#[test]
fn a_retry_that_was_cut_off_is_what_was_seen_before() {
    let events = tried([Verdict::Failed; 3]);
    let retry = |event: &Event| matches!(event.kind, EventKind::DrillRetried { .. });
    let cut = events.iter().position(retry).unwrap() + 1;
    let record = RunRecord::from_events(&events[..cut]);
    let drill = &record.drills[0];
    assert_eq!((drill.verdict, drill.attempt), (Verdict::Failed, 1));
    assert_eq!(drill.attempts[0].verdict, Verdict::Aborted);
    assert!(drill.attempts[0].chapters.is_empty());
}

#[test]
fn an_event_of_a_retry_survives_a_round_trip_and_its_wall_has_the_only_times_of_the_machine() {
    for event in tried([Verdict::Failed; 3]) {
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }
}

proptest! {
    #[test]
    fn tries_in_any_order_and_with_any_loss_never_panic(order in proptest::collection::vec(0_usize..40, 0..60)) {
        let events = tried([Verdict::Inconclusive, Verdict::Failed, Verdict::Passed]);
        let chosen = order.iter().filter_map(|n| events.get(*n));
        let record = RunRecord::from_events(chosen);
        prop_assert!(record.drills.len() <= 1);
    }

    #[test]
    fn events_in_any_order_and_with_any_loss_never_panic(order in proptest::collection::vec(0_usize..28, 0..60)) {
        let events = a_whole_run();
        let chosen = order.iter().filter_map(|n| events.get(*n));
        let record = RunRecord::from_events(chosen);
        prop_assert!(record.drills.len() <= 3);
    }
}

//! RPO objectives: what is written beside the actors, and what becomes of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sitedrill_engine::{Beat, Markers};
use sitedrill_model::event::{EventKind, FailoverMeasurement, Marker};
use sitedrill_model::scenario::{Objectives, Scenario};
use sitedrill_model::{FailureKind, Verdict};

use crate::script::*;
use crate::stage::*;

/// The disk of the one machine.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    holds: Arc<Mutex<Vec<Marker>>>,
    /// How many markers do not come through to the DR site.
    loses: usize,
    /// Whether nobody asks the machine at the DR site.
    is_unseen: bool,
}

#[async_trait]
impl Markers for Lab {
    async fn beat(&self) -> Vec<Beat> {
        let disk = self.disk.as_ref().expect("it is asked only with one");
        let mut holds = disk
            .holds
            .lock()
            .expect("no test panics while it holds this");
        let mut beats = Vec::new();
        for (site, fake) in [("primary", &self.primary), ("dr", &self.dr)] {
            let one = fake.get(INSTANCES, "pg-a-vm-1");
            let runs = one.is_some_and(|it| it["status"]["phase"] == "Running");
            if !runs || (site == "dr" && disk.is_unseen) {
                continue;
            }
            if site == "dr" && holds.last().is_some_and(|it| it.node == "primary-1") {
                let kept = holds.len().saturating_sub(disk.loses);
                holds.truncate(kept);
            }
            let found = holds.last().cloned();
            let wrote = Marker {
                number: found.as_ref().map_or(1, |it| it.number + 1),
                at: self.now(),
                node: format!("{site}-1"),
            };
            holds.push(wrote.clone());
            beats.push(Beat {
                site: site.to_owned(),
                namespace: NAMESPACE.to_owned(),
                vm: "pg-a-vm-1".to_owned(),
                found,
                wrote: Some(wrote),
            });
        }
        beats
    }
}

/// A failover with this objective, in seconds.
fn drill(rpo: u64) -> Scenario {
    let mut it = scenario(vec![("operator", vec![failover_step()])]);
    it.then = vec![within(60, expect(state_is("running")))];
    it.objectives = Objectives {
        rto: None,
        rpo: Some(Duration::from_secs(rpo)),
        location: Some(location(5)),
    };
    it
}

fn lab_with(disk: Disk) -> Lab {
    let mut lab = lab();
    lab.disk = Some(disk);
    lab
}

fn measured(run: &Run) -> &FailoverMeasurement {
    let measured = run.events.iter().find_map(|event| match &event.kind {
        EventKind::FailoverMeasured(it) => Some(it),
        _ => None,
    });
    measured.expect("a failover is measured")
}

#[tokio::test(start_paused = true)]
async fn a_failover_that_loses_nothing_has_an_rpo_of_zero_and_says_what_from() {
    let run = lab_with(Disk::default()).run(vec![drill(0)]).await;
    assert_eq!(run.verdict, Verdict::Passed, "{:#?}", run.failures());
    let measured = measured(&run);
    assert_eq!(
        (measured.rpo_seconds, measured.records_lost),
        (Some(0.0), Some(0))
    );
    let evidence = measured.markers.as_ref().expect("there is evidence");
    assert!((evidence.interval_seconds - 1.0).abs() < f64::EPSILON);
    let machine = &evidence.machines[0];
    assert_eq!(machine.found.as_ref(), Some(&machine.written));
    assert_eq!(machine.written.node, "primary-1");
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_is_held_against_the_objective() {
    let losing = || Disk {
        loses: 4,
        ..Disk::default()
    };
    let run = lab_with(losing()).run(vec![drill(4)]).await;
    assert_eq!(run.verdict, Verdict::Passed, "{:#?}", run.failures());
    let run = lab_with(losing()).run(vec![drill(3)]).await;
    let failure = run.failure();
    assert_eq!(failure.kind, FailureKind::ObjectiveMissed);
    assert_eq!(failure.location, Some(location(5)));
    assert!(
        failure
            .message
            .contains("lost 4s (4 markers) of pg-a-vm-1, and the objective is 3s"),
        "{}",
        failure.message
    );
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_nobody_sees_on_the_target_is_no_success() {
    let disk = Disk {
        is_unseen: true,
        ..Disk::default()
    };
    let run = lab_with(disk).run(vec![drill(3600)]).await;
    let failure = run.failure();
    assert_eq!(failure.kind, FailureKind::ObjectiveMissed);
    assert!(
        failure.message.contains("not seen on the target"),
        "{}",
        failure.message
    );
    assert_eq!(measured(&run).rpo_seconds, None);
}

#[tokio::test(start_paused = true)]
async fn an_objective_without_a_failover_or_without_a_writer_was_never_checked() {
    let mut idle = drill(0);
    idle.actors[0].steps = vec![expect(state_is("stopped"))];
    idle.then.clear();
    let run = lab_with(Disk::default()).run(vec![idle]).await;
    assert_eq!(run.failure().kind, FailureKind::NeverChecked);
    assert_eq!(
        run.failure().message,
        "rpo: no failover was measured that it could be judged on"
    );

    let lab = lab_with(Disk::default());
    lab.primary.remove(INSTANCES, "pg-a-vm-1");
    let run = lab.run(vec![drill(0)]).await;
    assert_eq!(run.failure().kind, FailureKind::NeverChecked);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_writes_markers_a_drill_that_needs_them_does_not_start() {
    let run = lab().run(vec![drill(0)]).await;
    let failure = run.failure();
    assert_eq!(failure.kind, FailureKind::EnvironmentFailed);
    assert_eq!(failure.location, Some(location(5)));
    assert_eq!(run.verdict, Verdict::Inconclusive);
    assert!(run.steps()[0].contains("the chapter did not start"));
}

#[tokio::test(start_paused = true)]
async fn without_the_objective_nobody_is_asked_and_nothing_is_said() {
    let mut plain = drill(0);
    plain.objectives = Objectives::default();
    let lab = lab_with(Disk::default());
    let with = lab.run(vec![plain.clone()]).await;
    let holds = lab
        .disk
        .as_ref()
        .map(|disk| disk.holds.lock().unwrap().len());
    assert_eq!(holds, Some(0));
    assert_eq!(measured(&with).markers, None);
}

//! Measures of failovers from scripted histories.

use std::time::Duration;

use serde_json::json;
use sitedrill_model::scenario::{
    Apply, ExpectedOutcome, FailoverOrder, Pgctl, Save, Scenario, Sleep, StepTimeouts,
};

use super::*;
use crate::core::{Core, Input, Source};
use crate::testing::*;
use sitedrill_model::event::EventKind;

const VM: ObjectKind = ObjectKind::VirtualMachineInstance;

/// A core with one chapter whose actors act.
struct Play {
    core: Core,
    version: u64,
    events: Vec<EventKind>,
    last: i64,
}

impl Play {
    fn new(rto_seconds: u64) -> Self {
        Self::of(scenario(vec![]), rto_seconds)
    }

    fn of(mut scenario: Scenario, rto_seconds: u64) -> Self {
        let sites = [
            ("primary".to_owned(), vec!["cluster1".to_owned()]),
            ("dr".to_owned(), vec!["cluster2".to_owned()]),
            ("quorum".to_owned(), vec![]),
        ];
        scenario.objectives.rto = Some(Duration::from_secs(rto_seconds));
        scenario.objectives.location = Some(location(5));
        let mut core = Core::new(NAMESPACE, &sites);
        core.begin(0, &scenario, at(0));
        let events = core.arm(at(0));
        let _ = core.handle(Input::Checked, at(0));
        Self {
            core,
            version: 0,
            events,
            last: 0,
        }
    }

    fn see(&mut self, seconds: i64, key: &Key, object: Option<Value>) {
        self.version += 1;
        self.last = seconds;
        let source = &Source {
            site: key.site.clone(),
            kind: key.kind,
            namespace: key.namespace.clone(),
        };
        let input = match object {
            Some(object) => Input::Applied {
                source,
                object: served(object, &key.name, self.version),
            },
            None => Input::Deleted {
                source,
                object: served(json!({}), &key.name, self.version),
            },
        };
        self.events.extend(self.core.handle(input, at(seconds)));
    }

    fn start(&mut self, seconds: i64, actor: &str, action: Action) -> StepId {
        let id = id(actor);
        let step = step(action);
        let filled = self.core.act().resolved(&step).unwrap();
        let input = Input::StepStarted {
            id: &id,
            step: &step,
            action: Some(&filled.action),
        };
        let _ = self.core.handle(input, at(seconds));
        id
    }

    fn print(&mut self, seconds: i64, id: &StepId, line: &str) {
        let stream = sitedrill_model::event::Stream::Stdout;
        let _ = self
            .core
            .handle(Input::Output { id, stream, line }, at(seconds));
    }

    fn measured(&self) -> Vec<FailoverMeasurement> {
        let measured = self.events.iter().filter_map(|event| match event {
            EventKind::FailoverMeasured(it) => Some(it.clone()),
            _ => None,
        });
        measured.collect()
    }

    fn failures(mut self) -> Vec<Failure> {
        let now = at(self.last + 1);
        self.events.extend(self.core.end(now).0);
        let failures = self.events.into_iter().filter_map(|event| match event {
            EventKind::ChapterFailure(it) => Some(it),
            _ => None,
        });
        failures.collect()
    }
}

fn id(actor: &str) -> StepId {
    StepId {
        actor: actor.to_owned(),
        index: 0,
    }
}

fn command(words: &[&str]) -> Action {
    Action::Pgctl(Pgctl {
        args: words.iter().map(|it| (*it).to_owned()).collect(),
        expect: ExpectedOutcome::Success,
    })
}

fn pg(site: &str) -> Key {
    key(site, ObjectKind::ProtectionGroup, "pg-a")
}

fn fo(name: &str) -> Key {
    key("quorum", ObjectKind::Failover, name)
}

/// A failover asked for at second 10, running on the target at 40, succeeded at 41.
fn one_failover(rto_seconds: u64) -> Play {
    let mut play = Play::new(rto_seconds);
    play.see(0, &pg("dr"), Some(group("stopped", "stopped")));
    play.see(0, &key("primary", VM, "pg-a-vm-1"), Some(vmi("Running")));
    let step = play.start(
        10,
        "operator",
        command(&["failover", "pg-a", "--to-cluster2"]),
    );
    play.see(12, &fo("fo-1"), Some(failover("Pending")));
    play.print(12, &step, "[INFO] Creating Failover CR: fo-1");
    play.see(13, &fo("fo-1"), Some(failover("Running")));
    play.see(20, &key("primary", VM, "pg-a-vm-1"), Some(vmi("Succeeded")));
    play.see(21, &key("primary", VM, "pg-a-vm-1"), None);
    play.see(25, &key("dr", VM, "pg-a-vm-1"), Some(vmi("Scheduling")));
    play.see(35, &key("dr", VM, "pg-a-vm-1"), Some(vmi("Running")));
    play.see(40, &pg("dr"), Some(group("running", "running")));
    let mut ended = failover("Succeeded");
    ended["status"]["steps"] = json!([
        {"name": "StopSource", "startedAt": at(13), "finishedAt": at(21)},
        {"name": "StartTarget", "startedAt": at(22)},
    ]);
    play.see(41, &fo("fo-1"), Some(ended));
    play
}

#[test]
fn a_failover_is_measured_from_its_command_to_running_on_the_target() {
    let play = one_failover(300);
    let steps = vec![StepDuration {
        step: "StopSource".to_owned(),
        seconds: 8.0,
    }];
    let downtime = vec![sitedrill_model::event::VmDowntime {
        vm: "pg-a-vm-1".to_owned(),
        seconds: Some(15.0),
    }];
    let expected = FailoverMeasurement {
        failover: "fo-1".to_owned(),
        group: "pg-a".to_owned(),
        target: "cluster2".to_owned(),
        phase: "Succeeded".to_owned(),
        requested_at: at(10),
        running_at: Some(at(40)),
        rto_seconds: Some(30.0),
        steps,
        downtime,
        rpo_seconds: None,
        records_lost: None,
        markers: None,
    };
    assert_eq!(play.measured(), vec![expected]);
    assert_eq!(play.failures(), vec![]);
}

#[test]
fn an_rto_above_the_objective_fails_with_the_steps() {
    let failures = one_failover(29).failures();
    assert_eq!(failures.len(), 1);
    let failure = &failures[0];
    assert_eq!(failure.kind, FailureKind::ObjectiveMissed);
    assert_eq!(
        failure.message,
        "rto: fo-1 of pg-a took 30s, and the objective is 29s"
    );
    assert_eq!(failure.location, Some(location(5)));
    let seen: Vec<&str> = failure.seen.iter().map(|it| it.value.as_str()).collect();
    assert_eq!(seen, ["StopSource took 8s", "StartTarget has not ended"]);
}

#[test]
fn an_objective_without_a_measured_failover_was_never_checked() {
    let failures = Play::new(300).failures();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].kind, FailureKind::NeverChecked);

    let mut refused = Play::new(300);
    refused.see(1, &fo("fo-1"), Some(failover("Failed")));
    assert_eq!(refused.measured()[0].rto_seconds, None);
    assert_eq!(refused.failures()[0].kind, FailureKind::NeverChecked);
}

#[test]
fn a_success_that_never_ran_on_the_target_misses_the_objective() {
    let mut play = Play::new(300);
    play.see(0, &pg("dr"), Some(group("stopped", "stopped")));
    play.see(1, &fo("fo-1"), Some(failover("Pending")));
    play.see(2, &fo("fo-1"), Some(failover("Succeeded")));
    assert_eq!(
        play.measured(),
        vec![],
        "its running may still be on its way"
    );
    let failures = play.failures();
    assert_eq!(failures[0].kind, FailureKind::ObjectiveMissed);
    assert!(failures[0].message.contains("never seen running"));
}

#[test]
fn a_failover_to_where_the_group_runs_already_is_no_measure_of_anything() {
    let mut play = Play::new(300);
    play.see(0, &pg("dr"), Some(group("running", "running")));
    play.see(1, &fo("fo-1"), Some(failover("Pending")));
    play.see(2, &fo("fo-1"), Some(failover("Succeeded")));
    assert_eq!(play.measured()[0].rto_seconds, None);
    assert_eq!(play.failures()[0].kind, FailureKind::NeverChecked);
}

#[test]
fn a_failover_that_has_not_ended_in_time_misses_the_objective() {
    let mut play = Play::new(30);
    play.see(1, &fo("fo-1"), Some(failover("Running")));
    play.see(60, &fo("fo-1"), Some(failover("Running")));
    let failures = play.failures();
    assert_eq!(failures[0].kind, FailureKind::ObjectiveMissed);
    assert!(failures[0].message.contains("had not ended after 1m"));
}

#[test]
fn failovers_of_the_cleanup_are_held_against_nobody() {
    let mut play = one_failover(300);
    play.core.clean_up();
    play.see(100, &fo("fo-back"), Some(failover("Pending")));
    play.see(5000, &fo("fo-back"), Some(failover("Succeeded")));
    assert_eq!(play.measured().len(), 1);
    assert_eq!(play.failures(), vec![]);
}

#[test]
fn a_manifest_whose_name_is_made_of_a_value_asks_for_the_failover_of_that_name() {
    let save = Save {
        name: "number".to_owned(),
        object: object_ref("dr", ObjectKind::ProtectionGroup, "pg-a"),
        field: "metadata.generation".to_owned(),
    };
    let apply = Action::Apply(Apply {
        site: "quorum".to_owned(),
        manifest: json!({"kind": "Failover", "metadata": {"name": "fo-${number}"}}),
    });
    let steps = vec![step(Action::Save(save)), step(apply.clone())];
    let mut play = Play::of(scenario(vec![("operator", steps)]), 300);
    play.see(0, &pg("dr"), Some(group("stopped", "stopped")));
    let (name, value) = ("number".to_owned(), "7".to_owned());
    let _ = play.core.handle(Input::Saved { name, value }, at(1));
    play.start(10, "operator", apply);
    play.see(12, &fo("fo-7"), Some(failover("Pending")));
    play.see(40, &pg("dr"), Some(group("running", "running")));
    play.see(41, &fo("fo-7"), Some(failover("Succeeded")));
    assert_eq!(play.measured()[0].requested_at, at(10));
}

#[test]
fn of_two_commands_about_a_group_the_one_that_names_the_failover_asked_for_it() {
    let mut requests = Requests::default();
    for (seconds, actor) in [(1, "a"), (2, "b")] {
        requests.started(&id(actor), &command(&["failover", "pg-a"]), at(seconds));
    }
    requests.printed(&id("b"), "Creating Failover CR: fo-1");
    let candidates = requests.candidates("fo-1", "pg-a");
    assert_eq!(requests.claim(&candidates, "fo-1"), Some(at(2)));
    assert_eq!(
        requests.claim(&candidates, "fo-2"),
        Some(at(1)),
        "the one that is left"
    );
    assert_eq!(requests.candidates("fo-1", "pg-b"), Vec::<usize>::new());
}

#[test]
fn a_manifest_asks_for_the_failover_of_its_name_and_a_sleep_for_none() {
    let mut requests = Requests::default();
    let apply = Action::Apply(Apply {
        site: "quorum".to_owned(),
        manifest: json!({"kind": "Failover", "metadata": {"name": "fo-1"}}),
    });
    requests.started(&id("a"), &apply, at(3));
    requests.finished(&id("a"));
    let sleep = Sleep {
        duration: Duration::ZERO,
        because: "pg-a".to_owned(),
    };
    requests.started(&id("b"), &Action::Sleep(sleep), at(4));
    assert_eq!(requests.candidates("fo-1", "pg-a"), [0]);
    assert_eq!(requests.claim(&[0], "fo-1"), Some(at(3)));
}

#[test]
fn an_order_asks_for_the_failover_of_its_name_or_for_the_one_that_it_says_it_has_created() {
    let order = |name: Option<&str>| {
        Action::Failover(FailoverOrder {
            site: "quorum".to_owned(),
            namespace: NAMESPACE.to_owned(),
            name: name.map(str::to_owned),
            group: "pg-a".to_owned(),
            to: "cluster2".to_owned(),
            force: false,
            timeouts: StepTimeouts::default(),
            expect: ExpectedOutcome::Success,
        })
    };
    let mut requests = Requests::default();
    for (seconds, actor) in [(1, "a"), (2, "b")] {
        requests.started(&id(actor), &order(None), at(seconds));
    }
    requests.started(&id("c"), &order(Some("by-hand")), at(3));
    requests.printed(&id("b"), "failover.siterecovery.trilio.io/fo-1 created");
    assert_eq!(requests.candidates("fo-1", "pg-b"), Vec::<usize>::new());
    let candidates = requests.candidates("fo-1", "pg-a");
    assert_eq!(requests.claim(&candidates, "fo-1"), Some(at(2)));
    let candidates = requests.candidates("by-hand", "pg-a");
    assert_eq!(requests.claim(&candidates[2..], "by-hand"), Some(at(3)));
}

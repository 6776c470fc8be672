//! Three scripted sites, a scripted operator, and what a run on them left behind.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sitedrill_engine::{
    CommandOutcome, CommandResult, Disturber, Emitter, Fixture, Operator, OutputSink, Site,
    SnapshotVerdict, Snapshots, Target, TargetError, run_drill,
};
use sitedrill_model::event::{Event, EventKind, SiteInfo, Stream};
use sitedrill_model::scenario::{
    Action, Actor, Condition, Drill, DrillKind, ExpectedOutcome, Fault, Given, Invariant,
    InvariantKind, ObjectKind, ObjectRef, Objectives, Pgctl, Return, Scenario, Sleep, Step,
};
use sitedrill_model::{Failure, Location, Verdict};

use crate::fake::FakeSite;
use crate::markers::Disk;

pub(crate) const NAMESPACE: &str = "site-recovery";
pub(crate) const GROUPS: &str =
    "/apis/siterecovery.trilio.io/v1alpha1/namespaces/site-recovery/protectiongroups";
pub(crate) const FAILOVERS: &str =
    "/apis/siterecovery.trilio.io/v1alpha1/namespaces/site-recovery/failovers";
pub(crate) const INSTANCES: &str =
    "/apis/kubevirt.io/v1/namespaces/site-recovery/virtualmachineinstances";
pub(crate) const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/site-recovery/leases";

/// What a command does when it is run.
type Command = Arc<dyn Fn(Lab) -> BoxFuture<'static, ()> + Send + Sync>;

/// The sites of a test, what commands do on them, and what was seen.
#[derive(Clone)]
pub(crate) struct Lab {
    pub(crate) primary: FakeSite,
    pub(crate) dr: FakeSite,
    pub(crate) quorum: FakeSite,
    command: Option<Command>,
    outcome: CommandOutcome,
    given_fails: bool,
    returned: Arc<Mutex<Vec<String>>>,
    snapshots: Arc<Mutex<Vec<(String, String)>>>,
    start: tokio::time::Instant,
    pub(crate) disk: Option<Disk>,
}

/// What a run left behind.
pub(crate) struct Run {
    pub(crate) verdict: Verdict,
    pub(crate) events: Vec<Event>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self {
            primary: FakeSite::default(),
            dr: FakeSite::default(),
            quorum: FakeSite::default(),
            command: None,
            outcome: CommandOutcome::Done,
            given_fails: false,
            returned: Arc::default(),
            snapshots: Arc::default(),
            start: tokio::time::Instant::now(),
            disk: None,
        }
    }

    /// Says what a command does.
    pub(crate) fn on_command<F>(mut self, run: impl Fn(Self) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.command = Some(Arc::new(move |lab| Box::pin(run(lab))));
        self
    }

    /// Says how commands end.
    pub(crate) fn ending(mut self, outcome: CommandOutcome) -> Self {
        self.outcome = outcome;
        self
    }

    pub(crate) fn with_failing_given(mut self) -> Self {
        self.given_fails = true;
        self
    }

    pub(crate) fn returned(&self) -> Vec<String> {
        self.returned
            .lock()
            .expect("no test panics while it holds this")
            .clone()
    }

    pub(crate) fn snapshots(&self) -> Vec<(String, String)> {
        self.snapshots
            .lock()
            .expect("no test panics while it holds this")
            .clone()
    }

    pub(crate) async fn run(&self, scenarios: Vec<Scenario>) -> Run {
        self.run_until(scenarios, std::future::pending()).await
    }

    pub(crate) async fn run_until(
        &self,
        scenarios: Vec<Scenario>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Run {
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let target = self.target();
        let drill = drill(scenarios);
        let sink = {
            let events = Arc::clone(&events);
            Arc::new(move |event| {
                events
                    .lock()
                    .expect("no test panics while it holds this")
                    .push(event);
            })
        };
        let emitter = Emitter::new(&drill.name, target.now.clone(), sink);
        emitter.emit(
            None,
            EventKind::Prepared {
                what: "of the drill itself".to_owned(),
            },
        );
        let verdict = run_drill(&drill, &target, emitter.sink(), Box::pin(shutdown)).await;
        let events =
            std::mem::take(&mut *events.lock().expect("no test panics while it holds this"));
        Run { verdict, events }
    }

    fn target(&self) -> Target {
        let site = |name: &str, alias: &str, site: &FakeSite| Site {
            info: SiteInfo {
                name: name.to_owned(),
                role: name.to_owned(),
                provider: "fake".to_owned(),
                uid: name.to_owned(),
                kubernetes: "v1.33.0".to_owned(),
            },
            aliases: vec![alias.to_owned()],
            client: site.client(),
        };
        let lab = self.clone();
        Target {
            sites: vec![
                site("primary", "cluster1", &self.primary),
                site("dr", "cluster2", &self.dr),
                site("quorum", "quorum-cluster", &self.quorum),
            ],
            namespace: NAMESPACE.to_owned(),
            now: Arc::new(move || lab.now()),
            seed: 7,
            operator: Arc::new(self.clone()),
            fixture: Arc::new(self.clone()),
            snapshots: Arc::new(self.clone()),
            disturber: Arc::new(self.clone()),
            markers: self.disk.is_some().then(|| Arc::new(self.clone()) as _),
            pace: None,
        }
    }

    /// The time of the sites.
    pub(crate) fn now(&self) -> Timestamp {
        let epoch: Timestamp = "2024-10-31T16:00:00Z"
            .parse()
            .expect("a constant that is a time");
        epoch + SignedDuration::try_from(self.start.elapsed()).expect("a test is short")
    }
}

/// Faults whose name starts with `seen` take effect after 5 s; the others never do. What was lifted is noted as returned.
#[async_trait]
impl Disturber for Lab {
    async fn inject(&self, _: &str, _: &Fault) -> Result<(), TargetError> {
        Ok(())
    }

    fn seen(&self, name: &str) -> Option<String> {
        let is_time = self.start.elapsed() >= Duration::from_secs(5);
        (name.starts_with("seen") && is_time).then(|| "it broke".to_owned())
    }

    async fn effect(&self, name: &str) -> String {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if let Some(evidence) = self.seen(name) {
                return evidence;
            }
        }
    }

    async fn lift(&self, name: &str) -> Result<String, TargetError> {
        self.returned
            .lock()
            .expect("no test panics while it holds this")
            .push(format!("lifted {name}"));
        Ok("well again".to_owned())
    }
}

#[async_trait]
impl Operator for Lab {
    fn client(&self, _: &str, site: &str) -> Result<kube::Client, TargetError> {
        let sites = [
            ("primary", &self.primary),
            ("dr", &self.dr),
            ("quorum", &self.quorum),
        ];
        let found = sites.into_iter().find(|(name, _)| *name == site);
        found
            .map(|(_, site)| site.client())
            .ok_or_else(|| TargetError {
                attempt: format!("reach site {site}"),
                source: None,
            })
    }

    async fn pgctl(&self, actor: &str, args: &[String], output: OutputSink) -> CommandResult {
        output(
            Stream::Stdout,
            &format!("[INFO] {actor}: {}", args.join(" ")),
        );
        if let Some(command) = &self.command {
            command(self.clone()).await;
        }
        output(Stream::Stderr, "[DONE]");
        let refused = matches!(
            self.outcome,
            CommandOutcome::Refused { .. } | CommandOutcome::Failed { .. }
        );
        CommandResult {
            exit_code: u8::from(refused),
            outcome: self.outcome.clone(),
        }
    }
}

#[async_trait]
impl Fixture for Lab {
    async fn ensure(&self, _: &Given) -> Result<Vec<String>, TargetError> {
        if self.given_fails {
            return Err(TargetError {
                attempt: "start the machines of pg-a".to_owned(),
                source: Some("no node is ready".into()),
            });
        }
        Ok(vec!["made pg-a".to_owned()])
    }

    async fn return_group(&self, group: &str, to: &str) -> Result<String, TargetError> {
        let moved = format!("{group} to {to}");
        self.returned
            .lock()
            .expect("no test panics while it holds this")
            .push(moved.clone());
        if group == "pg-lost" {
            return Err(TargetError {
                attempt: format!("return {moved}"),
                source: None,
            });
        }
        Ok(format!("returned {moved}"))
    }
}

impl Snapshots for Lab {
    fn compare(&self, name: &str, text: &str) -> SnapshotVerdict {
        let mut taken = self
            .snapshots
            .lock()
            .expect("no test panics while it holds this");
        taken.push((name.to_owned(), text.to_owned()));
        if name.ends_with("changed") {
            return SnapshotVerdict::Differs {
                path: format!("{name}.snap"),
                diff: "-old\n+new".to_owned(),
            };
        }
        SnapshotVerdict::Same
    }
}

impl Run {
    /// The chapter's end and every failure, in order.
    pub(crate) fn failures(&self) -> Vec<&Failure> {
        let failures = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::StepFinished { outcome, .. } => outcome.failure.as_ref(),
            EventKind::ChapterFailure(failure) => Some(failure),
            _ => None,
        });
        failures.collect()
    }

    /// The only failure.
    pub(crate) fn failure(&self) -> &Failure {
        let failures = self.failures();
        assert_eq!(failures.len(), 1, "{failures:#?}");
        failures[0]
    }

    /// Everything of steps, as `actor/index verdict: detail` or `actor/index skipped: reason`.
    pub(crate) fn steps(&self) -> Vec<String> {
        let steps = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::StepFinished { step, outcome } => Some(format!(
                "{}/{} {:?}: {}",
                step.actor, step.index, outcome.verdict, outcome.detail
            )),
            EventKind::StepSkipped { step, reason, .. } => {
                Some(format!("{}/{} skipped: {reason}", step.actor, step.index))
            }
            _ => None,
        });
        steps.collect()
    }
}

pub(crate) async fn pause(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

pub(crate) fn group(desired: &str, current: &str) -> Value {
    json!({
        "spec": {"desiredState": desired, "virtualMachines": [{"name": "pg-a-vm-1"}]},
        "status": {"currentState": current},
    })
}

pub(crate) fn vmi(phase: &str) -> Value {
    json!({"status": {"phase": phase}})
}

pub(crate) fn failover(phase: &str) -> Value {
    json!({
        "spec": {"protectionGroup": "pg-a", "targetCluster": "cluster2"},
        "status": {"phase": phase, "message": "m"},
    })
}

fn drill(chapters: Vec<Scenario>) -> Drill {
    let kind = if chapters.len() == 1 {
        DrillKind::Scenario
    } else {
        DrillKind::Suite
    };
    Drill {
        name: "drill".to_owned(),
        kind,
        file: "drill.yaml".to_owned(),
        summary: String::new(),
        tags: Vec::new(),
        requirements: Vec::new(),
        sha256: String::new(),
        time: None,
        repeat: 1,
        sites: vec!["primary".to_owned(), "dr".to_owned(), "quorum".to_owned()],
        chapters,
    }
}

pub(crate) fn scenario(actors: Vec<(&str, Vec<Step>)>) -> Scenario {
    let actors = actors.into_iter().map(|(name, steps)| Actor {
        name: name.to_owned(),
        steps,
    });
    Scenario {
        name: "chapter".to_owned(),
        file: "drill.yaml".to_owned(),
        summary: String::new(),
        requirements: Vec::new(),
        objectives: Objectives::default(),
        given: Given::default(),
        invariants: Vec::new(),
        own_invariants: Vec::new(),
        actors: actors.collect(),
        then: Vec::new(),
        always: Vec::new(),
    }
}

pub(crate) fn invariant(kind: InvariantKind) -> Invariant {
    Invariant {
        kind,
        location: location(3),
    }
}

pub(crate) fn location(line: u32) -> Location {
    Location {
        file: "drill.yaml".to_owned(),
        line,
        column: 5,
    }
}

/// A step on line 9 of the file.
pub(crate) fn step(action: Action) -> Step {
    Step {
        location: location(9),
        text: "a step".to_owned(),
        name: None,
        action,
        within: None,
        throughout: None,
        snapshot: None,
    }
}

pub(crate) fn within(seconds: u64, mut step: Step) -> Step {
    step.within = Some(Duration::from_secs(seconds));
    step
}

pub(crate) fn object(site: &str, kind: ObjectKind, name: &str) -> ObjectRef {
    ObjectRef {
        site: site.to_owned(),
        kind,
        namespace: Some(NAMESPACE.to_owned()),
        name: name.to_owned(),
    }
}

/// The group's state on the DR site.
pub(crate) fn state_is(state: &str) -> Condition {
    Condition::Matches {
        object: object("dr", ObjectKind::ProtectionGroup, "pg-a"),
        matches: json!({"status": {"currentState": state}}),
    }
}

pub(crate) fn expect(condition: Condition) -> Step {
    step(Action::Expect(condition))
}

pub(crate) fn pgctl(words: &str, expect: ExpectedOutcome) -> Step {
    step(Action::Pgctl(Pgctl {
        args: words.split(' ').map(str::to_owned).collect(),
        expect,
    }))
}

pub(crate) fn sleep(seconds: u64) -> Step {
    step(Action::Sleep(Sleep {
        duration: Duration::from_secs(seconds),
        because: "a test".to_owned(),
    }))
}

pub(crate) fn return_group(group: &str) -> Step {
    step(Action::Return(Return {
        group: group.to_owned(),
        to: "primary".to_owned(),
    }))
}

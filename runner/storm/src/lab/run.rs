//! One simulation from beginning to end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use siterecovery_api::{CurrentState, DesiredState, Failover, FailoverPhase};
use siterecovery_decide::Sabotage;
use siterecovery_decide::conditions::{SOURCE_FENCED, Truth, holds};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Lab;
use super::inject::InForce;
use crate::history::{End, Entry, GroupLook, History, Log, Seen};
use crate::plan::{Fault, Operation, Plan, Side};
use crate::witness;

/// How the controllers are made wrong, if at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The rule that is switched off.
    pub sabotage: Option<Sabotage>,
}

/// How long everything may take to come to rest once the faults are over: the sum of all deadlines, twice.
const PATIENCE: Duration = Duration::from_secs(50 * 60);

/// How often it is asked whether everything has come to rest. Nothing is judged by this.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// Runs a plan in virtual time, in a runtime of its own.
pub fn run(plan: &Plan, options: &Options) -> History {
    let plan = Arc::new(plan.clone());
    let broken = |message: String| History {
        plan: (*plan).clone(),
        began: jiff::Timestamp::UNIX_EPOCH,
        entries: Vec::new(),
        end: End::Broken(message),
        groups: BTreeMap::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    match runtime {
        Err(error) => broken(format!("no runtime: {error}")),
        Ok(runtime) => runtime
            .block_on(simulate(Arc::clone(&plan), options))
            .unwrap_or_else(|error| broken(format!("{error:#}"))),
    }
}

async fn simulate(plan: Arc<Plan>, options: &Options) -> anyhow::Result<History> {
    let mut lab = Lab::build(Arc::clone(&plan), options).await?;
    let mut background = JoinSet::new();
    let world = lab.world.clone();
    background.spawn(async move { world.run(Box::pin(std::future::pending())).await });
    lab.start_controllers();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let lab = Arc::new(lab);
    let (log, now) = (lab.log.clone(), Arc::clone(&lab.now));
    let mut in_force = InForce::default();
    let began = now();
    let mut people = JoinSet::new();
    let lived = async {
        act(&lab, &mut in_force, &mut people).await;
        rest(&lab).await
    };
    let end = tokio::select! {
        biased;
        () = log.is_full() => End::Endless,
        end = lived => end,
    };
    lab.note_hits(&in_force);
    let groups = lab.groups();
    drop((people, background));
    Ok(History {
        plan: (*plan).clone(),
        began,
        entries: entries(&log),
        end,
        groups,
    })
}

fn entries(log: &Log) -> Vec<Entry> {
    log.take()
}

/// Something of the plan that is due.
enum Due<'a> {
    End(usize),
    Begin(&'a crate::plan::FaultPlan),
    Operate(usize, &'a Operation),
}

/// Lives through the plan's time line.
async fn act(lab: &Arc<Lab>, in_force: &mut InForce, people: &mut JoinSet<()>) {
    let plan = Arc::clone(&lab.plan);
    let mut line: Vec<(u64, Due<'_>)> = Vec::new();
    for fault in &plan.faults {
        line.push((fault.at, Due::Begin(fault)));
        if let Some(lasts) = fault.lasts {
            line.push((fault.at + lasts, Due::End(fault.number)));
        }
    }
    for (index, timed) in plan.operations.iter().enumerate() {
        line.push((timed.at, Due::Operate(index, &timed.operation)));
    }
    line.sort_by_key(|(at, due)| (*at, matches!(due, Due::End(_))));
    let start = Instant::now();
    for (at, due) in line {
        tokio::time::sleep_until(start + Duration::from_millis(at)).await;
        match due {
            Due::Begin(fault) => lab.begin(in_force, fault).await,
            Due::End(number) => lab.end(in_force, number).await,
            Due::Operate(index, operation) => {
                let (lab, operation) = (Arc::clone(lab), operation.clone());
                people.spawn(async move {
                    let log = lab.log.clone();
                    let word = lab.operate(index, operation).await;
                    log.note(Seen::Operated { index, word });
                });
            }
        }
    }
    let calm = start + Duration::from_millis(plan.calm_at());
    tokio::time::sleep_until(calm).await;
}

/// Waits until nothing is left to do.
async fn rest(lab: &Lab) -> End {
    let deadline = Instant::now() + PATIENCE;
    let mut calm = 0;
    loop {
        let left = lab.left_to_do();
        calm = if left.is_empty() { calm + 1 } else { 0 };
        if calm > 2 {
            return End::Settled;
        }
        if Instant::now() > deadline {
            return End::Unsettled([left, lab.surroundings()].concat());
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

impl Lab {
    fn groups(&self) -> BTreeMap<(String, String), GroupLook> {
        let mut groups = BTreeMap::new();
        for side in Side::BOTH {
            let site = side.site();
            let found = self.clusters[site].objects("siterecovery.trilio.io", "protectiongroups");
            for object in &found {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                if let Some(look) = witness::look(object) {
                    groups.insert((site.to_owned(), name.to_owned()), look);
                }
            }
        }
        groups
    }

    /// What has not come to its end, in words.
    fn left_to_do(&self) -> Vec<String> {
        let mut left = Vec::new();
        let groups = self.groups();
        for ((site, name), group) in &groups {
            let other = Side::BOTH.into_iter().find(|side| side.site() != site);
            let twin = other.and_then(|side| groups.get(&(side.site().to_owned(), name.clone())));
            let torn = group.desired == DesiredState::Running
                && twin.is_some_and(|twin| twin.desired == DesiredState::Running);
            let wanted = match group.desired {
                DesiredState::Running => CurrentState::Running,
                DesiredState::Stopped => CurrentState::Stopped,
            };
            let planned = self.plan.groups.iter().any(|plan| plan.name == *name);
            if planned && !torn && (!group.answered || group.current != Some(wanted)) {
                left.push(format!(
                    "{name} on {site} should be {wanted} and is {group:?}"
                ));
            }
        }
        for home in self.directory.management_sites() {
            let cluster = &self.clusters[&home.name];
            for object in cluster.objects("siterecovery.trilio.io", "failovers") {
                left.extend(self.unfinished(&object));
            }
            for object in cluster.objects("coordination.k8s.io", "leases") {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                let person = object["spec"]["holderIdentity"] == "a-person";
                let live =
                    witness::read_lock(&object).is_some_and(|lock| lock.expires > (self.now)());
                if live && !person {
                    left.push(format!("{name} is still held"));
                }
            }
        }
        left
    }

    /// Machines and nodes of the workload sites, for whoever wants to know why something does not settle.
    fn surroundings(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for side in Side::BOTH {
            let cluster = &self.clusters[side.site()];
            for vmi in cluster.objects("kubevirt.io", "virtualmachineinstances") {
                let (name, status) = (&vmi["metadata"]["name"], &vmi["status"]);
                let (phase, conditions) = (&status["phase"], &status["conditions"]);
                lines.push(format!("{name} on {}: {phase} {conditions}", side.site()));
            }
            for node in cluster.objects("", "nodes") {
                let (name, taints) = (&node["metadata"]["name"], &node["spec"]["taints"]);
                if taints.as_array().is_some_and(|taints| !taints.is_empty()) {
                    lines.push(format!("node {name}: {taints}"));
                }
            }
        }
        lines
    }

    fn unfinished(&self, object: &serde_json::Value) -> Option<String> {
        let failover: Failover = serde_json::from_value(object.clone()).ok()?;
        let name = failover.metadata.name.unwrap_or_default();
        let status = failover.status.unwrap_or_default();
        if !status.phase.is_some_and(FailoverPhase::is_terminal) {
            return Some(format!(
                "{name} is {:?}: {:?}",
                status.phase, status.message
            ));
        }
        let doubt = holds(&status.conditions, SOURCE_FENCED, Truth::False)?;
        let source = status.source_cluster.unwrap_or_default();
        let lost = self.plan.faults.iter().any(|fault| {
            let home = failover.spec.target_cluster.clone();
            let Fault::SiteCutOff { site: cut } = &fault.fault else {
                return false;
            };
            let target = self.directory.resolve(&home);
            let driven = target.map(|site| &self.directory.management_of(site).name);
            fault.lasts.is_none() && (*cut == source || driven == Some(cut))
        });
        (!lost).then(|| format!("{name} owes the source its stop: {}", doubt.message))
    }
}

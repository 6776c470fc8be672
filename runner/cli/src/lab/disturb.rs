//! The lab's way to break things: on the lines, in the world, and in the controllers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sitedrill_engine::{Disturber, TargetError};
use sitedrill_model::scenario::{Calls, Controller, Fault, StartFailure};
use sitedrill_world::faults::Happening;
use sitedrill_world::{Fault as WorldFault, World};

use super::controllers::Process;
use super::wire::{Effect, Party, Rule, RuleId, Trap, Wires};

/// How often the world is looked at while an effect is awaited; lines tell by themselves.
const LOOK: Duration = Duration::from_millis(250);

/// How often it is looked whether a machine that is to crash runs: 30 s.
const CRASH_LOOKS: u32 = 120;

/// Breaks things in one lab.
pub struct LabDisturber {
    /// The simulated far side.
    pub world: Arc<World>,
    /// The lines of the drill.
    pub wires: Wires,
    /// All controllers.
    pub processes: Vec<Arc<Process>>,
    /// What is broken, by the name of the fault.
    pub active: Mutex<BTreeMap<String, Active>>,
}

/// What one fault has done.
#[derive(Default)]
pub struct Active {
    rules: Vec<RuleId>,
    faults: Vec<WorldFault>,
    killed: Vec<Arc<Process>>,
    skewed: Vec<Arc<Process>>,
    /// The rule of a pause that lies in wait comes into being when its trap is sprung.
    later: Arc<Mutex<Vec<RuleId>>>,
    tainted: Option<String>,
    /// Known at once.
    evidence: Option<String>,
}

#[async_trait]
impl Disturber for LabDisturber {
    async fn inject(&self, name: &str, fault: &Fault) -> Result<(), TargetError> {
        let active = self.start(fault).await?;
        self.active().insert(name.to_owned(), active);
        Ok(())
    }

    fn seen(&self, name: &str) -> Option<String> {
        self.evidence(self.active().get(name)?)
    }

    async fn effect(&self, name: &str) -> String {
        loop {
            let rung = self.wires.rung();
            if let Some(evidence) = self.seen(name) {
                return evidence;
            }
            tokio::select! {
                biased;
                () = rung => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn lift(&self, name: &str) -> Result<String, TargetError> {
        let Some(active) = self.active().remove(name) else {
            return Err(refusal(format!("find the fault {name}")));
        };
        self.end(active).await
    }
}

impl LabDisturber {
    fn active(&self) -> MutexGuard<'_, BTreeMap<String, Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn start(&self, fault: &Fault) -> Result<Active, TargetError> {
        match fault {
            Fault::Kill {
                controller,
                site,
                at,
            } => self.kill(*controller, site.as_deref(), at.as_deref()).await,
            Fault::Pause {
                controller,
                site,
                at,
            } => self.pause(*controller, site.as_deref(), at.as_deref()),
            Fault::SkewClock {
                controller,
                site,
                by_seconds,
            } => {
                let skewed = self.processes_of(*controller, site.as_deref())?;
                for process in &skewed {
                    process.skew(*by_seconds);
                }
                let whose = titles(&skewed);
                Ok(Active {
                    evidence: Some(format!("the clock of {whose} is {by_seconds} s ahead")),
                    skewed,
                    ..Active::default()
                })
            }
            Fault::Taint {
                site,
                keys,
                put_back,
            } => {
                let done = self.world.set_taints(site, keys, *put_back).await;
                done.map_err(|error| because(format!("taint the nodes of {site}"), error))?;
                let keys = keys.join(", ");
                Ok(Active {
                    tainted: Some(site.clone()),
                    evidence: Some(format!("every node of {site} carries {keys}")),
                    ..Active::default()
                })
            }
            Fault::VmCrash { site, vm } => self.crash(site, vm).await,
            other => Self::on_the_wire(other).map_or_else(
                || self.in_the_world(&[world_fault(other)?]),
                |rules| self.with_rules(rules, other),
            ),
        }
    }

    async fn kill(
        &self,
        controller: Controller,
        site: Option<&str>,
        at: Option<&str>,
    ) -> Result<Active, TargetError> {
        let killed = self.processes_of(controller, site)?;
        let mut active = Active::default();
        match at {
            None => {
                for process in &killed {
                    process.kill();
                    process.death().await;
                }
            }
            Some(step) => {
                let victims = killed.clone();
                let wires = self.wires.clone();
                let later = active.later.clone();
                let spring = move |_: &str| {
                    for process in &victims {
                        // What is on its way to a process that dies never reaches it.
                        let rule = wires.add(Rule::of(process.party(), Effect::Hold));
                        lock(&later).push(rule);
                        process.kill();
                    }
                };
                active.rules = vec![self.trap(controller, site, step, Arc::new(spring))];
            }
        }
        active.killed = killed;
        Ok(active)
    }

    fn pause(
        &self,
        controller: Controller,
        site: Option<&str>,
        at: Option<&str>,
    ) -> Result<Active, TargetError> {
        let paused = self.processes_of(controller, site)?;
        let mut active = Active::default();
        let hold = |process: &Arc<Process>| Rule::of(process.party(), Effect::Hold);
        match at {
            None => active.rules = paused.iter().map(|it| self.wires.add(hold(it))).collect(),
            Some(step) => {
                let (wires, later) = (self.wires.clone(), active.later.clone());
                let spring = move |_: &str| {
                    let rules = paused.iter().map(|it| wires.add(hold(it)));
                    lock(&later).extend(rules);
                };
                active.rules = vec![self.trap(controller, site, step, Arc::new(spring))];
            }
        }
        Ok(active)
    }

    fn trap(
        &self,
        controller: Controller,
        site: Option<&str>,
        step: &str,
        spring: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> RuleId {
        let party = Party {
            name: controller.name().to_owned(),
            home: site.map(str::to_owned),
        };
        let step = step.to_owned();
        self.wires
            .add(Rule::of(party, Effect::Trap(Trap { step, spring })))
    }

    /// The rules that a fault of an API comes to; `None` for one of the world.
    fn on_the_wire(fault: &Fault) -> Option<Vec<Rule>> {
        let rule = match fault {
            Fault::CutOff { site } | Fault::ApiDown { site } => {
                Rule::from_elsewhere(site, Effect::Refuse)
            }
            Fault::SlowApi { site, by } => Rule::to(site, Calls::default(), Effect::Delay(*by)),
            Fault::FailApi { site, code, calls } => {
                Rule::to(site, calls.clone(), Effect::Answer(*code))
            }
            Fault::LoseAnswers { site, calls } => Rule::to(site, calls.clone(), Effect::LoseAnswer),
            Fault::DropWatches { site } => Rule::to(site, Calls::default(), Effect::DropWatches),
            Fault::MuteWatches { site } => Rule::to(site, Calls::default(), Effect::MuteWatches),
            _ => return None,
        };
        Some(vec![rule])
    }

    fn with_rules(&self, rules: Vec<Rule>, fault: &Fault) -> Result<Active, TargetError> {
        let mut active = Active::default();
        if let Fault::CutOff { site } = fault {
            let site = site.clone();
            active = self.in_the_world(&[WorldFault::SiteIsolated { site }])?;
        }
        let rules = rules.into_iter().map(|rule| self.wires.add(rule));
        active.rules = rules.collect();
        Ok(active)
    }

    fn in_the_world(&self, faults: &[WorldFault]) -> Result<Active, TargetError> {
        let knobs = self.world.knobs();
        for fault in faults {
            if knobs.active().contains(fault) {
                return Err(refusal("break what is broken already".to_owned()));
            }
            let done = knobs.inject(fault.clone());
            done.map_err(|error| because("disturb the world".to_owned(), error))?;
        }
        Ok(Active {
            faults: faults.to_vec(),
            ..Active::default()
        })
    }

    /// In real time the world may not have started a machine yet that its site already shows.
    async fn crash(&self, site: &str, vm: &str) -> Result<Active, TargetError> {
        let fault = WorldFault::VmCrash {
            site: site.to_owned(),
            vm: vm.to_owned(),
        };
        let effects = || {
            let records = self.world.knobs().records();
            let of_it = |it: &&sitedrill_world::faults::FaultRecord| {
                it.fault == fault && matches!(it.what, Happening::TookEffect { .. })
            };
            records.iter().filter(of_it).count()
        };
        let before = effects();
        for _ in 0..CRASH_LOOKS {
            let active = self.in_the_world(std::slice::from_ref(&fault))?;
            if effects() > before {
                return Ok(active);
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(refusal(format!("crash {vm}: it does not run at {site}")))
    }

    fn evidence(&self, active: &Active) -> Option<String> {
        if let Some(evidence) = &active.evidence {
            return Some(evidence.clone());
        }
        let met = active.rules.iter().find_map(|id| self.wires.evidence(*id));
        if !active.killed.is_empty() {
            let are_dead = active.killed.iter().all(|it| it.is_dead());
            let when = met.map_or_else(String::new, |met| format!("; {met}"));
            return are_dead.then(|| format!("{} is dead{when}", titles(&active.killed)));
        }
        met.or_else(|| {
            let records = self.world.knobs().records();
            let mut latest = records.iter().rev();
            latest.find_map(|record| match &record.what {
                Happening::TookEffect { evidence } if active.faults.contains(&record.fault) => {
                    Some(evidence.clone())
                }
                _ => None,
            })
        })
    }

    async fn end(&self, active: Active) -> Result<String, TargetError> {
        let mut gone = Vec::new();
        let later = std::mem::take(&mut *lock(&active.later));
        for rule in active.rules.iter().chain(&later) {
            self.wires.remove(*rule);
        }
        if !active.rules.is_empty() {
            gone.push("the lines carry everything again".to_owned());
        }
        let knobs = self.world.knobs();
        for fault in &active.faults {
            knobs.remove(fault);
        }
        if !active.faults.is_empty() {
            if knobs.active().iter().any(|it| active.faults.contains(it)) {
                return Err(refusal("take the disturbance from the world".to_owned()));
            }
            gone.push("the world is not disturbed by it any more".to_owned());
        }
        for process in &active.killed {
            process.revive().await;
        }
        if !active.killed.is_empty() {
            gone.push(format!("{} runs again", titles(&active.killed)));
        }
        for process in &active.skewed {
            process.skew(0);
        }
        if !active.skewed.is_empty() {
            gone.push(format!("the clock of {} is right", titles(&active.skewed)));
        }
        if let Some(site) = &active.tainted {
            let done = self.world.clear_taints(site).await;
            done.map_err(|error| because(format!("clear the nodes of {site}"), error))?;
            gone.push(format!("the nodes of {site} are clear of it"));
        }
        Ok(gone.join("; "))
    }

    fn processes_of(
        &self,
        controller: Controller,
        site: Option<&str>,
    ) -> Result<Vec<Arc<Process>>, TargetError> {
        let meant = self
            .processes
            .iter()
            .filter(|it| it.controller == controller && site.is_none_or(|site| it.site == site));
        let found: Vec<_> = meant.cloned().collect();
        if found.is_empty() {
            let place = site.map_or_else(String::new, |site| format!(" of {site}"));
            let name = controller.name();
            return Err(refusal(format!("find the {name}{place}: none runs there")));
        }
        Ok(found)
    }
}

fn titles(processes: &[Arc<Process>]) -> String {
    let titles: Vec<String> = processes.iter().map(|it| it.title()).collect();
    titles.join(" and ")
}

fn world_fault(fault: &Fault) -> Result<WorldFault, TargetError> {
    Ok(match fault.clone() {
        Fault::NodeDown { site, node } => WorldFault::NodeDown { site, node },
        Fault::VmCrash { site, vm } => WorldFault::VmCrash { site, vm },
        Fault::VmStuck { site, vm } => WorldFault::StopHangs { site, vm },
        Fault::VmUnstartable { site, vm, reason } => {
            let reason = match reason {
                StartFailure::Unschedulable => sitedrill_world::faults::StartFailure::Unschedulable,
                StartFailure::ErrImagePull => sitedrill_world::faults::StartFailure::ErrImagePull,
                StartFailure::SyncFailed => sitedrill_world::faults::StartFailure::SyncFailed,
                StartFailure::CrashLoopBackOff => {
                    sitedrill_world::faults::StartFailure::CrashLoopBackOff
                }
            };
            WorldFault::StartFails { site, vm, reason }
        }
        Fault::HoldVolume { volume, on } => WorldFault::VolumeHeld { volume, on },
        Fault::DegradeDisk { volume, on, state } => {
            let word = serde_json::Value::String(state);
            let state = serde_json::from_value(word)
                .map_err(|error| because("read the state of a disk".to_owned(), error))?;
            WorldFault::DiskDegraded { volume, on, state }
        }
        Fault::SlowSite { site, factor } => WorldFault::Slow { site, factor },
        Fault::CutLink { between } => WorldFault::LinkCut { between },
        Fault::QuorumLost { site } => WorldFault::QuorumLost { site },
        other => return Err(refusal(format!("do this here: {other}"))),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refusal(attempt: String) -> TargetError {
    TargetError {
        attempt,
        source: None,
    }
}

fn because(attempt: String, error: impl std::error::Error + Send + Sync + 'static) -> TargetError {
    TargetError {
        attempt,
        source: Some(Box::new(error)),
    }
}

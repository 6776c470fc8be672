//! Controllers that die, come back and hand over: one supervisor for each, over the real thing.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sitedrill_world::StorageModel;
use siterecovery_api::names::DEFAULT_NAMESPACE;
use siterecovery_decide::Policy;
use siterecovery_manager::{
    EffectGate, Error, FailoverControllerConfig, Gate, LinstorClient,
    ProtectionGroupControllerConfig, Site, Storage, run_failover_controller,
    run_protection_group_controller,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tower::Layer;

use super::Lab;
use crate::history::{Log, Seen};

type Run = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Starts one process: its generation, its gate, and what ends it in good order.
type Start = Box<dyn Fn(u32, EffectGate, oneshot::Receiver<()>) -> Run + Send>;

/// What a supervisor is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Command {
    /// Die after so many effects, the last one with or without its answer.
    DieAfter {
        number: usize,
        effects: u64,
        answer_lost: bool,
        down_for: Duration,
    },
    /// Hand over to another process; for a while there are two.
    HandOver { overlap: Duration },
}

/// All controllers of a simulation, by name: `failover@quorum`, `groups@dr`.
#[derive(Default)]
pub(super) struct Controllers {
    supervisors: JoinSet<()>,
    commands: BTreeMap<String, mpsc::UnboundedSender<Command>>,
}

impl Controllers {
    pub(super) fn tell(&self, controller: &str, command: Command) {
        if let Some(commands) = self.commands.get(controller) {
            // A supervisor lives as long as the simulation.
            let _ = commands.send(command);
        }
    }

    fn add(&mut self, name: String, log: Log, start: Start) {
        let (sender, commands) = mpsc::unbounded_channel();
        let supervisor = Supervisor {
            name: name.clone(),
            log,
            start,
            commands,
            armed: Arc::default(),
            generation: 0,
        };
        self.supervisors.spawn(supervisor.run());
        self.commands.insert(name, sender);
    }
}

/// How many more effects until the end, and what kind of end.
type Armed = Arc<Mutex<Option<(u64, Gate, Duration, usize)>>>;

struct Supervisor {
    name: String,
    log: Log,
    start: Start,
    commands: mpsc::UnboundedReceiver<Command>,
    armed: Armed,
    generation: u32,
}

impl Supervisor {
    async fn run(mut self) {
        let mut processes: JoinSet<Result<(), Error>> = JoinSet::new();
        let mut current = self.launch(&mut processes);
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    None => return,
                    Some(Command::DieAfter { number, effects: 0, down_for, .. }) => {
                        self.log.note(Seen::FaultHit { number });
                        self.die(&mut processes, down_for).await;
                        current = self.launch(&mut processes);
                    }
                    Some(Command::DieAfter { number, effects, answer_lost, down_for }) => {
                        let gate = if answer_lost { Gate::HaltAfter } else { Gate::HaltBefore };
                        *self.armed() = Some((effects, gate, down_for, number));
                    }
                    Some(Command::HandOver { overlap }) => {
                        let next = self.launch(&mut processes);
                        let old = std::mem::replace(&mut current, next);
                        tokio::spawn(async move {
                            tokio::time::sleep(overlap).await;
                            let _ = old.0.send(());
                        });
                    }
                },
                Some(ended) = processes.join_next(), if !processes.is_empty() => {
                    let halted = matches!(ended, Ok(Err(Error::Halted { .. })));
                    if halted {
                        let spent = self.armed().take();
                        let down_for = spent.map_or(Duration::ZERO, |(_, _, down_for, _)| down_for);
                        self.die(&mut processes, down_for).await;
                        current = self.launch(&mut processes);
                    }
                }
            }
        }
    }

    async fn die(&mut self, processes: &mut JoinSet<Result<(), Error>>, down_for: Duration) {
        processes.abort_all();
        while processes.join_next().await.is_some() {}
        *self.armed() = None;
        self.log.note(Seen::Died {
            controller: self.name.clone(),
        });
        tokio::time::sleep(down_for).await;
    }

    fn launch(
        &mut self,
        processes: &mut JoinSet<Result<(), Error>>,
    ) -> (oneshot::Sender<()>, AbortHandle) {
        self.generation += 1;
        let (stop, stopped) = oneshot::channel();
        let process = (self.start)(self.generation, self.gate(), stopped);
        (stop, processes.spawn(process))
    }

    /// Writes every effect down, and is where an armed death happens.
    fn gate(&self) -> EffectGate {
        let (armed, log, controller) =
            (Arc::clone(&self.armed), self.log.clone(), self.name.clone());
        Arc::new(move |what| {
            log.note(Seen::Effect {
                controller: controller.clone(),
                what: what.to_owned(),
            });
            let mut armed = armed.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *armed {
                None => Gate::Go,
                Some((left, gate, _, number)) => {
                    *left = left.saturating_sub(1);
                    if *left > 0 {
                        return Gate::Go;
                    }
                    log.note(Seen::FaultHit { number: *number });
                    *gate
                }
            }
        })
    }

    fn armed(&self) -> std::sync::MutexGuard<'_, Option<(u64, Gate, Duration, usize)>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lab {
    /// Starts the controllers of all sites.
    pub(super) fn start_controllers(&mut self) {
        let workload: Vec<String> = self
            .directory
            .workload_sites()
            .into_iter()
            .map(|site| site.name.clone())
            .collect();
        for site in workload {
            let start = self.group_controller(&site);
            self.controllers
                .add(format!("groups@{site}"), self.log.clone(), start);
        }
        for home in self.plan.topology.homes() {
            let start = self.failover_controller(home);
            self.controllers
                .add(format!("failover@{home}"), self.log.clone(), start);
        }
    }

    fn policy(&self, identity: String) -> Policy {
        let policy = Policy::new(identity);
        match self.sabotage {
            None => policy,
            Some(rule) => policy.with_sabotage(rule),
        }
    }

    fn site(&self, name: &str, who: &str) -> Site {
        let info = self.directory.get(name).cloned();
        Site {
            info: info.expect("every site of the plan is in its directory"),
            client: self.client(name, who),
        }
    }

    fn group_controller(&self, site: &str) -> Start {
        let here = self.site(site, &format!("groups@{site}"));
        let policy = self.policy("protection-group-controller".to_owned());
        let (now, seed) = (Arc::clone(&self.now), self.plan.seed);
        Box::new(move |generation, gate, stopped| {
            let config = ProtectionGroupControllerConfig {
                site: here.clone(),
                namespace: Some(DEFAULT_NAMESPACE.to_owned()),
                policy: policy.clone(),
                now: Arc::clone(&now),
                seed: seed ^ u64::from(generation),
                gate: Some(gate),
            };
            Box::pin(run_protection_group_controller(
                config,
                Box::pin(told(stopped)),
            ))
        })
    }

    fn failover_controller(&self, home: &str) -> Start {
        let who = format!("failover@{home}");
        let sites: Vec<Site> = self
            .directory
            .sites
            .iter()
            .map(|site| self.site(&site.name, &who))
            .collect();
        let storage = match self.plan.topology.storage() {
            StorageModel::Linstor => {
                let service = self.storage_faults.layer().layer(self.world.linstor());
                Storage::Linstor(LinstorClient::from_service(service))
            }
            StorageModel::DrbdOperator => Storage::DrbdOperator,
        };
        let policy = self.policy(String::new());
        let (now, seed, home) = (self.skewed(home), self.plan.seed, home.to_owned());
        Box::new(move |generation, gate, stopped| {
            let mut policy = policy.clone();
            policy.identity = format!("failover-controller-{home}-{generation}");
            let config = FailoverControllerConfig {
                home: home.clone(),
                sites: sites.clone(),
                storage: storage.clone(),
                policy,
                now: Arc::clone(&now),
                seed: seed ^ u64::from(generation),
                gate: Some(gate),
            };
            Box::pin(run_failover_controller(config, Box::pin(told(stopped))))
        })
    }
}

async fn told(stopped: oneshot::Receiver<()>) {
    if stopped.await.is_err() {
        // Nobody is left who could say so.
        std::future::pending::<()>().await;
    }
}

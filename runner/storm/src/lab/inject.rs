//! Faults of the plan, brought about and taken away, with a word on whether they did anything.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sitedrill_apiserver::{Effect, Faults, Rule, RuleId};
use sitedrill_world::storage::DiskState;
use sitedrill_world::{Fault as WorldFault, StartFailure};
use siterecovery_api::names::DEFAULT_TAINT_KEYS;

use super::Lab;
use super::controllers::Command;
use crate::history::Seen;
use crate::plan::{Fault, FaultPlan, Trouble};

/// Longer than any simulation.
const FOR_GOOD: Duration = Duration::from_secs(1_000_000);

/// What is to be taken away again when a fault ends.
#[derive(Default)]
pub(super) struct Undo {
    rules: Vec<(Faults, RuleId)>,
    world: Vec<WorldFault>,
    wire: Option<String>,
    taints: Option<String>,
    clock: Option<Arc<AtomicI64>>,
    /// Whether it is known to have done something.
    hit: bool,
}

/// The faults in force, by number.
#[derive(Default)]
pub(super) struct InForce(BTreeMap<usize, Undo>);

impl Lab {
    /// Begins a fault.
    pub(super) async fn begin(&self, in_force: &mut InForce, plan: &FaultPlan) {
        let number = plan.number;
        self.log.note(Seen::FaultBegan { number });
        let undo = self.start_fault(plan).await;
        in_force.0.insert(number, undo);
    }

    /// Ends a fault.
    pub(super) async fn end(&self, in_force: &mut InForce, number: usize) {
        let Some(undo) = in_force.0.remove(&number) else {
            return;
        };
        let mut hit = undo.hit;
        let knobs = self.world.knobs();
        for fault in &undo.world {
            hit |= knobs.took_effect(fault);
            knobs.remove(fault);
        }
        for (faults, rule) in &undo.rules {
            hit |= faults.remove(*rule).is_some_and(|hits| hits > 0);
        }
        if let Some(site) = &undo.wire {
            hit |= self.wires[site].remove(number) > 0;
        }
        if let Some(site) = &undo.taints {
            // The world's own client meets no trouble.
            let _ = self.world.clear_taints(site).await;
        }
        if let Some(clock) = &undo.clock {
            clock.store(0, Ordering::Relaxed);
        }
        if hit {
            self.log.note(Seen::FaultHit { number });
        }
        self.log.note(Seen::FaultEnded { number });
    }

    /// Counts what the faults that never end have done.
    pub(super) fn note_hits(&self, in_force: &InForce) {
        for (number, undo) in &in_force.0 {
            let hit = undo
                .rules
                .iter()
                .any(|(faults, rule)| faults.hits(*rule).is_some_and(|hits| hits > 0));
            if hit || undo.hit {
                self.log.note(Seen::FaultHit { number: *number });
            }
        }
    }

    async fn start_fault(&self, plan: &FaultPlan) -> Undo {
        match &plan.fault {
            Fault::FailoverControllerDies { .. }
            | Fault::GroupControllerDies { .. }
            | Fault::LeaderChange { .. }
            | Fault::ClockSkew { .. } => self.start_on_controller(plan),
            Fault::SiteCutOff { site } => Undo {
                rules: self.cut_off(site),
                ..Undo::default()
            },
            Fault::SiteIsolated { site } => {
                let undo = self.on_world(vec![WorldFault::SiteIsolated { site: site.clone() }]);
                Undo {
                    rules: self.cut_off(site),
                    ..undo
                }
            }
            Fault::PowerLoss { site } => self.power_loss(site, plan),
            Fault::Requests {
                site,
                trouble,
                percent,
            } => self.trouble(site, plan.number, *trouble, *percent),
            Fault::WatchesDropped { site } => self.on_watches(site, Effect::CutWatches),
            Fault::WatchesSilent { site } => self.on_watches(site, Effect::MuteWatches),
            Fault::HistoryLost { site } => {
                self.clusters[site].compact();
                self.on_watches(site, Effect::CutWatches)
            }
            Fault::Taints { site } => self.taint(site, false).await,
            Fault::TaintsPutBack { site } => self.taint(site, true).await,
            Fault::StorageSilent => self.silence_storage(),
            Fault::LinkCut
            | Fault::NodeDies { .. }
            | Fault::MachineDies { .. }
            | Fault::SlowSite { .. }
            | Fault::StartFails { .. }
            | Fault::StopHangs { .. }
            | Fault::VolumeHeld { .. }
            | Fault::DiskOutdated { .. }
            | Fault::DiskCatchesUp { .. } => {
                self.on_world(in_the_world(&plan.fault).into_iter().collect())
            }
        }
    }

    fn start_on_controller(&self, plan: &FaultPlan) -> Undo {
        let number = plan.number;
        let die = |after_effects: u64, answer_lost: bool, down_for: u64| Command::DieAfter {
            number,
            effects: after_effects,
            answer_lost,
            down_for: Duration::from_millis(down_for),
        };
        match &plan.fault {
            Fault::FailoverControllerDies {
                home,
                after_effects,
                answer_lost,
                down_for,
            } => {
                let command = die(*after_effects, *answer_lost, *down_for);
                self.controllers.tell(&format!("failover@{home}"), command);
                Undo::default()
            }
            Fault::GroupControllerDies {
                site,
                after_effects,
                answer_lost,
                down_for,
            } => {
                let command = die(*after_effects, *answer_lost, *down_for);
                self.controllers.tell(&format!("groups@{site}"), command);
                Undo::default()
            }
            Fault::LeaderChange { home, overlap } => {
                let overlap = Duration::from_millis(*overlap);
                self.controllers
                    .tell(&format!("failover@{home}"), Command::HandOver { overlap });
                Undo {
                    hit: true,
                    ..Undo::default()
                }
            }
            Fault::ClockSkew { home, by } => {
                let clock = self.skews.get(home).cloned();
                if let Some(clock) = &clock {
                    clock.store(*by, Ordering::Relaxed);
                }
                Undo {
                    clock,
                    hit: true,
                    ..Undo::default()
                }
            }
            _ => Undo::default(),
        }
    }

    /// Nobody from elsewhere reaches the site, and nobody on it reaches elsewhere.
    fn cut_off(&self, site: &str) -> Vec<(Faults, RuleId)> {
        let mut rules = Vec::new();
        let mut cut = |at: &str, user: String| {
            let faults = self.clusters[at].faults();
            let rule = faults.add(Rule::cut_off().user(user));
            rules.push((faults, rule));
        };
        for other in self.clusters.keys().filter(|other| *other != site) {
            cut(site, format!("*@{other}"));
            cut(other, format!("*@{site}"));
        }
        cut(site, "*@away".to_owned());
        rules
    }

    fn power_loss(&self, site: &str, plan: &FaultPlan) -> Undo {
        let down_for = plan.lasts.map_or(FOR_GOOD, Duration::from_millis);
        let command = Command::DieAfter {
            number: plan.number,
            effects: 0,
            answer_lost: false,
            down_for,
        };
        for role in ["groups", "failover"] {
            self.controllers.tell(&format!("{role}@{site}"), command);
        }
        let nodes = (1..=2).map(|n| WorldFault::NodeDown {
            site: site.to_owned(),
            node: format!("{site}-{n}"),
        });
        let undo = self.on_world(nodes.collect());
        Undo {
            rules: self.cut_off(site),
            ..undo
        }
    }

    fn trouble(&self, site: &str, number: usize, trouble: Trouble, percent: u64) -> Undo {
        self.wires[site].add(number, trouble, percent);
        Undo {
            wire: Some(site.to_owned()),
            ..Undo::default()
        }
    }

    fn on_watches(&self, site: &str, effect: Effect) -> Undo {
        let faults = self.clusters[site].faults();
        let rule = faults.add(Rule::new(effect).user("*@*"));
        Undo {
            rules: vec![(faults, rule)],
            ..Undo::default()
        }
    }

    fn silence_storage(&self) -> Undo {
        let mut rules = vec![(
            self.storage_faults.clone(),
            self.storage_faults.add(Rule::cut_off()),
        )];
        // Where storage shows itself as objects, these cannot be read.
        for cluster in self.clusters.values() {
            let faults = cluster.faults();
            let rule = Rule::status(503).resource("drbdvolumes").user("*@*");
            let rule = faults.add(rule);
            rules.push((faults, rule));
        }
        Undo {
            rules,
            ..Undo::default()
        }
    }

    async fn taint(&self, site: &str, put_back: bool) -> Undo {
        let keys = DEFAULT_TAINT_KEYS.map(str::to_owned);
        let hit = self
            .world
            .set_taints(site, &keys[..1], put_back)
            .await
            .is_ok();
        Undo {
            taints: Some(site.to_owned()),
            hit,
            ..Undo::default()
        }
    }

    fn on_world(&self, faults: Vec<WorldFault>) -> Undo {
        let knobs = self.world.knobs();
        let mut undo = Undo::default();
        for fault in faults {
            if knobs.inject(fault.clone()).is_ok() {
                let records = knobs.records();
                let happened = records.iter().rev().take(2);
                // A fault that happens once is never in force; its record tells.
                undo.hit |= happened
                    .filter(|record| record.fault == fault)
                    .any(|record| {
                        matches!(record.what, sitedrill_world::Happening::TookEffect { .. })
                    });
                undo.world.push(fault);
            }
        }
        undo
    }
}

fn in_the_world(fault: &Fault) -> Option<WorldFault> {
    Some(match fault {
        Fault::LinkCut => WorldFault::LinkCut {
            between: ["dr".to_owned(), "primary".to_owned()],
        },
        Fault::NodeDies { site, node } => WorldFault::NodeDown {
            site: site.clone(),
            node: node.clone(),
        },
        Fault::MachineDies { site, vm } => WorldFault::VmCrash {
            site: site.clone(),
            vm: vm.clone(),
        },
        Fault::SlowSite { site, factor } => WorldFault::Slow {
            site: site.clone(),
            factor: f64::from(*factor),
        },
        Fault::StartFails { site, vm } => WorldFault::StartFails {
            site: site.clone(),
            vm: vm.clone(),
            reason: StartFailure::SyncFailed,
        },
        Fault::StopHangs { site, vm } => WorldFault::StopHangs {
            site: site.clone(),
            vm: vm.clone(),
        },
        Fault::VolumeHeld { site, volume } => WorldFault::VolumeHeld {
            volume: volume.clone(),
            on: site.clone(),
        },
        Fault::DiskOutdated { site, volume } => WorldFault::DiskDegraded {
            volume: volume.clone(),
            on: site.clone(),
            state: DiskState::Outdated,
        },
        Fault::DiskCatchesUp { site, volume } => WorldFault::DiskDegraded {
            volume: volume.clone(),
            on: site.clone(),
            state: DiskState::Inconsistent,
        },
        _ => return None,
    })
}

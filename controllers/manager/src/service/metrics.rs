//! Metrics in the format of Prometheus. `controllers/README.md` lists them.
//!
//! **Invariant:** memory is bounded by what exists: a Failover that has ended and a group that is
//! gone leave only counts behind.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use siterecovery_api::time::micro_time;
use siterecovery_api::{CurrentState, FailoverPhase, FailoverStatus, StepName};
use siterecovery_decide::conditions::SUCCEEDED;

use crate::meter::Meter;

type Labels = Vec<(&'static str, String)>;

/// Seconds: from a pass on an idle machine to a start that takes its whole deadline.
const SECONDS: [f64; 13] = [
    0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0, 600.0,
];

/// All metrics of a process.
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    errors: Family<Labels, Counter>,
    passes: Family<Labels, Histogram>,
    failovers: Family<Labels, Gauge>,
    ended: Family<Labels, Counter>,
    steps: Family<Labels, Histogram>,
    lock_wait: Histogram,
    groups: Family<Labels, Gauge>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    failovers: BTreeMap<(String, String), FailoverPhase>,
    groups: BTreeMap<(String, String), CurrentState>,
}

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("siterecovery"),
            requests: Family::default(),
            errors: Family::default(),
            passes: Family::new_with_constructor(histogram),
            failovers: Family::default(),
            ended: Family::default(),
            steps: Family::new_with_constructor(histogram),
            lock_wait: histogram(),
            groups: Family::default(),
            known: Mutex::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        let help = "Requests to API servers by site, method and status";
        registry.register("api_requests", help, self.requests.clone());
        let help = "Requests that were refused or failed, by site and status";
        registry.register("api_errors", help, self.errors.clone());
        let help = "How long one pass over one object took, by kind and outcome";
        registry.register("reconcile_duration_seconds", help, self.passes.clone());
        let help = "Failovers that have not ended, by phase";
        registry.register("failovers", help, self.failovers.clone());
        let help = "Failovers that have ended, by phase and reason";
        registry.register("failovers_ended", help, self.ended.clone());
        let help = "How long the steps of ended failovers took, by step and state";
        registry.register("failover_step_duration_seconds", help, self.steps.clone());
        let help = "How long ended failovers waited for the lock of their group";
        registry.register("failover_lock_wait_seconds", help, self.lock_wait.clone());
        let help = "Protection groups of this site by state";
        registry.register("groups", help, self.groups.clone());
    }

    /// All of it, as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a String cannot fail");
        text
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Each change is a single call, so a panic elsewhere leaves it usable.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_end(&self, phase: FailoverPhase, status: &FailoverStatus) {
        let reason = status.condition(SUCCEEDED).map(|end| end.reason.clone());
        let labels = vec![
            ("phase", phase.as_str().to_owned()),
            ("reason", reason.unwrap_or_else(|| "Unknown".to_owned())),
        ];
        self.ended.get_or_create(&labels).inc();
        for step in &status.steps {
            let Some(finished) = &step.finished_at else {
                continue;
            };
            let took = finished.0.duration_since(micro_time(step.started_at.0).0);
            let took = took.as_secs_f64().max(0.0);
            let labels = vec![
                ("step", step.name.to_string()),
                ("state", format!("{:?}", step.state)),
            ];
            self.steps.get_or_create(&labels).observe(took);
            if step.name == StepName::AcquireLock {
                self.lock_wait.observe(took);
            }
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Meter for Metrics {
    fn request(&self, site: &str, method: &str, status: Option<u16>) {
        let code = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let labels = vec![
            ("site", site.to_owned()),
            ("method", method.to_owned()),
            ("code", code.clone()),
        ];
        self.requests.get_or_create(&labels).inc();
        if status.is_none_or(|status| status >= 400) {
            let labels = vec![("site", site.to_owned()), ("code", code)];
            self.errors.get_or_create(&labels).inc();
        }
    }

    fn pass(&self, kind: &'static str, outcome: &'static str, took: Duration) {
        let labels = vec![("kind", kind.to_owned()), ("outcome", outcome.to_owned())];
        self.passes
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    fn failover(&self, namespace: &str, name: &str, status: Option<&FailoverStatus>) {
        let key = (namespace.to_owned(), name.to_owned());
        let phase = status.map(|status| status.phase.unwrap_or_default());
        let gauge = |phase: FailoverPhase| {
            let labels = vec![("phase", phase.as_str().to_owned())];
            self.failovers.get_or_create(&labels).clone()
        };
        let mut known = self.known();
        let before = known.failovers.remove(&key);
        if let Some(before) = before {
            gauge(before).dec();
        }
        match (phase, status) {
            (Some(phase), Some(status)) if phase.is_terminal() => {
                // One that had ended before this process began was counted by another.
                if before.is_some() {
                    self.count_end(phase, status);
                }
            }
            (Some(phase), _) => {
                gauge(phase).inc();
                known.failovers.insert(key, phase);
            }
            (None, _) => {}
        }
    }

    fn group(&self, namespace: &str, name: &str, state: Option<CurrentState>) {
        let key = (namespace.to_owned(), name.to_owned());
        let gauge = |state: CurrentState| {
            let labels = vec![("state", state.to_string())];
            self.groups.get_or_create(&labels).clone()
        };
        let mut known = self.known();
        if let Some(before) = known.groups.remove(&key) {
            gauge(before).dec();
        }
        if let Some(state) = state {
            gauge(state).inc();
            known.groups.insert(key, state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(phase: FailoverPhase) -> FailoverStatus {
        FailoverStatus {
            phase: Some(phase),
            ..FailoverStatus::default()
        }
    }

    #[test]
    fn a_failover_is_counted_once_when_it_ends_and_leaves_the_gauge() {
        let metrics = Metrics::new();
        metrics.failover("ns", "f1", Some(&status(FailoverPhase::Running)));
        assert!(
            metrics
                .text()
                .contains("siterecovery_failovers{phase=\"Running\"} 1")
        );
        for _ in 0..2 {
            metrics.failover("ns", "f1", Some(&status(FailoverPhase::Succeeded)));
        }
        let text = metrics.text();
        assert!(
            text.contains("siterecovery_failovers{phase=\"Running\"} 0"),
            "{text}"
        );
        assert!(
            text.contains(
                "siterecovery_failovers_ended_total{phase=\"Succeeded\",reason=\"Unknown\"} 1"
            ),
            "{text}"
        );
        assert!(metrics.known().failovers.is_empty());
    }

    #[test]
    fn refused_requests_are_errors_and_others_are_not() {
        let metrics = Metrics::new();
        metrics.request("dr", "GET", Some(200));
        metrics.request("dr", "GET", Some(500));
        metrics.request("dr", "GET", None);
        let text = metrics.text();
        assert!(
            text.contains("siterecovery_api_errors_total{site=\"dr\",code=\"500\"} 1"),
            "{text}"
        );
        assert!(!text.contains("siterecovery_api_errors_total{site=\"dr\",code=\"200\"}"));
    }

    #[test]
    fn a_group_moves_between_states_and_goes() {
        let metrics = Metrics::new();
        metrics.group("ns", "pg", Some(CurrentState::Running));
        metrics.group("ns", "pg", Some(CurrentState::Stopped));
        let text = metrics.text();
        assert!(
            text.contains("siterecovery_groups{state=\"running\"} 0"),
            "{text}"
        );
        assert!(
            text.contains("siterecovery_groups{state=\"stopped\"} 1"),
            "{text}"
        );
        metrics.group("ns", "pg", None);
        assert!(metrics.known().groups.is_empty());
    }
}

//! What happens on the sites of most tests, and the steps that speak of it.

use serde_json::json;
use sitedrill_model::scenario::{
    Action, Condition, ExpectedOutcome, LockIs, ObjectKind, Observe, Step,
};

use crate::stage::*;

/// A failover of pg-a: 10 s to stop, 20 s to start.
pub(crate) async fn fail_over(lab: Lab) {
    let lease = json!({"spec": {"holderIdentity": "fc-1", "leaseDurationSeconds": 300,
        "renewTime": "2024-10-31T16:00:00Z"}});
    lab.quorum.put(FAILOVERS, "failover-1", failover("Pending"));
    lab.quorum.put(LEASES, "failover-lock-pg-a", lease);
    lab.quorum.put(FAILOVERS, "failover-1", failover("Running"));
    pause(10).await;
    lab.primary.remove(INSTANCES, "pg-a-vm-1");
    lab.dr.put(INSTANCES, "pg-a-vm-1", vmi("Scheduling"));
    lab.dr.put(GROUPS, "pg-a", group("running", "mixed"));
    pause(20).await;
    lab.dr.put(INSTANCES, "pg-a-vm-1", vmi("Running"));
    lab.dr.put(GROUPS, "pg-a", group("running", "running"));
    lab.quorum.remove(LEASES, "failover-lock-pg-a");
    lab.quorum
        .put(FAILOVERS, "failover-1", failover("Succeeded"));
}

/// pg-a runs on the primary site; a command fails it over.
pub(crate) fn lab() -> Lab {
    let lab = Lab::new().on_command(fail_over);
    lab.primary.put(INSTANCES, "pg-a-vm-1", vmi("Running"));
    lab.dr.put(GROUPS, "pg-a", group("stopped", "stopped"));
    lab
}

pub(crate) fn failover_step() -> Step {
    pgctl("failover pg-a --to-cluster2", ExpectedOutcome::Success)
}

pub(crate) fn await_lock(is: LockIs, seconds: u64) -> Step {
    let lock = Condition::Lock {
        group: "pg-a".to_owned(),
        is,
    };
    within(seconds, step(Action::Await(lock)))
}

pub(crate) fn observe_states() -> Step {
    step(Action::Observe(Observe {
        name: "states".to_owned(),
        object: object("dr", ObjectKind::ProtectionGroup, "pg-a"),
        fields: vec!["status.currentState".to_owned()],
    }))
}

pub(crate) fn sequence(values: &[&str]) -> Step {
    expect(Condition::Sequence {
        observed: "states".to_owned(),
        values: values.iter().map(|it| (*it).to_owned()).collect(),
    })
}

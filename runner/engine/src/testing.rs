//! Objects, times and scenarios for the tests of this crate.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sitedrill_model::Location;
use sitedrill_model::scenario::{
    Action, Actor, Condition, Given, ObjectKind, ObjectRef, Objectives, Scenario, Step,
};

use crate::objects::{Change, Key};

pub(crate) const NAMESPACE: &str = "site-recovery";

/// So many seconds after the start of all tests.
pub(crate) fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2024-10-31T16:00:00Z"
        .parse()
        .expect("a constant that is a time");
    start + SignedDuration::from_secs(seconds)
}

pub(crate) fn location(line: u32) -> Location {
    Location {
        file: "drill.yaml".to_owned(),
        line,
        column: 3,
    }
}

pub(crate) fn key(site: &str, kind: ObjectKind, name: &str) -> Key {
    let namespace = if kind == ObjectKind::Node {
        ""
    } else {
        NAMESPACE
    };
    Key {
        site: site.to_owned(),
        kind,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

pub(crate) fn object_ref(site: &str, kind: ObjectKind, name: &str) -> ObjectRef {
    ObjectRef {
        site: site.to_owned(),
        kind,
        namespace: Some(NAMESPACE.to_owned()),
        name: name.to_owned(),
    }
}

/// A change that brings an object into being.
pub(crate) fn appeared(seconds: i64, key: &Key, object: Value) -> Change {
    Change {
        at: at(seconds),
        key: key.clone(),
        before: None,
        after: Some(Arc::new(object)),
    }
}

/// What follows a change: the same object, now like this.
pub(crate) fn then(before: &Change, seconds: i64, object: Option<Value>) -> Change {
    Change {
        at: at(seconds),
        key: before.key.clone(),
        before: before.after.clone(),
        after: object.map(Arc::new),
    }
}

pub(crate) fn vmi(phase: &str) -> Value {
    json!({"status": {"phase": phase}})
}

pub(crate) fn group(desired: &str, current: &str) -> Value {
    json!({
        "spec": {"desiredState": desired, "virtualMachines": [{"name": "pg-a-vm-1"}]},
        "status": {"currentState": current},
    })
}

pub(crate) fn failover(phase: &str) -> Value {
    json!({
        "metadata": {"uid": "1"},
        "spec": {"protectionGroup": "pg-a", "targetCluster": "cluster2"},
        "status": {"phase": phase, "message": "as it should be"},
    })
}

/// A lock that was taken and renewed at this second.
pub(crate) fn lease(holder: &str, failover: &str, seconds: i64) -> Value {
    json!({
        "metadata": {"annotations": {"siterecovery.trilio.io/failover": failover}},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": 300,
            "acquireTime": at(seconds).to_string(),
            "renewTime": at(seconds).to_string(),
        },
    })
}

/// The same object with its name and a resourceVersion, as a server would send it.
pub(crate) fn served(mut object: Value, name: &str, version: u64) -> Value {
    object["metadata"]["name"] = json!(name);
    object["metadata"]["resourceVersion"] = json!(version.to_string());
    object
}

pub(crate) fn step(action: Action) -> Step {
    Step {
        location: location(7),
        text: "a step".to_owned(),
        name: None,
        action,
        within: None,
        throughout: None,
        snapshot: None,
    }
}

pub(crate) fn scenario(actors: Vec<(&str, Vec<Step>)>) -> Scenario {
    let actors = actors.into_iter().map(|(name, steps)| Actor {
        name: name.to_owned(),
        steps,
    });
    Scenario {
        name: "drill".to_owned(),
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

pub(crate) fn matches(site: &str, kind: ObjectKind, name: &str, matches: Value) -> Condition {
    Condition::Matches {
        object: object_ref(site, kind, name),
        matches,
    }
}

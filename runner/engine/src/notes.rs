//! What a change says to people: a phase, a state, a lock, a machine, a taint. Most changes say nothing.

use serde_json::Value;
use sitedrill_model::scenario::ObjectKind;

use crate::lock::{Lock, locked_group};
use crate::objects::{self, Change, field, text};

/// The namespace of the taints that the storage layer sets when it has lost quorum.
const QUORUM_TAINTS: &str = "drbd.linbit.com/";

/// What a change says, in a few words each; usually nothing or one thing.
pub(crate) fn of(change: &Change) -> Vec<String> {
    let (before, after) = (change.before.as_deref(), change.after.as_deref());
    match change.key.kind {
        ObjectKind::Failover => failover(before, after),
        ObjectKind::ProtectionGroup => group(before, after),
        ObjectKind::VirtualMachine => machine(before, after),
        ObjectKind::VirtualMachineInstance => instance(before, after),
        ObjectKind::Lease if locked_group(&change.key).is_some() => lock(before, after),
        ObjectKind::Node => taints(before, after),
        ObjectKind::Lease | ObjectKind::Event => Vec::new(),
    }
}

fn failover(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let Some(after) = after else {
        return vec!["gone".to_owned()];
    };
    let mut said = Vec::new();
    if before.is_none() {
        let forced = field(after, "spec.force").and_then(Value::as_bool) == Some(true);
        let forced = if forced { ", forced" } else { "" };
        let (group, to) = (
            at(after, "spec.protectionGroup"),
            at(after, "spec.targetCluster"),
        );
        said.push(format!("created: {group} to {to}{forced}"));
    }
    if let Some(mut what) = moved("phase", "status.phase", before, after) {
        if matches!(at(after, "status.phase").as_str(), "Succeeded" | "Failed") {
            what = format!("{what}: {}", at(after, "status.message"));
        }
        said.push(what);
    }
    said
}

fn group(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let Some(after) = after else {
        return vec!["gone".to_owned()];
    };
    let fields = [
        ("desiredState", "spec.desiredState"),
        ("currentState", "status.currentState"),
    ];
    let said = fields
        .iter()
        .filter_map(|(name, path)| moved(name, path, before, after));
    said.collect()
}

/// That a machine is told to run or to halt; what it was told before anybody looked is no move.
fn machine(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let (Some(before), Some(after)) = (before, after) else {
        return Vec::new();
    };
    let fields = [
        ("runStrategy", "spec.runStrategy"),
        ("running", "spec.running"),
    ];
    let said = fields
        .iter()
        .filter_map(|(name, path)| moved(name, path, Some(before), after));
    said.collect()
}

fn instance(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let Some(after) = after else {
        return vec!["gone".to_owned()];
    };
    let mut said = Vec::new();
    if let Some(mut what) = moved("phase", "status.phase", before, after) {
        if let Some(node) = objects::string(after, "/status/nodeName") {
            what = format!("{what} on {node}");
        }
        said.push(what);
    }
    let is_deleted = |it: &Value| it.pointer("/metadata/deletionTimestamp").is_some();
    if is_deleted(after) && !before.is_some_and(is_deleted) {
        said.push("being deleted".to_owned());
    }
    let is_ready = |it: &Value| {
        let conditions = it.pointer("/status/conditions").and_then(Value::as_array);
        let mut conditions = conditions.into_iter().flatten();
        conditions.any(|it| it["type"] == "Ready" && it["status"] == "True")
    };
    match (before.is_some_and(is_ready), is_ready(after)) {
        (false, true) if before.is_some() => said.push("ready".to_owned()),
        (true, false) => said.push("not ready".to_owned()),
        _ => {}
    }
    said
}

fn lock(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let (before, after) = (before.and_then(Lock::read), after.and_then(Lock::read));
    let what = match (before, after) {
        (None, Some(new)) => format!("lock taken by {}", new.describe()),
        (Some(old), None) => format!("lock released by {}", old.describe()),
        (Some(old), Some(new)) if (&old.holder, &old.failover) != (&new.holder, &new.failover) => {
            format!("lock passed from {} to {}", old.describe(), new.describe())
        }
        _ => return Vec::new(),
    };
    vec![what]
}

fn taints(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let (old, new) = (quorum_taints(before), quorum_taints(after));
    let put_on = new.iter().filter(|key| !old.contains(key));
    let taken_off = old.iter().filter(|key| !new.contains(key));
    let put_on = put_on.map(|key| format!("taint {key} put on"));
    put_on
        .chain(taken_off.map(|key| format!("taint {key} taken off")))
        .collect()
}

fn quorum_taints(node: Option<&Value>) -> Vec<&str> {
    let taints = node.and_then(|node| node.pointer("/spec/taints")?.as_array());
    let keys = taints.into_iter().flatten();
    let keys = keys.filter_map(|taint| taint.get("key")?.as_str());
    keys.filter(|key| key.starts_with(QUORUM_TAINTS)).collect()
}

/// A field's move, if it moved: `phase Running -> Succeeded`, or `phase Pending` the first time.
fn moved(name: &str, path: &str, before: Option<&Value>, after: &Value) -> Option<String> {
    let old = before.and_then(|it| field(it, path));
    let new = field(after, path)?;
    match old {
        Some(old) if old == new => None,
        Some(old) => Some(format!("{name} {} -> {}", text(Some(old)), text(Some(new)))),
        None => Some(format!("{name} {}", text(Some(new)))),
    }
}

fn at(object: &Value, path: &str) -> String {
    text(field(object, path))
}

//! `single-primary`: never two live copies of a virtual machine.
//!
//! A copy is live while its `VirtualMachineInstance` exists and its phase is `Scheduled`, `Running` or `Unknown`:
//! from `Scheduled` on it has a node and may write; `Unknown` means that nobody can say that it does not.
//! An instance that is being deleted is live until it is gone or its phase is `Succeeded` or `Failed`.
//! `Pending` and `Scheduling` have no node yet and are not live.
//!
//! Judged: every change of a `VirtualMachineInstance`.

use std::collections::BTreeMap;

use serde_json::Value;
use sitedrill_model::scenario::ObjectKind;

use super::{Look, Machine, Timeline, Violation};
use crate::objects::{self, Change};

/// By namespace and name of the machine.
#[derive(Default)]
pub(super) struct SinglePrimary(BTreeMap<(String, String), Copies>);

#[derive(Default)]
struct Copies {
    /// The sites at which it is live.
    live: BTreeMap<String, jiff::Timestamp>,
    timeline: Timeline,
}

impl Machine for SinglePrimary {
    fn observe(&mut self, change: &Change) -> Look {
        let key = &change.key;
        if key.kind != ObjectKind::VirtualMachineInstance {
            return Look::default();
        }
        let vm = (key.namespace.clone(), key.name.clone());
        let copies = self.0.entry(vm).or_default();
        let state = describe(change.after.as_deref());
        let value = format!("{}: {} {state}", key.site, key.object());
        copies.timeline.add(change.at, value);
        if is_live(change.after.as_deref()) {
            copies.live.entry(key.site.clone()).or_insert(change.at);
        } else {
            copies.live.remove(&key.site);
        }
        let broken = (copies.live.len() > 1).then(|| {
            let sites: Vec<&str> = copies.live.keys().map(String::as_str).collect();
            Violation {
                message: format!("{} is live on {} at once", key.name, sites.join(" and ")),
                timeline: copies.timeline.shown(),
            }
        });
        Look {
            judged: true,
            broken,
        }
    }
}

fn is_live(instance: Option<&Value>) -> bool {
    let phase = instance.and_then(|it| objects::string(it, "/status/phase"));
    matches!(phase, Some("Scheduled" | "Running" | "Unknown"))
}

fn describe(instance: Option<&Value>) -> String {
    let Some(instance) = instance else {
        return "gone".to_owned();
    };
    let phase = objects::string(instance, "/status/phase").unwrap_or("<none>");
    let deleted = instance.pointer("/metadata/deletionTimestamp").is_some();
    let deleted = if deleted { ", being deleted" } else { "" };
    format!("phase {phase}{deleted}")
}

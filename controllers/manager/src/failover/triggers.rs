//! What makes the Failover Controller look at a Failover again: watches on every site.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Taint};
use kube::core::{DeserializeGuard, DynamicObject};
use kube::discovery::ApiResource;
use kube::{Api, Client, ResourceExt};
use siterecovery_api::kubevirt::VirtualMachineInstance;
use siterecovery_api::names::ANNOTATION_FAILOVER;
use siterecovery_api::{DeploymentModel, Failover, ProtectionGroup, SiteInfo};
use siterecovery_decide::WaitingOn;
use siterecovery_decide::failover::{Observed, StorageView};
use tokio::sync::mpsc::UnboundedSender;

use super::{Context, is_active};
use crate::backoff::WatchBackoff;
use crate::interest::Subject;
use crate::key::Key;
use crate::storage::{LinstorClient, drbd_volume};
use crate::telemetry::chain;
use crate::watch::{Seen, Watches};

/// The subjects whose change can matter to this Failover, from what its last pass saw.
pub(super) fn subjects(
    key: &Key,
    observed: &Observed,
    waiting: Option<&WaitingOn>,
) -> BTreeSet<Subject> {
    let failover = &observed.failover;
    let mut subjects = BTreeSet::from([Subject::Group(Key::new(
        &key.namespace,
        &failover.spec.protection_group,
    ))]);
    for facts in observed.sites.values().filter_map(|view| view.facts()) {
        let machines = facts.machines.iter();
        subjects.extend(
            machines.map(|machine| Subject::Machine(Key::new(&machine.namespace, &machine.name))),
        );
    }
    if let StorageView::Known {
        volumes,
        unresolved: _,
    } = &observed.storage
    {
        subjects.extend(
            volumes
                .iter()
                .map(|volume| Subject::Volume(volume.name.clone())),
        );
    }
    subjects.extend(
        observed
            .target()
            .map(|site| Subject::Taints(site.name.clone())),
    );
    if let Some(WaitingOn::OtherFailover { failover, .. } | WaitingOn::Fencing { failover, .. }) =
        waiting
    {
        subjects.insert(Subject::Failover(Key::new(&key.namespace, failover)));
    }
    subjects
}

/// Where watches send what they see.
#[derive(Clone)]
struct Triggers {
    context: Arc<Context>,
    keys: UnboundedSender<Key>,
}

impl Triggers {
    fn look_at(&self, key: Key) {
        // The receiver is gone only while the controller ends.
        drop(self.keys.send(key));
    }

    fn changed(&self, subject: &Subject) {
        let concerned = self.context.interest().concerned(subject);
        for key in concerned {
            self.look_at(key);
        }
    }
}

/// Starts all watches.
pub(super) fn watch(
    context: &Arc<Context>,
    linstor: Option<LinstorClient>,
    seed: u64,
    keys: &UnboundedSender<Key>,
) -> Watches {
    let triggers = Triggers {
        context: Arc::clone(context),
        keys: keys.clone(),
    };
    let mut watches = Watches::new(seed);
    let manages: Vec<&str> = context
        .directory
        .management_sites()
        .iter()
        .map(|site| site.name.as_str())
        .collect();
    for site in &context.directory.sites {
        let Some(client) = context.performer.sites.get(&site.name) else {
            continue;
        };
        if site.name == context.home {
            watch_own_failovers(&mut watches, &triggers, client);
        } else if manages.contains(&site.name.as_str()) {
            watch_other_failovers(&mut watches, &triggers, site, client);
        }
        if manages.contains(&site.name.as_str()) {
            watch_locks(&mut watches, &triggers, site, client);
        }
        if site.runs_workloads() {
            watch_workload(&mut watches, &triggers, site, client);
        }
    }
    if let Some(linstor) = linstor {
        watches.run(watch_promotions(triggers, linstor, seed));
    }
    watches
}

fn watch_own_failovers(watches: &mut Watches, triggers: &Triggers, client: &Client) {
    let namespace = &triggers.context.policy.namespace;
    let api: Api<DeserializeGuard<Failover>> = Api::namespaced(client.clone(), namespace);
    let triggers = triggers.clone();
    watches.add(
        format!("Failovers on {}", triggers.context.home),
        api,
        move |seen| {
            let key = Key::of(seen.object());
            let own = triggers.context.own_writes.contains(seen.object());
            triggers.changed(&Subject::Failover(key.clone()));
            match seen {
                Seen::Present(DeserializeGuard(Ok(failover)))
                    if !is_active(failover.status.as_ref()) =>
                {
                    triggers.context.forget(&key);
                }
                Seen::Present(DeserializeGuard(Ok(failover))) => {
                    let group =
                        Subject::Group(Key::new(&key.namespace, &failover.spec.protection_group));
                    triggers.context.interest().add(&key, group);
                    if !own {
                        triggers.look_at(key);
                    }
                }
                Seen::Present(DeserializeGuard(Err(_))) | Seen::Gone(_) => triggers.look_at(key),
            }
        },
    );
}

fn watch_other_failovers(
    watches: &mut Watches,
    triggers: &Triggers,
    site: &SiteInfo,
    client: &Client,
) {
    let namespace = &triggers.context.policy.namespace;
    let api: Api<DeserializeGuard<Failover>> = Api::namespaced(client.clone(), namespace);
    let triggers = triggers.clone();
    watches.add(format!("Failovers on {}", site.name), api, move |seen| {
        triggers.changed(&Subject::Failover(Key::of(seen.object())));
    });
}

fn watch_locks(watches: &mut Watches, triggers: &Triggers, site: &SiteInfo, client: &Client) {
    let api: Api<Lease> = Api::namespaced(client.clone(), &triggers.context.policy.namespace);
    let triggers = triggers.clone();
    watches.add(format!("Leases on {}", site.name), api, move |seen| {
        let Key { namespace, name } = Key::of(seen.object());
        // A Failover that has ended may have left its lock behind on a site that was cut off.
        if let (Seen::Present(lease), true) =
            (&seen, namespace == *triggers.context.policy.namespace)
            && let Some(failover) = lease.annotations().get(ANNOTATION_FAILOVER)
        {
            triggers.look_at(Key::new(&namespace, failover));
        }
        if let Some(group) = name.strip_prefix("failover-lock-") {
            triggers.changed(&Subject::Group(Key::new(namespace, group)));
        }
    });
}

fn watch_workload(watches: &mut Watches, triggers: &Triggers, site: &SiteInfo, client: &Client) {
    let groups: Api<DeserializeGuard<ProtectionGroup>> =
        Api::namespaced(client.clone(), &triggers.context.policy.namespace);
    let on_group = triggers.clone();
    watches.add(
        format!("ProtectionGroups on {}", site.name),
        groups,
        move |seen| {
            on_group.changed(&Subject::Group(Key::of(seen.object())));
        },
    );

    let instance = ApiResource::erase::<VirtualMachineInstance>(&());
    let instances: Api<DynamicObject> = Api::all_with(client.clone(), &instance);
    let on_instance = triggers.clone();
    watches.add(
        format!("VirtualMachineInstances on {}", site.name),
        instances,
        move |seen| {
            on_instance.changed(&Subject::Machine(Key::of(seen.object())));
        },
    );

    let nodes: Api<Node> = Api::all(client.clone());
    let (on_node, at) = (triggers.clone(), site.name.clone());
    let mut known: BTreeMap<String, Vec<Taint>> = BTreeMap::new();
    watches.add(format!("Nodes on {}", site.name), nodes, move |seen| {
        // A node reports itself every few seconds; only its taints matter here.
        let node = seen.object();
        let taints = node
            .spec
            .iter()
            .filter_map(|spec| spec.taints.clone())
            .flatten()
            .collect();
        if known.get(&node.name_any()) != Some(&taints) {
            known.insert(node.name_any(), taints);
            on_node.changed(&Subject::Taints(at.clone()));
        }
    });

    if triggers.context.directory.model == DeploymentModel::DrbdOperator {
        let volumes: Api<DynamicObject> = Api::all_with(client.clone(), &drbd_volume());
        let on_volume = triggers.clone();
        watches.add(
            format!("DRBDVolumes on {}", site.name),
            volumes,
            move |seen| {
                on_volume.changed(&Subject::Volume(seen.object().name_any()));
            },
        );
    }
}

/// Follows LINSTOR's stream of promotion events, for ever. It tells when a replica can be opened;
/// that one is in use no longer it does not tell, so a waiting step looks again by itself.
async fn watch_promotions(triggers: Triggers, linstor: LinstorClient, seed: u64) {
    let backoff = WatchBackoff::new(seed, "LINSTOR promotions");
    for pause in backoff {
        match linstor.promotions().await {
            Ok(promotions) => {
                let mut promotions = std::pin::pin!(promotions);
                while let Some(volume) = promotions.next().await {
                    triggers.changed(&Subject::Volume(volume));
                }
            }
            Err(error) => {
                tracing::debug!(error = %chain(&error), "no promotion events from LINSTOR");
            }
        }
        tokio::time::sleep(pause).await;
    }
}

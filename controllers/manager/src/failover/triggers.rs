//! What makes the Failover Controller look at a Failover again: watches on every site.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client, ResourceExt};
use siterecovery_api::kubevirt::VirtualMachineInstance;
use siterecovery_api::names::ANNOTATION_FAILOVER;
use siterecovery_api::{DeploymentModel, Failover, ProtectionGroup, SiteInfo};
use siterecovery_decide::WaitingOn;
use siterecovery_decide::facts::InstanceFacts;
use siterecovery_decide::failover::{Observed, StorageView};
use tokio::sync::mpsc::UnboundedSender;

use super::{Context, is_active};
use crate::backoff::WatchBackoff;
use crate::interest::Subject;
use crate::key::Key;
use crate::news::News;
use crate::slim::Brought;
use crate::storage::{LinstorClient, drbd_volume};
use crate::telemetry::chain;
use crate::watch::{Listing, Seen, Watches, all_of};

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
    // Machines that are asked to stop or start change often, and nothing follows before their group
    // says that it is done. On the other site each change matters.
    let busy = match waiting {
        Some(WaitingOn::Stop { site, .. } | WaitingOn::Start { site, .. }) => Some(site),
        _ => None,
    };
    for (site, view) in &observed.sites {
        let machines = view.facts().filter(|_| Some(site) != busy);
        let machines = machines.into_iter().flat_map(|facts| &facts.machines);
        subjects.extend(machines.map(|machine| {
            Subject::Machine(site.clone(), Key::new(&machine.namespace, &machine.name))
        }));
    }
    // Once the target has been asked to start, no step looks at storage.
    let starts = matches!(waiting, Some(WaitingOn::Start { .. }));
    if !starts
        && let StorageView::Known {
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
    let api = all_of::<Failover>(client, Some(namespace));
    let (triggers, context) = (triggers.clone(), Arc::clone(&triggers.context));
    watches.add_listed(
        format!("Failovers on {}", triggers.context.home),
        api,
        move |seen| {
            let present = seen.present().map(Brought::read::<Failover>);
            let understood = present.as_ref().and_then(|read| read.as_ref().ok());
            let is_news = register(&triggers.context, &seen, understood);
            let key = Key::of(seen.object());
            triggers.changed(&Subject::Failover(key.clone()));
            match present {
                Some(Ok(failover)) if !is_active(failover.status.as_ref()) => {
                    triggers.context.forget(&key);
                }
                Some(Ok(failover)) => {
                    let group =
                        Subject::Group(Key::new(&key.namespace, &failover.spec.protection_group));
                    triggers.context.interest().add(&key, group);
                    if is_news {
                        triggers.look_at(key);
                    }
                }
                Some(Err(_)) | None => triggers.look_at(key),
            }
        },
        move |listing| match listing {
            Listing::Begins => context.register().list_begins(),
            Listing::Ends => context.register().list_ends(),
        },
    );
}

/// Whether it is news.
fn register(context: &Context, seen: &Seen, failover: Option<&Failover>) -> bool {
    match (seen, failover) {
        (Seen::Gone(object), _) => {
            context.register().gone(&Key::of(object));
            true
        }
        (_, Some(failover)) => context.register().seen(failover),
        (_, None) => true,
    }
}

fn watch_other_failovers(
    watches: &mut Watches,
    triggers: &Triggers,
    site: &SiteInfo,
    client: &Client,
) {
    let namespace = &triggers.context.policy.namespace;
    let api = all_of::<Failover>(client, Some(namespace));
    let triggers = triggers.clone();
    watches.add(format!("Failovers on {}", site.name), api, move |seen| {
        triggers.changed(&Subject::Failover(Key::of(seen.object())));
    });
}

fn watch_locks(watches: &mut Watches, triggers: &Triggers, site: &SiteInfo, client: &Client) {
    let api = all_of::<Lease>(client, Some(&triggers.context.policy.namespace));
    let triggers = triggers.clone();
    watches.add(format!("Leases on {}", site.name), api, move |seen| {
        let Key { namespace, name } = Key::of(seen.object());
        // A Failover that has ended may have left its lock behind on a site that was cut off.
        let left = seen.present().map(Brought::whole_metadata);
        if let Some(annotations) = left.and_then(|metadata| metadata.annotations)
            && let Some(failover) = annotations.get(ANNOTATION_FAILOVER)
        {
            triggers.look_at(Key::new(&namespace, failover));
        }
        if let Some(group) = name.strip_prefix("failover-lock-") {
            triggers.changed(&Subject::Group(Key::new(namespace, group)));
        }
    });
}

fn watch_workload(watches: &mut Watches, triggers: &Triggers, site: &SiteInfo, client: &Client) {
    let namespace = &triggers.context.policy.namespace;
    let groups = all_of::<ProtectionGroup>(client, Some(namespace));
    let (on_group, at) = (triggers.clone(), site.name.clone());
    watches.add(
        format!("ProtectionGroups on {}", site.name),
        groups,
        move |seen| {
            let key = Key::of(seen.object());
            // A failover waits for a group to be where it was told to go. That it is on its way or was looked at again
            // is no news, and its machines are watched themselves.
            let now = seen
                .present()
                .and_then(|group| group.read::<ProtectionGroup>().ok());
            let place = (at.clone(), key.clone());
            let (before, now) = on_group.context.shown().put(place, now.as_ref());
            let is_news = match (&seen, &before, &now) {
                (Seen::Changed(_), Some(before), Some(now)) if before == now => false,
                (Seen::Changed(_), Some(before), Some(after)) if !after.settled => {
                    let asked = &on_group.context.asked;
                    !asked.explains((&at, &key), (&before.spec, &after.spec))
                }
                _ => true,
            };
            if is_news {
                on_group.changed(&Subject::Group(key));
            }
        },
    );

    let instances = all_of::<VirtualMachineInstance>(client, None);
    let (on_instance, at) = (triggers.clone(), site.name.clone());
    let mut news = News::with_gone_as(Some((false, false)));
    watches.add(
        format!("VirtualMachineInstances on {}", site.name),
        instances,
        move |seen| {
            // No decision looks at more of an instance.
            let facts = |vmi: VirtualMachineInstance| {
                let facts = InstanceFacts::of(&vmi);
                (facts.is_live(), facts.is_up())
            };
            if news.is(&seen, |vmi| vmi.read().ok().map(facts)) {
                on_instance.changed(&Subject::Machine(at.clone(), Key::of(seen.object())));
            }
        },
    );

    let nodes = all_of::<Node>(client, None);
    let (on_node, at, mut news) = (triggers.clone(), site.name.clone(), News::default());
    watches.add(format!("Nodes on {}", site.name), nodes, move |seen| {
        // A node reports itself every few seconds; only its taints matter here.
        let taints = |node: Node| node.spec.and_then(|spec| spec.taints);
        if news.is(&seen, |node| node.read().ok().map(taints)) {
            on_node.changed(&Subject::Taints(at.clone()));
        }
    });

    if triggers.context.directory.model == DeploymentModel::DrbdOperator {
        let volumes: Api<Brought> = Api::all_with(client.clone(), &drbd_volume());
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

//! Performs decisions: effects in list order, then the status, then the events. Effects of which none has to wait for
//! another are performed at once.
//!
//! **Invariant:** nothing is chosen here. What to write, and on condition of which version, is in
//! the effect; this file only sends it.

#![deny(clippy::wildcard_enum_match_arm)]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, ObjectReference};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, Request};
use kube::core::DynamicObject;
use kube::core::object::HasStatus;
use kube::discovery::ApiResource;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use siterecovery_api::kubevirt::VirtualMachine;
use siterecovery_api::{Failover, GROUP, ProtectionGroup, SiteName, VERSION};
use siterecovery_decide::effect::{desired_state_patch, taints_patch};
use siterecovery_decide::{Decision, Effect, EventNote, LookAgain};

use crate::config::Now;
use crate::driver::Next;
use crate::error::{PassError, absent_is_none};
use crate::events::{Note, record};
use crate::gate::{EffectGate, Gate};
use crate::key::Key;
use crate::malformed::{Kind, complain};
use crate::slim::Named;
use crate::telemetry::chain;

/// So many effects are performed at once.
const PARALLEL_WRITES: usize = 16;

/// What came of performing a decision.
#[derive(Debug)]
pub(crate) struct Performed {
    /// When to look again.
    pub(crate) next: Next,
    /// The object's resourceVersion after its status was written, if it was.
    pub(crate) written: Option<String>,
    /// What is left to tell: nobody waits for that.
    pub(crate) events: Vec<EventNote>,
}

/// The writing half of a controller.
#[derive(Clone)]
pub(crate) struct Performer {
    /// The way to each site, by canonical name.
    pub(crate) sites: BTreeMap<SiteName, Client>,
    /// Field manager of all writes, and reporter of all Events.
    pub(crate) manager: &'static str,
    pub(crate) now: Now,
    pub(crate) gate: Option<EffectGate>,
}

impl Performer {
    /// Performs the effects of a decision about `object`, which lives on `site`, and writes its status.
    pub(crate) async fn decision<K>(
        &self,
        site: &str,
        mut object: K,
        decision: Decision<K::Status>,
    ) -> Result<Performed, PassError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + HasStatus
            + Clone
            + Debug
            + Serialize
            + DeserializeOwned,
    {
        let Decision {
            effects,
            status,
            persist,
            version,
            events,
            waiting,
            look_again,
        } = decision;
        if let Some(waiting) = &waiting {
            tracing::debug!(reason = waiting.reason(), waiting = %waiting, "waiting");
        }
        self.effects(&effects).await?;
        let mut written = None;
        if persist {
            *object.status_mut() = Some(status);
            object.meta_mut().uid = Some(version.uid);
            object.meta_mut().resource_version = Some(version.resource_version);
            written = self.status(site, &object).await?;
        }
        Ok(Performed {
            next: self.next(look_again),
            written,
            events,
        })
    }

    /// When to look again, as seen now.
    pub(crate) fn next(&self, look_again: LookAgain) -> Next {
        match look_again {
            LookAgain::OnChange => Next::OnChange,
            // An instant that has passed has a negative distance, which no Duration can hold.
            LookAgain::At(at) => {
                Next::After(Duration::try_from(at.duration_since((self.now)())).unwrap_or_default())
            }
        }
    }

    /// Says on the object itself that it cannot be understood, once for each problem.
    pub(crate) async fn complain(
        &self,
        kind: Kind,
        site: &str,
        key: &Key,
        error: &str,
    ) -> Result<(), PassError> {
        let what = format!("WriteStatus of malformed {} {key} on {site}", kind.as_str());
        let client = self.client(site, &what)?;
        let resource = match kind {
            Kind::ProtectionGroup => ApiResource::erase::<ProtectionGroup>(&()),
            Kind::Failover => ApiResource::erase::<Failover>(&()),
        };
        let api: Api<DynamicObject> = Api::namespaced_with(client, &key.namespace, &resource);
        let object = absent_is_none(api.get(&key.name).await)
            .map_err(|source| PassError::perform(&what, source))?;
        let Some(object) = object else { return Ok(()) };
        let Some(complaint) = complain(kind, site, &object, error, (self.now)()) else {
            return Ok(());
        };
        let (params, patch) = (self.patch(), Patch::Merge(&complaint.patch));
        self.gated(&what, async {
            api.patch_status(&key.name, &params, &patch).await
        })
        .await?;
        tracing::error!(object = %key, kind = kind.as_str(), error, "an object cannot be understood");
        self.event(&complaint.note, (self.now)()).await;
        Ok(())
    }

    /// Performs effects in order and stops at the first that fails. Neighbours that need no order are performed at
    /// once; then all of them are tried.
    async fn effects(&self, effects: &[Effect]) -> Result<(), PassError> {
        for neighbours in effects.chunk_by(Effect::needs_no_order) {
            let (allowed, halted) = self.allowed(neighbours);
            let writes: Vec<_> = allowed.iter().map(|effect| self.perform(effect)).collect();
            let ended: Vec<_> = stream::iter(writes)
                .buffered(PARALLEL_WRITES)
                .collect()
                .await;
            if let Some(halted) = halted {
                return Err(halted);
            }
            ended.into_iter().collect::<Result<(), _>>()?;
        }
        Ok(())
    }

    /// The effects up to the one at which the gate halts, and that halt.
    fn allowed<'a>(&self, effects: &'a [Effect]) -> (&'a [Effect], Option<PassError>) {
        for (number, effect) in effects.iter().enumerate() {
            let what = describe(effect);
            let done = match self.gate.as_ref().map_or(Gate::Go, |gate| gate(&what)) {
                Gate::Go => continue,
                Gate::HaltBefore => number,
                Gate::HaltAfter => number + 1,
            };
            return (&effects[..done], Some(PassError::Halted { at: what }));
        }
        (effects, None)
    }

    async fn perform(&self, effect: &Effect) -> Result<(), PassError> {
        let what = describe(effect);
        let client = self.client(effect.site(), &what)?;
        let done = self.effect(client, effect).await;
        done.map_err(|source| PassError::perform(&what, source))?;
        tracing::info!(effect = %what, "an effect is done");
        Ok(())
    }

    async fn effect(&self, client: Client, effect: &Effect) -> Result<(), kube::Error> {
        match effect {
            Effect::TakeLock(claim) => {
                let leases = Api::<Lease>::namespaced(client, &claim.namespace);
                let lease = claim.lease();
                leases.create(&self.post(), &lease).await.map(drop)
            }
            Effect::TakeOverLock { claim, version } => {
                let leases = Api::<Lease>::namespaced(client, &claim.namespace);
                let lease = claim.lease_replacing(version);
                leases
                    .replace(&claim.lease, &self.post(), &lease)
                    .await
                    .map(drop)
            }
            Effect::RenewLock { renewal, version } => {
                let leases = named::<Lease>(client, Some(&renewal.namespace));
                self.merge(leases, &renewal.lease, renewal.patch(version))
                    .await
            }
            Effect::ReleaseLock {
                site: _,
                namespace,
                lease,
                version,
            } => {
                let leases = named::<Lease>(client, Some(namespace));
                // An empty word means "no precondition", which only a test-only seam asks for.
                let some = |word: &String| (!word.is_empty()).then(|| word.clone());
                let params = DeleteParams::default().preconditions(Preconditions {
                    uid: some(&version.uid),
                    resource_version: some(&version.resource_version),
                });
                absent_is_none(leases.delete(lease, &params).await).map(drop)
            }
            Effect::SetDesiredState {
                site: _,
                namespace,
                group,
                state,
                version,
            } => {
                let groups = named::<ProtectionGroup>(client, Some(namespace));
                self.merge(groups, group, desired_state_patch(*state, version))
                    .await
            }
            Effect::RemoveTaints {
                site: _,
                node,
                keys: _,
                keep,
                version,
            } => {
                let nodes = named::<Node>(client, None);
                self.merge(nodes, node, taints_patch(keep, version)).await
            }
            Effect::SetRunStrategy {
                site: _,
                namespace,
                machine,
                change,
                version,
            } => {
                let machines = named::<VirtualMachine>(client, Some(namespace));
                self.merge(machines, machine, change.patch(version)).await
            }
        }
    }

    async fn merge(&self, api: Api<Named>, name: &str, patch: Value) -> Result<(), kube::Error> {
        api.patch(name, &self.patch(), &Patch::Merge(patch))
            .await
            .map(drop)
    }

    /// Writes the status of `object`, which must be the very version that was decided on; the
    /// server refuses it if the object has changed since. Returns the new resourceVersion.
    async fn status<K>(&self, site: &str, object: &K) -> Result<Option<String>, PassError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Debug
            + Serialize
            + DeserializeOwned,
    {
        let name = object.name_any();
        let what = format!("WriteStatus of {} {name} on {site}", K::kind(&()));
        let namespace = object.namespace().unwrap_or_default();
        let client = self.client(site, &what)?;
        let params = self.post();
        let written: Named = self
            .gated(&what, async {
                let body = serde_json::to_vec(object).map_err(kube::Error::SerdeError)?;
                let request = Request::new(K::url_path(&(), Some(&namespace)))
                    .replace_subresource("status", &name, &params, body)
                    .map_err(kube::Error::BuildRequest)?;
                client.request(request).await
            })
            .await?;
        Ok(written.resource_version())
    }

    /// Writes an Event about what happened at that time. One that cannot be written is logged and lost: the status says
    /// the same.
    pub(crate) async fn event(&self, note: &EventNote, at: Timestamp) {
        let Some(client) = self.sites.get(&note.site) else {
            tracing::warn!(site = %note.site, reason = note.reason, "an event is about an unknown site");
            return;
        };
        let EventNote {
            site: _,
            on,
            warning,
            reason,
            message,
        } = note.clone();
        let about = ObjectReference {
            api_version: Some(format!("{GROUP}/{VERSION}")),
            kind: Some(on.kind.to_owned()),
            namespace: Some(on.namespace),
            name: Some(on.name),
            uid: Some(on.uid),
            ..ObjectReference::default()
        };
        let written = Note {
            about,
            warning,
            reason: reason.to_owned(),
            message,
        };
        if let Err(error) = record(client, self.manager, &written, at).await {
            tracing::warn!(reason, error = %chain(&error), "failed to write an event");
        }
    }

    fn client(&self, site: &str, what: &str) -> Result<Client, PassError> {
        let unknown = || PassError::UnknownSite {
            effect: what.to_owned(),
            site: site.to_owned(),
        };
        self.sites.get(site).cloned().ok_or_else(unknown)
    }

    /// Asks the gate, then writes.
    async fn gated<T>(
        &self,
        what: &str,
        write: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, PassError> {
        let halted = || PassError::Halted {
            at: what.to_owned(),
        };
        match self.gate.as_ref().map_or(Gate::Go, |gate| gate(what)) {
            Gate::Go => write
                .await
                .map_err(|source| PassError::perform(what, source)),
            Gate::HaltBefore => Err(halted()),
            Gate::HaltAfter => {
                drop(write.await);
                Err(halted())
            }
        }
    }

    fn post(&self) -> PostParams {
        PostParams {
            field_manager: Some(self.manager.to_owned()),
            ..PostParams::default()
        }
    }

    fn patch(&self) -> PatchParams {
        PatchParams {
            field_manager: Some(self.manager.to_owned()),
            ..PatchParams::default()
        }
    }
}

/// An effect in a few words, for logs and for the gate.
fn describe(effect: &Effect) -> String {
    let (verb, site) = (effect.verb(), effect.site());
    match effect {
        Effect::TakeLock(claim) | Effect::TakeOverLock { claim, version: _ } => {
            format!("{verb} {} on {site}", claim.lease)
        }
        Effect::RenewLock {
            renewal,
            version: _,
        } => format!("{verb} {} on {site}", renewal.lease),
        Effect::ReleaseLock {
            site: _,
            namespace: _,
            lease,
            version: _,
        } => format!("{verb} {lease} on {site}"),
        Effect::SetDesiredState {
            site: _,
            namespace: _,
            group,
            state,
            version: _,
        } => {
            format!("{verb} {group} {state} on {site}")
        }
        Effect::RemoveTaints {
            site: _,
            node,
            keys,
            keep: _,
            version: _,
        } => {
            format!("{verb} {} from {node} on {site}", keys.join(","))
        }
        Effect::SetRunStrategy {
            site: _,
            namespace: _,
            machine,
            change,
            version: _,
        } => {
            format!("{verb} {machine} {} on {site}", change.state)
        }
    }
}
/// A handle for changes whose answer is of no interest but for its metadata.
fn named<K: Resource<DynamicType = ()>>(client: Client, namespace: Option<&str>) -> Api<Named> {
    let resource = ApiResource::erase::<K>(&());
    match namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    }
}

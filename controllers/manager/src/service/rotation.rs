//! Clients whose credentials change under way: kubeconfig Secrets are watched, and a rotated one
//! takes effect with the next request.
//!
//! A Secret that cannot be used is said on itself, once, and the old credentials stay. Another set
//! of sites, or a site in another role, is another deployment: then the process ends, and starts
//! afresh with it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ObjectReference, Secret};
use kube::client::Body;
use kube::runtime::{WatchStreamExt, watcher, watcher::Config};
use kube::{Api, Client};
use siterecovery_api::names::{FAILOVER_MANAGER, LABEL_SITE};
use siterecovery_api::{SiteInfo, SiteName, reasons};
use tower::{BoxError, service_fn};

use super::health::Health;
use crate::backoff::WatchBackoff;
use crate::config::{Now, Site};
use crate::directory::{DirectoryError, read_entries};
use crate::events::{Note, record};
use crate::telemetry::chain;

/// The part of [`Health`] that this is.
const PART: &str = "sites";

/// Nothing is missed if a watch tells nothing for this long; Secrets change rarely.
const LOOK_ANYWAY: Duration = Duration::from_secs(300);

/// Several Secrets are often written together.
const SETTLE: Duration = Duration::from_millis(100);

/// The kubeconfig Secrets of a namespace, followed.
pub struct Rotation {
    home: SiteName,
    client: Client,
    namespace: String,
    health: Health,
    now: Now,
    slots: BTreeMap<SiteName, Slot>,
    infos: Vec<SiteInfo>,
    complaint: Option<String>,
}

/// The client of one site, and what it was made from.
struct Slot {
    client: Arc<RwLock<Client>>,
    kubeconfig: Option<String>,
}

impl Slot {
    /// A client that always uses the newest credentials.
    fn latest(&self) -> Client {
        let current = |slot: &RwLock<Client>| {
            let client = slot.read().unwrap_or_else(PoisonError::into_inner);
            client.clone()
        };
        let namespace = current(&self.client).default_namespace().to_owned();
        let slot = Arc::clone(&self.client);
        let service = service_fn(move |request: http::Request<Body>| {
            let client = current(&slot);
            async move { client.send(request).await.map_err(BoxError::from) }
        });
        Client::new(service, namespace)
    }

    fn replace(&self, client: Client) {
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = client;
    }
}

impl Rotation {
    /// Follows the Secrets in `namespace` of the home site.
    pub fn new(home: &str, client: Client, namespace: &str, (health, now): (Health, Now)) -> Self {
        health.lacks(PART, "the kubeconfig Secrets were not read yet");
        Self {
            home: home.to_owned(),
            client,
            namespace: namespace.to_owned(),
            health,
            now,
            slots: BTreeMap::new(),
            infos: Vec::new(),
            complaint: None,
        }
    }

    /// The sites, as soon as all Secrets can be used.
    pub async fn sites(&mut self) -> Vec<Site> {
        let mut changes = self.changes();
        loop {
            match self.read().await {
                Ok(sites) => {
                    self.well();
                    return sites;
                }
                Err(error) => self.complain(&error).await,
            }
            changes.next().await;
        }
    }

    async fn read(&mut self) -> Result<Vec<Site>, DirectoryError> {
        let entries = read_entries(&self.client, &self.namespace).await?;
        let mut sites = Vec::with_capacity(entries.len());
        for entry in &entries {
            let client = entry.client(&self.home, &self.client).await?;
            let slot = Slot {
                client: Arc::new(RwLock::new(client)),
                kubeconfig: entry.kubeconfig.clone(),
            };
            sites.push(Site {
                info: entry.info.clone(),
                client: slot.latest(),
            });
            self.slots.insert(entry.info.name.clone(), slot);
        }
        self.infos = entries.into_iter().map(|entry| entry.info).collect();
        Ok(sites)
    }

    /// Takes changes over until there are other sites than before.
    pub async fn follow(mut self) {
        let mut changes = self.changes();
        loop {
            changes.next().await;
            tokio::time::sleep(SETTLE).await;
            match self.take_over().await {
                Ok(true) => self.well(),
                Ok(false) => {
                    tracing::warn!(
                        "there are other sites than before; this process ends, to start afresh with them"
                    );
                    return;
                }
                Err(error) => self.complain(&error).await,
            }
        }
    }

    /// Replaces the clients whose kubeconfig has changed; says whether the sites are the same.
    async fn take_over(&mut self) -> Result<bool, DirectoryError> {
        let entries = read_entries(&self.client, &self.namespace).await?;
        if !entries.iter().map(|entry| &entry.info).eq(&self.infos) {
            return Ok(false);
        }
        for entry in &entries {
            let Some(slot) = self.slots.get_mut(&entry.info.name) else {
                return Ok(false);
            };
            if slot.kubeconfig == entry.kubeconfig {
                continue;
            }
            slot.replace(entry.client(&self.home, &self.client).await?);
            slot.kubeconfig.clone_from(&entry.kubeconfig);
            tracing::info!(site = %entry.info.name, secret = %entry.secret, "new credentials are used");
        }
        Ok(true)
    }

    fn well(&mut self) {
        self.complaint = None;
        self.health.has(PART);
    }

    /// Says what is wrong, once: in the log, in `/readyz` while there are no sites at all, and on the
    /// Secret.
    async fn complain(&mut self, error: &DirectoryError) {
        let message = chain(error);
        if self.slots.is_empty() {
            self.health.lacks(PART, message.clone());
        }
        if self.complaint.as_ref() == Some(&message) {
            return;
        }
        tracing::error!(error = %message, "a kubeconfig Secret cannot be used; correct it, nothing needs a restart");
        if let Some(secret) = error.secret() {
            let note = self.note(secret, &message);
            let now: Timestamp = (self.now)();
            if let Err(error) = record(&self.client, FAILOVER_MANAGER, &note, now).await {
                tracing::warn!(error = %chain(&error), "failed to write an event");
            }
        }
        self.complaint = Some(message);
    }

    fn note(&self, secret: &str, message: &str) -> Note {
        Note {
            about: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Secret".to_owned()),
                namespace: Some(self.namespace.clone()),
                name: Some(secret.to_owned()),
                ..ObjectReference::default()
            },
            warning: true,
            reason: reasons::SITE_SECRET_INVALID.to_owned(),
            message: format!("{message}; correct the Secret, nothing needs a restart"),
        }
    }

    /// An item for each change of a Secret that opens a site, and one now and then.
    fn changes(&self) -> futures::stream::BoxStream<'static, ()> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let ours = Config::default().labels(LABEL_SITE);
        let backoff = WatchBackoff::new(0, "kubeconfig Secrets");
        let changes = watcher(secrets, ours)
            .backoff(backoff)
            .filter_map(|event| async move { event.ok().map(drop) });
        let ticks = futures::stream::unfold((), |()| async {
            tokio::time::sleep(LOOK_ANYWAY).await;
            Some(((), ()))
        });
        futures::stream::select(changes.boxed(), ticks.boxed()).boxed()
    }
}

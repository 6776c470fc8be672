//! The DRBD Operator's `DRBDVolume` objects, read on every workload site.
//!
//! Each site writes what its own nodes see. So a replica is taken from its own site's object; only
//! where that site does not answer, the other sites' view of it stands in.
//! The schema is ours (DECISIONS 7), hence everything in it may be missing.

use std::collections::BTreeMap;

use async_trait::async_trait;
use kube::core::DynamicObject;
use kube::discovery::ApiResource;
use kube::{Api, Client, ResourceExt};
use serde::Deserialize;
use siterecovery_api::SiteName;
use siterecovery_api::drbd::DRBDVolume;
use siterecovery_decide::facts::{ReplicaFacts, VolumeFacts};

use super::{StorageError, StorageView};
use crate::error::absent_is_none;
use crate::telemetry::chain;

/// Reads volumes from the workload sites.
pub(crate) struct DrbdOperatorView {
    /// The way to each workload site, by canonical name.
    pub(crate) sites: BTreeMap<SiteName, Client>,
}

/// The kind of the objects, for requests that leave their content open.
pub(crate) fn drbd_volume() -> ApiResource {
    ApiResource::erase::<DRBDVolume>(&())
}

#[async_trait]
impl StorageView for DrbdOperatorView {
    async fn volumes(&self, names: &[String]) -> Result<Vec<VolumeFacts>, StorageError> {
        let mut views: BTreeMap<SiteName, Vec<(String, Status)>> = BTreeMap::new();
        let mut errors = Vec::new();
        for (site, client) in &self.sites {
            match read(client, names).await {
                Ok(view) => drop(views.insert(site.clone(), view)),
                Err(error) => errors.push(format!("{site}: {}", chain(&error))),
            }
        }
        if views.is_empty() {
            return Err(StorageError::NoSite {
                errors: errors.join("; "),
            });
        }
        Ok(merge(&views))
    }
}

async fn read(client: &Client, names: &[String]) -> Result<Vec<(String, Status)>, kube::Error> {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &drbd_volume());
    let mut view = Vec::with_capacity(names.len());
    for name in names {
        if let Some(object) = absent_is_none(api.get(name).await)? {
            view.push((object.name_any(), status(&object)));
        }
    }
    Ok(view)
}

/// A status that cannot be understood says nothing, as one that is missing does.
fn status(object: &DynamicObject) -> Status {
    let status = object.data.get("status").cloned().unwrap_or_default();
    serde_json::from_value(status).unwrap_or_default()
}

/// One fact a replica, from the site that knows it best.
fn merge(views: &BTreeMap<SiteName, Vec<(String, Status)>>) -> Vec<VolumeFacts> {
    let mut volumes: BTreeMap<String, BTreeMap<String, (bool, ReplicaFacts)>> = BTreeMap::new();
    for (site, view) in views {
        for (name, status) in view {
            let peers: Vec<&str> = status
                .replicas
                .iter()
                .map(|replica| replica.node.as_str())
                .collect();
            let known = volumes.entry(name.clone()).or_default();
            for replica in &status.replicas {
                let own = replica.site.as_deref() == Some(site.as_str());
                let better = known
                    .get(&replica.node)
                    .is_none_or(|(known_own, _)| own && !known_own);
                if better {
                    known.insert(replica.node.clone(), (own, replica.facts(&peers)));
                }
            }
        }
    }
    let replicas = |known: BTreeMap<String, (bool, ReplicaFacts)>| {
        known.into_values().map(|(_, facts)| facts).collect()
    };
    volumes
        .into_iter()
        .map(|(name, known)| VolumeFacts {
            name,
            replicas: replicas(known),
        })
        .collect()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    replicas: Vec<Replica>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Replica {
    node: String,
    site: Option<String>,
    role: Option<String>,
    in_use: Option<bool>,
    disk_state: Option<String>,
    connection: Option<String>,
    connections: BTreeMap<String, String>,
    quorum: Option<bool>,
    may_promote: Option<bool>,
}

impl Replica {
    fn facts(&self, peers: &[&str]) -> ReplicaFacts {
        let in_use = self.in_use.or(match self.role.as_deref() {
            Some("Primary") => Some(true),
            Some("Secondary") => Some(false),
            _ => None,
        });
        ReplicaFacts {
            node: self.node.clone(),
            site: self.site.clone(),
            in_use,
            disk_state: self.disk_state.clone(),
            diskless: self.disk_state.as_deref() == Some("Diskless"),
            connections: self.connections(peers),
            quorum: self.quorum,
            may_promote: self.may_promote,
        }
    }

    /// The state of each connection; a single word for all of them counts only when it is good,
    /// because otherwise it does not say which is bad.
    fn connections(&self, peers: &[&str]) -> BTreeMap<String, bool> {
        if self.connections.is_empty() && self.connection.as_deref() == Some("Connected") {
            let peers = peers.iter().filter(|peer| **peer != self.node);
            return peers.map(|peer| ((*peer).to_owned(), true)).collect();
        }
        self.connections
            .iter()
            .map(|(peer, word)| (peer.clone(), word == "Connected"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn view(status: serde_json::Value) -> Vec<(String, Status)> {
        vec![("pvc-1".to_owned(), serde_json::from_value(status).unwrap())]
    }

    fn views(pairs: [(&str, serde_json::Value); 2]) -> BTreeMap<SiteName, Vec<(String, Status)>> {
        pairs
            .into_iter()
            .map(|(site, status)| (site.to_owned(), view(status)))
            .collect()
    }

    #[test]
    fn each_site_is_believed_about_its_own_replicas() {
        let merged = merge(&views([
            (
                "dr",
                json!({"replicas": [
                {"node": "dr-1", "site": "dr", "role": "Secondary", "mayPromote": false},
                {"node": "primary-1", "site": "primary", "role": "Unknown"}]}),
            ),
            (
                "primary",
                json!({"replicas": [
                {"node": "dr-1", "site": "dr", "role": "Unknown"},
                {"node": "primary-1", "site": "primary", "role": "Primary"}]}),
            ),
        ]));
        let in_use: Vec<_> = merged[0]
            .replicas
            .iter()
            .map(|r| (r.node.as_str(), r.in_use))
            .collect();
        assert_eq!(in_use, [("dr-1", Some(false)), ("primary-1", Some(true))]);
    }

    #[test]
    fn where_a_site_is_silent_the_other_sites_view_stands_in() {
        let mut views = views([
            (
                "dr",
                json!({"replicas": [
                {"node": "primary-1", "site": "primary", "role": "Unknown",
                 "connections": {"dr-1": "Connecting"}}]}),
            ),
            ("primary", json!({})),
        ]);
        views.remove("primary");
        let replica = &merge(&views)[0].replicas[0];
        assert_eq!(replica.in_use, None, "unknown is not false");
        assert!(!replica.connections["dr-1"]);
    }

    #[test]
    fn one_bad_word_for_all_connections_blames_none_of_them() {
        let bad = Replica {
            connection: Some("Connecting".to_owned()),
            ..Replica::default()
        };
        assert!(bad.connections(&["dr-1"]).is_empty());
    }
}

//! The part of LINSTOR's REST API (v1) that a failover reads: resources, nodes, promotion events.
//!
//! Everything is read defensively: a field that is missing is unknown, never false.

use std::collections::BTreeMap;
use std::fmt::Write;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{AsyncBufReadExt, Stream, StreamExt, TryStreamExt, try_join};
use http::{Request, Response};
use kube::client::Body;
use kube::{Client, Config};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use siterecovery_decide::facts::{ReplicaFacts, VolumeFacts};
use tower::{BoxError, Service};

use super::{StorageError, StorageView};
use crate::client::bounded;
use crate::reader::REQUEST_LIMIT;

/// A client of one LINSTOR controller.
///
/// It uses kube's HTTP stack against a plain address, so it adds no second one.
#[derive(Clone)]
pub struct LinstorClient {
    client: Client,
}

impl std::fmt::Debug for LinstorClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinstorClient").finish_non_exhaustive()
    }
}

/// So many names go into one request; longer addresses are refused by some proxies.
const NAMES_PER_REQUEST: usize = 50;

/// The node property that names the node's site.
const SITE_PROPERTY: &str = "Aux/site";

/// Flags of a resource that holds no data on its node.
const DISKLESS_FLAGS: [&str; 3] = ["DISKLESS", "DRBD_DISKLESS", "TIE_BREAKER"];

impl LinstorClient {
    /// Talks to a LINSTOR controller in this process, for example an axum `Router`.
    pub fn from_service<S, B>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: axum::body::HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self {
            client: bounded(Client::new(service, "default"), REQUEST_LIMIT),
        }
    }

    /// Talks to the LINSTOR controller at `url`, such as `http://linstor-controller:3370`.
    ///
    /// # Errors
    ///
    /// The address cannot be used: its scheme or host is missing, or TLS cannot be set up.
    pub fn from_url(url: &http::Uri) -> Result<Self, StorageError> {
        let client =
            Client::try_from(Config::new(url.clone())).map_err(|source| StorageError::Connect {
                url: url.to_string(),
                source,
            })?;
        Ok(Self {
            client: bounded(client, REQUEST_LIMIT),
        })
    }

    /// The resources of these names, on all nodes, sorted by name and node.
    async fn resources(&self, names: &[String]) -> Result<Vec<ResourceView>, StorageError> {
        let mut found: Vec<ResourceView> = Vec::new();
        for chunk in names.chunks(NAMES_PER_REQUEST) {
            let query: Vec<String> = chunk
                .iter()
                .map(|name| format!("resources={}", percent_encoded(name)))
                .collect();
            found.extend(
                self.get::<Vec<ResourceView>>(&format!("/v1/view/resources?{}", query.join("&")))
                    .await?,
            );
        }
        // A server that ignores the filter must not bring in foreign volumes.
        found.retain(|resource| names.contains(&resource.name));
        found.sort_by(|a, b| (&a.name, &a.node_name).cmp(&(&b.name, &b.node_name)));
        Ok(found)
    }

    /// All nodes with their properties, by name.
    async fn nodes(&self) -> Result<BTreeMap<String, NodeView>, StorageError> {
        let nodes = self.get::<Vec<NodeView>>("/v1/nodes").await?;
        Ok(nodes
            .into_iter()
            .map(|node| (node.name.clone(), node))
            .collect())
    }

    /// The names of resources whose `may_promote` has changed, as LINSTOR tells of them.
    ///
    /// The stream ends with the connection; the caller connects again.
    pub(crate) async fn promotions(
        &self,
    ) -> Result<impl Stream<Item = String> + Send + use<>, StorageError> {
        let path = "/v1/events/drbd/promotion";
        let request = get_request(path);
        let lines = self
            .client
            .request_stream(request)
            .await
            .map_err(|source| StorageError::Request {
                path: path.to_owned(),
                source,
            })?
            .lines();
        Ok(lines
            .into_stream()
            .filter_map(|line| async move { promotion_of(&line.ok()?) }))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, StorageError> {
        let request =
            tokio::time::timeout(REQUEST_LIMIT, self.client.request_text(get_request(path)));
        let text = request
            .await
            .map_err(|_elapsed| StorageError::Silent {
                path: path.to_owned(),
            })?
            .map_err(|source| StorageError::Request {
                path: path.to_owned(),
                source,
            })?;
        serde_json::from_str(&text).map_err(|source| StorageError::Answer {
            path: path.to_owned(),
            source,
        })
    }
}

#[async_trait]
impl StorageView for LinstorClient {
    async fn volumes(&self, names: &[String]) -> Result<Vec<VolumeFacts>, StorageError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let (resources, nodes) = try_join!(self.resources(names), self.nodes())?;
        let mut volumes: BTreeMap<String, Vec<ReplicaFacts>> = BTreeMap::new();
        for resource in &resources {
            let replica = resource.facts(nodes.get(&resource.node_name));
            volumes
                .entry(resource.name.clone())
                .or_default()
                .push(replica);
        }
        Ok(volumes
            .into_iter()
            .map(|(name, replicas)| VolumeFacts { name, replicas })
            .collect())
    }
}

fn get_request(path: &str) -> Request<Vec<u8>> {
    Request::get(path)
        .body(Vec::new())
        .expect("a percent-encoded path makes a valid request")
}

fn percent_encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    text
}

/// The resource a line of the event stream is about, if it is about one.
fn promotion_of(line: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Change {
        resource_name: String,
    }
    let data = line.strip_prefix("data:")?;
    Some(
        serde_json::from_str::<Change>(data.trim())
            .ok()?
            .resource_name,
    )
}

/// A resource on one node, as `/v1/view/resources` shows it.
#[derive(Debug, Clone, Deserialize)]
struct ResourceView {
    name: String,
    node_name: String,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    state: ResourceState,
    layer_object: Option<Layer>,
    #[serde(default)]
    volumes: Vec<VolumeView>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct ResourceState {
    in_use: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
struct VolumeView {
    #[serde(default)]
    state: VolumeState,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct VolumeState {
    disk_state: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Layer {
    drbd: Option<DrbdLayer>,
    #[serde(default)]
    children: Vec<Self>,
}

#[derive(Debug, Clone, Deserialize)]
struct DrbdLayer {
    may_promote: Option<bool>,
    #[serde(default)]
    connections: BTreeMap<String, Connection>,
}

#[derive(Debug, Clone, Deserialize)]
struct Connection {
    connected: Option<bool>,
    message: Option<String>,
}

impl ResourceView {
    /// The DRBD layer, wherever it sits in the stack of layers.
    fn drbd(&self) -> Option<&DrbdLayer> {
        fn find(layer: &Layer) -> Option<&DrbdLayer> {
            layer
                .drbd
                .as_ref()
                .or_else(|| layer.children.iter().find_map(find))
        }
        self.layer_object.as_ref().and_then(find)
    }
}

impl ResourceView {
    /// What this resource says about its node's replica.
    ///
    /// LINSTOR keeps showing the last it heard from a satellite that is gone. That is no fact, so
    /// what is said about a node that is not online counts as unknown.
    fn facts(&self, node: Option<&NodeView>) -> ReplicaFacts {
        let site = node.and_then(|node| node.props.get(SITE_PROPERTY).cloned());
        let online = node.is_none_or(|node| {
            node.connection_status
                .as_deref()
                .is_none_or(|status| status == "ONLINE")
        });
        let mut facts = ReplicaFacts {
            node: self.node_name.clone(),
            site,
            ..ReplicaFacts::default()
        };
        facts.diskless = self
            .flags
            .iter()
            .any(|flag| DISKLESS_FLAGS.contains(&flag.as_str()));
        if !online {
            return facts;
        }
        facts.in_use = self.state.in_use;
        facts.disk_state = self.disk_state();
        if let Some(drbd) = self.drbd() {
            facts.may_promote = drbd.may_promote;
            facts.connections = drbd
                .connections
                .iter()
                .filter_map(|(peer, link)| Some((peer.clone(), link.is_up()?)))
                .collect();
        }
        facts
    }

    /// The state of its disks: the one word they share, or the first that is not the best.
    fn disk_state(&self) -> Option<String> {
        let mut states = self
            .volumes
            .iter()
            .map(|volume| volume.state.disk_state.clone());
        let first = states.next()??;
        states
            .find(|state| state.as_deref() != Some("UpToDate"))
            .unwrap_or(Some(first))
    }
}

impl Connection {
    fn is_up(&self) -> Option<bool> {
        self.connected.or_else(|| {
            self.message
                .as_deref()
                .map(|message| message == "Connected")
        })
    }
}

/// A node, as `/v1/nodes` shows it.
#[derive(Debug, Clone, Deserialize)]
struct NodeView {
    name: String,
    #[serde(default)]
    props: BTreeMap<String, String>,
    connection_status: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promotion_event_names_its_resource() {
        let line = r#"data: {"resource_name":"pvc-1","node_name":"dr-1","may_promote":true}"#;
        assert_eq!(promotion_of(line).as_deref(), Some("pvc-1"));
        assert_eq!(promotion_of("event: may-promote-change"), None);
        assert_eq!(promotion_of("data: nonsense"), None);
    }

    #[test]
    fn names_are_escaped_in_addresses() {
        assert_eq!(percent_encoded("pvc-a.1"), "pvc-a.1");
        assert_eq!(percent_encoded("a b&c"), "a%20b%26c");
    }

    #[test]
    fn what_linstor_last_heard_from_a_node_that_is_gone_is_no_fact() {
        let view: ResourceView = serde_json::from_str(
            r#"{"name":"pvc-1","node_name":"primary-1","state":{"in_use":false},
                "volumes":[{"state":{"disk_state":"UpToDate"}}]}"#,
        )
        .unwrap();
        let node = |status: &str| -> NodeView {
            let text = format!(
                r#"{{"name":"primary-1","props":{{"Aux/site":"primary"}},"connection_status":"{status}"}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let (online, offline) = (
            view.facts(Some(&node("ONLINE"))),
            view.facts(Some(&node("OFFLINE"))),
        );
        assert_eq!(
            (online.in_use, online.disk_state.as_deref()),
            (Some(false), Some("UpToDate"))
        );
        assert_eq!((offline.in_use, offline.disk_state), (None, None));
        assert_eq!(offline.site.as_deref(), Some("primary"));
    }

    #[test]
    fn the_drbd_layer_is_found_below_another_layer() {
        let view: ResourceView = serde_json::from_str(
            r#"{"name":"pvc-1","node_name":"dr-1",
                "layer_object":{"type":"LUKS","children":[{"type":"DRBD","drbd":{"may_promote":true,
                "connections":{"primary-1":{"connected":false,"message":"Connecting"}}}}]}}"#,
        )
        .unwrap();
        let drbd = view.drbd().unwrap();
        assert_eq!(drbd.may_promote, Some(true));
        assert_eq!(drbd.connections["primary-1"].connected, Some(false));
        assert_eq!(view.state.in_use, None, "what is not said is unknown");
    }
}

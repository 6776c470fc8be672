//! Reads what the front door decides on, in the form that the controllers decide on.
//!
//! Understanding it is `siterecovery_decide`'s work, so that both read a cluster in the same way.
//! Storage is not asked: no refusal at the front door depends on it.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use kube::Resource;
use kube::api::ListParams;
use kube::core::Request;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use siterecovery_api::{ProtectionGroup, SiteDirectory};
use siterecovery_decide::failover::{Fetch, Fetched, SiteObjects, planned};

use crate::context::{Context, Site};
use crate::read::{ReadError, limited};

use super::Order;

/// Reads every site at the same time. A silent site is a fact among others.
pub(crate) async fn fetch(
    order: &Order<'_>,
    home: &str,
    directory: &SiteDirectory,
    context: &Context,
) -> Fetched {
    let read = context.sites.iter().map(|site| async move {
        let objects = match site_objects(site, order.namespace).await {
            Ok(objects) => Fetch::Read(objects),
            Err(error) => Fetch::Failed {
                since: (context.now)(),
                error: error.to_string(),
            },
        };
        (site.info.name.clone(), objects)
    });
    let sites: BTreeMap<_, _> = join_all(read).await.into_iter().collect();
    Fetched {
        failover: planned(order.namespace, "", order.spec()),
        home: home.to_owned(),
        directory: directory.clone(),
        sites,
        storage: Fetch::Read(Vec::new()),
    }
}

async fn site_objects(site: &Site, namespace: &str) -> Result<SiteObjects, ReadError> {
    let mut objects = SiteObjects {
        groups: list(site, Some(namespace)).await?,
        failovers: list(site, Some(namespace)).await?,
        leases: list(site, Some(namespace)).await?,
        ..SiteObjects::default()
    };
    if !site.info.runs_workloads() {
        return Ok(objects);
    }
    objects.nodes = list(site, None).await?;
    for namespace in namespaces(namespace, &objects.groups) {
        objects.machines.extend(list(site, Some(&namespace)).await?);
        objects
            .instances
            .extend(list(site, Some(&namespace)).await?);
    }
    Ok(objects)
}

/// The namespaces in which the groups have members.
fn namespaces(home: &str, groups: &[ProtectionGroup]) -> BTreeSet<String> {
    let named = groups
        .iter()
        .flat_map(|group| &group.spec.virtual_machines)
        .filter_map(|member| member.namespace.clone());
    named.chain([home.to_owned()]).collect()
}

/// All objects of one kind. A site that does not know the kind has none, and an object that cannot be
/// understood is left out, as in the controllers.
async fn list<K>(site: &Site, namespace: Option<&str>) -> Result<Vec<K>, ReadError>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let request = Request::new(K::url_path(&(), namespace)).list(&ListParams::default());
    let answer = async {
        let request = request.map_err(kube::Error::BuildRequest)?;
        site.client.request::<Texts>(request).await
    };
    match limited(answer).await {
        Ok(list) => Ok(list.items.iter().filter_map(|text| parse(text)).collect()),
        Err(ReadError::NotFound(_)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// A list of which each object is understood by itself.
#[derive(Deserialize)]
struct Texts {
    items: Vec<Box<RawValue>>,
}

fn parse<K>(object: &RawValue) -> Option<K>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    match serde_json::from_str(object.get()) {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            tracing::debug!(kind = %K::kind(&()), %error, object = object.get(), "an object cannot be understood");
            None
        }
    }
}

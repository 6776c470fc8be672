//! Live reads from one site, and the memory of when it fell silent.
//!
//! Nothing here comes from a cache: what decides about safety is asked for at that moment.
//! Whatever is absent is `None`, whatever cannot be understood is left to the caller, and any
//! other answer is a [`ReadError`], which for a site far away means "not reachable".

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::NamespaceResourceScope;
use kube::api::{GetParams, ListParams, Request};
use kube::core::DeserializeGuard;
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use siterecovery_api::SiteName;

use crate::error::absent_is_none;
use crate::key::Key;
use crate::slim::{Guarded, GuardedList, Slim, SlimList, guarded};

/// The answer to any request must have begun within this time.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// The answer to a single read must be complete within this time.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// So many reads of one kind run at the same time in one pass on one site.
const PARALLEL_READS: usize = 16;

/// A read that gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("failed to read {what}")]
    Refused {
        what: String,
        #[source]
        source: kube::Error,
    },
    #[error("failed to read {what} in time")]
    Silent { what: String },
    #[error("{}", .0.error)]
    StillSilent(SilentSite),
}

impl ReadError {
    /// Whether the API server itself answered, if only to refuse: a site whose credentials have expired, or that is
    /// overloaded, is no lost site. A gateway that finds nobody behind it (502, 503, 504) is no such answer.
    pub(crate) fn is_an_answer(&self) -> bool {
        match self {
            Self::Refused {
                source: kube::Error::Api(status),
                ..
            } => matches!(status.code, 401 | 403 | 429 | 500),
            Self::Refused { .. } | Self::Silent { .. } | Self::StillSilent(_) => false,
        }
    }
}

/// A list that stands for reads one by one holds at most so many objects for each that is looked for.
const LISTED_FOR_EACH: usize = 2;

/// Reads from one site.
#[derive(Clone)]
pub(crate) struct Reader {
    client: Client,
    crowds: Arc<Crowds>,
}

impl Reader {
    /// A reader over a client that gives up on silence by itself.
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            crowds: Arc::default(),
        }
    }

    /// One object, or `None` where there is none. An object that cannot be understood is an answer
    /// too: the guard holds what is wrong with it.
    pub(crate) async fn get<K>(&self, key: &Key) -> Result<Option<DeserializeGuard<K>>, ReadError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        let what = || format!("{} {key}", K::kind(&()));
        let url = K::url_path(&(), Some(&key.namespace));
        let request = Request::new(url).get(&key.name, &GetParams::default());
        let request = request.expect("a path made of Kubernetes names is a URL");
        in_time(what, async {
            let Some(text) = absent_is_none(self.client.request_text(request).await)? else {
                return Ok(None);
            };
            guarded(&text).map(Some).map_err(kube::Error::SerdeError)
        })
        .await
    }

    /// The objects at these places that exist and can be understood, in the order asked for.
    pub(crate) async fn get_each<K>(&self, places: &[Key]) -> Result<Vec<K>, ReadError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        let found: Vec<Option<DeserializeGuard<K>>> = stream::iter(places.to_vec())
            .map(|key| async move { self.get::<K>(&key).await })
            .buffered(PARALLEL_READS)
            .try_collect()
            .await?;
        Ok(found
            .into_iter()
            .flatten()
            .filter_map(|guarded| guarded.0.ok())
            .collect())
    }

    /// The objects at these places that exist and can be understood, in the order asked for: by one list where they
    /// are most of what their namespace holds, and one by one elsewhere.
    ///
    /// What a request costs an API server depends little on what it reads, so a group that fills its namespace costs
    /// one request and not one for each machine.
    pub(crate) async fn find_each<K>(&self, places: &[Key]) -> Result<Vec<K>, ReadError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        let mut by_namespace: BTreeMap<&str, Vec<Key>> = BTreeMap::new();
        for place in places {
            let inside = by_namespace.entry(&place.namespace).or_default();
            inside.push(place.clone());
        }
        let read = by_namespace
            .into_iter()
            .map(|(namespace, inside)| self.find_in::<K>(namespace, inside));
        let found = try_join_all(read).await?.into_iter().flatten();
        let mut found: BTreeMap<Key, K> = found.map(|object| (Key::of(&object), object)).collect();
        Ok(places
            .iter()
            .filter_map(|place| found.remove(place))
            .collect())
    }

    /// The same within one namespace, in any order, and perhaps others besides.
    async fn find_in<K>(&self, namespace: &str, places: Vec<Key>) -> Result<Vec<K>, ReadError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        let limit = places.len() * LISTED_FOR_EACH;
        let crowd = (K::kind(&()).into_owned(), namespace.to_owned());
        if places.len() < 2 || self.crowds.is_beyond(&crowd, limit) {
            return self.get_each(&places).await;
        }
        let at_most = ListParams::default().limit(u32::try_from(limit).unwrap_or(u32::MAX));
        let page = self.list_as::<K, _>(Some(namespace), &at_most, understood::<K>);
        let Page { mut items, is_last } = page.await?;
        if is_last {
            return Ok(items);
        }
        self.crowds.found_beyond(crowd, limit);
        let seen: BTreeSet<Key> = items.iter().map(Key::of).collect();
        let unseen: Vec<Key> = places
            .into_iter()
            .filter(|place| !seen.contains(place))
            .collect();
        items.extend(self.get_each::<K>(&unseen).await?);
        Ok(items)
    }

    /// The objects of a namespace that match and can be understood, sorted by name.
    pub(crate) async fn list<K>(
        &self,
        namespace: &str,
        matching: &ListParams,
    ) -> Result<Vec<K>, ReadError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        self.list_in(Some(namespace), matching).await
    }

    /// The objects of a namespace that can be understood, sorted by name, and the places of those that
    /// cannot.
    pub(crate) async fn list_guarded<K>(
        &self,
        namespace: &str,
    ) -> Result<(Vec<K>, Vec<Key>), ReadError>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let everything = ListParams::default();
        let guarded: GuardedList<K> = self
            .list_as::<K, _>(Some(namespace), &everything, |text| {
                serde_json::from_str(text)
            })
            .await?;
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for Guarded(guard) in guarded.items {
            let key = Key::of(&guard);
            match guard.0 {
                Ok(object) => good.push(object),
                Err(_) => bad.push(key),
            }
        }
        good.sort_by(|a, b| order(a).cmp(&order(b)));
        Ok((good, bad))
    }

    /// The same over the whole site, for objects in all namespaces or in none.
    pub(crate) async fn list_all<K>(&self, matching: &ListParams) -> Result<Vec<K>, ReadError>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        self.list_in(None, matching).await
    }

    async fn list_in<K>(
        &self,
        namespace: Option<&str>,
        matching: &ListParams,
    ) -> Result<Vec<K>, ReadError>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let page = self.list_as::<K, _>(namespace, matching, understood::<K>);
        let mut objects = page.await?.items;
        objects.sort_by(|a, b| order(a).cmp(&order(b)));
        Ok(objects)
    }

    /// Asks for a list, and reads its text in this way.
    async fn list_as<K, T>(
        &self,
        namespace: Option<&str>,
        matching: &ListParams,
        read: fn(&str) -> Result<T, serde_json::Error>,
    ) -> Result<T, ReadError>
    where
        K: Resource<DynamicType = ()>,
    {
        let what = || K::plural(&()).into_owned();
        let request = Request::new(K::url_path(&(), namespace)).list(matching);
        let request = request.expect("a path made of Kubernetes names is a URL");
        in_time(what, async {
            let text = self.client.request_text(request).await?;
            read(&text).map_err(kube::Error::SerdeError)
        })
        .await
    }
}

/// Namespaces that hold more objects of a kind than it is worth to list, by the longest list that did not hold all.
///
/// One that is emptied later is read one by one for as long as the program runs, which is right and only slower.
#[derive(Debug, Default)]
struct Crowds {
    beyond: Mutex<BTreeMap<(String, String), usize>>,
}

impl Crowds {
    fn is_beyond(&self, crowd: &(String, String), limit: usize) -> bool {
        self.lock().get(crowd).is_some_and(|tried| *tried >= limit)
    }

    fn found_beyond(&self, crowd: (String, String), limit: usize) {
        let mut beyond = self.lock();
        let tried = beyond.entry(crowd).or_default();
        *tried = limit.max(*tried);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), usize>> {
        // The map changes by single calls only, so a panic elsewhere leaves it usable.
        self.beyond.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The objects of a list, and whether there are no more of them.
struct Page<K> {
    items: Vec<K>,
    is_last: bool,
}

/// Reads a list: all objects at once, and if one of them is not what it should be, each behind a
/// guard.
fn understood<K>(text: &str) -> Result<Page<K>, serde_json::Error>
where
    K: Resource + DeserializeOwned + Clone,
{
    if let Ok(SlimList { metadata, items }) = serde_json::from_str::<SlimList<K>>(text) {
        return Ok(Page {
            items: items.into_iter().map(|Slim(object)| object).collect(),
            is_last: metadata.is_last(),
        });
    }
    let GuardedList { metadata, items } = serde_json::from_str(text)?;
    let items = items.into_iter();
    Ok(Page {
        items: items.filter_map(|Guarded(guard)| guard.0.ok()).collect(),
        is_last: metadata.is_last(),
    })
}

fn order<K: Resource>(object: &K) -> (Option<&str>, Option<&str>) {
    (
        object.meta().namespace.as_deref(),
        object.meta().name.as_deref(),
    )
}

async fn in_time<T>(
    what: impl Fn() -> String,
    read: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, ReadError> {
    match tokio::time::timeout(READ_LIMIT, read).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(source)) => Err(ReadError::Refused {
            what: what(),
            source,
        }),
        Err(_elapsed) => Err(ReadError::Silent { what: what() }),
    }
}

/// Which sites are silent, as this process saw it.
///
/// A silent site costs each reader the whole of its time limit. So while a site is silent it is
/// only asked now and then, and everyone else hears the last answer at once: a lost site must not
/// slow down the very failovers that its loss causes.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    sites: Mutex<BTreeMap<SiteName, SilentSite>>,
}

/// A silent site is asked again when the last try began this long ago.
const ASK_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(2);

/// What is known of a silent site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SilentSite {
    /// Since when it has been silent.
    pub(crate) since: Timestamp,
    /// What the last try said.
    pub(crate) error: String,
    asked: Timestamp,
}

impl Silence {
    /// The last word on a site that need not be asked now. Whoever gets `None` asks.
    pub(crate) fn of(&self, site: &str, now: Timestamp) -> Option<SilentSite> {
        let mut sites = self.lock();
        let silent = sites.get_mut(site)?;
        if now.duration_since(silent.asked) >= ASK_AGAIN_AFTER {
            silent.asked = now;
            return None;
        }
        Some(silent.clone())
    }

    /// The site gave an answer.
    pub(crate) fn ended(&self, site: &str) {
        if self.lock().remove(site).is_some() {
            tracing::info!(site, "a site answers again");
        }
    }

    /// The site gave none; since when that has been so. One that refuses is there, and has been silent since now.
    pub(crate) fn goes_on(
        &self,
        site: &str,
        (error, refuses): (&str, bool),
        now: Timestamp,
    ) -> Timestamp {
        let mut sites = self.lock();
        let silent = sites.entry(site.to_owned()).or_insert_with(|| {
            tracing::warn!(site, error, "a site does not answer");
            SilentSite {
                since: now,
                error: String::new(),
                asked: now,
            }
        });
        error.clone_into(&mut silent.error);
        if refuses {
            silent.since = now;
        }
        silent.since
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SiteName, SilentSite>> {
        // The map changes by single calls only, so a panic elsewhere leaves it usable.
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_silent_site_is_asked_now_and_then_and_remembers_since_when_it_is_silent() {
        let silence = Silence::default();
        assert_eq!(silence.of("primary", at(10)), None, "nothing is known: ask");
        silence.goes_on("primary", ("no route", false), at(10));
        let known = silence.of("primary", at(11)).unwrap();
        assert_eq!((known.since, known.error.as_str()), (at(10), "no route"));
        assert_eq!(silence.of("primary", at(12)), None, "one asks again");
        assert!(silence.of("primary", at(12)).is_some(), "and only one");
        let since = silence.goes_on("primary", ("no answer", false), at(17));
        assert_eq!(since, at(10));
        let since = silence.goes_on("primary", ("too many requests", true), at(18));
        assert_eq!(since, at(18), "whoever refuses is there");
        silence.ended("primary");
        assert_eq!(silence.of("primary", at(18)), None);
    }
}

//! Watches that start passes: each runs in its own task and turns what it sees into keys.
//!
//! A watch only ever says "look again". Nothing is decided from what it carries, except which
//! objects are concerned.

use futures::StreamExt;
use kube::api::ApiResource;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Api, Client, Resource};
use tokio::task::JoinSet;

use crate::backoff::WatchBackoff;
use crate::slim::Brought;
use crate::telemetry::chain;

/// The running watches of a controller. Dropping it stops them all.
pub(crate) struct Watches {
    tasks: JoinSet<()>,
    seed: u64,
}

impl Watches {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            tasks: JoinSet::new(),
            seed,
        }
    }

    /// Calls `see` for each object that exists at the start, and for each change.
    ///
    /// A site that does not answer is tried again, with growing pauses, for ever: its watch is
    /// how we learn that it is back.
    pub(crate) fn add(
        &mut self,
        name: String,
        api: Api<Brought>,
        see: impl FnMut(Seen) + Send + 'static,
    ) {
        self.add_listed(name, api, see, |_| {});
    }

    /// The same, and `listing` hears when a list of all objects begins and when it is complete.
    pub(crate) fn add_listed(
        &mut self,
        name: String,
        api: Api<Brought>,
        see: impl FnMut(Seen) + Send + 'static,
        listing: impl FnMut(Listing) + Send + 'static,
    ) {
        let backoff = WatchBackoff::new(self.seed, &name);
        let tell = Tell {
            see: Box::new(see),
            listing: Box::new(listing),
        };
        self.tasks.spawn(watch_for_ever(name, api, backoff, tell));
    }

    /// Runs any other source of triggers beside the watches.
    pub(crate) fn run(&mut self, source: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(source);
    }
}

/// Who hears what a watch shows.
struct Tell {
    see: Box<dyn FnMut(Seen) + Send>,
    listing: Box<dyn FnMut(Listing) + Send>,
}

async fn watch_for_ever(name: String, api: Api<Brought>, backoff: WatchBackoff, mut tell: Tell) {
    let mut events = watch_objects(api, watcher::Config::default())
        .backoff(backoff)
        .boxed();
    let mut failing = false;
    while let Some(event) = events.next().await {
        let seen = match event {
            Ok(Event::Init) => {
                (tell.listing)(Listing::Begins);
                continue;
            }
            Ok(Event::InitDone) => {
                (tell.listing)(Listing::Ends);
                continue;
            }
            Ok(Event::InitApply(object)) => Seen::Listed(object),
            Ok(Event::Apply(object)) => Seen::Changed(object),
            Ok(Event::Delete(object)) => Seen::Gone(object),
            Err(error) => {
                if !failing {
                    tracing::warn!(watch = %name, error = %chain(&error), "a watch failed");
                }
                failing = true;
                continue;
            }
        };
        recovered(&mut failing, &name);
        (tell.see)(seen);
    }
}

/// A watch's handle on the objects of a kind: in one namespace, or in all and in none.
pub(crate) fn all_of<K: Resource<DynamicType = ()>>(
    client: &Client,
    namespace: Option<&str>,
) -> Api<Brought> {
    let resource = ApiResource::erase::<K>(&());
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// Where a watch is with its list of all objects, at the start and after each new start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    /// The list begins; what was shown before may be gone.
    Begins,
    /// Everything that exists has been shown.
    Ends,
}

/// An object as a watch shows it.
pub(crate) enum Seen {
    /// It exists. This is the start of the watch, or a new start after changes may have been missed.
    Listed(Brought),
    /// It is new or has changed.
    Changed(Brought),
    /// It has been deleted; this was its last state.
    Gone(Brought),
}

impl Seen {
    /// The object, whether it is still there or not.
    pub(crate) fn object(&self) -> &Brought {
        match self {
            Self::Listed(object) | Self::Changed(object) | Self::Gone(object) => object,
        }
    }

    /// The object if it is still there.
    pub(crate) fn present(&self) -> Option<&Brought> {
        match self {
            Self::Listed(object) | Self::Changed(object) => Some(object),
            Self::Gone(_) => None,
        }
    }
}

fn recovered(failing: &mut bool, name: &str) {
    if std::mem::take(failing) {
        tracing::info!(watch = %name, "a watch works again");
    }
}

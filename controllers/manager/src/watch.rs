//! Watches that start passes: each runs in its own task and turns what it sees into keys.
//!
//! A watch only ever says "look again". Nothing is decided from what it carries, except which
//! objects are concerned.

use std::fmt::Debug;

use futures::StreamExt;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use crate::backoff::WatchBackoff;
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
    pub(crate) fn add<K>(
        &mut self,
        name: String,
        api: Api<K>,
        see: impl FnMut(Seen<K>) + Send + 'static,
    ) where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    {
        self.add_listed(name, api, see, |_| {});
    }

    /// The same, and `listing` hears when a list of all objects begins and when it is complete.
    pub(crate) fn add_listed<K>(
        &mut self,
        name: String,
        api: Api<K>,
        mut see: impl FnMut(Seen<K>) + Send + 'static,
        mut listing: impl FnMut(Listing) + Send + 'static,
    ) where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    {
        let backoff = WatchBackoff::new(self.seed, &name);
        self.tasks.spawn(async move {
            let mut events = watch_objects(api, watcher::Config::default())
                .backoff(backoff)
                .boxed();
            let mut failing = false;
            while let Some(event) = events.next().await {
                match event {
                    Ok(Event::Init) => listing(Listing::Begins),
                    Ok(Event::InitDone) => listing(Listing::Ends),
                    Ok(Event::InitApply(object)) => {
                        recovered(&mut failing, &name);
                        see(Seen::Listed(object));
                    }
                    Ok(Event::Apply(object)) => {
                        recovered(&mut failing, &name);
                        see(Seen::Changed(object));
                    }
                    Ok(Event::Delete(object)) => {
                        recovered(&mut failing, &name);
                        see(Seen::Gone(object));
                    }
                    Err(error) => {
                        if !failing {
                            tracing::warn!(watch = %name, error = %chain(&error), "a watch failed");
                        }
                        failing = true;
                    }
                }
            }
        });
    }

    /// Runs any other source of triggers beside the watches.
    pub(crate) fn run(&mut self, source: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(source);
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
pub(crate) enum Seen<K> {
    /// It exists. This is the start of the watch, or a new start after changes may have been missed.
    Listed(K),
    /// It is new or has changed.
    Changed(K),
    /// It has been deleted; this was its last state.
    Gone(K),
}

impl<K> Seen<K> {
    /// The object, whether it is still there or not.
    pub(crate) fn object(&self) -> &K {
        match self {
            Self::Listed(object) | Self::Changed(object) | Self::Gone(object) => object,
        }
    }

    /// The object if it is still there.
    pub(crate) fn present(self) -> Option<K> {
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

//! Lists and watches of all sites, turned into one ordered stream of changes.
//!
//! A watch that breaks is taken up again from the last resourceVersion that was seen: nothing is lost.
//! Where the server no longer has what came after it (410), the source is listed anew, and what happened in between
//! is a gap: the core says so, and the chapter is inconclusive.
//!
//! **Invariant:** the state of every source is known before [`Observer::start`] returns.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use kube::core::WatchEvent;
use sitedrill_model::scenario::{Action, Condition, Drill, ObjectKind, ObjectRef};
use sitedrill_model::{Failure, FailureKind};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::core::{Core, Input, Source};
use crate::objects::{self, Key};
use crate::rest::{self, Lean, Rest, Sight};
use crate::shared::{Look, Shared};
use crate::{Target, kinds};

/// The pauses after failures in a row: 100 ms, doubled, at most 10 s. No jitter: three sites need none,
/// and the same seed must give the same run.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How often a first list is tried before a site counts as one that cannot be reached; about 6 s.
const FIRST_LIST_TRIES: u32 = 6;

/// The longest life of one watch request. Servers end watches after 290 s, as they are asked to;
/// one that is silent for longer is dead.
const LONGEST_WATCH: Duration = Duration::from_secs(300);

/// How long the observer may take to come up with the present of a site.
const CATCH_UP: Duration = Duration::from_secs(30);

/// The running watches; they end when this is dropped.
pub(crate) struct Observer {
    sources: Vec<(Source, Rest)>,
    _watches: JoinSet<()>,
}

impl Observer {
    /// Lists everything that matters to the drill on all sites, then watches it.
    pub(crate) async fn start(
        drill: &Drill,
        target: &Target,
        shared: &Arc<Shared>,
    ) -> Result<Self, Failure> {
        let mut sources = Vec::new();
        let mut watches = JoinSet::new();
        for source in sources_of(drill, target) {
            let rest = rest_of(target, &source)?;
            let Some(version) = first_list(&source, &rest, shared).await? else {
                continue;
            };
            let watch = Watch {
                source: source.clone(),
                rest: rest.clone(),
                version,
                last_news: shared.now(),
                pause: FIRST_PAUSE,
            };
            watches.spawn(watch.run(Arc::clone(shared)));
            sources.push((source, rest));
        }
        Ok(Self {
            sources,
            _watches: watches,
        })
    }

    /// Waits until everything that is on the sites now has been observed.
    ///
    /// Each source is listed, and every version in the list must have come through its watch.
    pub(crate) async fn catch_up(&self, shared: &Shared) -> Result<(), Failure> {
        let deadline = Instant::now() + CATCH_UP;
        for (source, rest) in &self.sources {
            catch_up_with(source, rest, shared, deadline).await?;
        }
        Ok(())
    }
}

async fn catch_up_with(
    source: &Source,
    rest: &Rest,
    shared: &Shared,
    deadline: Instant,
) -> Result<(), Failure> {
    let mut why = "its watch does not bring what a list shows".to_owned();
    while Instant::now() < deadline {
        match rest.versions().await {
            Ok(listed) => {
                // Listed again after a while: what the list holds may itself be overtaken.
                let round = deadline.min(Instant::now() + Duration::from_secs(1));
                let seen = |core: &mut Core, _| {
                    if has_seen(core, source, &listed) {
                        Look::Answer(())
                    } else {
                        Look::Later(None)
                    }
                };
                if shared.until(round, seen).await.is_some() {
                    return Ok(());
                }
            }
            Err(error) => {
                why = rest::reason(&error);
                tokio::time::sleep(FIRST_PAUSE).await;
            }
        }
    }
    let (kind, site) = (kinds::plural(source.kind), &source.site);
    let message = format!("the present {kind} on {site} could not be observed: {why}");
    Err(Failure::new(FailureKind::ObservationGap, message))
}

/// Whether every object of a list was observed, and none that it lacks is still taken to exist.
fn has_seen(core: &Core, source: &Source, listed: &[Sight]) -> bool {
    let listed = listed.iter().map(|object| {
        let key = source.key_of(&object.metadata.name);
        (key, object.metadata.resource_version.as_str())
    });
    let present: BTreeMap<Key, &str> = listed.collect();
    let known = objects::of_kind(
        core.objects(),
        &source.site,
        source.kind,
        Some(&source.namespace),
    );
    known.into_iter().all(|(key, _)| present.contains_key(key))
        && present
            .iter()
            .all(|(key, version)| core.history().has_seen(key, version))
}

/// Lists a source for the first time; `None` if the site does not have the kind.
async fn first_list(
    source: &Source,
    rest: &Rest,
    shared: &Shared,
) -> Result<Option<String>, Failure> {
    let mut pause = FIRST_PAUSE;
    let mut tries = 0;
    loop {
        tries += 1;
        match rest.list().await {
            Ok((objects, version)) => {
                shared.take(Input::Listed { source, objects });
                return Ok(Some(version));
            }
            Err(error) if rest::is_code(&error, 404) => {
                shared.take(Input::Unserved(source));
                return Ok(None);
            }
            Err(error) if tries == FIRST_LIST_TRIES => {
                let (kind, site) = (kinds::plural(source.kind), &source.site);
                let why = rest::reason(&error);
                let message = format!("{kind} on {site} could not be listed: {why}");
                return Err(Failure::new(FailureKind::EnvironmentFailed, message));
            }
            Err(_) => tokio::time::sleep(pause).await,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The watch of one source.
struct Watch {
    source: Source,
    rest: Rest,
    /// From where to go on.
    version: String,
    /// When the source was last known to be up to date.
    last_news: Timestamp,
    pause: Duration,
}

/// How one watch request ended.
enum End {
    /// It may be taken up again from the last resourceVersion.
    Resume,
    /// The server no longer has what came after the last resourceVersion, and says why.
    Expired(String),
}

impl Watch {
    async fn run(mut self, shared: Arc<Shared>) {
        loop {
            let started = Instant::now();
            if let End::Expired(why) = self.follow(&shared).await {
                self.list_again(&shared, why).await;
            } else if started.elapsed() < FIRST_PAUSE {
                // A server that ends watches at once must not be asked in a loop.
                self.rest_a_while().await;
            }
        }
    }

    /// Follows one watch request to its end.
    async fn follow(&mut self, shared: &Shared) -> End {
        let stream = match self.rest.watch(&self.version).await {
            Ok(stream) => stream,
            Err(error) if rest::is_code(&error, 410) => return End::Expired(rest::reason(&error)),
            Err(error) => {
                tracing::warn!(site = %self.source.site, kind = kinds::plural(self.source.kind),
                    reason = %rest::reason(&error), "a watch could not be started");
                return End::Resume;
            }
        };
        let mut stream = pin!(stream);
        let end = Instant::now() + LONGEST_WATCH;
        while let Ok(Some(event)) = tokio::time::timeout_at(end, stream.next()).await {
            match event {
                Ok(event) => {
                    if let Some(end) = self.news(event, shared) {
                        return end;
                    }
                }
                Err(error) => {
                    tracing::warn!(site = %self.source.site, kind = kinds::plural(self.source.kind),
                        reason = %rest::reason(&error), "a watch broke");
                    return End::Resume;
                }
            }
        }
        End::Resume
    }

    fn news(&mut self, event: WatchEvent<Lean>, shared: &Shared) -> Option<End> {
        let source = &self.source;
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                let object = self.rest.tidied(object);
                objects::resource_version(&object).clone_into(&mut self.version);
                shared.take(Input::Applied { source, object });
            }
            WatchEvent::Deleted(object) => {
                let object = self.rest.tidied(object);
                objects::resource_version(&object).clone_into(&mut self.version);
                shared.take(Input::Deleted { source, object });
            }
            WatchEvent::Bookmark(bookmark) => self.version = bookmark.metadata.resource_version,
            WatchEvent::Error(status) if status.code == 410 => {
                return Some(End::Expired(status.message.clone()));
            }
            WatchEvent::Error(_) => return Some(End::Resume),
        }
        self.last_news = shared.now();
        self.pause = FIRST_PAUSE;
        None
    }

    async fn list_again(&mut self, shared: &Shared, why: String) {
        loop {
            if let Ok((objects, version)) = self.rest.list().await {
                shared.take(Input::ListedAgain {
                    source: &self.source,
                    objects,
                    unseen_since: self.last_news,
                    why,
                });
                self.version = version;
                self.last_news = shared.now();
                // A server that lists and then refuses to watch from there must not be asked in a loop.
                self.rest_a_while().await;
                return;
            }
            self.rest_a_while().await;
        }
    }

    async fn rest_a_while(&mut self) {
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

fn rest_of(target: &Target, source: &Source) -> Result<Rest, Failure> {
    let client = client_of(target, &source.site)?;
    let namespace = (!source.namespace.is_empty()).then_some(source.namespace.as_str());
    Ok(Rest::new(client, kinds::resource(source.kind), namespace))
}

/// The client of a site.
pub(crate) fn client_of(target: &Target, site: &str) -> Result<kube::Client, Failure> {
    let found = target.sites.iter().find(|it| it.info.name == site);
    found.map(|it| it.client.clone()).ok_or_else(|| {
        let message = format!("the drill speaks of a site {site} that the run does not have");
        Failure::new(FailureKind::EnvironmentFailed, message)
    })
}

/// Every source that matters to a drill: the usual kinds in its namespace, and what its steps name.
fn sources_of(drill: &Drill, target: &Target) -> BTreeSet<Source> {
    let mut namespaces = BTreeSet::from([target.namespace.clone()]);
    let mut all_kinds = BTreeSet::from(kinds::ALWAYS_WATCHED);
    for (kind, namespace) in drill.chapters.iter().flat_map(|chapter| {
        let actors = chapter.actors.iter().flat_map(|actor| &actor.steps);
        let steps = actors.chain(&chapter.then).chain(&chapter.always);
        let own = chapter.own_invariants.iter();
        let own = own.flat_map(|it| spoken_of(&it.condition));
        steps.flat_map(|step| named(&step.action)).chain(own)
    }) {
        all_kinds.insert(kind);
        namespaces.extend(namespace);
    }
    let mut sources = BTreeSet::new();
    for site in &target.sites {
        for &kind in &all_kinds {
            let in_namespaces = kinds::is_namespaced(kind);
            let none = BTreeSet::from([String::new()]);
            for namespace in if in_namespaces { &namespaces } else { &none } {
                sources.insert(Source {
                    site: site.info.name.clone(),
                    kind,
                    namespace: namespace.clone(),
                });
            }
        }
    }
    sources
}

/// A kind, and a namespace where it has one.
type Spoken = (ObjectKind, Option<String>);

/// What a condition speaks of.
fn spoken_of(condition: &Condition) -> Vec<Spoken> {
    match condition {
        Condition::Matches { object, .. } | Condition::Absent { object } => {
            vec![(object.kind, object.namespace.clone())]
        }
        Condition::Count {
            kind, namespace, ..
        } => vec![(*kind, namespace.clone())],
        Condition::Cel(expression) => {
            let reads = expression.reads.iter();
            reads
                .map(|read| (read.kind, read.namespace.clone()))
                .collect()
        }
        Condition::Sequence { .. } | Condition::Lock { .. } | Condition::Actor { .. } => Vec::new(),
    }
}

/// What a step speaks of.
fn named(action: &Action) -> Vec<Spoken> {
    let of = |object: &ObjectRef| vec![(object.kind, object.namespace.clone())];
    match action {
        Action::Failover(order) => vec![(ObjectKind::Failover, Some(order.namespace.clone()))],
        Action::Patch(patch) => of(&patch.object),
        Action::Delete(object) => of(object),
        Action::Observe(observe) => of(&observe.object),
        Action::Save(save) | Action::Measure(save) => of(&save.object),
        Action::Await(condition) | Action::Expect(condition) => spoken_of(condition),
        Action::Pgctl(_)
        | Action::Program(_)
        | Action::Apply(_)
        | Action::Return(_)
        | Action::Sleep(_)
        | Action::Fault(_)
        | Action::Lift(_) => Vec::new(),
    }
}

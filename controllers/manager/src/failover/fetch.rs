//! Reads everything one pass over a Failover decides on.
//!
//! First the lock and the group's copies, then, knowing those, what the steps ahead look at. All
//! sites are read at the same time. The first read that fails ends the reading of that site: half
//! a site is no base for a decision.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use futures::{join, try_join};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use kube::ResourceExt;
use kube::api::ListParams;
use kube::core::DeserializeGuard;
use siterecovery_api::kubevirt::{VirtualMachine, VirtualMachineInstance};
use siterecovery_api::names::{ANNOTATION_FAILOVER_UID, lock_name};
use siterecovery_api::{DesiredState, Failover, ProtectionGroup, SiteInfo, SiteName};
use siterecovery_decide::facts::{GroupFacts, VolumeFacts};
use siterecovery_decide::failover::{Fetch, Fetched, SiteObjects, volumes_of};

use super::ahead::{Ahead, Guess, expected};
use super::members::{Members, claims, members, unique};
use super::need::{Need, Others, Seen};
use super::{Context, is_active};
use crate::claims::named_members;
use crate::key::Key;
use crate::reader::{ReadError, Reader, SilentSite};
use crate::telemetry::chain;

type Sites = BTreeMap<SiteName, Fetch<SiteObjects>>;

/// Groups, and the places of those that cannot be understood.
type Copies = (Vec<ProtectionGroup>, Vec<Key>);

/// A site, the way to it, and what was read of it so far.
struct Half<'a> {
    site: &'a SiteInfo,
    reader: &'a Reader,
    read: Result<SiteObjects, ReadError>,
    ahead: Ahead,
}

/// What was read, and when.
pub(super) struct Reading {
    seen: Seen,
    need: Need,
    began: Timestamp,
}

impl Reading {
    /// A reading serves for no longer than this.
    const FRESH: SignedDuration = SignedDuration::from_secs(1);

    /// Whether it shows all that a decision on this status looks at, as it is now.
    pub(super) fn serves(&self, failover: &Failover, now: Timestamp) -> bool {
        let age = now.duration_since(self.began);
        age < Self::FRESH && self.need.covers(Need::of(failover, self.seen))
    }
}

/// A reading that has begun: the locks and the group's copies are read.
pub(super) struct Begun<'a> {
    context: &'a Context,
    request: Request,
    halves: Vec<Half<'a>>,
    began: Timestamp,
}

impl<'a> Begun<'a> {
    pub(super) async fn begin(context: &'a Context, failover: &Failover) -> Self {
        let began = (context.now)();
        let request = Request::new(context, failover);
        let halves = request.first_halves(context, failover).await;
        Self {
            context,
            request,
            halves,
            began,
        }
    }

    /// Whether a reading for this Failover would have begun in the same way.
    pub(super) fn is_for(&self, failover: &Failover) -> bool {
        self.request == Request::new(self.context, failover)
    }

    /// Whether a lock site still shows a Lease that this Failover took. A site that does not answer
    /// shows none.
    pub(super) fn holds_lock(&self) -> bool {
        self.request.seen(&self.halves).holds_lock
    }

    /// Reads the rest of all sites, and the storage layer.
    pub(super) async fn finish(self, failover: &Failover) -> (Fetched, Reading) {
        let Self {
            context,
            request,
            halves,
            began,
        } = self;
        let seen = request.seen(&halves);
        let need = Need::of(failover, seen);
        let known = match need.failovers {
            Others::Active => context.register().others(failover),
            Others::All | Others::Nobody => None,
        };
        let sites = request.second_halves(context, (need, known), halves).await;
        let storage = request.storage(context, need, &sites).await;
        let fetched = Fetched {
            failover: failover.clone(),
            home: context.home.clone(),
            directory: context.directory.clone(),
            sites,
            storage,
        };
        (fetched, Reading { seen, need, began })
    }
}

/// What a pass is about.
#[derive(PartialEq)]
struct Request {
    uid: Option<String>,
    namespace: String,
    group: String,
    /// The lock of the group, and the one that was taken if that has another name.
    locks: BTreeSet<String>,
    target: Option<SiteName>,
    manages: BTreeSet<SiteName>,
}

impl Request {
    fn new(context: &Context, failover: &Failover) -> Self {
        let taken = failover
            .status
            .iter()
            .filter_map(|status| status.lock.as_ref());
        let mut locks: BTreeSet<String> = taken.map(|lock| lock.lease.clone()).collect();
        locks.insert(lock_name(&failover.spec.protection_group));
        let directory = &context.directory;
        Self {
            uid: failover.uid(),
            namespace: failover.namespace().unwrap_or_default(),
            group: failover.spec.protection_group.clone(),
            locks,
            target: directory
                .resolve(&failover.spec.target_cluster)
                .map(|site| site.name.clone()),
            manages: directory
                .management_sites()
                .iter()
                .map(|site| site.name.clone())
                .collect(),
        }
    }

    fn is_target(&self, site: &SiteInfo) -> bool {
        self.target.as_deref() == Some(site.name.as_str())
    }

    async fn first_halves<'a>(&self, context: &'a Context, known: &Failover) -> Vec<Half<'a>> {
        let halves = context.directory.sites.iter().map(|site| async move {
            let reader = context.readers.get(&site.name)?;
            let silent = context.silence.of(&site.name, (context.now)());
            let (read, ahead) = if let Some(silent) = silent {
                (Err(ReadError::StillSilent(silent)), Ahead::default())
            } else {
                let guess = self.guess(context, site, known);
                self.first_half(site, reader, guess).await
            };
            Some(Half {
                site,
                reader,
                read,
                ahead,
            })
        });
        join_all(halves).await.into_iter().flatten().collect()
    }

    /// What to ask of a site at once, because the pass will probably need it.
    fn guess(&self, context: &Context, site: &SiteInfo, known: &Failover) -> Guess {
        // One that has ended is looked at for the lock that it may have left.
        if !site.runs_workloads() || !is_active(known.status.as_ref()) {
            return Guess::default();
        }
        let group = Key::new(&self.namespace, &self.group);
        let workload = context.directory.workload_sites();
        let other = workload.iter().find(|other| other.name != site.name);
        let shown = context.shown();
        let here = shown.get(&site.name, &group);
        let there = other.and_then(|other| shown.get(&other.name, &group));
        drop(shown);
        let is_target = self.is_target(site);
        let pair = if is_target {
            (&there, &here)
        } else {
            (&here, &there)
        };
        let seen = expected(known, (pair.0.as_ref(), pair.1.as_ref()));
        Guess::of(Need::of(known, seen), is_target, &group, here.as_ref())
    }

    /// The locks and the group's copy, and what was guessed.
    async fn first_half(
        &self,
        site: &SiteInfo,
        reader: &Reader,
        guess: Guess,
    ) -> (Result<SiteObjects, ReadError>, Ahead) {
        // Where all groups are listed anyway, this one is among them.
        let is_listed = guess.lists_groups();
        let copy = async {
            if is_listed || !site.runs_workloads() {
                return Ok(Copies::default());
            }
            self.copy(reader).await
        };
        let first = async { try_join!(self.locks(site, reader), copy) };
        let (read, ahead) = join!(first, Ahead::ask(reader, guess));
        let whole = async {
            let (leases, mut copies) = read?;
            if is_listed {
                copies = match &ahead.groups {
                    Some(listed) => self.among(listed),
                    None => self.copy(reader).await?,
                };
            }
            let (groups, malformed) = copies;
            Ok(SiteObjects {
                leases,
                groups,
                malformed_groups: malformed.into_iter().map(Key::pair).collect(),
                ..SiteObjects::default()
            })
        };
        (whole.await, ahead)
    }

    async fn locks(&self, site: &SiteInfo, reader: &Reader) -> Result<Vec<Lease>, ReadError> {
        if !self.manages.contains(&site.name) {
            return Ok(Vec::new());
        }
        let names = self.locks.iter();
        let locks: Vec<Key> = names.map(|name| Key::new(&self.namespace, name)).collect();
        reader.get_each(&locks).await
    }

    fn copy_key(&self) -> Key {
        Key::new(&self.namespace, &self.group)
    }

    async fn copy(&self, reader: &Reader) -> Result<Copies, ReadError> {
        let key = self.copy_key();
        Ok(match reader.get(&key).await? {
            Some(DeserializeGuard(Ok(group))) => (vec![group], Vec::new()),
            Some(DeserializeGuard(Err(_))) => (Vec::new(), vec![key]),
            None => Copies::default(),
        })
    }

    fn among(&self, (groups, malformed): &Copies) -> Copies {
        let key = self.copy_key();
        let copies = groups.iter().filter(|group| Key::of(*group) == key);
        let malformed = malformed.iter().filter(|other| **other == key);
        (copies.cloned().collect(), malformed.cloned().collect())
    }

    fn seen(&self, halves: &[Half<'_>]) -> Seen {
        let mut seen = Seen {
            holds_lock: false,
            target_asked: None,
            target_answers: false,
            target_runs: false,
            source_answers: false,
            source_not_stopped: false,
        };
        for Half { site, read, .. } in halves {
            let Ok(objects) = read else { continue };
            seen.holds_lock |= objects.leases.iter().any(|lease| self.took(lease));
            let group = objects.groups.first().map(GroupFacts::of);
            let group = group.as_ref();
            if self.is_target(site) {
                seen.target_answers = true;
                seen.target_asked = group.map(|group| group.desired);
                seen.target_runs = group.is_some_and(|g| g.has_settled_as(DesiredState::Running));
            } else if site.runs_workloads() {
                seen.source_answers = true;
                seen.source_not_stopped =
                    group.is_some_and(|g| !g.has_settled_as(DesiredState::Stopped));
            }
        }
        seen
    }

    fn took(&self, lease: &Lease) -> bool {
        self.uid.is_some() && lease.annotations().get(ANNOTATION_FAILOVER_UID) == self.uid.as_ref()
    }

    async fn second_halves(
        &self,
        context: &Context,
        (need, known): (Need, Option<Vec<Failover>>),
        halves: Vec<Half<'_>>,
    ) -> Sites {
        // A site without a copy of the group is searched for the members that another copy names.
        let definition = halves
            .iter()
            .find_map(|half| half.read.as_ref().ok()?.groups.first())
            .cloned();
        let whole = halves.into_iter().map(|half| {
            let Half {
                site,
                reader,
                read,
                mut ahead,
            } = half;
            let definition = definition.as_ref();
            let known = known.clone().filter(|_| site.name == context.home);
            let failovers = if known.is_some() {
                Others::Nobody
            } else {
                need.failovers
            };
            let need = Need { failovers, ..need };
            async move {
                let read = match read {
                    Ok(mut objects) => {
                        objects.failovers = known.unwrap_or_default();
                        let objects = (objects, definition);
                        self.second_half(site, (reader, &mut ahead), need, objects)
                            .await
                    }
                    Err(error) => Err(error),
                };
                if need.storage && read.is_ok() {
                    let place = (site.name.clone(), Key::new(&self.namespace, &self.group));
                    context.shown().found_claims(&place, &ahead.disks);
                }
                (site.name.clone(), answered(context, &site.name, read))
            }
        });
        join_all(whole).await.into_iter().collect()
    }

    /// What the steps ahead look at.
    async fn second_half(
        &self,
        site: &SiteInfo,
        (reader, ahead): (&Reader, &mut Ahead),
        need: Need,
        (mut objects, definition): (SiteObjects, Option<&ProtectionGroup>),
    ) -> Result<SiteObjects, ReadError> {
        let everything = ListParams::default();
        if need.failovers != Others::Nobody && self.manages.contains(&site.name) {
            objects.failovers = reader.list(&self.namespace, &everything).await?;
        }
        if !site.runs_workloads() {
            return Ok(objects);
        }
        let nodes = async {
            match ahead.nodes.take() {
                _ if !(need.nodes && self.is_target(site)) => Ok(Vec::new()),
                Some(nodes) => Ok(nodes),
                None => reader.list_all(&everything).await,
            }
        };
        let group = objects.groups.first().or(definition);
        let machines = need.storage || (need.machines && self.is_target(site));
        let asked = (&mut ahead.machines, &mut ahead.instances);
        let members = async {
            match group {
                Some(group) if need.instances => members(reader, asked, group, machines).await,
                Some(_) | None => Ok(Members::default()),
            }
        };
        let (nodes, members) = try_join!(nodes, members)?;
        objects.nodes = nodes;
        (objects.machines, objects.instances) = members;
        if need.storage {
            ahead.disks = claims(&objects);
            objects.claims = ahead.claims.get_each(reader, &ahead.disks).await?;
        }
        if need.neighbours && self.is_target(site) {
            let (groups, malformed) = match ahead.groups.take() {
                Some(groups) => groups,
                None => reader.list_guarded(&self.namespace).await?,
            };
            objects.groups = groups;
            objects.malformed_groups = malformed.into_iter().map(Key::pair).collect();
            self.neighbours(reader, &mut objects).await?;
        }
        Ok(objects)
    }

    /// Adds what shows whether the other groups have live machines: the instances of every
    /// namespace they name, and their machines where they go by label.
    async fn neighbours(
        &self,
        reader: &Reader,
        objects: &mut SiteObjects,
    ) -> Result<(), ReadError> {
        let others = || {
            objects
                .groups
                .iter()
                .filter(|group| group.name_any() != self.group)
        };
        let named = others().flat_map(named_members).map(|key| key.namespace);
        let namespaces: BTreeSet<_> = others()
            .filter_map(ResourceExt::namespace)
            .chain(named)
            .collect();
        let selecting: BTreeSet<_> = others()
            .filter(|group| group.spec.selector.is_some())
            .filter_map(ResourceExt::namespace)
            .collect();
        let everything = ListParams::default();
        for namespace in namespaces {
            objects.instances.extend(
                reader
                    .list::<VirtualMachineInstance>(&namespace, &everything)
                    .await?,
            );
        }
        for namespace in selecting {
            objects.machines.extend(
                reader
                    .list::<VirtualMachine>(&namespace, &everything)
                    .await?,
            );
        }
        unique(&mut objects.machines);
        unique(&mut objects.instances);
        Ok(())
    }

    /// The volumes of the group, as far as the members' disks lead to any.
    async fn storage(
        &self,
        context: &Context,
        need: Need,
        sites: &Sites,
    ) -> Fetch<Vec<VolumeFacts>> {
        if !need.storage {
            let error = "not read, because no step looks at it now".to_owned();
            return Fetch::Failed {
                since: Timestamp::UNIX_EPOCH,
                error,
            };
        }
        let names: Vec<String> = volumes_of(sites, &self.namespace, &self.group)
            .names
            .into_iter()
            .collect();
        if let Some(SilentSite { since, error, .. }) = context.silence.of(STORAGE, (context.now)())
        {
            return Fetch::Failed { since, error };
        }
        match context.storage.volumes(&names).await {
            Ok(volumes) => {
                context.silence.ended(STORAGE);
                Fetch::Read(volumes)
            }
            Err(error) => silent(context, STORAGE, chain(&error), false),
        }
    }
}

/// The storage layer, where silences are remembered. No site can have this name.
const STORAGE: &str = "(storage)";

fn answered(
    context: &Context,
    site: &str,
    read: Result<SiteObjects, ReadError>,
) -> Fetch<SiteObjects> {
    match read {
        Ok(objects) => {
            context.silence.ended(site);
            Fetch::Read(objects)
        }
        Err(ReadError::StillSilent(SilentSite { since, error, .. })) => {
            Fetch::Failed { since, error }
        }
        Err(error) => silent(context, site, chain(&error), error.is_an_answer()),
    }
}

fn silent<T>(context: &Context, site: &str, error: String, refuses: bool) -> Fetch<T> {
    let now = (context.now)();
    let since = context.silence.goes_on(site, (&error, refuses), now);
    Fetch::Failed { since, error }
}

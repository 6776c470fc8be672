//! The Protection Group Controller: drives the virtual machines of each group on its own site.
//!
//! ```text
//! watches of groups, VMs and VMIs -> keys of groups -> a pass: fetch, understand, decide, perform
//! ```
//!
//! What a pass decides on is read live. The watches only say which group to look at; beside that
//! they keep the index of claims, from which a pass learns of rival groups, and they keep what they
//! have shown: where the same decision on that has nothing to do, there is no pass. Where all it has
//! to do is to report that members are on their way, it reports what the watches show: nobody acts
//! on such a report, and the members are read live before the group is said to be where it is
//! wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::{BoxFuture, OptionFuture};
use futures::{FutureExt, join, try_join};
use kube::api::ListParams;
use kube::core::{DeserializeGuard, Selector};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use siterecovery_api::kubevirt::{VirtualMachine, VirtualMachineInstance};
use siterecovery_api::names::PROTECTION_GROUP_MANAGER;
use siterecovery_api::{CurrentState, ProtectionGroup, ProtectionGroupStatus, SiteName};
use siterecovery_decide::protection_group::{
    Fetched, Listed, Machine, MachineLists, decide, understand,
};
use siterecovery_decide::{Decision, Policy};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::time::Instant;
use tracing::Instrument;

use crate::claims::{Claims, named_members};
use crate::client::metered;
use crate::config::{Now, ProtectionGroupControllerConfig};
use crate::driver::{DriverSettings, Next, drive};
use crate::error::{Error, PassError};
use crate::key::Key;
use crate::looks::{Look, Looks};
use crate::malformed::Kind;
use crate::meter::{Meter, SharedMeter, Unmetered, measured};
use crate::perform::Performer;
use crate::reader::{REQUEST_LIMIT, ReadError, Reader};
use crate::scribe::Scribe;
use crate::shown::{All, Shown};
use crate::slim::Brought;
use crate::telemetry::chain;
use crate::watch::{Seen, Watches, all_of};

/// Runs the controller until `shutdown` completes.
///
/// # Errors
///
/// Only when a test's gate halts it; everything else is retried.
pub fn run_protection_group_controller(
    config: ProtectionGroupControllerConfig,
    shutdown: BoxFuture<'static, ()>,
) -> BoxFuture<'static, Result<(), Error>> {
    run_protection_group_controller_metered(config, Arc::new(Unmetered), shutdown)
}

/// The same, and `meter` hears what happens.
///
/// # Errors
///
/// As above.
pub fn run_protection_group_controller_metered(
    config: ProtectionGroupControllerConfig,
    meter: Arc<dyn Meter>,
    shutdown: BoxFuture<'static, ()>,
) -> BoxFuture<'static, Result<(), Error>> {
    // Boxed, so that all of it is compiled here and not in whatever program runs it.
    run(config, meter, shutdown).boxed()
}

async fn run(
    config: ProtectionGroupControllerConfig,
    meter: SharedMeter,
    shutdown: BoxFuture<'static, ()>,
) -> Result<(), Error> {
    let site = config.site.info.name;
    let client = metered(config.site.client, REQUEST_LIMIT, &site, Arc::clone(&meter));
    let performer = Performer {
        sites: BTreeMap::from([(site.clone(), client.clone())]),
        manager: PROTECTION_GROUP_MANAGER,
        now: config.now.clone(),
        gate: config.gate,
    };
    let (scribe, writing) = Scribe::start(performer.clone());
    let context = Arc::new(Context {
        reader: Reader::new(client.clone()),
        performer,
        scribe,
        site,
        policy: config.policy,
        now: config.now,
        claims: Mutex::default(),
        shown: Mutex::default(),
        looks: Looks::default(),
        meter,
    });
    let (sender, keys) = mpsc::unbounded_channel();
    let _watches = watch(
        &context,
        &client,
        config.namespace.as_deref(),
        config.seed,
        &sender,
    );
    tracing::info!(site = %context.site, "the Protection Group Controller runs");
    let passes = Arc::clone(&context);
    drive(DriverSettings::with_seed(config.seed), keys, shutdown, move |key| {
        let span = tracing::info_span!("pass", kind = "ProtectionGroup", site = %passes.site, object = %key);
        let meter = Arc::clone(&passes.meter);
        measured(meter, "ProtectionGroup", pass(Arc::clone(&passes), key)).instrument(span)
    })
    .await?;
    writing.finish().await;
    Ok(())
}

struct Context {
    site: SiteName,
    policy: Policy,
    now: Now,
    reader: Reader,
    performer: Performer,
    scribe: Scribe,
    claims: Mutex<Claims>,
    shown: Mutex<Shown>,
    looks: Looks,
    meter: SharedMeter,
}

impl Context {
    fn claims(&self) -> MutexGuard<'_, Claims> {
        // The index is derived from what the watches show and heals with the next change.
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        // It changes by single calls only, so a panic elsewhere leaves it usable.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The decision on what the watches have shown; `None` where they cannot tell. What they show later is looked at
    /// then.
    fn decide_on_shown(&self, group: ProtectionGroup) -> Option<Decision<ProtectionGroupStatus>> {
        let lists = self.shown().members_of(&group)?;
        Some(self.decide(group, Ok(lists)))
    }

    /// The same, on the group as it was shown.
    fn decide_on_all_shown(&self, key: &Key) -> Option<Decision<ProtectionGroupStatus>> {
        let group = self.claims().group(key).cloned()?;
        self.decide_on_shown(group)
    }

    fn decide(
        &self,
        group: ProtectionGroup,
        machines: Result<MachineLists, String>,
    ) -> Decision<ProtectionGroupStatus> {
        let groups = match &machines {
            Ok(lists) => rivals(&mut self.claims(), &group, lists),
            Err(_) => Vec::new(),
        };
        let fetched = Fetched {
            site: self.site.clone(),
            group,
            machines,
            groups,
        };
        decide(&understand(&fetched), &self.policy, (self.now)())
    }

    /// Looks at a group after a change of its machines, unless there is nothing to do.
    fn look_at(&self, keys: &UnboundedSender<Key>, key: Key) {
        match self.decide_on_all_shown(&key) {
            Some(decision) if decision.is_idle() => {}
            Some(decision) if only_reports_progress(&decision) => {
                self.look(keys, key, Look::Progress);
            }
            Some(_) => self.look(keys, key, Look::News),
            None => self.look(keys, key, Look::Closely),
        }
    }

    /// When to come back, where a pass that is due for this need not read anything now.
    fn put_off(&self, key: &Key, look: Look) -> Option<Next> {
        match look {
            Look::News => {
                let decision = self.decide_on_all_shown(key)?;
                let is_done = decision.is_idle();
                is_done.then(|| self.performer.next(decision.look_again))
            }
            Look::Progress => {
                let rest = self.looks.waits(key, Instant::now())?;
                self.looks.due(key, look);
                Some(Next::After(rest))
            }
            Look::Closely => None,
        }
    }

    /// Has a pass look at a group. Where one is due already that looks as closely, that one will see this too.
    fn look(&self, keys: &UnboundedSender<Key>, key: Key, look: Look) {
        if self.looks.due(&key, look) {
            // The receiver is gone only while the controller ends.
            drop(keys.send(key));
        }
    }
}

/// Whether all there is to do is to say that members are not yet where they are wanted.
fn only_reports_progress(decision: &Decision<ProtectionGroupStatus>) -> bool {
    decision.effects.is_empty() && decision.waiting.is_some()
}

/// Starts the watches. A machine can be in any namespace, whatever namespace its group is in.
fn watch(
    context: &Arc<Context>,
    client: &Client,
    namespace: Option<&str>,
    seed: u64,
    sender: &UnboundedSender<Key>,
) -> Watches {
    let mut watches = Watches::new(seed);
    let groups = all_of::<ProtectionGroup>(client, namespace);
    let (owner, keys) = (Arc::clone(context), sender.clone());
    watches.add(
        format!("ProtectionGroups on {}", context.site),
        groups,
        move |seen| {
            let key = Key::of(seen.object());
            let read = seen.present().map(Brought::read::<ProtectionGroup>);
            let group = read.and_then(Result::ok);
            let mut claims = owner.claims();
            let asks_as_before = matches!(seen, Seen::Changed(_))
                && group.as_ref().is_some_and(|group| {
                    let known = claims.group(&key);
                    known.is_some_and(|known| known.spec == group.spec)
                });
            match group {
                Some(group) => claims.put(group),
                None => claims.remove(&key),
            }
            drop(claims);
            // Most often that is a status that this controller has written.
            if asks_as_before {
                owner.look_at(&keys, key);
            } else {
                owner.look(&keys, key, Look::Closely);
            }
        },
    );
    let of = (context, client);
    watch_machines(&mut watches, of, sender, glance, |shown| {
        &mut shown.machines
    });
    let facts = |vmi: &VirtualMachineInstance| Listed::from(vmi);
    watch_machines(&mut watches, of, sender, facts, |shown| {
        &mut shown.instances
    });
    watches
}

/// Everything a decision looks at, so two that are equal need no second look. Which version it was read in is no part
/// of it.
fn glance(vm: &VirtualMachine) -> Listed<Machine> {
    let mut glance = Listed::from(vm);
    glance.facts.version.resource_version.clear();
    glance
}

/// What changes in a machine concerns the groups that claim it, unless nothing that a decision looks at has changed.
fn watch_machines<K, Facts>(
    watches: &mut Watches,
    (context, client): (&Arc<Context>, &Client),
    sender: &UnboundedSender<Key>,
    facts: impl Fn(&K) -> Listed<Facts> + Send + 'static,
    all: fn(&mut Shown) -> &mut All<Listed<Facts>>,
) where
    K: Resource<DynamicType = ()> + DeserializeOwned + Send + 'static,
    Facts: PartialEq + Send + 'static,
{
    let machines = all_of::<K>(client, None);
    let (owner, keys) = (Arc::clone(context), sender.clone());
    let name = format!("{}s on {}", K::kind(&()), context.site);
    let see = move |seen: Seen| {
        let machine = Key::of(seen.object());
        let read = seen.object().read::<K>();
        let labels = match &read {
            Ok(understood) => understood.meta().labels.clone(),
            Err(invalid) => invalid.metadata.labels.clone(),
        };
        let read = read.ok().as_ref().map(&facts);
        let is_news = match seen {
            Seen::Gone(_) => {
                all(&mut owner.shown()).remove(&machine);
                true
            }
            // Changes may have been missed before a new start.
            Seen::Listed(_) => {
                all(&mut owner.shown()).put(machine.clone(), read);
                true
            }
            Seen::Changed(_) => all(&mut owner.shown()).put(machine.clone(), read),
        };
        if is_news {
            let claimants = owner.claims().claimants(&machine, labels.as_ref());
            for key in claimants {
                owner.look_at(&keys, key);
            }
        }
    };
    let lister = Arc::clone(context);
    watches.add_listed(name, machines, see, move |listing| {
        all(&mut lister.shown()).listing(listing);
    });
}

async fn pass(context: Arc<Context>, key: Key) -> Result<Next, PassError> {
    let look = context.looks.begins(&key);
    if let Some(next) = context.put_off(&key, look) {
        return Ok(next);
    }
    let on_the_way = look == Look::Progress;
    // Its members, as the watch shows them, need not wait for it to be read.
    let shown = context.claims().group(&key).cloned();
    let shown = shown.filter(|_| !on_the_way);
    let early = shown
        .as_ref()
        .map(|shown| fetch_machines(&context.reader, shown));
    let (found, early) = join!(
        context.reader.get::<ProtectionGroup>(&key),
        OptionFuture::from(early)
    );
    let group = match found? {
        None => {
            context.claims().remove(&key);
            context.looks.forget(&key);
            context.meter.group(&key.namespace, &key.name, None);
            return Ok(Next::Never);
        }
        Some(DeserializeGuard(Err(invalid))) => {
            context
                .performer
                .complain(Kind::ProtectionGroup, &context.site, &key, &invalid.error)
                .await?;
            let unknown = Some(CurrentState::Unknown);
            context.meter.group(&key.namespace, &key.name, unknown);
            return Ok(Next::OnChange);
        }
        Some(DeserializeGuard(Ok(group))) => group,
    };
    let progress = on_the_way
        .then(|| context.decide_on_shown(group.clone()))
        .flatten()
        .filter(only_reports_progress);
    let decision = if let Some(decision) = progress {
        context.looks.reports(&key, Instant::now());
        decision
    } else {
        let early = early.filter(|_| shown.is_some_and(|shown| shown.spec == group.spec));
        let machines = match early {
            Some(machines) => machines,
            None => fetch_machines(&context.reader, &group).await,
        };
        context.decide(group.clone(), machines.map_err(|error| chain(&error)))
    };
    let mut known = group.clone();
    known.status = Some(decision.status.clone());
    let state = decision.status.current_state.unwrap_or_default();
    context.meter.group(&key.namespace, &key.name, Some(state));
    let performed = context
        .performer
        .decision(&context.site, group, decision)
        .await?;
    if let Some(version) = performed.written {
        known.metadata.resource_version = Some(version);
        context.claims().wrote(known);
    }
    context
        .scribe
        .tell(performed.events, (context.now)(), false);
    Ok(performed.next)
}

/// The machines that the group names or selects, and the instances of the same names.
async fn fetch_machines(
    reader: &Reader,
    group: &ProtectionGroup,
) -> Result<MachineLists, ReadError> {
    let named = named_members(group);
    let (mut machines, mut instances, selected) = try_join!(
        reader.find_each::<VirtualMachine>(&named),
        reader.find_each::<VirtualMachineInstance>(&named),
        selected(reader, group),
    )?;
    let others = added(&mut machines, selected, &named);
    instances.extend(reader.find_each::<VirtualMachineInstance>(&others).await?);
    Ok(MachineLists {
        machines: machines.iter().map(listed).collect(),
        instances: instances.iter().map(listed).collect(),
    })
}

fn listed<K, Facts>(object: &K) -> Arc<Listed<Facts>>
where
    Listed<Facts>: for<'a> From<&'a K>,
{
    Arc::new(object.into())
}

/// Adds the machines that a group selects to those that it names, and returns the keys of the members that it does not
/// name.
pub(crate) fn added(
    machines: &mut Vec<VirtualMachine>,
    selected: Vec<VirtualMachine>,
    named: &[Key],
) -> Vec<Key> {
    machines.extend(selected);
    machines.sort_by_key(Key::of);
    machines.dedup_by_key(|machine| Key::of(machine));
    let others = machines.iter().map(Key::of);
    others.filter(|key| !named.contains(key)).collect()
}

/// The machines that a group's selector selects. A selector without terms selects nothing.
pub(crate) async fn selected(
    reader: &Reader,
    group: &ProtectionGroup,
) -> Result<Vec<VirtualMachine>, ReadError> {
    let Some(selector) = &group.spec.selector else {
        return Ok(Vec::new());
    };
    let terms = selector.match_labels.iter().flatten().count()
        + selector.match_expressions.iter().flatten().count();
    // A term with an operator unknown to kube selects nothing, as the decision has it.
    let Ok(selector) = Selector::try_from(selector.clone()) else {
        return Ok(Vec::new());
    };
    if terms == 0 {
        return Ok(Vec::new());
    }
    let namespace = group.namespace().unwrap_or_default();
    reader
        .list::<VirtualMachine>(&namespace, &ListParams::default().labels_from(&selector))
        .await
}

/// The other groups that claim, or may claim, a member. Notes the members for the watches.
fn rivals(
    claims: &mut Claims,
    group: &ProtectionGroup,
    lists: &MachineLists,
) -> Vec<ProtectionGroup> {
    let own = Key::of(group);
    let mut members = named_members(group);
    let mut others = BTreeSet::new();
    for member in &members {
        others.extend(claims.claimants(member, None));
    }
    for machine in &lists.machines {
        let key = Key::new(&machine.namespace, &machine.name);
        others.extend(claims.claimants(&key, machine.labels.as_ref()));
        members.push(key);
    }
    claims.found_members(&own, &members);
    others.remove(&own);
    others
        .iter()
        .filter_map(|key| claims.group(key).cloned())
        .collect()
}

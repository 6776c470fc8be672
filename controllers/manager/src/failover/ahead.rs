//! What a pass asks of a site before it knows that it needs it, so that it need not wait twice.
//!
//! Everything here is read live, within the pass that uses it, as what is asked for later is. What was known before
//! only says what to ask for: a wrong guess costs a request, and what was not guessed is asked for afterwards.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::OptionFuture;
use futures::join;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Node, PersistentVolumeClaim};
use kube::Resource;
use kube::api::ListParams;
use serde::de::DeserializeOwned;
use siterecovery_api::kubevirt::{VirtualMachine, VirtualMachineInstance};
use siterecovery_api::{DesiredState, Failover, ProtectionGroup, ProtectionGroupSpec, SiteName};
use siterecovery_decide::facts::GroupFacts;

use super::need::{Need, Seen};
use crate::claims::members_named_by;
use crate::key::Key;
use crate::reader::{ReadError, Reader};

/// What the watches have shown of the groups, and what was found behind them.
#[derive(Debug, Default)]
pub(super) struct Shown {
    groups: BTreeMap<(SiteName, Key), ShownGroup>,
}

/// What a failover waits for in a group, and what it consists of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ShownGroup {
    pub(super) settled: bool,
    pub(super) spec: ProtectionGroupSpec,
    /// The claims behind its members' disks, as the last pass found them.
    claims: Vec<Key>,
}

impl Shown {
    /// A watch shows a group, or that there is none that can be understood. Gives what it showed before, and now.
    pub(super) fn put(
        &mut self,
        place: (SiteName, Key),
        group: Option<&ProtectionGroup>,
    ) -> (Option<ShownGroup>, Option<ShownGroup>) {
        let Some(group) = group else {
            return (self.groups.remove(&place), None);
        };
        let facts = GroupFacts::of(group);
        let before = self.groups.get(&place).cloned();
        let now = ShownGroup {
            settled: facts.has_settled_as(facts.desired),
            spec: group.spec.clone(),
            claims: before
                .as_ref()
                .map_or_else(Vec::new, |before| before.claims.clone()),
        };
        self.groups.insert(place, now.clone());
        (before, Some(now))
    }

    /// A pass found these claims behind the disks of a group's members.
    pub(super) fn found_claims(&mut self, place: &(SiteName, Key), claims: &[Key]) {
        if let Some(group) = self.groups.get_mut(place)
            && group.claims != claims
        {
            group.claims = claims.to_vec();
        }
    }

    pub(super) fn get(&self, site: &str, group: &Key) -> Option<ShownGroup> {
        self.groups.get(&(site.to_owned(), group.clone())).cloned()
    }
}

/// What to ask of one site.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Guess {
    nodes: bool,
    /// The namespace whose groups to list.
    groups: Option<String>,
    machines: Vec<Key>,
    instances: Vec<Key>,
    claims: Vec<Key>,
}

/// What the reads of a pass will probably show, from what is known of its Failover and of the two copies of its group.
pub(super) fn expected(
    failover: &Failover,
    (source, target): (Option<&ShownGroup>, Option<&ShownGroup>),
) -> Seen {
    let settled = |group: &ShownGroup, state| group.settled && group.spec.desired_state == state;
    let status = failover.status.as_ref();
    Seen {
        // The lock is taken right after that is stored. Who only looks around after it is stored cannot miss a failover
        // that looks around at the same time.
        holds_lock: status.is_some_and(|status| {
            status
                .step(siterecovery_api::StepName::AcquireLock)
                .is_some()
        }),
        target_asked: target.map(|group| group.spec.desired_state),
        target_answers: true,
        target_runs: target.is_some_and(|group| settled(group, DesiredState::Running)),
        source_answers: true,
        source_not_stopped: source.is_some_and(|group| !settled(group, DesiredState::Stopped)),
    }
}

impl Guess {
    /// Whether it asks for all groups of a namespace.
    pub(super) fn lists_groups(&self) -> bool {
        self.groups.is_some()
    }

    /// What a pass with this need will ask of a site that runs machines.
    pub(super) fn of(need: Need, is_target: bool, group: &Key, shown: Option<&ShownGroup>) -> Self {
        let Some(shown) = shown.filter(|_| need.instances) else {
            return Self::default();
        };
        let members = members_named_by(&group.namespace, &shown.spec);
        let machines = need.storage || (need.machines && is_target);
        Self {
            nodes: need.nodes && is_target,
            groups: (need.neighbours && is_target).then(|| group.namespace.clone()),
            machines: if machines {
                members.clone()
            } else {
                Vec::new()
            },
            claims: if need.storage {
                shown.claims.clone()
            } else {
                Vec::new()
            },
            instances: members,
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    pub(super) nodes: Option<Vec<Node>>,
    pub(super) groups: Option<(Vec<ProtectionGroup>, Vec<Key>)>,
    pub(super) machines: Asked<VirtualMachine>,
    pub(super) instances: Asked<VirtualMachineInstance>,
    pub(super) claims: Asked<PersistentVolumeClaim>,
    /// The claims that the pass turned out to need.
    pub(super) disks: Vec<Key>,
}

impl Ahead {
    /// Asks for all of it at once. What is not answered is as if nobody had asked.
    pub(super) async fn ask(reader: &Reader, guess: Guess) -> Self {
        let everything = ListParams::default();
        let nodes = guess.nodes.then(|| reader.list_all::<Node>(&everything));
        let groups = guess.groups.as_ref();
        let groups = groups.map(|namespace| reader.list_guarded::<ProtectionGroup>(namespace));
        let (nodes, groups, machines, instances, claims) = join!(
            OptionFuture::from(nodes),
            OptionFuture::from(groups),
            Asked::ask(reader, guess.machines),
            Asked::ask(reader, guess.instances),
            Asked::ask(reader, guess.claims),
        );
        Self {
            nodes: nodes.and_then(Result::ok),
            groups: groups.and_then(Result::ok),
            machines,
            instances,
            claims,
            disks: Vec::new(),
        }
    }
}

/// Objects that were asked for by name, and those of them that there are.
#[derive(Debug)]
pub(super) struct Asked<K> {
    keys: BTreeSet<Key>,
    found: BTreeMap<Key, K>,
}

impl<K> Default for Asked<K> {
    fn default() -> Self {
        Self {
            keys: BTreeSet::new(),
            found: BTreeMap::new(),
        }
    }
}

impl<K> Asked<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    async fn ask(reader: &Reader, keys: Vec<Key>) -> Self {
        match reader.find_each::<K>(&keys).await {
            Ok(found) => Self {
                keys: keys.into_iter().collect(),
                found: found
                    .into_iter()
                    .map(|object| (Key::of(&object), object))
                    .collect(),
            },
            Err(_) => Self::default(),
        }
    }

    /// The objects of these names that there are, in that order: those that were asked for already, and the others now.
    pub(super) async fn get_each(
        &mut self,
        reader: &Reader,
        keys: &[Key],
    ) -> Result<Vec<K>, ReadError> {
        let unasked: Vec<Key> = keys
            .iter()
            .filter(|key| !self.keys.contains(key))
            .cloned()
            .collect();
        for object in reader.find_each::<K>(&unasked).await? {
            self.found.insert(Key::of(&object), object);
        }
        Ok(keys
            .iter()
            .filter_map(|key| self.found.remove(key))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use siterecovery_api::time::micro_time;
    use siterecovery_api::{
        FailoverSpec, FailoverStatus, FailoverStep, GroupMember, StepName, StepState,
    };

    use super::*;

    fn shown(desired_state: DesiredState, settled: bool) -> ShownGroup {
        let member = GroupMember {
            name: "vm".to_owned(),
            namespace: None,
        };
        ShownGroup {
            settled,
            spec: ProtectionGroupSpec {
                desired_state,
                virtual_machines: vec![member],
                selector: None,
            },
            claims: vec![Key::new("ns", "disk")],
        }
    }

    fn failover(steps: &[StepName]) -> Failover {
        let spec = FailoverSpec {
            protection_group: "pg-a".to_owned(),
            target_cluster: "dr".to_owned(),
            force: false,
            timeouts: None,
        };
        let mut failover = Failover::new("f", spec);
        let step = |name: &StepName| FailoverStep {
            name: *name,
            state: StepState::Succeeded,
            started_at: micro_time(jiff::Timestamp::UNIX_EPOCH),
            finished_at: None,
            retried_at: None,
            message: None,
        };
        failover.status = Some(FailoverStatus {
            steps: steps.iter().map(step).collect(),
            ..FailoverStatus::default()
        });
        failover
    }

    fn guess(steps: &[StepName], source: &ShownGroup, is_target: bool) -> Guess {
        let target = shown(DesiredState::Stopped, true);
        let failover = failover(steps);
        let need = Need::of(
            &failover,
            expected(&failover, (Some(source), Some(&target))),
        );
        let here = if is_target { &target } else { source };
        Guess::of(need, is_target, &Key::new("ns", "pg-a"), Some(here))
    }

    #[test]
    fn nobody_looks_around_before_the_announcement_is_stored() {
        let running = shown(DesiredState::Running, true);
        assert_eq!(guess(&[], &running, true).groups, None);
        let announced = [StepName::Validate, StepName::AcquireLock];
        let after = guess(&announced, &running, true);
        assert_eq!(after.groups.as_deref(), Some("ns"));
        assert_eq!(
            guess(&announced, &running, false).groups,
            None,
            "only on the target"
        );
    }

    #[test]
    fn a_source_that_has_stopped_is_asked_for_its_disks_too() {
        let moving = [
            StepName::Validate,
            StepName::AcquireLock,
            StepName::LocateGroup,
            StepName::SafetyCheck,
            StepName::ClearTaints,
        ];
        let stopping = guess(&moving, &shown(DesiredState::Stopped, false), false);
        assert!(stopping.claims.is_empty() && stopping.machines.is_empty());
        assert_eq!(stopping.instances, [Key::new("ns", "vm")]);
        let stopped = guess(&moving, &shown(DesiredState::Stopped, true), false);
        assert_eq!(stopped.claims, [Key::new("ns", "disk")]);
        assert_eq!(stopped.machines, [Key::new("ns", "vm")]);
    }

    #[test]
    fn of_a_group_that_nothing_is_known_of_nothing_is_asked() {
        let failover = failover(&[]);
        let need = Need::of(&failover, expected(&failover, (None, None)));
        let group = Key::new("ns", "pg-a");
        assert_eq!(Guess::of(need, true, &group, None), Guess::default());
    }
}

//! Brings a scenario's `given` about, and moves groups back.
//!
//! Groups that do not exist are made on the simulated world; groups that do are moved by the product itself,
//! so that what a suite's earlier chapters left stays a history that really happened.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use indexmap::IndexMap;
use k8s_openapi::api::core::v1::Node;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use serde_json::json;
use sitedrill_engine::{CommandOutcome, Fixture, Operator, TargetError};
use sitedrill_model::scenario::{Given, GivenGroup, GivenState};
use sitedrill_world::{GroupSpec, World};
use siterecovery_api::names::DEFAULT_TAINT_KEYS;
use siterecovery_api::protection_group::GroupMember;
use siterecovery_api::{CurrentState, DesiredState, ProtectionGroup, ProtectionGroupSpec};

/// The longest time that preparing or returning one group may take, in the time of the sites.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

/// The name under which the fixture acts.
const ACTOR: &str = "fixture";

/// The fixture of one set of sites.
pub struct LabFixture {
    /// The simulated far side.
    pub world: Arc<World>,
    /// Clients of the workload sites, by canonical name.
    pub workload: IndexMap<String, Client>,
    /// The namespace of groups.
    pub namespace: String,
    /// Moves groups.
    pub operator: Arc<dyn Operator>,
}

#[async_trait]
impl Fixture for LabFixture {
    async fn ensure(&self, given: &Given) -> Result<Vec<String>, TargetError> {
        let mut done = Vec::new();
        for site in self
            .workload
            .keys()
            .filter(|site| !given.taints.contains_key(*site))
        {
            if self.has_quorum_taints(site).await? {
                self.world
                    .clear_taints(site)
                    .await
                    .map_err(because("clear taints", site))?;
                done.push(format!("cleared quorum taints on {site}"));
            }
        }
        for (name, group) in &given.groups {
            done.extend(self.ensure_group(name, group).await?);
        }
        for (site, keys) in &given.taints {
            self.world
                .set_taints(site, keys, false)
                .await
                .map_err(because("set taints", site))?;
            done.push(format!("set taints {} on {site}", keys.join(", ")));
        }
        Ok(done)
    }

    async fn return_group(&self, group: &str, to: &str) -> Result<String, TargetError> {
        let Some(current) = self.group(to, group).await? else {
            return Err(failure(format!(
                "return {group} to {to}: it has no ProtectionGroup there"
            )));
        };
        if state(&current) == Some(CurrentState::Running) {
            return Ok(format!("{group} already runs at {to}"));
        }
        if current.spec.desired_state == DesiredState::Running {
            self.await_state(to, group, CurrentState::Running).await?;
            return Ok(format!("{group} came to run at {to}"));
        }
        if self.runs_elsewhere(group, to).await? {
            self.fail_over(group, to).await?;
            return Ok(format!("failed {group} over to {to}"));
        }
        self.desire(to, group, DesiredState::Running).await?;
        self.await_state(to, group, CurrentState::Running).await?;
        Ok(format!("started {group} at {to}"))
    }
}

impl LabFixture {
    async fn ensure_group(
        &self,
        name: &str,
        given: &GivenGroup,
    ) -> Result<Vec<String>, TargetError> {
        let Some(existing) = self.group(&given.at, name).await? else {
            self.create_group(name, given).await?;
            let (vms, at) = (given.vms, &given.at);
            return Ok(vec![format!("created {name} with {vms} machines at {at}")]);
        };
        let vms = existing.spec.virtual_machines.len();
        if vms != given.vms as usize {
            let wanted = given.vms;
            return Err(failure(format!(
                "prepare {name}: an earlier chapter made it with {vms} machines, and this one wants {wanted}"
            )));
        }
        match given.state {
            GivenState::Running => {
                let what = self.return_group(name, &given.at).await?;
                Ok(if what.contains("already") {
                    Vec::new()
                } else {
                    vec![what]
                })
            }
            GivenState::Stopped => {
                for site in self.workload.keys() {
                    self.desire(site, name, DesiredState::Stopped).await?;
                    self.await_state(site, name, CurrentState::Stopped).await?;
                }
                Ok(vec![format!("stopped {name} everywhere")])
            }
        }
    }

    async fn create_group(&self, name: &str, given: &GivenGroup) -> Result<(), TargetError> {
        let running = given.state == GivenState::Running;
        let spec = GroupSpec {
            group: name.to_owned(),
            namespace: self.namespace.clone(),
            vms: given.vms,
            at: given.at.clone(),
            running,
        };
        self.world
            .ensure_group(spec)
            .await
            .map_err(because("make the machines of", name))?;
        for site in self.workload.keys() {
            let here = running && *site == given.at;
            let desired = if here {
                DesiredState::Running
            } else {
                DesiredState::Stopped
            };
            let group = self.new_group(name, given.vms, desired);
            self.api(site)?
                .create(&PostParams::default(), &group)
                .await
                .map_err(because("create the ProtectionGroup", name))?;
        }
        for site in self.workload.keys() {
            let here = running && *site == given.at;
            let wanted = if here {
                CurrentState::Running
            } else {
                CurrentState::Stopped
            };
            self.await_state(site, name, wanted).await?;
        }
        Ok(())
    }

    fn new_group(&self, name: &str, vms: u32, desired_state: DesiredState) -> ProtectionGroup {
        let members = (1..=vms).map(|n| GroupMember {
            name: format!("{name}-vm-{n}"),
            namespace: None,
        });
        let spec = ProtectionGroupSpec {
            desired_state,
            virtual_machines: members.collect(),
            selector: None,
        };
        let mut group = ProtectionGroup::new(name, spec);
        group.metadata.namespace = Some(self.namespace.clone());
        group
    }

    async fn runs_elsewhere(&self, group: &str, to: &str) -> Result<bool, TargetError> {
        for site in self.workload.keys().filter(|site| *site != to) {
            let there = self.group(site, group).await?;
            if there.is_some_and(|there| state(&there) != Some(CurrentState::Stopped)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn fail_over(&self, group: &str, to: &str) -> Result<(), TargetError> {
        let args = [
            "failover",
            group,
            "--to",
            to,
            "--namespace",
            &self.namespace,
        ]
        .map(str::to_owned);
        let quiet = Arc::new(|_, _: &str| ());
        let result = self.operator.pgctl(ACTOR, &args, quiet).await;
        match result.outcome {
            CommandOutcome::Done | CommandOutcome::NoOp | CommandOutcome::Forced => Ok(()),
            CommandOutcome::Refused { message, .. } | CommandOutcome::Failed { message } => {
                Err(failure(format!("fail {group} over to {to}: {message}")))
            }
        }
    }

    async fn has_quorum_taints(&self, site: &str) -> Result<bool, TargetError> {
        let nodes = Api::<Node>::all(self.client(site)?);
        let nodes = nodes
            .list(&ListParams::default())
            .await
            .map_err(because("list the nodes of", site))?;
        let taints = nodes
            .into_iter()
            .filter_map(|node| node.spec?.taints)
            .flatten();
        let mut keys = taints.map(|taint| taint.key);
        Ok(keys.any(|key| DEFAULT_TAINT_KEYS.contains(&key.as_str())))
    }

    async fn desire(
        &self,
        site: &str,
        group: &str,
        state: DesiredState,
    ) -> Result<(), TargetError> {
        let patch = Patch::Merge(json!({"spec": {"desiredState": state}}));
        self.api(site)?
            .patch(group, &PatchParams::default(), &patch)
            .await
            .map_err(because("set desiredState of", group))?;
        Ok(())
    }

    async fn await_state(
        &self,
        site: &str,
        group: &str,
        wanted: CurrentState,
    ) -> Result<(), TargetError> {
        let settled = await_condition(
            self.api(site)?,
            group,
            |object: Option<&ProtectionGroup>| {
                object.is_some_and(|object| settled_in(object, wanted))
            },
        );
        match tokio::time::timeout(PATIENCE, settled).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(because("watch the ProtectionGroup", group)(error)),
            Err(_) => {
                let seen = self.group(site, group).await?.as_ref().and_then(state);
                let seen = seen.map_or("nothing", CurrentState::as_str);
                let wanted = wanted.as_str();
                Err(failure(format!(
                    "wait for {group} to be {wanted} at {site}: it is {seen}"
                )))
            }
        }
    }

    async fn group(&self, site: &str, group: &str) -> Result<Option<ProtectionGroup>, TargetError> {
        self.api(site)?
            .get_opt(group)
            .await
            .map_err(because("read the ProtectionGroup", group))
    }

    fn api(&self, site: &str) -> Result<Api<ProtectionGroup>, TargetError> {
        Ok(Api::namespaced(self.client(site)?, &self.namespace))
    }

    fn client(&self, site: &str) -> Result<Client, TargetError> {
        let client = self.workload.get(site).cloned();
        client.ok_or_else(|| failure(format!("reach {site}: no machines run on that site")))
    }
}

fn state(group: &ProtectionGroup) -> Option<CurrentState> {
    group.status.as_ref()?.current_state
}

/// Whether the controller has seen the group as it is now, and reports this state.
fn settled_in(group: &ProtectionGroup, wanted: CurrentState) -> bool {
    let status = group.status.as_ref();
    let seen = status.and_then(|status| status.observed_generation);
    seen == group.metadata.generation && state(group) == Some(wanted)
}

fn failure(attempt: String) -> TargetError {
    TargetError {
        attempt,
        source: None,
    }
}

fn because<E: Error + Send + Sync + 'static>(
    attempt: &str,
    what: &str,
) -> impl FnOnce(E) -> TargetError {
    let attempt = format!("{attempt} {what}");
    move |source| TargetError {
        attempt,
        source: Some(Box::new(source)),
    }
}

//! What people do, done.

use std::sync::Arc;

use jiff::SignedDuration;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use pgctl::{Outcome, Transcript};
use serde_json::json;
use siterecovery_api::kubevirt::VirtualMachine;
use siterecovery_api::names::{self, DEFAULT_NAMESPACE};
use siterecovery_api::{Failover, FailoverSpec, FailoverTimeouts, ProtectionGroup};
use siterecovery_decide::Policy;

use super::Lab;
use crate::plan::{Operation, Side};

/// From where people work.
const PERSON: &str = "person@away";

type Word = Result<String, kube::Error>;

impl Lab {
    /// Does what a person does, and says in a word what came of it.
    pub(super) async fn operate(self: Arc<Self>, index: usize, operation: Operation) -> String {
        let word = match &operation {
            Operation::Order { group, to, force } => Ok(self.order(group, to, *force).await),
            Operation::Create {
                group,
                to,
                force,
                hasty,
            } => {
                let spec = spec(group, to, *force, *hasty);
                self.create(index, group, spec).await
            }
            Operation::EditSpec { group } => self.edit_spec(group).await,
            Operation::Desire {
                group,
                side,
                running,
            } => self.desire(group, *side, *running).await,
            Operation::StartMachine { group, side } => self.start_machine(group, *side).await,
            Operation::DeleteLock { group } => self.delete_lock(group).await,
            Operation::SeizeLock { group, age_seconds } => {
                self.seize_lock(group, *age_seconds).await
            }
            Operation::MakeGhost { group } => {
                let members = vec![format!("{group}-vm-1")];
                let made = self.make_group_objects(group, members, None).await;
                Ok(if made.is_ok() { "Done" } else { "Refused" }.to_owned())
            }
        };
        word.unwrap_or_else(|error| match error {
            kube::Error::Api(status) => status.reason.clone(),
            _ => "NoAnswer".to_owned(),
        })
    }

    async fn order(&self, group: &str, to: &str, force: bool) -> String {
        let sites = self.directory.sites.iter().map(|info| pgctl::Site {
            info: info.clone(),
            client: self.client(&info.name, "operator@away"),
        });
        let policy = Policy::new("pgctl");
        let now = Arc::clone(&self.now);
        let context = pgctl::Context::new(sites.collect(), policy, DEFAULT_NAMESPACE, now);
        let mut args = vec!["pgctl", "failover", group];
        let flag = format!("--to-{to}");
        args.push(&flag);
        if force {
            args.push("--force");
        }
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        let finished = pgctl::run(&args, &context, &mut Transcript::default()).await;
        match finished.outcome {
            Outcome::Done | Outcome::Printed | Outcome::AlreadyThere | Outcome::Forced => {
                "Done".to_owned()
            }
            Outcome::Refused { reason, .. } | Outcome::Failed { reason, .. } => reason,
            Outcome::Usage { .. } => "Usage".to_owned(),
            Outcome::Unreachable { .. } => "Unreachable".to_owned(),
        }
    }

    async fn create(&self, index: usize, group: &str, spec: FailoverSpec) -> Word {
        let target = self.directory.resolve(&spec.target_cluster);
        let fallback = self.directory.management_sites();
        let home = target
            .map(|site| self.directory.management_of(site))
            .or_else(|| fallback.first().copied());
        let home = home.map_or("primary", |home| home.name.as_str());
        let name = format!("fo-{group}-{index}");
        let api = self.namespaced::<Failover>(home);
        let made = Failover::new(&name, spec);
        api.create(&PostParams::default(), &made).await?;
        Ok("Done".to_owned())
    }

    async fn edit_spec(&self, group: &str) -> Word {
        for home in self.directory.management_sites() {
            let api = self.namespaced::<Failover>(&home.name);
            for failover in api.list(&ListParams::default()).await? {
                let ended = failover
                    .status
                    .as_ref()
                    .and_then(|status| status.phase)
                    .is_some_and(siterecovery_api::FailoverPhase::is_terminal);
                if ended || failover.spec.protection_group != group {
                    continue;
                }
                let patch = json!({"spec": {"force": !failover.spec.force}});
                let name = failover.metadata.name.unwrap_or_default();
                api.patch(&name, &PatchParams::default(), &Patch::Merge(patch))
                    .await?;
            }
        }
        Ok("Done".to_owned())
    }

    async fn desire(&self, group: &str, side: Side, running: bool) -> Word {
        let state = if running { "running" } else { "stopped" };
        let patch = Patch::Merge(json!({"spec": {"desiredState": state}}));
        let api = self.namespaced::<ProtectionGroup>(side.site());
        api.patch(group, &PatchParams::default(), &patch).await?;
        Ok("Done".to_owned())
    }

    async fn start_machine(&self, group: &str, side: Side) -> Word {
        let patch = Patch::Merge(json!({"spec": {"runStrategy": "Always"}}));
        let api = self.namespaced::<VirtualMachine>(side.site());
        api.patch(&format!("{group}-vm-1"), &PatchParams::default(), &patch)
            .await?;
        Ok("Done".to_owned())
    }

    async fn delete_lock(&self, group: &str) -> Word {
        for home in self.directory.lock_sites() {
            let api = self.namespaced::<Lease>(&home.name);
            let gone = api
                .delete(&names::lock_name(group), &DeleteParams::default())
                .await;
            if let Err(error) = gone
                && !matches!(&error, kube::Error::Api(status) if status.code == 404)
            {
                return Err(error);
            }
        }
        Ok("Done".to_owned())
    }

    async fn seize_lock(&self, group: &str, age_seconds: u32) -> Word {
        self.delete_lock(group).await?;
        let age = SignedDuration::from_secs(i64::from(age_seconds));
        let at = (self.now)().checked_sub(age).unwrap_or_default();
        for home in self.directory.lock_sites() {
            let lease = Lease {
                metadata: ObjectMeta {
                    name: Some(names::lock_name(group)),
                    ..ObjectMeta::default()
                },
                spec: Some(LeaseSpec {
                    holder_identity: Some("a-person".to_owned()),
                    acquire_time: Some(MicroTime(at)),
                    renew_time: Some(MicroTime(at)),
                    lease_duration_seconds: Some(names::LOCK_TTL_SECONDS),
                    lease_transitions: Some(0),
                    ..LeaseSpec::default()
                }),
            };
            let api = self.namespaced::<Lease>(&home.name);
            api.create(&PostParams::default(), &lease).await?;
        }
        Ok("Done".to_owned())
    }

    fn namespaced<K>(&self, site: &str) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        let client: Client = self.client(site, PERSON);
        Api::namespaced(client, DEFAULT_NAMESPACE)
    }
}

fn spec(group: &str, to: &str, force: bool, hasty: bool) -> FailoverSpec {
    FailoverSpec {
        protection_group: group.to_owned(),
        target_cluster: to.to_owned(),
        force,
        timeouts: hasty.then_some(FailoverTimeouts {
            clear_taints_seconds: Some(20),
            stop_source_seconds: Some(45),
            release_storage_seconds: Some(30),
            start_target_seconds: Some(90),
        }),
    }
}

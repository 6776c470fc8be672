//! The flows: how each begins, who carries it out, when it is over, and how its end looks.

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use sitedrill_apiserver::Rule;
use sitedrill_world::{Fault, StorageModel};
use siterecovery_api::kubevirt::VirtualMachine;
use siterecovery_api::names::DEFAULT_TAINT_KEYS;
use siterecovery_api::{
    CurrentState, DesiredState, Failover, FailoverSpec, FailoverTimeouts, SiteDirectory,
};
use siterecovery_manager::{Error, run_failover_controller, run_protection_group_controller};

use crate::lab::{Lab, MINUTE};

const FAILOVER: &str = "f1";

/// Something that a controller carries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// A plain failover, three sites with LINSTOR.
    Moves,
    /// A plain failover, two sites with the DRBD Operator.
    MovesBetweenTwo,
    /// A failover whose source does not let go of its storage.
    RollsBack,
    /// A forced one: taints on the target, and a neighbour that runs there.
    Forced,
    /// A failover from a source that is gone.
    SourceIsLost,
    /// That source is back.
    SourceReturns,
    /// A group is asked to stop.
    GroupStops,
    /// A group is asked to start.
    GroupStarts,
}

impl Flow {
    /// Everything up to the moment at which the controller comes.
    pub(super) async fn begin(self) -> Lab {
        let mut lab = match self {
            Self::MovesBetweenTwo => {
                Lab::bare(
                    SiteDirectory::drbd_operator(false),
                    StorageModel::DrbdOperator,
                )
                .await
            }
            _ => Lab::bare(SiteDirectory::linstor(), StorageModel::Linstor).await,
        };
        if matches!(self, Self::GroupStops | Self::GroupStarts) {
            self.begin_group(&lab).await;
            return lab;
        }
        lab.start_group_controllers();
        lab.group("pg-a", 1, "primary").await;
        match self {
            Self::RollsBack => {
                let held = Fault::VolumeHeld {
                    volume: "pvc-pg-a-vm-1-disk".to_owned(),
                    on: "primary".to_owned(),
                };
                lab.world.knobs().inject(held).expect("there is that disk");
            }
            Self::Forced => {
                lab.group("pg-b", 1, "dr").await;
                let keys = DEFAULT_TAINT_KEYS.map(str::to_owned);
                let tainted = lab.world.set_taints("dr", &keys, false).await;
                tainted.expect("dr has nodes");
            }
            Self::SourceIsLost | Self::SourceReturns => lose_primary(&lab),
            _ => {}
        }
        self.order(&lab).await;
        if self == Self::SourceReturns {
            let before = self.controller(&lab);
            tokio::select! {
                biased;
                ended = before => panic!("the controller ended by itself: {ended:?}"),
                _ = lab.ended(self.home(), FAILOVER) => {}
            }
            lab.clusters["primary"].faults().clear();
            lab.world.knobs().remove_all();
        }
        lab
    }

    async fn begin_group(self, lab: &Lab) {
        lab.place("pg-a", 2, "primary").await;
        let strategy = Patch::Merge(json!({"spec": {"runStrategy": "RerunOnFailure"}}));
        lab.api::<VirtualMachine>("primary")
            .patch("pg-a-vm-1", &PatchParams::default(), &strategy)
            .await
            .expect("the machine exists");
        let up = || async {
            let running = lab.live("primary").len() == 2;
            running.then_some(()).ok_or_else(|| "not up".to_owned())
        };
        lab.eventually(MINUTE, up).await;
        lab.desire("primary", "pg-a", DesiredState::Stopped).await;
        if self == Self::GroupStarts {
            let before = self.controller(lab);
            tokio::select! {
                biased;
                ended = before => panic!("the controller ended by itself: {ended:?}"),
                () = lab.group_is("primary", "pg-a", CurrentState::Stopped, 5 * MINUTE) => {}
            }
            lab.desire("primary", "pg-a", DesiredState::Running).await;
        }
    }

    async fn order(self, lab: &Lab) {
        let spec = FailoverSpec {
            protection_group: "pg-a".to_owned(),
            target_cluster: "dr".to_owned(),
            force: self == Self::Forced,
            timeouts: (self == Self::RollsBack).then(|| FailoverTimeouts {
                release_storage_seconds: Some(20),
                ..FailoverTimeouts::default()
            }),
        };
        lab.create(self.home(), &Failover::new(FAILOVER, spec))
            .await;
    }

    fn home(self) -> &'static str {
        if self == Self::MovesBetweenTwo {
            "dr"
        } else {
            "quorum"
        }
    }

    /// The controller that carries it out, not started yet.
    pub(super) fn controller(self, lab: &Lab) -> BoxFuture<'static, Result<(), Error>> {
        let for_ever = futures::future::pending().boxed();
        if matches!(self, Self::GroupStops | Self::GroupStarts) {
            return run_protection_group_controller(lab.group_config("primary"), for_ever);
        }
        run_failover_controller(lab.failover_config(self.home()), for_ever)
    }

    /// Waits for the end, and says how everything looks then.
    pub(super) async fn end(self, lab: &Lab) -> Value {
        match self {
            Self::GroupStops => stands(lab, CurrentState::Stopped).await,
            Self::GroupStarts => stands(lab, CurrentState::Running).await,
            Self::SourceReturns => {
                let fenced = || async {
                    let failover = lab.ended(self.home(), FAILOVER).await;
                    let status = failover.status.unwrap_or_default();
                    let fenced = status.condition("SourceFenced");
                    match fenced {
                        Some(condition) if condition.status == "True" => Ok(()),
                        other => Err(format!("{other:?}")),
                    }
                };
                lab.eventually(10 * MINUTE, fenced).await;
            }
            _ => {
                lab.ended(self.home(), FAILOVER).await;
            }
        }
        if self == Self::RollsBack {
            stands(lab, CurrentState::Running).await;
        }
        self.picture(lab)
    }

    /// What must be the same in the end. Times and names of processes are not.
    fn picture(self, lab: &Lab) -> Value {
        let mut picture = json!({});
        for site in ["primary", "dr"] {
            let objects = |group, kind| lab.clusters[site].objects(group, kind);
            let groups = objects("siterecovery.trilio.io", "protectiongroups");
            let asked: Vec<_> = groups
                .iter()
                .map(|group| json!([group["metadata"]["name"], group["spec"]["desiredState"]]))
                .collect();
            let machines = objects("kubevirt.io", "virtualmachines");
            let strategies: Vec<_> = machines
                .iter()
                .map(|vm| {
                    json!([
                        vm["metadata"]["name"],
                        vm["spec"]["runStrategy"],
                        vm["metadata"]["annotations"]
                    ])
                })
                .collect();
            let nodes = objects("", "nodes");
            let taints: Vec<_> = nodes.iter().map(|node| &node["spec"]["taints"]).collect();
            picture[site] = json!({
                "asked": asked, "machines": strategies, "live": lab.live(site), "taints": taints,
            });
        }
        if !matches!(self, Self::GroupStops | Self::GroupStarts) {
            let home = self.home();
            let failovers = lab.clusters[home].objects("siterecovery.trilio.io", "failovers");
            let status = &failovers[0]["status"];
            let named = |list: &str, fields: [&str; 3]| -> Vec<Value> {
                let list = status[list].as_array().into_iter().flatten();
                list.map(|it| json!(fields.map(|field| &it[field])))
                    .collect()
            };
            picture["failover"] = json!({
                "phase": status["phase"],
                "message": status["message"],
                "conditions": named("conditions", ["type", "status", "reason"]),
                "steps": named("steps", ["name", "state", "message"]),
                "refusal": status["refusal"]["reason"],
            });
            picture["locks"] = json!(lab.locks(home).len());
        }
        picture
    }

    /// What the end must be, so that two wrong ends that look alike are not enough.
    pub(super) fn check(self, end: &Value) {
        let live = |site: &str| end[site]["live"].as_array().map_or(0, Vec::len);
        let phase = end["failover"]["phase"].as_str();
        let condition = |name: &str| {
            let list = end["failover"]["conditions"]
                .as_array()
                .into_iter()
                .flatten();
            let mut found = list.filter(|condition| condition[0] == name);
            found.next().map(|condition| condition[1].clone())
        };
        let seen = (phase, live("primary"), live("dr"));
        match self {
            Self::Moves | Self::MovesBetweenTwo => assert_eq!(seen, (Some("Succeeded"), 0, 1)),
            Self::RollsBack => {
                assert_eq!(seen, (Some("Failed"), 1, 0));
                assert_eq!(condition("RolledBack"), Some(json!("True")));
            }
            Self::Forced => {
                assert_eq!(seen, (Some("Succeeded"), 0, 2));
                assert_eq!(condition("TaintsCleared"), Some(json!("True")));
            }
            Self::SourceIsLost | Self::SourceReturns => {
                assert_eq!((seen.0, seen.2), (Some("Succeeded"), 1));
                let back = self == Self::SourceReturns;
                let truth = if back { "True" } else { "False" };
                assert_eq!(condition("SourceFenced"), Some(json!(truth)));
                assert!(!back || seen.1 == 0, "the source is stopped");
            }
            Self::GroupStops => assert_eq!(seen, (None, 0, 0)),
            Self::GroupStarts => {
                assert_eq!(seen, (None, 2, 0));
                assert_eq!(end["primary"]["machines"][0][1], "RerunOnFailure");
            }
        }
        assert!(
            phase.is_none() || end["locks"] == 0,
            "the lock is given back"
        );
    }
}

async fn stands(lab: &Lab, state: CurrentState) {
    lab.group_is("primary", "pg-a", state, 15 * MINUTE).await;
}

fn lose_primary(lab: &Lab) {
    for node in ["primary-1", "primary-2"] {
        let down = Fault::NodeDown {
            site: "primary".to_owned(),
            node: node.to_owned(),
        };
        lab.world.knobs().inject(down).expect("there is that node");
    }
    let cut_off = Rule::cut_off().user("failover-controller");
    lab.clusters["primary"].faults().add(cut_off);
}

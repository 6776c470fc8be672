//! Sites that stay: three of them with the world and both controllers, open to kubectl and pgctl, in real time.
//!
//! In the order in which to read it:
//!
//! - [`folder`]: the folder that holds everything about them, and by its lock knows whether they still run;
//! - [`groups`]: which protection groups there are;
//! - [`files`]: what is written for kubectl and pgctl;
//! - [`journal`]: what the controllers say;
//! - [`standins`]: Deployments that say where the controllers run;
//! - [`words`]: what is printed once they are up.

pub mod files;
pub mod folder;
pub mod groups;
pub mod journal;
pub mod keeper;
pub mod standins;
pub mod words;

use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use sitedrill_engine::Fixture;
use sitedrill_model::event::TimeMode;
use sitedrill_model::scenario::{Given, GivenGroup, GivenState};
use sitedrill_model::{Failure, FailureKind, Location};
use sitedrill_sites::{Access, Door, Provider, Site};
use siterecovery_decide::Policy;
use tokio::task::JoinSet;

use crate::clock::clock;
use crate::lab::composition::{Composition, Part, Wanted, next_early_end};
use crate::lab::scratch::Scratch;
use crate::lab::{HOLDER, chain};
use crate::signals::{Shutdown, pair};
use files::Files;
use folder::Folder;
use groups::GroupName;
use journal::Journal;

/// The sites in the order in which they are shown; the first is the context that kubectl begins with.
pub const SITES: [&str; 3] = ["primary", "dr", "quorum"];

/// Where groups run when the sites come up.
const HOME: &str = "primary";

/// What is to be brought up.
#[derive(Clone, Debug)]
pub struct UpConfig {
    /// What makes the sites.
    pub provider: Provider,
    /// Where real servers keep their files while they run.
    pub scratch: Scratch,
    /// The protection groups.
    pub groups: Vec<GroupName>,
    /// How many machines each has.
    pub vms: u32,
    /// The port of the first site, the next ones following; 0 for any that are free.
    pub port: u16,
    /// Everything random comes from it.
    pub seed: u64,
}

/// One site that is up and open.
#[derive(Clone, Debug)]
pub struct OpenSite {
    /// Its canonical name, which is also that of its context.
    pub name: String,
    /// The part it plays.
    pub role: String,
    /// Its other names.
    pub aliases: Vec<String>,
    /// What it says its version is.
    pub kubernetes: String,
    /// How to come in.
    pub access: Access,
}

/// Everything there is to say once the sites are up.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Where the sites come from.
    pub provider: &'static str,
    /// The sites.
    pub sites: Vec<OpenSite>,
    /// The groups, by name.
    pub groups: Vec<String>,
    /// How many machines each has.
    pub vms: u32,
    /// The namespace of groups and failovers.
    pub namespace: String,
    /// The folder that holds the files.
    pub folder: PathBuf,
}

/// Brings the sites up, says so, and keeps them until `shutdown`. Whatever was written is gone afterwards.
///
/// # Errors
/// The environment failed: before the sites were up, or while they were.
pub fn run(
    config: &UpConfig,
    (folder, journal): (&Folder, &Journal),
    shutdown: &Shutdown,
    ready: impl FnOnce(&Ready),
) -> Result<(), String> {
    // In real time the sites may use all processors.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("failed to start a runtime: {error}"))?;
    runtime.block_on(async {
        tokio::select! {
            biased;
            result = keep(config, (folder, journal), shutdown, ready) => result.map_err(|failure| failure.message),
            // While the sites come up nobody listens for the end but this; what has been started ends by being dropped.
            () = coming_up(shutdown, folder) => Ok(()),
        }
    })
}

/// Ready when the end is asked for before the sites are up.
async fn coming_up(shutdown: &Shutdown, folder: &Folder) {
    shutdown.wait().await;
    if folder.is_ready() {
        std::future::pending::<()>().await;
    }
}

async fn keep(
    config: &UpConfig,
    (folder, journal): (&Folder, &Journal),
    shutdown: &Shutdown,
    ready: impl FnOnce(&Ready),
) -> Result<(), Failure> {
    let cleared = folder.clear_before().await;
    cleared.map_err(|error| environment(error.to_string()))?;
    let _scratch = config
        .scratch
        .make()
        .map_err(|error| environment(error.to_string()))?;
    let sites = SITES.map(str::to_owned);
    let wanted = Wanted {
        provider: &config.provider,
        scratch: config.scratch.path(),
        sites: &sites,
        policy: Policy::new(HOLDER),
        now: clock(TimeMode::Real),
        seed: config.seed,
        rbac: true,
    };
    let lab = Composition::start(wanted).await?;
    for site in &lab.sites {
        site.logs_from(standins::logs(journal, site));
    }
    let (stop, stopped) = pair();
    let mut parts = lab.start_parts(&stopped);
    for site in &lab.sites {
        let (site, namespace) = (site.clone(), lab.policy.namespace.clone());
        let wait = stopped.wait();
        parts.spawn(async move {
            tokio::select! {
                biased;
                () = wait => {}
                () = standins::end_pods(&site, &namespace) => {}
            }
            (format!("whoever ends pods on {}", site.plan.name), Ok(()))
        });
    }
    let result = tokio::select! {
        biased;
        result = open(config, folder, &lab) => result,
        failure = next_early_end(&mut parts) => Err(failure),
    };
    let result = match result {
        Ok((told, doors)) => {
            folder.set_ready();
            ready(&told);
            let ended = wait(shutdown, &mut parts).await;
            futures::future::join_all(doors.into_iter().map(Door::close)).await;
            ended
        }
        Err(failure) => Err(failure),
    };
    stop.ask();
    while parts.join_next().await.is_some() {}
    result
}

/// Waits until the end is asked for, or a part ends that must not.
async fn wait(shutdown: &Shutdown, parts: &mut JoinSet<Part>) -> Result<(), Failure> {
    tokio::select! {
        biased;
        () = shutdown.wait() => Ok(()),
        failure = next_early_end(parts) => Err(failure),
    }
}

/// Puts the groups there, opens the doors, and writes the files.
async fn open(
    config: &UpConfig,
    folder: &Folder,
    lab: &Composition,
) -> Result<(Ready, Vec<Door>), Failure> {
    let fixture = lab.fixture(Arc::new(lab.operator()));
    let prepared = fixture.ensure(&given(config)).await;
    prepared.map_err(|error| environment(chain(&error)))?;
    for site in &lab.sites {
        let made = standins::ensure(site, &lab.policy.namespace).await;
        made.map_err(|error| {
            let name = &site.plan.name;
            environment(format!(
                "failed to say on {name} where the controllers run: {error}"
            ))
        })?;
    }
    let mut doors = Vec::with_capacity(lab.sites.len());
    for (index, site) in (0_u16..).zip(&lab.sites) {
        let port = match config.port {
            0 => 0,
            first => first + index,
        };
        let door = site.open(port).await;
        doors.push(door.map_err(|error| environment(closed(port, &error)))?);
    }
    let sites = lab.sites.iter().zip(&doors).map(open_site).collect();
    let told = Ready {
        provider: config.provider.name(),
        sites,
        groups: config.groups.iter().map(ToString::to_string).collect(),
        vms: config.vms,
        namespace: lab.policy.namespace.clone(),
        folder: folder.path().to_owned(),
    };
    let files = Files::of(&told).map_err(|error| environment(chain(&error)))?;
    for file in files.all() {
        let written = folder.write(file);
        written.map_err(|error| environment(chain(&error)))?;
    }
    Ok((told, doors))
}

/// Why a site cannot be opened, and what to do where the user chose the port.
fn closed(port: u16, error: &dyn std::error::Error) -> String {
    let why = chain(error);
    if port == 0 {
        why
    } else {
        format!("{why}; choose another --port, or leave it out for ports that are free")
    }
}

/// What programs outside need to know of a site.
pub(crate) fn open_site((site, door): (&Site, &Door)) -> OpenSite {
    OpenSite {
        name: site.plan.name.clone(),
        role: site.plan.role.as_str().to_owned(),
        aliases: site.plan.aliases.clone(),
        kubernetes: site.kubernetes.clone(),
        access: door.access.clone(),
    }
}

fn given(config: &UpConfig) -> Given {
    let group = GivenGroup {
        vms: config.vms,
        at: HOME.to_owned(),
        state: GivenState::Running,
        location: Location {
            file: "--groups".to_owned(),
            line: 1,
            column: 1,
        },
    };
    let groups = config.groups.iter();
    Given {
        groups: groups
            .map(|name| (name.to_string(), group.clone()))
            .collect::<IndexMap<_, _>>(),
        ..Given::default()
    }
}

fn environment(message: String) -> Failure {
    Failure::new(FailureKind::EnvironmentFailed, message)
}

//! The command lines of the two binaries, and the wiring behind them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use futures::FutureExt;
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use siterecovery_api::names::{
    DEFAULT_NAMESPACE, DEFAULT_TAINT_KEYS, FAILOVER_MANAGER, PROTECTION_GROUP_MANAGER,
};
use siterecovery_api::{SiteInfo, SiteRole};
use siterecovery_decide::Policy;
use tokio::sync::watch;

use crate::config::{
    FailoverControllerConfig, Now, ProtectionGroupControllerConfig, Site, Storage,
};
use crate::directory::client;
use crate::service::health::Health;
use crate::service::metrics::Metrics;
use crate::service::rotation::Rotation;
use crate::service::{Candidate, Service, stopped};
use crate::storage::LinstorClient;
use crate::{run_failover_controller_metered, run_protection_group_controller_metered, telemetry};

/// What both controllers are told.
#[derive(Debug, Clone, clap::Args)]
pub struct CommonArgs {
    /// The namespace of the groups, failovers, locks and kubeconfig Secrets.
    #[arg(long, env = "NAMESPACE", default_value = DEFAULT_NAMESPACE)]
    pub namespace: String,
    /// Kubeconfig of the site this runs in. Default: `KUBECONFIG`, then the pod's service account.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
    /// The name of the site this runs in.
    #[arg(long, env = "SITE_NAME")]
    pub site: String,
    /// Seed of the jitter between retries. Default: derived from this process's identity.
    #[arg(long, env = "SEED")]
    pub seed: Option<u64>,
    /// Address of `/livez`, `/readyz` and `/metrics`; `none` for nowhere.
    #[arg(long, env = "HTTP_LISTEN", default_value = "0.0.0.0:8080", value_parser = listen_address)]
    pub http_listen: Listen,
    /// Act without asking whether another process does. Only where there can be no other.
    #[arg(long, env = "NO_LEADER_ELECTION")]
    pub no_leader_election: bool,
    /// How the log is written.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: telemetry::LogFormat,
    /// Who this process is, as locks and Events name it. Default: the pod's name.
    #[arg(long, env = "POD_NAME")]
    pub identity: Option<String>,
}

/// Where to serve health and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

fn listen_address(text: &str) -> Result<Listen, String> {
    if text == "none" {
        return Ok(Listen(None));
    }
    let address = text.parse().map_err(|_| {
        format!("{text} is no address and port such as 0.0.0.0:8080; `none` serves nothing")
    })?;
    Ok(Listen(Some(address)))
}

/// Drives the virtual machines of each protection group on its site to the group's desired state.
#[derive(Debug, Clone, Parser)]
#[command(name = "protection-group-controller", version)]
pub struct ProtectionGroupArgs {
    #[expect(
        missing_docs,
        reason = "a doc here would replace the command's own help"
    )]
    #[command(flatten)]
    pub common: CommonArgs,
    /// Look at the groups of all namespaces, not only of `--namespace`.
    #[arg(long, env = "ALL_NAMESPACES")]
    pub all_namespaces: bool,
}

/// Carries out Failovers: moves protection groups from site to site.
#[derive(Debug, Clone, Parser)]
#[command(name = "failover-controller", version)]
pub struct FailoverArgs {
    #[expect(
        missing_docs,
        reason = "a doc here would replace the command's own help"
    )]
    #[command(flatten)]
    pub common: CommonArgs,
    /// Address of the LINSTOR controller, such as `http://linstor-controller:3370`.
    /// Without it, storage is read from the DRBD Operator's `DRBDVolume` objects on each site.
    #[arg(long, env = "LINSTOR_URL")]
    pub linstor_url: Option<http::Uri>,
    /// A quorum taint that a failover removes from the target's nodes; may be given several times.
    #[arg(long = "taint-key", env = "TAINT_KEYS", value_delimiter = ',', default_values = DEFAULT_TAINT_KEYS)]
    pub taint_keys: Vec<String>,
}

/// The whole of `protection-group-controller`.
pub async fn protection_group_controller(args: ProtectionGroupArgs) -> ExitCode {
    telemetry::init(args.common.log_format);
    report(run_protection_groups(args).await)
}

/// The whole of `failover-controller`.
pub async fn failover_controller(args: FailoverArgs) -> ExitCode {
    telemetry::init(args.common.log_format);
    report(run_failovers(args).await)
}

async fn run_protection_groups(args: ProtectionGroupArgs) -> anyhow::Result<()> {
    let common = args.common;
    let policy = policy(&common, PROTECTION_GROUP_MANAGER);
    let client = home_client(&common).await?;
    let service = service(&common, &policy, (PROTECTION_GROUP_MANAGER, &client));
    service.listen(common.http_listen.0).await?;
    let stop = terminated()?;
    let info = SiteInfo {
        name: common.site.clone(),
        role: SiteRole::Primary,
        aliases: Vec::new(),
    };
    let config = ProtectionGroupControllerConfig {
        site: Site { info, client },
        namespace: (!args.all_namespaces).then(|| common.namespace.clone()),
        now: system_clock(),
        seed: seed(&common, &policy),
        policy,
        gate: None,
    };
    let (meter, end) = (Arc::clone(&service.metrics), stopped(stop.clone()).boxed());
    let controller = || run_protection_group_controller_metered(config, meter, end);
    service.lead(stop, controller).await
}

async fn run_failovers(args: FailoverArgs) -> anyhow::Result<()> {
    let common = args.common;
    let mut policy = policy(&common, FAILOVER_MANAGER);
    policy.taint_keys = args.taint_keys;
    let home_client = home_client(&common).await?;
    let service = service(&common, &policy, (FAILOVER_MANAGER, &home_client));
    service.listen(common.http_listen.0).await?;
    let storage = match &args.linstor_url {
        Some(url) => Storage::Linstor(
            LinstorClient::from_url(url).context("the storage layer is not known")?,
        ),
        None => Storage::DrbdOperator,
    };
    let terminated = terminated()?;
    let about = (service.health.clone(), system_clock());
    let mut rotation = Rotation::new(&common.site, home_client, &common.namespace, about);
    let sites = tokio::select! {
        biased;
        () = stopped(terminated.clone()) => return Ok(()),
        sites = rotation.sites() => sites,
    };
    let stop = stop_with(terminated, rotation.follow());
    let config = FailoverControllerConfig {
        home: common.site.clone(),
        sites,
        storage,
        now: system_clock(),
        seed: seed(&common, &policy),
        policy,
        gate: None,
    };
    let (meter, end) = (Arc::clone(&service.metrics), stopped(stop.clone()).boxed());
    let controller = || run_failover_controller_metered(config, meter, end);
    service.lead(stop, controller).await
}

fn service(common: &CommonArgs, policy: &Policy, (program, client): (&str, &Client)) -> Service {
    let candidate = Candidate {
        client: client.clone(),
        namespace: &common.namespace,
        program,
        identity: &policy.identity,
        now: system_clock(),
    };
    Service {
        metrics: Arc::new(Metrics::new()),
        health: Health::default(),
        election: (!common.no_leader_election).then(|| candidate.enter()),
    }
}

fn policy(common: &CommonArgs, program: &str) -> Policy {
    let identity = common
        .identity
        .clone()
        .unwrap_or_else(|| format!("{program}-{}", std::process::id()));
    let mut policy = Policy::new(&identity);
    policy.namespace.clone_from(&common.namespace);
    policy
}

/// Two replicas should not retry in step, so the default seed differs between processes.
fn seed(common: &CommonArgs, policy: &Policy) -> u64 {
    common
        .seed
        .unwrap_or_else(|| crate::backoff::mix(0, &policy.identity))
}

async fn home_client(common: &CommonArgs) -> anyhow::Result<Client> {
    let config = match &common.kubeconfig {
        Some(path) => {
            let read = Kubeconfig::read_from(path)
                .with_context(|| format!("failed to read {}", path.display()))?;
            Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
                .await
                .with_context(|| format!("failed to use {}", path.display()))?
        }
        None => Config::infer()
            .await
            .context("failed to find a kubeconfig or a service account")?,
    };
    client(config).context("failed to make a client for this site")
}

/// Turns true at SIGTERM or Ctrl-C.
fn terminated() -> anyhow::Result<watch::Receiver<bool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    let (sender, stop) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            biased;
            _ = term.recv() => tracing::info!(signal = "SIGTERM", "shutting down"),
            _ = interrupt.recv() => tracing::info!(signal = "SIGINT", "shutting down"),
        }
        sender.send_replace(true);
    });
    Ok(stop)
}

/// Turns true with `stop`, or when `other` ends.
fn stop_with(
    stop: watch::Receiver<bool>,
    other: impl Future<Output = ()> + Send + 'static,
) -> watch::Receiver<bool> {
    let (sender, either) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = stopped(stop) => {}
            () = other => {}
        }
        sender.send_replace(true);
    });
    either
}

fn system_clock() -> Now {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of the controllers that reads the machine's clock"
    )]
    Arc::new(Timestamp::now)
}

fn report(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %telemetry::chain(error.as_ref()), "the controller failed");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn both_command_lines_are_consistent() {
        ProtectionGroupArgs::command().debug_assert();
        FailoverArgs::command().debug_assert();
    }
}

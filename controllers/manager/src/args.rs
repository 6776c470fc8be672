//! The command lines of the two binaries, and the wiring behind them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use siterecovery_api::names::{DEFAULT_NAMESPACE, DEFAULT_TAINT_KEYS};
use siterecovery_api::{SiteInfo, SiteRole};
use siterecovery_decide::Policy;

use crate::config::{
    FailoverControllerConfig, Now, ProtectionGroupControllerConfig, Site, Storage,
};
use crate::directory::{client, read_sites};
use crate::storage::LinstorClient;
use crate::{run_failover_controller, run_protection_group_controller, telemetry};

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
    /// Who this process is, as locks and Events name it. Default: the pod's name.
    #[arg(long, env = "POD_NAME")]
    pub identity: Option<String>,
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
    telemetry::init();
    report(run_protection_groups(args).await)
}

/// The whole of `failover-controller`.
pub async fn failover_controller(args: FailoverArgs) -> ExitCode {
    telemetry::init();
    report(run_failovers(args).await)
}

async fn run_protection_groups(args: ProtectionGroupArgs) -> anyhow::Result<()> {
    let common = args.common;
    let policy = policy(&common, "protection-group-controller");
    let info = SiteInfo {
        name: common.site.clone(),
        role: SiteRole::Primary,
        aliases: Vec::new(),
    };
    let config = ProtectionGroupControllerConfig {
        site: Site {
            info,
            client: home_client(&common).await?,
        },
        namespace: (!args.all_namespaces).then(|| common.namespace.clone()),
        now: system_clock(),
        seed: seed(&common, &policy),
        policy,
        gate: None,
    };
    run_protection_group_controller(config, terminated()?)
        .await
        .context("the controller stopped")
}

async fn run_failovers(args: FailoverArgs) -> anyhow::Result<()> {
    let common = args.common;
    let mut policy = policy(&common, "failover-controller");
    policy.taint_keys = args.taint_keys;
    let home_client = home_client(&common).await?;
    let sites = read_sites(&common.site, &home_client, &common.namespace)
        .await
        .context("the sites are not known")?;
    let storage = match &args.linstor_url {
        Some(url) => Storage::Linstor(
            LinstorClient::from_url(url).context("the storage layer is not known")?,
        ),
        None => Storage::DrbdOperator,
    };
    let config = FailoverControllerConfig {
        home: common.site.clone(),
        sites,
        storage,
        now: system_clock(),
        seed: seed(&common, &policy),
        policy,
        gate: None,
    };
    run_failover_controller(config, terminated()?)
        .await
        .context("the controller stopped")
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

/// Ends at SIGTERM or Ctrl-C.
fn terminated() -> anyhow::Result<BoxFuture<'static, ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    let wait = async move {
        tokio::select! {
            biased;
            _ = term.recv() => tracing::info!(signal = "SIGTERM", "shutting down"),
            _ = interrupt.recv() => tracing::info!(signal = "SIGINT", "shutting down"),
        }
    };
    Ok(wait.boxed())
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

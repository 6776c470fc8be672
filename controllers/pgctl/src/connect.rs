//! The binary: config file to clients, and the one place that reads the clock and the environment.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use siterecovery_api::SiteInfo;
use siterecovery_decide::Policy;

use crate::args::Args;
use crate::commands;
use crate::config::{Config, ConfigError, SiteConfig, location};
use crate::context::{Context, Site};
use crate::outcome::{Finished, Outcome};
use crate::output::{Output, Stream, Terminal, write_text};
use crate::read::chain;

/// Why the sites of a config file cannot be used. The operator's move, in each case.
#[derive(Debug, thiserror::Error)]
enum ConnectError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot use the kubeconfig of site {site} ({file})")]
    Kubeconfig {
        site: String,
        file: String,
        config: String,
        #[source]
        source: KubeconfigError,
    },
    #[error("cannot make a client for site {site}")]
    Client {
        site: String,
        #[source]
        source: kube::Error,
    },
}

/// Runs the binary on the process's own streams and gives its exit code.
pub async fn main_with(args: &[String]) -> u8 {
    let mut out = Terminal::default();
    invoke(args, &mut out).await.exit_code
}

async fn invoke(words: &[String], out: &mut (dyn Output + Send)) -> Finished {
    let args = match Args::parse(words, out) {
        Ok(args) => args,
        Err(outcome) => return outcome.finish(),
    };
    match connect(&args).await {
        Ok(context) => commands::run(&args, &context, out).await.finish(),
        Err(error) => {
            let message = chain(&error);
            write_text(out, Stream::Stderr, &format!("error: {message}"));
            if let ConnectError::Kubeconfig { site, config, .. } = &error {
                let remedy =
                    format!("Correct `kubeconfig` or `context` of site {site} in {config}");
                out.line(Stream::Stderr, &remedy);
            }
            Outcome::Usage { message }.finish()
        }
    }
}

/// Reads the config file and makes one client for each site. Nothing is asked of a site yet.
async fn connect(args: &Args) -> Result<Context, ConnectError> {
    let path_in = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let (variable, home) = (path_in("PGCTL_CONFIG"), path_in("HOME"));
    let named = args.config().map(PathBuf::as_path);
    let path = location(named, variable.as_deref(), home.as_deref())?;
    let config = Config::read(&path, home.as_deref())?;
    let mut sites = Vec::new();
    for site in &config.sites {
        sites.push(Site {
            info: SiteInfo {
                name: site.name.clone(),
                role: site.role,
                aliases: site.aliases.clone(),
            },
            client: client(site, &path).await?,
        });
    }
    let now = Arc::new(system_now);
    let mut context = Context::new(sites, Policy::new("pgctl"), config.namespace.clone(), now);
    context.config = Some(config);
    Ok(context)
}

async fn client(site: &SiteConfig, config: &Path) -> Result<kube::Client, ConnectError> {
    let failed = |source| ConnectError::Kubeconfig {
        site: site.name.clone(),
        file: site
            .kubeconfig
            .as_ref()
            .map_or("the default one".to_owned(), |file| {
                file.display().to_string()
            }),
        config: config.display().to_string(),
        source,
    };
    let kubeconfig = match &site.kubeconfig {
        Some(file) => Kubeconfig::read_from(file),
        None => Kubeconfig::read(),
    };
    let options = KubeConfigOptions {
        context: site.context.clone(),
        ..KubeConfigOptions::default()
    };
    let resolved = kube::Config::from_custom_kubeconfig(kubeconfig.map_err(&failed)?, &options);
    let resolved = resolved.await.map_err(&failed)?;
    kube::Client::try_from(resolved).map_err(|source| ConnectError::Client {
        site: site.name.clone(),
        source,
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the binary's only clock; all else takes it as a function"
)]
fn system_now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

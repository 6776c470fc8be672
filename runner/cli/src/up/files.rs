//! What is written for kubectl and pgctl: kubeconfigs, a config file, and the guide's commands as programs.

use std::io;

use pgctl::config::{Config, SiteConfig};
use sitedrill_sites::access::kubeconfig;

use super::{OpenSite, Ready};

/// The kubeconfig with a context for each site.
pub const KUBECONFIG: &str = "kubeconfig";

/// The config file of pgctl.
pub const PGCTL_CONFIG: &str = "pgctl.yaml";

/// The ending of kubeconfigs that know one site only, as the guide names them.
const ONE_SITE: &str = ".kubeconfig";

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// Its name in the folder.
    pub name: String,
    /// What is in it.
    pub text: String,
    /// Whether it is a program.
    pub executable: bool,
}

/// All files of one set of sites.
#[derive(Clone, Debug)]
pub struct Files(Vec<NamedFile>);

/// The path of this very program is not known, so no other can call it.
#[derive(Debug, thiserror::Error)]
#[error("failed to find the path of sitedrill itself")]
pub struct Lost(#[source] io::Error);

impl Files {
    /// The files for these sites.
    ///
    /// # Errors
    /// The path of this program is not known.
    pub fn of(ready: &Ready) -> Result<Self, Lost> {
        let program = std::env::current_exe().map_err(Lost)?;
        let program = program.display().to_string();
        let folder = ready.folder.display().to_string();
        let all: Vec<_> = ready.sites.iter().map(named).collect();
        let mut files = vec![
            plain(KUBECONFIG, kubeconfig(&all)),
            plain(PGCTL_CONFIG, pgctl_config(ready)),
            script("pgctl", &pgctl(&program, &folder)),
        ];
        let pgctl = quoted(&format!("{folder}/pgctl"));
        for name in pgctl::SCRIPTS {
            files.push(script(name, &format!("exec {pgctl} failover \"$@\"\n")));
        }
        for site in &ready.sites {
            let text = kubeconfig(&[named(site)]);
            for name in std::iter::once(&site.name).chain(&site.aliases) {
                files.push(plain(&format!("{name}{ONE_SITE}"), text.clone()));
            }
        }
        Ok(Self(files))
    }

    /// Each of them.
    pub fn all(&self) -> &[NamedFile] {
        &self.0
    }
}

/// Whether a file of this name is one that was written here.
pub fn is_ours(name: &str) -> bool {
    [KUBECONFIG, PGCTL_CONFIG, "pgctl"].contains(&name)
        || pgctl::SCRIPTS.contains(&name)
        || name.ends_with(ONE_SITE)
}

fn named(site: &OpenSite) -> (&str, &sitedrill_sites::Access) {
    (&site.name, &site.access)
}

fn plain(name: &str, text: String) -> NamedFile {
    NamedFile {
        name: name.to_owned(),
        text,
        executable: false,
    }
}

fn script(name: &str, line: &str) -> NamedFile {
    NamedFile {
        name: name.to_owned(),
        text: format!("#!/bin/sh\n{line}"),
        executable: true,
    }
}

/// pgctl is part of this program, with the config file beside it unless another is named.
fn pgctl(program: &str, folder: &str) -> String {
    let (program, config) = (quoted(program), quoted(&format!("{folder}/{PGCTL_CONFIG}")));
    format!(
        "if [ -z \"$PGCTL_CONFIG\" ]; then\n  PGCTL_CONFIG={config}\n  export PGCTL_CONFIG\nfi\nexec {program} pgctl \"$@\"\n"
    )
}

/// A word of a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn pgctl_config(ready: &Ready) -> String {
    let roles = siterecovery_api::SiteDirectory::linstor().sites;
    let role = |name: &str| {
        roles
            .iter()
            .find(|site| site.name == name)
            .map(|site| site.role)
    };
    let sites = ready.sites.iter().filter_map(|site| {
        Some(SiteConfig {
            name: site.name.clone(),
            role: role(&site.name)?,
            aliases: site.aliases.clone(),
            kubeconfig: Some(KUBECONFIG.into()),
            context: Some(site.name.clone()),
        })
    });
    let config = Config {
        namespace: ready.namespace.clone(),
        model: None,
        sites: sites.collect(),
    };
    // JSON is YAML too; every value here is a name or a path, so there is nothing that cannot be written.
    serde_json::to_string_pretty(&config).unwrap_or_default() + "\n"
}

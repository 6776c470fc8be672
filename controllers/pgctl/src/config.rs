//! The config file of the binary: which sites there are and which kubeconfig reaches each of them.
//!
//! **Invariant:** it holds names and paths, never a credential, so printing it is safe.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use siterecovery_api::names::DEFAULT_NAMESPACE;
use siterecovery_api::{DeploymentModel, SiteInfo, SiteRole};

/// A config file that a person can copy and edit.
pub const EXAMPLE: &str = "\
namespace: site-recovery
sites:
  - name: primary
    role: primary
    aliases: [cluster1]
    kubeconfig: primary.kubeconfig   # relative to this file
  - name: dr
    role: dr
    aliases: [cluster2, dr-cluster]
    kubeconfig: dr.kubeconfig
    context: dr-admin                # optional: else the file's current context
  - name: quorum                     # optional with the DRBD Operator
    role: quorum
    aliases: [quorum-cluster]
    kubeconfig: quorum.kubeconfig
";

/// What is in the config file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// The namespace of the groups and failovers.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// Which storage product replicates the volumes: `linstor` or `drbd-operator`; else `linstor`
    /// where there is a quorum site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<DeploymentModel>,
    /// The sites, each with the way to reach it.
    pub sites: Vec<SiteConfig>,
}

/// One site of the config file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SiteConfig {
    /// The canonical name.
    pub name: String,
    /// What the site is for: `primary`, `dr` or `quorum`.
    pub role: SiteRole,
    /// Other names under which people know it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The kubeconfig file; else the one kubectl would use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; else its current context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

/// Why there is no usable configuration. The operator's move, in each case.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Neither `--config` nor `PGCTL_CONFIG` nor a home folder says where to look.
    #[error(
        "cannot tell where the config file is: neither --config, PGCTL_CONFIG nor HOME is set\n\
         Name it with --config FILE"
    )]
    Nowhere,
    /// There is no file.
    #[error(
        "no config file at {path}\nCreate it, or name another with --config or PGCTL_CONFIG. \
         For example:\n\n{EXAMPLE}"
    )]
    Missing {
        /// Where it was looked for.
        path: String,
    },
    /// The file is there and cannot be read.
    #[error("cannot read the config file {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a configuration.
    #[error("the config file {path} is not valid\n{detail}")]
    Invalid {
        /// The file.
        path: String,
        /// What is wrong, with its place.
        detail: String,
    },
}

impl Config {
    /// Reads and checks a file. Relative kubeconfig paths become relative to its folder.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], with the remedy in its text.
    pub fn read(path: &Path, home: Option<&Path>) -> Result<Self, ConfigError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => ConfigError::Missing {
                path: shown.clone(),
            },
            _ => ConfigError::Unreadable {
                path: shown.clone(),
                source,
            },
        })?;
        let invalid = |detail| ConfigError::Invalid {
            path: shown.clone(),
            detail,
        };
        let mut config = Self::parse(&text).map_err(invalid)?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        for site in &mut config.sites {
            site.kubeconfig = site
                .kubeconfig
                .take()
                .map(|file| resolve(&file, folder, home));
        }
        Ok(config)
    }

    /// Reads and checks the text of a config file.
    ///
    /// # Errors
    ///
    /// What is wrong, with line and column where the text is at fault.
    pub fn parse(text: &str) -> Result<Self, String> {
        let config: Self = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        if self.sites.is_empty() {
            return Err("`sites` is empty: name at least one site".to_owned());
        }
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        let mut roles: BTreeMap<SiteRole, &str> = BTreeMap::new();
        for site in &self.sites {
            for name in std::iter::once(&site.name).chain(&site.aliases) {
                if let Some(other) = names.insert(name, &site.name) {
                    return Err(format!(
                        "the name `{name}` of site `{}` is already used by site `{other}`",
                        site.name
                    ));
                }
            }
            if let Some(other) = roles.insert(site.role, &site.name) {
                return Err(format!(
                    "the sites `{other}` and `{}` have the same role",
                    site.name
                ));
            }
        }
        Ok(())
    }

    /// The configuration that matches sites which were handed in, with no way to reach them.
    pub fn of_sites<'a>(sites: impl IntoIterator<Item = &'a SiteInfo>, namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            model: None,
            sites: sites
                .into_iter()
                .map(|site| SiteConfig {
                    name: site.name.clone(),
                    role: site.role,
                    aliases: site.aliases.clone(),
                    kubeconfig: None,
                    context: None,
                })
                .collect(),
        }
    }
}

/// Where the config file is: named on the command line, else by `PGCTL_CONFIG`, else under `home`.
///
/// # Errors
///
/// [`ConfigError::Nowhere`] where none of these is known.
pub fn location(
    named: Option<&Path>,
    variable: Option<&Path>,
    home: Option<&Path>,
) -> Result<PathBuf, ConfigError> {
    named
        .or(variable)
        .map(Path::to_owned)
        .or_else(|| home.map(|home| home.join(".config/pgctl/config.yaml")))
        .ok_or(ConfigError::Nowhere)
}

fn resolve(file: &Path, folder: &Path, home: Option<&Path>) -> PathBuf {
    match (file.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => folder.join(file),
    }
}

fn default_namespace() -> String {
    DEFAULT_NAMESPACE.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_valid_config() {
        let config = Config::parse(EXAMPLE).unwrap();
        assert_eq!(config.namespace, "site-recovery");
        assert_eq!(config.sites.len(), 3);
        assert_eq!(config.sites[1].context.as_deref(), Some("dr-admin"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error =
            Config::parse("sites:\n  - name: dr\n    role: dr\n    kubconfig: x\n").unwrap_err();
        assert!(
            error.contains("kubconfig") && error.contains("line 4"),
            "{error}"
        );
    }

    #[test]
    fn one_name_for_two_sites_is_refused() {
        let text = "sites:\n- {name: primary, role: primary, aliases: [c]}\n- {name: dr, role: dr, aliases: [c]}\n";
        let error = Config::parse(text).unwrap_err();
        assert_eq!(
            error,
            "the name `c` of site `dr` is already used by site `primary`"
        );
    }

    #[test]
    fn one_role_for_two_sites_is_refused() {
        let error =
            Config::parse("sites:\n- {name: a, role: dr}\n- {name: b, role: dr}\n").unwrap_err();
        assert_eq!(error, "the sites `a` and `b` have the same role");
    }

    #[test]
    fn kubeconfig_paths_are_relative_to_the_config_file_or_the_home_folder() {
        let (folder, home) = (Path::new("/etc/pgctl"), Path::new("/home/op"));
        let resolved = |file| resolve(Path::new(file), folder, Some(home));
        assert_eq!(
            resolved("dr.kubeconfig"),
            Path::new("/etc/pgctl/dr.kubeconfig")
        );
        assert_eq!(
            resolved("~/dr.kubeconfig"),
            Path::new("/home/op/dr.kubeconfig")
        );
        assert_eq!(resolved("/srv/dr"), Path::new("/srv/dr"));
    }

    #[test]
    fn a_file_named_on_the_line_wins_over_the_variable_and_the_home_folder() {
        let (flag, variable, home) = (Path::new("a"), Path::new("b"), Path::new("h"));
        let found = |flag, variable, home| location(flag, variable, home).unwrap();
        assert_eq!(found(Some(flag), Some(variable), Some(home)), flag);
        assert_eq!(found(None, Some(variable), Some(home)), variable);
        assert_eq!(
            found(None, None, Some(home)),
            Path::new("h/.config/pgctl/config.yaml")
        );
        assert!(matches!(
            location(None, None, None),
            Err(ConfigError::Nowhere)
        ));
    }
}

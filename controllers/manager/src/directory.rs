//! Which sites there are and how to reach them, read from kubeconfig Secrets.
//!
//! Each Secret with the label `siterecovery.trilio.io/site` opens one site:
//!
//! ```yaml
//! metadata:
//!   labels:
//!     siterecovery.trilio.io/site: dr        # canonical name
//!     siterecovery.trilio.io/role: dr        # primary, dr or quorum
//!   annotations:
//!     siterecovery.trilio.io/aliases: cluster2,dr-cluster
//! data:
//!   kubeconfig: …                            # leave out for the site the controller runs in
//! ```
//!
//! `service::rotation` follows them: a rotated Secret takes effect with the next request.

use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Api, Client, Config};
use siterecovery_api::names::LABEL_SITE;
use siterecovery_api::{SiteInfo, SiteRole};

use crate::config::Site;

/// Label on a kubeconfig Secret: the role of the site.
pub const LABEL_ROLE: &str = "siterecovery.trilio.io/role";
/// Annotation on a kubeconfig Secret: other names of the site, separated by commas.
pub const ANNOTATION_ALIASES: &str = "siterecovery.trilio.io/aliases";
/// Key of the kubeconfig in such a Secret.
pub const KUBECONFIG_KEY: &str = "kubeconfig";

/// Why the sites could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The Secrets could not be listed.
    #[error("failed to list the kubeconfig Secrets in namespace {namespace}")]
    List {
        /// Where they were looked for.
        namespace: String,
        /// What went wrong.
        #[source]
        source: kube::Error,
    },
    /// No Secret carries the label, so there is no site to fail over to.
    #[error("failed to find a Secret with the label {LABEL_SITE} in namespace {namespace}")]
    Empty {
        /// Where they were looked for.
        namespace: String,
    },
    /// A Secret says something that cannot be used.
    #[error("failed to understand Secret {secret}: {what}")]
    Malformed {
        /// The Secret's name.
        secret: String,
        /// What is wrong with it, and what it should be.
        what: String,
    },
    /// Two Secrets name the same site.
    #[error("failed to tell sites apart: Secrets {first} and {second} both open site {site}")]
    Twice {
        /// The site.
        site: String,
        /// The Secret that was read first.
        first: String,
        /// The other one.
        second: String,
    },
    /// The kubeconfig in a Secret cannot be read.
    #[error("failed to read the kubeconfig of site {site} in Secret {secret}")]
    Kubeconfig {
        /// The site.
        site: String,
        /// The Secret's name.
        secret: String,
        /// What went wrong.
        #[source]
        source: KubeconfigError,
    },
    /// No client could be made from a kubeconfig that reads well.
    #[error("failed to make a client for site {site}")]
    Client {
        /// The site.
        site: String,
        /// What went wrong.
        #[source]
        source: kube::Error,
    },
}

impl DirectoryError {
    /// The Secret that is at fault, if it is one.
    pub fn secret(&self) -> Option<&str> {
        match self {
            Self::Malformed { secret, .. } | Self::Kubeconfig { secret, .. } => Some(secret),
            Self::Twice { second, .. } => Some(second),
            Self::List { .. } | Self::Empty { .. } | Self::Client { .. } => None,
        }
    }
}

/// The sites that the Secrets in `namespace` open, sorted by name.
///
/// The site `home` is reached through `home_client` where its Secret holds no kubeconfig.
///
/// # Errors
///
/// See [`DirectoryError`]. One unusable Secret fails the whole: a failover with a site missing
/// would be worse than none.
pub async fn read_sites(
    home: &str,
    home_client: &Client,
    namespace: &str,
) -> Result<Vec<Site>, DirectoryError> {
    let entries = read_entries(home_client, namespace).await?;
    let mut sites = Vec::with_capacity(entries.len());
    for entry in entries {
        let client = entry.client(home, home_client).await?;
        sites.push(Site {
            info: entry.info,
            client,
        });
    }
    Ok(sites)
}

/// The Secrets in `namespace` that open sites, understood, sorted by site.
pub(crate) async fn read_entries(
    home_client: &Client,
    namespace: &str,
) -> Result<Vec<Entry>, DirectoryError> {
    let secrets: Api<Secret> = Api::namespaced(home_client.clone(), namespace);
    let found = secrets
        .list(&ListParams::default().labels(LABEL_SITE))
        .await
        .map_err(|source| DirectoryError::List {
            namespace: namespace.to_owned(),
            source,
        })?;
    let mut entries = found
        .items
        .iter()
        .map(Entry::read)
        .collect::<Result<Vec<_>, _>>()?;
    entries.sort_by(|a, b| (&a.info.name, &a.secret).cmp(&(&b.info.name, &b.secret)));
    if entries.is_empty() {
        return Err(DirectoryError::Empty {
            namespace: namespace.to_owned(),
        });
    }
    for pair in entries.windows(2) {
        if pair[0].info.name == pair[1].info.name {
            let (site, first, second) = (
                pair[0].info.name.clone(),
                pair[0].secret.clone(),
                pair[1].secret.clone(),
            );
            return Err(DirectoryError::Twice {
                site,
                first,
                second,
            });
        }
    }
    Ok(entries)
}

/// One Secret, understood.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) secret: String,
    /// The site it opens.
    pub(crate) info: SiteInfo,
    /// The kubeconfig, as text.
    pub(crate) kubeconfig: Option<String>,
}

impl Entry {
    fn read(secret: &Secret) -> Result<Self, DirectoryError> {
        let name = secret.metadata.name.clone().unwrap_or_default();
        let malformed = |what: String| DirectoryError::Malformed {
            secret: name.clone(),
            what,
        };
        let labels = secret.metadata.labels.clone().unwrap_or_default();
        let site = labels.get(LABEL_SITE).filter(|site| !site.is_empty());
        let site = site.ok_or_else(|| malformed(format!("label {LABEL_SITE} is empty")))?;
        let role = match labels.get(LABEL_ROLE).map(String::as_str) {
            Some("primary") => SiteRole::Primary,
            Some("dr") => SiteRole::Dr,
            Some("quorum") => SiteRole::Quorum,
            other => {
                let found = other.unwrap_or("missing");
                return Err(malformed(format!(
                    "label {LABEL_ROLE} is {found}; give primary, dr or quorum"
                )));
            }
        };
        let aliases = secret
            .metadata
            .annotations
            .iter()
            .flatten()
            .find(|(key, _)| *key == ANNOTATION_ALIASES);
        let aliases = aliases
            .map(|(_, words)| words.split(','))
            .into_iter()
            .flatten();
        let aliases = aliases
            .map(|word| word.trim().to_owned())
            .filter(|word| !word.is_empty())
            .collect();
        let bytes = secret
            .data
            .iter()
            .flatten()
            .find(|(key, _)| *key == KUBECONFIG_KEY);
        let kubeconfig = bytes
            .map(|(_, bytes)| String::from_utf8(bytes.0.clone()))
            .transpose()
            .map_err(|_| malformed(format!("key {KUBECONFIG_KEY} is not text")))?;
        Ok(Self {
            info: SiteInfo {
                name: site.clone(),
                role,
                aliases,
            },
            secret: name,
            kubeconfig,
        })
    }

    /// A client for its site.
    pub(crate) async fn client(
        &self,
        home: &str,
        home_client: &Client,
    ) -> Result<Client, DirectoryError> {
        let Some(yaml) = &self.kubeconfig else {
            if self.info.name == home {
                return Ok(home_client.clone());
            }
            let what = format!(
                "key {KUBECONFIG_KEY} is missing; only the controller's own site can do without"
            );
            return Err(DirectoryError::Malformed {
                secret: self.secret.clone(),
                what,
            });
        };
        let unreadable = |source| DirectoryError::Kubeconfig {
            site: self.info.name.clone(),
            secret: self.secret.clone(),
            source,
        };
        let kubeconfig = Kubeconfig::from_yaml(yaml).map_err(unreadable)?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .map_err(unreadable)?;
        client(config).map_err(|source| DirectoryError::Client {
            site: self.info.name.clone(),
            source,
        })
    }
}

/// A client without kube's own retries: those have random jitter and hide how long a site has been
/// silent. A pass that failed is retried as a whole instead.
pub fn client(mut config: Config) -> Result<Client, kube::Error> {
    config.default_retry = false;
    Client::try_from(config)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::ByteString;
    use kube::api::ObjectMeta;

    use super::*;
    use crate::telemetry::chain;

    fn secret(site: &str, role: &str, kubeconfig: Option<&str>) -> Secret {
        let labels = [(LABEL_SITE, site), (LABEL_ROLE, role)];
        let annotations = [(ANNOTATION_ALIASES, "cluster2, dr-cluster")];
        let owned = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        Secret {
            metadata: ObjectMeta {
                name: Some(format!("kubeconfig-{site}")),
                labels: Some(owned(&labels)),
                annotations: Some(owned(&annotations)),
                ..ObjectMeta::default()
            },
            data: kubeconfig.map(|text| {
                BTreeMap::from([(
                    KUBECONFIG_KEY.to_owned(),
                    ByteString(text.as_bytes().to_vec()),
                )])
            }),
            ..Secret::default()
        }
    }

    #[test]
    fn a_secret_names_a_site_its_role_and_its_aliases() {
        let entry = Entry::read(&secret("dr", "dr", Some("apiVersion: v1"))).unwrap();
        let aliases = vec!["cluster2".to_owned(), "dr-cluster".to_owned()];
        assert_eq!(
            entry.info,
            SiteInfo {
                name: "dr".to_owned(),
                role: SiteRole::Dr,
                aliases
            }
        );
        assert_eq!(entry.kubeconfig.as_deref(), Some("apiVersion: v1"));
    }

    #[test]
    fn an_unknown_role_is_refused_with_the_roles_there_are() {
        let error = Entry::read(&secret("dr", "backup", None)).unwrap_err();
        assert!(
            chain(&error).contains("is backup; give primary, dr or quorum"),
            "{}",
            chain(&error)
        );
    }
}

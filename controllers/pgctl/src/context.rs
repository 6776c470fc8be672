//! What one invocation works with: the sites, the policy, the namespace and the time.

use std::sync::Arc;

use siterecovery_api::{DeploymentModel, SiteDirectory, SiteInfo};
use siterecovery_decide::Policy;

use crate::config::Config;

/// The time, as a function that is handed in: a drill hands in its virtual clock.
pub type Now = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// One site and the way to it.
#[derive(Clone)]
pub struct Site {
    /// Name, role and aliases.
    pub info: SiteInfo,
    /// A client with the operator's own rights on that site.
    pub client: kube::Client,
}

/// Everything that an invocation needs besides its arguments.
#[derive(Clone)]
pub struct Context {
    /// The sites, in the order in which they are shown.
    pub sites: Vec<Site>,
    /// The rules that the controllers decide by; the front door applies the same.
    pub policy: Policy,
    /// The namespace where `--namespace` names none.
    pub namespace: String,
    /// The time.
    pub now: Now,
    /// What `config view` shows; without one, what is known of `sites`.
    pub config: Option<Config>,
}

impl Context {
    /// A context of sites that are handed in.
    pub fn new(sites: Vec<Site>, policy: Policy, namespace: impl Into<String>, now: Now) -> Self {
        Self {
            sites,
            policy,
            namespace: namespace.into(),
            now,
            config: None,
        }
    }

    /// The sites as the controllers know them. A deployment with a quorum site counts as `linstor`
    /// unless the config file says otherwise.
    pub fn directory(&self) -> SiteDirectory {
        let sites: Vec<SiteInfo> = self.sites.iter().map(|site| site.info.clone()).collect();
        let configured = self.config.as_ref().and_then(|config| config.model);
        let has_quorum = sites.iter().any(|site| !site.runs_workloads());
        SiteDirectory {
            model: configured.unwrap_or(if has_quorum {
                DeploymentModel::Linstor
            } else {
                DeploymentModel::DrbdOperator
            }),
            sites,
        }
    }

    /// The site of that canonical name.
    pub fn site(&self, name: &str) -> Option<&Site> {
        self.sites.iter().find(|site| site.info.name == name)
    }
}

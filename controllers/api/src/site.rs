//! Sites: who they are, what they are called, and which of them manages a failover (DECISIONS 1).
//!
//! **Invariant:** what the user typed is never replaced in what the user reads. Resolving an alias
//! gives the site; the typed word stays with whoever asked.

use serde::{Deserialize, Serialize};

/// Canonical name of a site. Never an alias.
pub type SiteName = String;

/// What a site is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SiteRole {
    /// Runs workloads in normal times.
    Primary,
    /// Runs workloads when the primary cannot.
    Dr,
    /// Breaks ties and hosts the management plane. Runs no workloads.
    Quorum,
}

/// One site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteInfo {
    /// Canonical name.
    pub name: SiteName,
    /// What it is for.
    pub role: SiteRole,
    /// Other names people use for it.
    #[serde(default)]
    pub aliases: Vec<String>,
}

/// Which storage product replicates the volumes, and with it how many sites there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeploymentModel {
    /// Three sites. The quorum site is required and hosts the LINSTOR controller.
    Linstor,
    /// Two sites, and a quorum site if wanted.
    DrbdOperator,
}

/// All sites of one deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteDirectory {
    /// Which storage product.
    pub model: DeploymentModel,
    /// The sites, in the order in which they were configured.
    pub sites: Vec<SiteInfo>,
}

impl SiteInfo {
    /// A site with the aliases the guide uses for its role.
    pub fn with_guide_aliases(name: &str, role: SiteRole) -> Self {
        let aliases: &[&str] = match role {
            SiteRole::Primary => &["cluster1"],
            SiteRole::Dr => &["cluster2", "dr-cluster"],
            SiteRole::Quorum => &["quorum-cluster"],
        };
        Self {
            name: name.to_owned(),
            role,
            aliases: aliases.iter().map(|&a| a.to_owned()).collect(),
        }
    }

    /// Whether groups can run here.
    pub const fn runs_workloads(&self) -> bool {
        !matches!(self.role, SiteRole::Quorum)
    }

    fn is_called(&self, word: &str) -> bool {
        self.name == word || self.aliases.iter().any(|alias| alias == word)
    }
}

impl SiteDirectory {
    /// The guide's three sites: `primary`, `dr` and `quorum`, replicated by LINSTOR.
    pub fn linstor() -> Self {
        Self {
            model: DeploymentModel::Linstor,
            sites: vec![
                SiteInfo::with_guide_aliases("primary", SiteRole::Primary),
                SiteInfo::with_guide_aliases("dr", SiteRole::Dr),
                SiteInfo::with_guide_aliases("quorum", SiteRole::Quorum),
            ],
        }
    }

    /// Two sites under the DRBD Operator, with or without a quorum site.
    pub fn drbd_operator(with_quorum: bool) -> Self {
        let mut directory = Self {
            model: DeploymentModel::DrbdOperator,
            ..Self::linstor()
        };
        directory
            .sites
            .retain(|site| with_quorum || site.runs_workloads());
        directory
    }

    /// The site that goes by this name or alias. A canonical name wins over an alias.
    pub fn resolve(&self, word: &str) -> Option<&SiteInfo> {
        self.sites
            .iter()
            .find(|site| site.name == word)
            .or_else(|| self.sites.iter().find(|site| site.is_called(word)))
    }

    /// The site of that canonical name.
    pub fn get(&self, name: &str) -> Option<&SiteInfo> {
        self.sites.iter().find(|site| site.name == name)
    }

    /// The sites that run workloads, sorted by name.
    pub fn workload_sites(&self) -> Vec<&SiteInfo> {
        let mut sites: Vec<_> = self.sites.iter().filter(|s| s.runs_workloads()).collect();
        sites.sort_by(|a, b| a.name.cmp(&b.name));
        sites
    }

    /// The workload site a group moves away from when it moves to `target`.
    pub fn source_of(&self, target: &str) -> Option<&SiteInfo> {
        self.workload_sites().into_iter().find(|s| s.name != target)
    }

    /// The quorum site, where there is one.
    pub fn quorum(&self) -> Option<&SiteInfo> {
        self.sites.iter().find(|s| s.role == SiteRole::Quorum)
    }

    /// Where the Failover objects towards `target` live, and from where they are driven: the quorum
    /// site, or without one the target itself, so that losing the source never loses the operation.
    pub fn management_of<'a>(&'a self, target: &'a SiteInfo) -> &'a SiteInfo {
        self.quorum().unwrap_or(target)
    }

    /// The sites that can hold Failover objects: the quorum site, or without one every workload
    /// site. Sorted by name.
    pub fn management_sites(&self) -> Vec<&SiteInfo> {
        self.quorum()
            .map_or_else(|| self.workload_sites(), |quorum| vec![quorum])
    }

    /// The sites on which the lock of a group is taken, in that order (DECISIONS 4): the quorum
    /// site, or without one every workload site sorted by name.
    pub fn lock_sites(&self) -> Vec<&SiteInfo> {
        self.management_sites()
    }

    /// Every name and alias of the workload sites, sorted, for messages about an unknown site.
    pub fn target_words(&self) -> Vec<&str> {
        let mut words: Vec<_> = self
            .workload_sites()
            .into_iter()
            .flat_map(|s| {
                std::iter::once(s.name.as_str()).chain(s.aliases.iter().map(String::as_str))
            })
            .collect();
        words.sort_unstable();
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guides_words_all_resolve() {
        let sites = SiteDirectory::linstor();
        for (word, name) in [
            ("cluster1", "primary"),
            ("cluster2", "dr"),
            ("dr-cluster", "dr"),
            ("quorum-cluster", "quorum"),
            ("dr", "dr"),
        ] {
            assert_eq!(sites.resolve(word).unwrap().name, name);
        }
        assert_eq!(sites.resolve("cluster3"), None);
    }

    #[test]
    fn the_quorum_site_manages_where_there_is_one_and_the_target_where_there_is_none() {
        let three = SiteDirectory::linstor();
        assert_eq!(three.management_of(three.get("dr").unwrap()).name, "quorum");
        let two = SiteDirectory::drbd_operator(false);
        assert_eq!(two.management_of(two.get("dr").unwrap()).name, "dr");
        let locks: Vec<_> = two.lock_sites().iter().map(|s| s.name.clone()).collect();
        assert_eq!(locks, ["dr", "primary"]);
    }
}

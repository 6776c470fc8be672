//! Where a group's virtual machines live, by looking at their instances (DECISIONS 3.3).

use serde::Serialize;
use siterecovery_api::GroupLocation;

use crate::failover::SiteFacts;

/// Where a group lives, with the evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Located {
    /// In one word.
    pub location: GroupLocation,
    /// Every live copy: `vm on site`, sorted by VM.
    pub copies: Vec<String>,
}

/// A site by name, with its facts if it answered.
pub type SiteLook<'a> = (&'a str, Option<&'a SiteFacts>);

/// Finds a group. A site that does not answer hides what runs there, and then the location is
/// `unknown`.
pub fn locate(source: SiteLook<'_>, target: SiteLook<'_>) -> Located {
    let live = |site: SiteLook<'_>| site.1.map(SiteFacts::live_machines);
    let (on_source, on_target) = (live(source), live(target));
    let any = |list: &Option<Vec<String>>| list.as_ref().map(|names| !names.is_empty());
    let location = match (any(&on_source), any(&on_target)) {
        (Some(true), Some(true)) => GroupLocation::Both,
        (Some(true), Some(false)) => GroupLocation::Source,
        (Some(false), Some(true)) => GroupLocation::Target,
        (Some(false), Some(false)) => GroupLocation::None,
        (None, _) | (_, None) => GroupLocation::Unknown,
    };
    let mut copies: Vec<String> = Vec::new();
    for (site, names) in [(source.0, on_source), (target.0, on_target)] {
        let names = names.into_iter().flatten();
        copies.extend(names.map(|name| format!("{name} on {site}")));
    }
    copies.sort();
    Located { location, copies }
}

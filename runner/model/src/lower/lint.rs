//! The problems of one file while they are found, and the checks that many places share.

use std::sync::Arc;

use crate::names::{canonical_site, did_you_mean, site_names};
use crate::source::Source;
use crate::syntax::{At, Pos};
use crate::variables::has_variable;
use crate::{Location, Problem};

/// The longest name: that of a DNS label.
const LONGEST_NAME: usize = 63;

/// The problems of one file while they are found.
pub(crate) struct Lint<'s> {
    pub(crate) source: &'s Source,
    /// The block's file while a step of a block is looked at.
    block: Option<Arc<Source>>,
    problems: Vec<Problem>,
}

impl<'s> Lint<'s> {
    pub(crate) fn new(source: &'s Source) -> Self {
        Self {
            source,
            block: None,
            problems: Vec::new(),
        }
    }

    /// From here on, places are places of this block's file, or of the drill's own file.
    pub(crate) fn look_at(&mut self, block: Option<&Arc<Source>>) {
        self.block = block.cloned();
    }

    /// A place of the file that is looked at.
    pub(crate) fn location(&self, pos: Pos) -> Location {
        self.present().location(pos)
    }

    fn present(&self) -> &Source {
        self.block.as_deref().unwrap_or(self.source)
    }

    /// Notes every variable that no step gives a value.
    pub(crate) fn variables(&mut self, known: &[&str]) {
        let unknown = self.present().variables(known);
        self.problems.extend(unknown);
    }

    pub(crate) fn finish(self) -> Result<(), Vec<Problem>> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(self.problems)
        }
    }

    pub(crate) fn error(&mut self, pos: Pos, message: impl Into<String>) {
        let problem = self.present().problem(pos, message, None);
        self.problems.push(problem);
    }

    pub(crate) fn error_help(
        &mut self,
        pos: Pos,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let help = Some(help.into());
        let problem = self.present().problem(pos, message, help);
        self.problems.push(problem);
    }

    /// A name that is none of the known ones.
    pub(crate) fn unknown<'k>(
        &mut self,
        what: &str,
        name: &At<String>,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        let message = format!("unknown {what} `{}`", name.value);
        let help = did_you_mean(&name.value, known);
        let problem = self.present().problem(name.pos, message, help);
        self.problems.push(problem);
    }

    /// The value of a key that must be there; `pos` is the place of the map it is missing in.
    pub(crate) fn need<T>(&mut self, value: Option<T>, pos: Pos, key: &str) -> Option<T> {
        if value.is_none() {
            self.error(pos, format!("`{key}` is missing"));
        }
        value
    }

    /// The canonical name of any site there is.
    pub(crate) fn any_site(&mut self, name: &At<String>) -> Option<String> {
        let site = canonical_site(&name.value);
        if site.is_none() {
            self.unknown("site", name, site_names());
        }
        site.map(str::to_owned)
    }

    /// The canonical name of a site that the scenario lists.
    pub(crate) fn site(&mut self, sites: &[String], name: &At<String>) -> Option<String> {
        let site = self.any_site(name)?;
        // A scenario without a sound list of sites has been told so already.
        if !sites.is_empty() && !sites.contains(&site) {
            self.error_help(
                name.pos,
                format!("site `{}` is not among the scenario's sites", name.value),
                format!("add `{site}` to `sites`"),
            );
            return None;
        }
        Some(site)
    }

    /// The canonical name of a listed site that runs virtual machines.
    pub(crate) fn workload_site(&mut self, sites: &[String], name: &At<String>) -> Option<String> {
        let site = self.site(sites, name)?;
        if site == "quorum" {
            self.error_help(
                name.pos,
                "no virtual machine runs at site `quorum`",
                "groups run at `primary` or `dr`",
            );
            return None;
        }
        Some(site)
    }

    /// Whether a name is a DNS label: Jenkins splits names at dots, and Kubernetes takes no others.
    pub(crate) fn label(&mut self, what: &str, name: &str, pos: Pos) -> bool {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        // A variable is refused by itself.
        let sound = has_variable(name)
            || !name.is_empty()
                && name.len() <= LONGEST_NAME
                && name.chars().all(inner)
                && !name.starts_with('-')
                && !name.ends_with('-');
        if !sound {
            self.error_help(
                pos,
                format!("`{name}` is not a valid {what} name"),
                format!(
                    "lower-case letters, digits and `-` in between, at most {LONGEST_NAME} of them"
                ),
            );
        }
        sound
    }
}

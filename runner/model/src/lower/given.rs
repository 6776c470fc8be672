//! What must be so before the actors start.

use indexmap::IndexMap;

use super::lint::Lint;
use crate::names::{QUORUM_TAINTS, nearest};
use crate::scenario::{Given, GivenGroup, GivenState};
use crate::syntax::{self, At, OneOrMany};

/// The greatest number of machines in a group: ten times what we measure with.
const MOST_VMS: u32 = 10_000;

pub(super) fn given(
    lint: &mut Lint<'_>,
    sites: &[String],
    written: Option<&syntax::Given>,
) -> Given {
    let mut given = Given::default();
    let Some(written) = written else {
        return given;
    };
    for (name, group) in written.groups.iter().flatten() {
        let pos = lint.source.key(&["given", "groups", name], group.pos);
        lint.label("group", name, pos);
        if let Some(checked) = self::group(lint, sites, group) {
            given.groups.insert(name.clone(), checked);
        }
    }
    given.taints = taints(lint, sites, written);
    given
}

fn group(lint: &mut Lint<'_>, sites: &[String], written: &At<syntax::Group>) -> Option<GivenGroup> {
    let group = &written.value;
    let vms = lint.need(group.vms.as_ref(), written.pos, "vms");
    let at = lint.need(group.at.as_ref(), written.pos, "at");
    if let Some(vms) = vms
        && !(1..=MOST_VMS).contains(&vms.value)
    {
        let message = format!("a group has 1 to {MOST_VMS} virtual machines");
        lint.error(vms.pos, message);
    }
    let state = match &group.state {
        None => Some(GivenState::Running),
        Some(state) => self::state(lint, state),
    };
    Some(GivenGroup {
        at: lint.workload_site(sites, at?)?,
        vms: vms?.value,
        state: state?,
        location: lint.location(written.pos),
    })
}

fn state(lint: &mut Lint<'_>, written: &At<String>) -> Option<GivenState> {
    match written.value.as_str() {
        "running" => Some(GivenState::Running),
        "stopped" => Some(GivenState::Stopped),
        _ => {
            lint.unknown("state", written, ["running", "stopped"]);
            None
        }
    }
}

fn taints(
    lint: &mut Lint<'_>,
    sites: &[String],
    written: &syntax::Given,
) -> IndexMap<String, Vec<String>> {
    let mut taints = IndexMap::new();
    for (name, keys) in written.taints.iter().flatten() {
        let name = At {
            value: name.clone(),
            pos: lint.source.key(&["given", "taints", name], keys.pos),
        };
        let site = lint.site(sites, &name);
        let keys = taint_keys(lint, keys);
        let Some(site) = site else { continue };
        if taints.insert(site, keys).is_some() {
            let message = format!("site `{}` has been named by another name", name.value);
            lint.error(name.pos, message);
        }
    }
    taints
}

pub(super) fn taint_keys(lint: &mut Lint<'_>, written: &At<OneOrMany>) -> Vec<String> {
    let keys = match &written.value {
        OneOrMany::One(word) if word == "quorum" => {
            return QUORUM_TAINTS.map(str::to_owned).to_vec();
        }
        OneOrMany::One(word) => {
            lint.error_help(
                written.pos,
                format!("unknown set of taints `{word}`"),
                "write `quorum`, or a list of taint keys",
            );
            return Vec::new();
        }
        OneOrMany::Many(keys) => keys,
    };
    if keys.is_empty() {
        lint.error(written.pos, "no taint key is named");
    }
    for key in keys {
        if QUORUM_TAINTS.contains(&key.value.as_str()) {
            continue;
        }
        // Another key may well be a quorum taint of another storage system; a near miss is not.
        if let Some(near) = nearest(&key.value, QUORUM_TAINTS)
            && strsim::osa_distance(near, &key.value) <= 3
        {
            lint.unknown("taint", key, QUORUM_TAINTS);
        } else if key.value.is_empty() || key.value.contains(char::is_whitespace) {
            lint.error(key.pos, format!("`{}` is no taint key", key.value));
        }
    }
    keys.iter().map(|key| key.value.clone()).collect()
}

//! What this controller has asked groups to do, so that the watch that shows it does not start a pass that finds
//! nothing new.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use siterecovery_api::{DesiredState, ProtectionGroupSpec, SiteName};
use siterecovery_decide::Effect;

use crate::key::Key;

/// The last thing asked of each group, until it is seen.
#[derive(Debug, Default)]
pub(super) struct Asked {
    groups: Mutex<BTreeMap<(SiteName, Key), DesiredState>>,
}

impl Asked {
    /// These effects are about to be performed.
    pub(super) fn note(&self, effects: &[Effect]) {
        let asked = effects.iter().filter_map(|effect| match effect {
            Effect::SetDesiredState {
                site,
                namespace,
                group,
                state,
                version: _,
            } => Some(((site.clone(), Key::new(namespace, group)), *state)),
            _ => None,
        });
        self.groups
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(asked);
    }

    /// Whether all that has changed of a group is what was asked of it. Said once: whoever asks for the same later
    /// is somebody else.
    pub(super) fn explains(
        &self,
        (site, group): (&SiteName, &Key),
        (before, after): (&ProtectionGroupSpec, &ProtectionGroupSpec),
    ) -> bool {
        let place = (site.clone(), group.clone());
        // The map changes by single calls only, so a panic elsewhere leaves it usable.
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = groups.get(&place) == Some(&after.desired_state);
        if !asked {
            return false;
        }
        groups.remove(&place);
        let before = ProtectionGroupSpec {
            desired_state: after.desired_state,
            ..before.clone()
        };
        before == *after
    }
}

#[cfg(test)]
mod tests {
    use siterecovery_decide::facts::ObjectVersion;

    use super::*;

    fn spec(desired_state: DesiredState) -> ProtectionGroupSpec {
        ProtectionGroupSpec {
            desired_state,
            virtual_machines: Vec::new(),
            selector: None,
        }
    }

    #[test]
    fn what_was_asked_explains_that_change_once_and_no_other() {
        let asked = Asked::default();
        let (site, group) = ("dr".to_owned(), Key::new("ns", "pg-a"));
        let place = (&site, &group);
        let (stopped, running) = (spec(DesiredState::Stopped), spec(DesiredState::Running));
        let start = Effect::SetDesiredState {
            site: site.clone(),
            namespace: "ns".to_owned(),
            group: "pg-a".to_owned(),
            state: DesiredState::Running,
            version: ObjectVersion::default(),
        };
        assert!(!asked.explains(place, (&stopped, &running)), "nobody asked");
        asked.note(std::slice::from_ref(&start));
        assert!(!asked.explains(place, (&running, &stopped)), "the opposite");
        assert!(asked.explains(place, (&stopped, &running)));
        assert!(!asked.explains(place, (&stopped, &running)), "only once");
        asked.note(&[start]);
        let more = ProtectionGroupSpec {
            virtual_machines: vec![siterecovery_api::GroupMember {
                name: "new".to_owned(),
                namespace: None,
            }],
            ..running
        };
        assert!(
            !asked.explains(place, (&stopped, &more)),
            "members have changed too"
        );
    }
}

//! Which Failovers to look at when something changes anywhere.
//!
//! Only Failovers that can still do something are in here: those that have not ended, and those
//! that still owe a lost source its stop. Ended ones cost nothing.

use std::collections::{BTreeMap, BTreeSet};

use siterecovery_api::SiteName;

use crate::key::Key;
use crate::relation::Relation;

/// Something whose change can matter to a Failover.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// A group, on any site, or its lock.
    Group(Key),
    /// A virtual machine on one site.
    Machine(SiteName, Key),
    /// A replicated volume.
    Volume(String),
    /// The taints of the nodes of a site.
    Taints(SiteName),
    /// Another Failover, on any site.
    Failover(Key),
}

/// An index from subjects to the Failovers that care about them.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    by_subject: Relation<Subject>,
    subjects: BTreeMap<Key, BTreeSet<Subject>>,
}

impl Interest {
    /// A Failover cares about exactly these subjects from now on.
    pub(crate) fn set(&mut self, failover: &Key, subjects: BTreeSet<Subject>) {
        self.clear(failover);
        for subject in &subjects {
            self.by_subject.add(subject.clone(), failover);
        }
        self.subjects.insert(failover.clone(), subjects);
    }

    /// A Failover cares about one more subject.
    pub(crate) fn add(&mut self, failover: &Key, subject: Subject) {
        self.by_subject.add(subject.clone(), failover);
        self.subjects
            .entry(failover.clone())
            .or_default()
            .insert(subject);
    }

    /// A Failover has ended, or is gone.
    pub(crate) fn forget(&mut self, failover: &Key) {
        self.clear(failover);
    }

    /// The Failovers that care about a subject, sorted.
    pub(crate) fn concerned(&self, subject: &Subject) -> Vec<Key> {
        self.by_subject.of(subject).cloned().collect()
    }

    fn clear(&mut self, failover: &Key) {
        for subject in self.subjects.remove(failover).unwrap_or_default() {
            self.by_subject.remove(&subject, failover);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new("site-recovery", name)
    }

    #[test]
    fn a_change_concerns_those_who_said_so_and_nobody_after_they_ended() {
        let mut interest = Interest::default();
        let volume = Subject::Volume("pvc-1".to_owned());
        interest.set(
            &key("one"),
            BTreeSet::from([volume.clone(), Subject::Group(key("pg-a"))]),
        );
        interest.set(&key("two"), BTreeSet::from([volume.clone()]));
        assert_eq!(interest.concerned(&volume), [key("one"), key("two")]);
        interest.set(
            &key("one"),
            BTreeSet::from([Subject::Taints("dr".to_owned())]),
        );
        assert_eq!(interest.concerned(&volume), [key("two")]);
        interest.forget(&key("one"));
        interest.forget(&key("two"));
        assert!(interest.by_subject.is_empty() && interest.subjects.is_empty());
    }
}

//! The Failovers of the home site that have not come to their end, as its watch and our own writes
//! show them, so that a safety check need not list the whole audit trail.
//!
//! **Why this is safe where other caches are not.** Two failovers to one target find each other
//! because each announces itself before it looks (`AcquireLock` begun). Only this process announces
//! Failovers of its home site, and it puts each one in here at the latest when it reads it live at
//! the start of the very pass that looks. So of two that look, the second sees the first, whatever
//! the watch lags behind. What an earlier process announced is in the list that the watch began
//! with; until that list is complete the register gives no answer, and the pass lists live.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use siterecovery_api::Failover;
use siterecovery_decide::failover as words;

use super::is_active;
use crate::key::Key;

/// What is known of the home site's Failovers.
#[derive(Debug, Default)]
pub(super) struct Register {
    complete: bool,
    /// The keys that the list in progress has shown so far.
    listed: Option<BTreeSet<Key>>,
    active: BTreeMap<Key, (u64, Failover)>,
    /// What is being written now.
    being_written: BTreeMap<Key, Failover>,
    /// Ends that we wrote and the watch has not shown yet.
    ended: BTreeMap<Key, u64>,
}

impl Register {
    /// The watch begins a list of all Failovers.
    pub(super) fn list_begins(&mut self) {
        self.listed = Some(BTreeSet::new());
    }

    /// The list is complete: what it did not show is gone.
    pub(super) fn list_ends(&mut self) {
        if let Some(listed) = self.listed.take() {
            self.active.retain(|key, _| listed.contains(key));
        }
        self.complete = true;
    }

    /// This is about to be written. The watch may show it before the answer comes.
    pub(super) fn writes(&mut self, failover: &Failover) {
        self.being_written
            .insert(Key::of(failover), failover.clone());
    }

    /// The write has ended, whatever came of it.
    pub(super) fn wrote(&mut self, failover: &Key) {
        self.being_written.remove(failover);
    }

    /// The watch shows a Failover. Says whether more than words is new about it: what this process has written is not,
    /// and while two processes overlap, each waits in its own words, and must not be woken by the other's.
    pub(super) fn seen(&mut self, failover: &Failover) -> bool {
        let (key, version) = (Key::of(failover), version(failover));
        let writes = self.being_written.get(&key);
        let is_news = !writes.is_some_and(|written| says_the_same(written, failover))
            && self.active.get(&key).is_none_or(|(newest, known)| {
                *newest <= version && !says_the_same(known, failover)
            });
        if let Some(listed) = &mut self.listed {
            listed.insert(key);
        }
        self.put(failover);
        // Versions grow over all objects of a site, so what we wrote before this one is past.
        self.ended.retain(|_, ended| *ended > version);
        is_news
    }

    /// A pass read or wrote this version of a Failover.
    pub(super) fn put(&mut self, failover: &Failover) {
        let (key, version) = (Key::of(failover), version(failover));
        let newest = self.active.get(&key).map(|(known, _)| *known);
        let newest = newest.or_else(|| self.ended.get(&key).copied());
        if newest.is_some_and(|newest| newest > version) {
            return;
        }
        if let Some(listed) = &mut self.listed {
            listed.insert(key.clone());
        }
        if is_active(failover.status.as_ref()) {
            self.active.insert(key, (version, failover.clone()));
        } else if self.active.remove(&key).is_some() {
            self.ended.insert(key, version);
        }
    }

    /// An active Failover, as it was when it was last read, shown or written.
    pub(super) fn active(&self, key: &Key) -> Option<Failover> {
        self.active.get(key).map(|(_, failover)| failover.clone())
    }

    /// A Failover is gone.
    pub(super) fn gone(&mut self, key: &Key) {
        self.active.remove(key);
    }

    /// The active Failovers beside `own` that can matter to it, or `None` while not all are known.
    ///
    /// A forced failover asks only about its own group: nobody else can be in its way.
    pub(super) fn others(&self, own: &Failover) -> Option<Vec<Failover>> {
        if !self.complete {
            return None;
        }
        let matters = |other: &&Failover| {
            other.namespace() == own.namespace()
                && other.uid() != own.uid()
                && (!own.spec.force || other.spec.protection_group == own.spec.protection_group)
        };
        let active = self.active.values().map(|(_, failover)| failover);
        Some(active.filter(matters).cloned().collect())
    }
}

/// Whether two states of a Failover differ in nothing but messages.
fn says_the_same(one: &Failover, other: &Failover) -> bool {
    let statuses = match (&one.status, &other.status) {
        (Some(one), Some(other)) => words::says_the_same(one, other),
        (one, other) => one.is_none() && other.is_none(),
    };
    one.spec == other.spec && statuses
}

/// Versions are compared as the API servers number them; one that is no number comes first.
fn version(failover: &Failover) -> u64 {
    let version = failover.resource_version();
    version
        .and_then(|version| version.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use siterecovery_api::{FailoverPhase, FailoverSpec, FailoverStatus};

    use super::*;

    fn failover(name: &str, version: u64, phase: FailoverPhase) -> Failover {
        let spec = FailoverSpec {
            protection_group: format!("group-of-{name}"),
            target_cluster: "dr".to_owned(),
            force: false,
            timeouts: None,
        };
        let mut failover = Failover::new(name, spec);
        failover.metadata.namespace = Some("site-recovery".to_owned());
        failover.metadata.uid = Some(name.to_owned());
        failover.metadata.resource_version = Some(version.to_string());
        failover.status = Some(FailoverStatus {
            phase: Some(phase),
            ..FailoverStatus::default()
        });
        failover
    }

    fn listed(failovers: &[Failover]) -> Register {
        let mut register = Register::default();
        register.list_begins();
        for failover in failovers {
            register.seen(failover);
        }
        register.list_ends();
        register
    }

    fn others(register: &Register) -> Vec<String> {
        let own = failover("own", 1, FailoverPhase::Running);
        let others = register.others(&own).unwrap().into_iter();
        others.map(|failover| failover.name_any()).collect()
    }

    #[test]
    fn nothing_is_said_before_the_whole_list_was_seen() {
        let mut register = Register::default();
        let own = failover("own", 1, FailoverPhase::Running);
        assert!(register.others(&own).is_none());
        register.list_begins();
        register.seen(&failover("f1", 2, FailoverPhase::Running));
        assert!(register.others(&own).is_none());
        register.list_ends();
        assert_eq!(others(&register), ["f1"]);
    }

    #[test]
    fn what_we_wrote_is_seen_at_once_and_an_older_version_does_not_undo_it() {
        let mut register = listed(&[failover("f1", 2, FailoverPhase::Pending)]);
        register.put(&failover("f2", 5, FailoverPhase::Running));
        assert_eq!(others(&register), ["f1", "f2"]);
        register.put(&failover("f1", 7, FailoverPhase::Succeeded));
        register.seen(&failover("f1", 6, FailoverPhase::Running));
        assert_eq!(others(&register), ["f2"], "the echo of an older version");
        register.seen(&failover("f1", 7, FailoverPhase::Succeeded));
        assert!(register.ended.is_empty(), "nothing is kept of what ended");
    }

    #[test]
    fn a_failover_that_a_new_list_does_not_show_is_gone() {
        let mut register = listed(&[failover("f1", 2, FailoverPhase::Running)]);
        register.list_begins();
        register.put(&failover("f2", 9, FailoverPhase::Running));
        register.list_ends();
        assert_eq!(others(&register), ["f2"]);
    }

    #[test]
    fn a_forced_failover_sees_only_its_own_group() {
        let register = listed(&[failover("f1", 2, FailoverPhase::Running)]);
        let mut own = failover("own", 1, FailoverPhase::Running);
        own.spec.force = true;
        assert!(register.others(&own).unwrap().is_empty());
        own.spec.protection_group = "group-of-f1".to_owned();
        assert_eq!(register.others(&own).unwrap().len(), 1);
    }

    #[test]
    fn what_is_being_written_is_no_news_even_before_the_answer_and_late() {
        let begun = failover("f1", 5, FailoverPhase::Pending);
        let mut register = listed(std::slice::from_ref(&begun));
        let (first, second) = (
            failover("f1", 6, FailoverPhase::Running),
            failover("f1", 7, FailoverPhase::Pending),
        );
        register.writes(&first);
        assert!(!register.seen(&first), "shown before the answer");
        register.wrote(&Key::of(&first));
        register.put(&second);
        assert!(!register.seen(&first), "shown after the next write");
        let other = failover("f1", 8, FailoverPhase::Running);
        assert!(register.seen(&other), "written by somebody else");
    }

    #[test]
    fn other_words_are_no_news_and_everything_else_is() {
        let mut register = Register::default();
        let mut shown = failover("f1", 5, FailoverPhase::Running);
        assert!(register.seen(&shown), "nothing was known of it");
        let status = shown.status.get_or_insert_default();
        status.message = Some("waiting for site dr, unreachable since noon".to_owned());
        assert!(!register.seen(&shown));
        let status = shown.status.get_or_insert_default();
        status.source_cluster = Some("primary".to_owned());
        assert!(register.seen(&shown));
        shown.spec.force = !shown.spec.force;
        assert!(register.seen(&shown));
    }
}

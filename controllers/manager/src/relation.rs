//! Which objects belong to what.

use std::collections::BTreeSet;

use crate::key::Key;

/// Pairs of a subject and an object, by subject. Most subjects have one object, and a set for each of them would be
/// many times as large.
#[derive(Debug)]
pub(crate) struct Relation<S>(BTreeSet<(S, Key)>);

impl<S> Default for Relation<S> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<S: Ord + Clone> Relation<S> {
    /// An object belongs to a subject.
    pub(crate) fn add(&mut self, subject: S, object: &Key) {
        self.0.insert((subject, object.clone()));
    }

    /// An object belongs to a subject no more.
    pub(crate) fn remove(&mut self, subject: &S, object: &Key) {
        self.0.remove(&(subject.clone(), object.clone()));
    }

    /// The objects of a subject, sorted.
    pub(crate) fn of(&self, subject: &S) -> impl Iterator<Item = &Key> {
        let from = (subject.clone(), Key::new("", ""));
        self.0
            .range(from..)
            .take_while(move |(other, _)| other == subject)
            .map(|(_, object)| object)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_its_own_objects_and_no_others() {
        let [one, two] = ["one", "two"].map(|name| Key::new("site-recovery", name));
        let mut relation = Relation::default();
        for (subject, object) in [("b", &two), ("b", &one), ("a", &one), ("c", &two)] {
            relation.add(subject, object);
        }
        relation.remove(&"c", &two);
        let of = |subject| relation.of(&subject).cloned().collect::<Vec<Key>>();
        assert_eq!([of("a"), of("b")], [vec![one.clone()], vec![one, two]]);
        assert_eq!([of("c"), of("")], [Vec::new(), Vec::new()]);
    }
}

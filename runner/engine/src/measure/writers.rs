//! What machines wrote and found, run by run, and what of it came through to another site. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sitedrill_model::event::{Marker, VmMarkers};

use crate::objects::seconds_between;
use crate::target::Beat;

/// Every run of every machine since the actors began.
#[derive(Default)]
pub(super) struct Writers {
    runs: BTreeMap<Place, Vec<Run>>,
    /// How often the machines have been asked.
    round: u64,
}

/// A machine on a site.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    namespace: String,
    vm: String,
    site: String,
}

/// A machine that went on and on from what it had written itself.
struct Run {
    since: Timestamp,
    until: Timestamp,
    /// The last time that it was there.
    round: u64,
    /// What it found before it wrote for the first time.
    found: Option<Marker>,
    /// What was acknowledged.
    written: Vec<Marker>,
}

impl Writers {
    /// Takes in what all machines that run found and wrote at this time.
    pub(super) fn beat(&mut self, beats: &[Beat], now: Timestamp) {
        self.round += 1;
        for beat in beats {
            let place = Place {
                namespace: beat.namespace.clone(),
                vm: beat.vm.clone(),
                site: beat.site.clone(),
            };
            let runs = self.runs.entry(place).or_default();
            let goes_on = runs.last().is_some_and(|run| {
                run.round + 1 == self.round && run.holds_last() == beat.found.as_ref()
            });
            if !goes_on {
                runs.push(Run::new(beat, now));
            }
            if let Some(run) = runs.last_mut() {
                (run.until, run.round) = (now, self.round);
                run.written.extend(beat.wrote.clone());
            }
        }
    }

    /// What a machine lost that came to run on a site after a time. `None` if it ran there already, or wrote nothing
    /// anywhere else: there is nothing that it could have lost.
    pub(super) fn lost(
        &self,
        (namespace, vm): (&str, &str),
        site: &str,
        since: Timestamp,
    ) -> Option<VmMarkers> {
        let places = self.runs.iter();
        let (there, elsewhere): (Vec<_>, Vec<_>) = places
            .filter(|(place, _)| place.namespace == namespace && place.vm == vm)
            .flat_map(|(place, runs)| runs.iter().map(move |run| (place.site == site, run)))
            .partition(|(is_there, _)| *is_there);
        let mut there = there.into_iter().map(|(_, run)| run);
        let elsewhere = elsewhere.into_iter().map(|(_, run)| run);
        let (written, source) = elsewhere
            .filter_map(|run| Some((run.written.last()?, run)))
            .max_by_key(|(last, _)| last.at)?;
        let target = there.find(|run| run.until >= since);
        if target.is_some_and(|run| run.since < since) {
            return None;
        }
        let found = target.and_then(|run| run.found.clone());
        let kept = found.as_ref().map(|found| source.kept(found));
        Some(VmMarkers {
            vm: vm.to_owned(),
            seconds_lost: kept.map(|(at, _)| seconds_between(at, written.at)),
            records_lost: target.map(|_| {
                let kept = kept.map_or(0, |(_, number)| number);
                written.number.saturating_sub(kept)
            }),
            written: written.clone(),
            found,
        })
    }
}

impl Run {
    fn new(beat: &Beat, now: Timestamp) -> Self {
        Self {
            since: now,
            until: now,
            round: 0,
            found: beat.found.clone(),
            written: Vec::new(),
        }
    }

    /// What its disks hold, for all that it knows.
    fn holds_last(&self) -> Option<&Marker> {
        self.written.last().or(self.found.as_ref())
    }

    /// Up to where somebody has what this run wrote who has found this: time and number.
    fn kept(&self, found: &Marker) -> (Timestamp, u64) {
        let mut own = self.found.iter().chain(&self.written);
        let first = own.clone().next().map_or(found.at, |first| first.at);
        if found.at < first || own.any(|mark| mark == found) {
            return (found.at, found.number);
        }
        // It comes from a side that wrote by itself: nothing of what this run wrote is there.
        (first, self.found.as_ref().map_or(0, |base| base.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn mark(number: u64, second: i64, node: &str) -> Marker {
        Marker {
            number,
            at: at(second),
            node: node.to_owned(),
        }
    }

    fn beat(site: &str, found: Option<Marker>, wrote: Option<Marker>) -> Beat {
        Beat {
            site: site.to_owned(),
            namespace: "n".to_owned(),
            vm: "m".to_owned(),
            found,
            wrote,
        }
    }

    /// A machine at `a` that wrote 1 to 10, one a second.
    fn ten() -> Writers {
        let mut writers = Writers::default();
        let mut found = None;
        for second in 1..=10 {
            let number = u64::try_from(second).unwrap();
            let wrote = Some(mark(number, second, "a-1"));
            writers.beat(&[beat("a", found, wrote.clone())], at(second));
            found = wrote;
        }
        writers
    }

    /// What is lost at `b` if this is found there.
    fn lost(found: Option<Marker>) -> (Option<f64>, Option<u64>) {
        let mut writers = ten();
        writers.beat(&[], at(11));
        let wrote = Some(mark(99, 20, "b-1"));
        writers.beat(&[beat("b", found, wrote)], at(20));
        let lost = writers.lost(("n", "m"), "b", at(11)).unwrap();
        assert_eq!(lost.written, mark(10, 10, "a-1"));
        (lost.seconds_lost, lost.records_lost)
    }

    #[test]
    fn what_is_lost_lies_between_what_was_found_and_what_was_written_last() {
        assert_eq!(lost(Some(mark(10, 10, "a-1"))), (Some(0.0), Some(0)));
        assert_eq!(lost(Some(mark(4, 4, "a-1"))), (Some(6.0), Some(6)));
        assert_eq!(
            lost(Some(mark(0, -5, "b-1"))),
            (Some(15.0), Some(10)),
            "older than all that was seen"
        );
        assert_eq!(lost(None), (None, Some(10)), "nothing was found");
    }

    #[test]
    fn what_another_side_wrote_by_itself_is_worth_nothing() {
        let foreign = mark(10, 10, "b-1");
        assert_eq!(lost(Some(foreign)), (Some(9.0), Some(10)));
    }

    #[test]
    fn a_machine_that_is_not_seen_there_yet_has_lost_nobody_knows_what() {
        let lost = ten().lost(("n", "m"), "b", at(5)).unwrap();
        assert_eq!((lost.seconds_lost, lost.records_lost), (None, None));
    }

    #[test]
    fn a_machine_that_ran_there_already_or_wrote_nowhere_else_has_nothing_to_lose() {
        let mut writers = ten();
        assert_eq!(writers.lost(("n", "m"), "a", at(5)), None);
        assert_eq!(writers.lost(("n", "other"), "b", at(5)), None);
        let found = Some(mark(10, 10, "a-1"));
        writers.beat(&[beat("b", found.clone(), None)], at(11));
        writers.beat(&[beat("b", found, None)], at(12));
        assert_eq!(writers.lost(("n", "m"), "b", at(12)), None);
    }

    #[test]
    fn a_machine_that_comes_back_with_older_data_is_another_run() {
        let mut writers = ten();
        let wrote = Some(mark(5, 11, "a-2"));
        writers.beat(&[beat("a", Some(mark(4, 4, "a-1")), wrote.clone())], at(11));
        writers.beat(&[beat("b", wrote, None)], at(20));
        let lost = writers.lost(("n", "m"), "b", at(12)).unwrap();
        assert_eq!((lost.seconds_lost, lost.records_lost), (Some(0.0), Some(0)));
    }
}

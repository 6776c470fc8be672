//! What a failover lost, from its machines' markers, held against the objective. Pure.

use sitedrill_model::event::{FailoverMeasurement, Marker, MarkerEvidence, VmMarkers};
use sitedrill_model::scenario::Objectives;
use sitedrill_model::{Failure, FailureKind, SeenValue};

use crate::objects::span;

/// The greatest loss of any machine, in seconds; `None` if there is none, or if that of one cannot be told.
pub(super) fn seconds(evidence: &MarkerEvidence) -> Option<f64> {
    let lost = evidence.machines.iter().map(|it| it.seconds_lost);
    let lost: Option<Vec<f64>> = lost.collect();
    lost?.into_iter().max_by(f64::total_cmp)
}

/// The greatest loss of any machine, in markers.
pub(super) fn records(evidence: &MarkerEvidence) -> Option<u64> {
    let lost = evidence.machines.iter().filter_map(|it| it.records_lost);
    lost.max()
}

/// The failure of a failover that lost more than the objective allows, or nobody knows how much.
pub(super) fn missed(measured: &FailoverMeasurement, objectives: &Objectives) -> Option<Failure> {
    let most = objectives.rpo?.as_secs_f64();
    let machines = &measured.markers.as_ref()?.machines;
    let machine = machines
        .iter()
        .filter(|it| it.seconds_lost.is_none_or(|seconds| seconds > most))
        .max_by(|a, b| loss(a).total_cmp(&loss(b)))?;
    let (failover, group, allowed) = (&measured.failover, &measured.group, span(most));
    let (lost, found) = (lost(machine), found(machine));
    let written = name(&machine.written);
    let message = format!(
        "rpo: {failover} of {group} {lost}, and the objective is {allowed}: last written {written}, found {found}"
    );
    let mut failure = Failure::new(FailureKind::ObjectiveMissed, message);
    failure.location.clone_from(&objectives.location);
    failure.expected = Some(format!("at most {allowed}"));
    failure.last_seen = Some(
        machine
            .seconds_lost
            .map_or_else(|| "not known".to_owned(), span),
    );
    failure.seen = machines.iter().flat_map(seen).collect();
    failure.seen.sort_by_key(|it| it.at);
    Some(failure)
}

/// The loss of a machine; what cannot be told is worse than anything.
fn loss(machine: &VmMarkers) -> f64 {
    machine.seconds_lost.unwrap_or(f64::INFINITY)
}

/// How much of a machine's data is gone.
fn lost(machine: &VmMarkers) -> String {
    let vm = &machine.vm;
    let count = |records: u64| match records {
        1 => "1 marker".to_owned(),
        many => format!("{many} markers"),
    };
    match (machine.seconds_lost, machine.records_lost) {
        (Some(seconds), Some(records)) => {
            format!("lost {} ({}) of {vm}", span(seconds), count(records))
        }
        (None, Some(records)) => format!("lost everything ({}) of {vm}", count(records)),
        (_, None) => format!("may have lost anything of {vm}"),
    }
}

/// What a machine found on the target.
fn found(machine: &VmMarkers) -> String {
    match (&machine.found, machine.records_lost) {
        (Some(found), _) => name(found),
        (None, Some(_)) => "nothing".to_owned(),
        (None, None) => "by nobody, since it was not seen on the target".to_owned(),
    }
}

/// `#100 of 16:00:41Z on primary-1`.
fn name(marker: &Marker) -> String {
    let at = marker.at.strftime("%H:%M:%SZ");
    format!("#{} of {at} on {}", marker.number, marker.node)
}

fn seen(machine: &VmMarkers) -> Vec<SeenValue> {
    let value = |marker: &Marker, what: &str| SeenValue {
        at: marker.at,
        value: format!("#{} of {}, the last that {what}", marker.number, machine.vm),
    };
    let found = machine.found.iter();
    let mut seen: Vec<_> = found.map(|found| value(found, "came through")).collect();
    seen.push(value(&machine.written, "was acknowledged"));
    seen
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::{at, location};

    fn marker(number: u64, second: i64) -> Marker {
        Marker {
            number,
            at: at(second),
            node: "primary-1".to_owned(),
        }
    }

    fn machine(vm: &str, found: Option<Marker>, lost: (Option<f64>, Option<u64>)) -> VmMarkers {
        VmMarkers {
            vm: vm.to_owned(),
            written: marker(70, 70),
            found,
            seconds_lost: lost.0,
            records_lost: lost.1,
        }
    }

    fn failover(machines: Vec<VmMarkers>) -> FailoverMeasurement {
        let evidence = MarkerEvidence {
            interval_seconds: 1.0,
            machines,
        };
        FailoverMeasurement {
            failover: "fo-1".to_owned(),
            group: "pg-a".to_owned(),
            target: "cluster2".to_owned(),
            phase: "Succeeded".to_owned(),
            requested_at: at(0),
            running_at: None,
            rto_seconds: None,
            steps: Vec::new(),
            downtime: Vec::new(),
            rpo_seconds: seconds(&evidence),
            records_lost: records(&evidence),
            markers: Some(evidence),
        }
    }

    fn rpo(seconds: u64) -> Objectives {
        Objectives {
            rto: None,
            rpo: Some(Duration::from_secs(seconds)),
            location: Some(location(5)),
        }
    }

    #[test]
    fn the_machine_that_lost_most_counts() {
        let measured = failover(vec![
            machine("vm-1", Some(marker(70, 70)), (Some(0.0), Some(0))),
            machine("vm-2", Some(marker(10, 10)), (Some(60.0), Some(60))),
        ]);
        assert_eq!(measured.rpo_seconds, Some(60.0));
        assert_eq!(measured.records_lost, Some(60));
        assert_eq!(missed(&measured, &rpo(60)), None);
        let failure = missed(&measured, &rpo(59)).unwrap();
        assert_eq!(failure.kind, FailureKind::ObjectiveMissed);
        assert_eq!(failure.location, Some(location(5)));
        assert_eq!(
            failure.message,
            "rpo: fo-1 of pg-a lost 1m (60 markers) of vm-2, and the objective is 59s: \
             last written #70 of 16:01:10Z on primary-1, found #10 of 16:00:10Z on primary-1"
        );
        let seen: Vec<&str> = failure.seen.iter().map(|it| it.value.as_str()).collect();
        assert_eq!(
            seen,
            [
                "#10 of vm-2, the last that came through",
                "#70 of vm-1, the last that came through",
                "#70 of vm-1, the last that was acknowledged",
                "#70 of vm-2, the last that was acknowledged",
            ]
        );
    }

    #[test]
    fn a_loss_that_cannot_be_told_misses_every_objective() {
        let unseen = failover(vec![
            machine("vm-1", Some(marker(70, 70)), (Some(0.0), Some(0))),
            machine("vm-2", None, (None, None)),
        ]);
        assert_eq!(unseen.rpo_seconds, None);
        let failure = missed(&unseen, &rpo(3600)).unwrap();
        assert!(
            failure.message.contains("may have lost anything of vm-2"),
            "{}",
            failure.message
        );
        let empty = failover(vec![machine("vm-1", None, (None, Some(70)))]);
        let failure = missed(&empty, &rpo(3600)).unwrap();
        assert!(
            failure.message.contains("lost everything (70 markers)"),
            "{}",
            failure.message
        );
    }

    #[test]
    fn machines_that_had_nothing_to_lose_measure_nothing() {
        let measured = failover(Vec::new());
        assert_eq!(measured.rpo_seconds, None);
        assert_eq!(missed(&measured, &rpo(0)), None);
    }
}

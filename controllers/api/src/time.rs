//! Instants as Kubernetes stores them.
//!
//! A `Time` keeps whole seconds on the wire and a `MicroTime` microseconds. Cutting off the rest
//! before it is compared makes a value equal to itself after a round trip.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

/// `now` in whole seconds.
pub fn time(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

/// `now` in whole microseconds.
pub fn micro_time(now: Timestamp) -> MicroTime {
    MicroTime(Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_survive_a_round_trip_through_json() {
        let now: Timestamp = "2026-01-01T00:00:00.123456789Z".parse().unwrap();
        let seconds = serde_json::to_value(time(now)).unwrap();
        let micros = serde_json::to_value(micro_time(now)).unwrap();
        assert_eq!(serde_json::from_value::<Time>(seconds).unwrap(), time(now));
        assert_eq!(
            serde_json::from_value::<MicroTime>(micros).unwrap(),
            micro_time(now)
        );
    }
}

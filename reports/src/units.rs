//! How durations and instants are written for people.

use jiff::Timestamp;

/// A duration as people say it: `41 ms`, `48.2s`, `5m`, `1m52s`, `1h02m05s`.
pub(crate) fn human(seconds: f64) -> String {
    let millis = whole_millis(seconds);
    if millis < 1000 {
        return format!("{millis} ms");
    }
    let tenths = (millis + 50) / 100;
    if tenths < 600 {
        return match tenths % 10 {
            0 => format!("{}s", tenths / 10),
            tenth => format!("{}.{tenth}s", tenths / 10),
        };
    }
    let whole = (millis + 500) / 1000;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (hours, minutes, seconds) {
        (0, minutes, 0) => format!("{minutes}m"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, 0, 0) => format!("{hours}h"),
        (hours, minutes, 0) => format!("{hours}h{minutes:02}m"),
        (hours, minutes, seconds) => format!("{hours}h{minutes:02}m{seconds:02}s"),
    }
}

/// A span of lost writes as people say it: like [`human`], but nothing is `0s`.
pub(crate) fn loss(seconds: f64) -> String {
    if whole_millis(seconds) == 0 {
        return "0s".to_owned();
    }
    human(seconds)
}

/// Whole milliseconds, and 0 for what is negative or no number.
fn whole_millis(seconds: f64) -> u64 {
    u64::try_from((span(seconds).as_micros() + 500) / 1000).unwrap_or(u64::MAX)
}

/// A number of seconds as `Duration`, and 0 for what is negative or no number.
pub(crate) fn span(seconds: f64) -> std::time::Duration {
    std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// An instant as distance from the start of the drill: `+00:48.200`, `+1:02:05.000`.
pub(crate) fn offset(start: Timestamp, at: Timestamp) -> String {
    let millis = at.as_millisecond() - start.as_millisecond();
    let (sign, millis) = (if millis < 0 { '-' } else { '+' }, millis.unsigned_abs());
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 {
        format!("{sign}{minutes:02}:{seconds:02}.{millis:03}")
    } else {
        format!("{sign}{hours}:{minutes:02}:{seconds:02}.{millis:03}")
    }
}

/// Seconds from one instant to another.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        let cases = [
            (0.0, "0 ms"),
            (0.0412, "41 ms"),
            (0.9996, "1s"),
            (48.2, "48.2s"),
            (30.0, "30s"),
            (59.97, "1m"),
            (112.0, "1m52s"),
            (300.0, "5m"),
            (3600.0, "1h"),
            (3725.4, "1h02m05s"),
            (7260.0, "2h01m"),
            (-1.0, "0 ms"),
            (f64::NAN, "0 ms"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human(seconds), text, "{seconds}");
        }
        assert_eq!((loss(0.0), loss(59.0)), ("0s".to_owned(), "59s".to_owned()));
    }

    #[test]
    fn instants_are_written_as_distance_from_the_start() {
        let start = Timestamp::from_second(1_000_000).unwrap();
        let at =
            |millis: i64| Timestamp::from_millisecond(start.as_millisecond() + millis).unwrap();
        assert_eq!(offset(start, at(48_200)), "+00:48.200");
        assert_eq!(offset(start, at(3_725_000)), "+1:02:05.000");
        assert_eq!(offset(start, at(-1_500)), "-00:01.500");
    }
}

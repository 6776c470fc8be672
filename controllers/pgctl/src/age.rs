//! Ages as kubectl prints them: `45s`, `2m`, `5m30s`, `1h`, `5d`.

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// The time from `since` to `now`, in kubectl's words.
///
/// A start that lies up to two seconds ahead counts as now, since clocks differ; one further ahead
/// is `<invalid>`, and no start at all is `<unknown>`, both as in kubectl.
pub(crate) fn age(since: Option<jiff::Timestamp>, now: jiff::Timestamp) -> String {
    since.map_or_else(
        || "<unknown>".to_owned(),
        |since| human(now.duration_since(since).as_secs()),
    )
}

fn human(seconds: i64) -> String {
    match seconds {
        ..=-2 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(seconds, (MINUTE, "m"), (1, "s")),
        600..10_800 => format!("{}m", seconds / MINUTE),
        10_800..28_800 => two(seconds, (HOUR, "h"), (MINUTE, "m")),
        28_800..172_800 => format!("{}h", seconds / HOUR),
        172_800..691_200 => two(seconds, (DAY, "d"), (HOUR, "h")),
        691_200..63_072_000 => format!("{}d", seconds / DAY),
        63_072_000..252_288_000 => two(seconds, (YEAR, "y"), (DAY, "d")),
        _ => format!("{}y", seconds / YEAR),
    }
}

/// Two units, the smaller one left out where it is zero.
fn two(seconds: i64, big: (i64, &str), small: (i64, &str)) -> String {
    let rest = seconds % big.0 / small.0;
    if rest == 0 {
        format!("{}{}", seconds / big.0, big.1)
    } else {
        format!("{}{}{rest}{}", seconds / big.0, big.1, small.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_kubectl_prints_them() {
        for (seconds, text) in [
            (-5, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (330, "5m30s"),
            (599, "9m59s"),
            (600, "10m"),
            (1_830, "30m"),
            (3_600, "60m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (12_000, "3h20m"),
            (28_800, "8h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (180_000, "2d2h"),
            (691_200, "8d"),
            (63_072_000, "2y"),
            (63_158_400, "2y1d"),
            (300_000_000, "9y"),
        ] {
            assert_eq!(human(seconds), text, "{seconds} seconds");
        }
    }

    #[test]
    fn an_object_without_a_creation_time_has_an_unknown_age() {
        assert_eq!(age(None, jiff::Timestamp::UNIX_EPOCH), "<unknown>");
    }
}

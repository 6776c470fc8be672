//! Durations such as `300s`, `5m` and `1h30m`.

use std::fmt::Write as _;
use std::time::Duration;

use super::lint::Lint;
use crate::names::did_you_mean;
use crate::syntax::At;

/// The units with their length in milliseconds, longest first.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Other words for the units, only to say what was meant.
const WORDS: [(&str, &str); 11] = [
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("min", "m"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("hr", "h"),
    ("hour", "h"),
    ("hours", "h"),
];

/// The longest duration: a drill shows what can be done on one day.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A duration that may be zero.
pub(super) fn any(lint: &mut Lint<'_>, written: &At<String>) -> Option<Duration> {
    match parse(&written.value) {
        Ok(duration) if duration > LONGEST => {
            lint.error(
                written.pos,
                format!("`{}` is more than a day", written.value),
            );
            None
        }
        Ok(duration) => Some(duration),
        Err((message, help)) => {
            lint.error_help(written.pos, message, help);
            None
        }
    }
}

/// A duration of more than nothing.
pub(super) fn positive(lint: &mut Lint<'_>, written: &At<String>) -> Option<Duration> {
    let duration = any(lint, written)?;
    if duration.is_zero() {
        lint.error(written.pos, "a duration of nothing makes no sense here");
        return None;
    }
    Some(duration)
}

fn parse(text: &str) -> Result<Duration, (String, String)> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err(no_duration(text));
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let letters = after.len() - after.trim_start_matches(char::is_alphabetic).len();
        let (unit, after) = after.split_at(letters);
        if number.is_empty() {
            return Err(no_duration(text));
        }
        if unit.is_empty() && after.is_empty() {
            let help = format!("write `{text}s`, `{text}m` or `{text}h`");
            return Err((format!("`{text}` has no unit"), help));
        }
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(unknown_unit(text, unit));
        };
        total = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*scale))
            .and_then(|part| total.checked_add(part))
            .ok_or_else(|| no_duration(text))?;
        rest = after;
    }
    Ok(Duration::from_millis(total))
}

fn no_duration(text: &str) -> (String, String) {
    let help = "write a number with its unit, such as `300s`, `5m` or `1h30m`";
    (format!("`{text}` is no duration"), help.to_owned())
}

fn unknown_unit(text: &str, unit: &str) -> (String, String) {
    if unit.is_empty() {
        return no_duration(text);
    }
    let word = WORDS.iter().find(|(word, _)| *word == unit.to_lowercase());
    let help = match word {
        Some((_, short)) => Some(format!("did you mean `{short}`?")),
        None => did_you_mean(unit, UNITS.iter().map(|(name, _)| *name)),
    };
    let message = format!("unknown unit `{unit}` in `{text}`");
    (message, help.unwrap_or_default())
}

/// The shortest way to write a duration.
pub(super) fn show(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut shown = String::new();
    for (unit, scale) in UNITS {
        if left >= scale {
            write!(shown, "{}{unit}", left / scale).expect("a String takes every text");
            left %= scale;
        }
    }
    if shown.is_empty() {
        "0s".to_owned()
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{parse, show};

    #[test]
    fn a_duration_is_a_sum_of_numbers_with_units() {
        assert_eq!(parse("300s"), Ok(Duration::from_secs(300)));
        assert_eq!(parse("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_no_duration_is_refused_with_a_remedy() {
        for text in [
            "",
            "5",
            "m",
            "-5m",
            "5 m",
            "1.5h",
            "5m3",
            "99999999999999999999s",
        ] {
            let (message, help) = parse(text).unwrap_err();
            assert!(!message.is_empty() && !help.is_empty(), "{text}");
        }
        assert_eq!(parse("5min").unwrap_err().1, "did you mean `m`?");
        assert_eq!(parse("5M").unwrap_err().1, "did you mean `m`?");
    }

    #[test]
    fn a_shown_duration_reads_back_as_itself() {
        for text in ["0s", "5m", "1h30m", "1h1m1s1ms", "250ms"] {
            assert_eq!(show(parse(text).unwrap()), text);
        }
    }
}

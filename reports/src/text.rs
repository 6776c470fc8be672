//! What untrusted text may not do to a reader, an XML parser or a terminal.
//!
//! Transcripts, object names and messages come from the systems under test. They may hold
//! escape sequences that rewrite a terminal, and characters that make an XML file unreadable.
//! What is removed here is still in `events.jsonl` and `record.json`.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// A line longer than this is not a line that anybody reads as one.
const MAX_LINE_CHARS: usize = 300;

/// The text without escape sequences and control characters; lines end in `\n`, tabs are four spaces.
///
/// Guarantees: every character of the result is allowed in XML 1.0 and moves no cursor.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\n' => out.push('\n'),
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\t' => out.push_str("    "),
            '\u{1b}' => skip_escape(&mut chars),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {}
            other => out.push(other),
        }
    }
    out
}

/// Skips what follows an ESC: a control sequence, a string (title, hyperlink), or a short escape.
fn skip_escape(chars: &mut Peekable<Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
            chars.next_if(|c| matches!(c, '@'..='~'));
        }
        // A string that is never closed ends with its line, so that it cannot swallow the rest.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            while let Some(c) = chars.next_if(|c| *c != '\n') {
                if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                    return;
                }
            }
        }
        Some(_) | None => {
            while chars.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            chars.next_if(|c| matches!(c, '0'..='~'));
        }
    }
}

/// The text on one line, with single spaces, cut after 300 characters.
pub(crate) fn one_line(text: &str) -> String {
    let plain = plain(text);
    let mut line = String::new();
    for word in plain.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.chars().count() > MAX_LINE_CHARS {
        line = line.chars().take(MAX_LINE_CHARS - 1).collect();
        line.push('…');
    }
    line
}

/// The head and the tail of a text that is longer than `max_bytes`, with a line between that says what is missing.
pub(crate) fn cap(text: &str, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text.to_owned();
    }
    let head = head_end(text, max_bytes / 2);
    let tail = tail_start(text, text.len() - max_bytes / 2);
    let left_out = &text[head..tail];
    let lines = left_out.lines().filter(|line| !line.is_empty()).count();
    let mut out = text[..head].to_owned();
    if !out.ends_with('\n') {
        out.push('\n');
    }
    let _ = writeln!(
        out,
        "[… {lines} lines ({} bytes) left out here; record.json has them all …]",
        left_out.len()
    );
    out.push_str(&text[tail..]);
    out
}

/// The end of the last line that ends at or before `at`; where that line is very long, the last character before it.
fn head_end(text: &str, at: usize) -> usize {
    let at = (0..=at).rev().find(|i| text.is_char_boundary(*i));
    let at = at.unwrap_or_default();
    match text[..at].rfind('\n') {
        Some(newline) if newline >= at / 2 => newline + 1,
        Some(_) | None => at,
    }
}

/// The start of the first line that starts at or after `at`; where that line is very long, the first character after it.
fn tail_start(text: &str, at: usize) -> usize {
    let at = (at..=text.len()).find(|i| text.is_char_boundary(*i));
    let at = at.unwrap_or(text.len());
    match text[at..].find('\n') {
        Some(newline) if newline <= (text.len() - at) / 2 => at + newline + 1,
        Some(_) | None => at,
    }
}

/// The first and last lines of many, with one between that says how many are missing.
pub(crate) fn cap_lines(lines: Vec<String>, max: usize) -> Vec<String> {
    if lines.len() <= max {
        return lines;
    }
    let head = max / 2;
    let tail = lines.len() - (max - head);
    let mut out = lines[..head].to_vec();
    out.push(format!("[… {} lines left out here …]", tail - head));
    out.extend_from_slice(&lines[tail..]);
    out
}

/// The text with every line moved to the right.
pub(crate) fn indent(text: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    let mut out = String::with_capacity(text.len() + by);
    for line in text.lines() {
        if !line.is_empty() {
            out.push_str(&pad);
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

/// The word as a POSIX shell reads it back.
pub(crate) fn shell_word(word: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(safe) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_vanish_with_everything_they_carry() {
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m"), "red");
        assert_eq!(plain("\u{1b}[?1049hclear\u{1b}[2J!"), "clear!");
        assert_eq!(plain("a\u{1b}]0;title\u{7}b"), "ab");
        assert_eq!(plain("a\u{1b}]8;;http://x\u{1b}\\link"), "alink");
        assert_eq!(plain("a\u{1b}(Bb\u{1b}7c\u{1b}"), "abc");
    }

    #[test]
    fn a_string_escape_without_end_swallows_no_other_line() {
        assert_eq!(plain("a\u{1b}]0;never closed\nb"), "a\nb");
    }

    #[test]
    fn what_xml_forbids_is_removed() {
        assert_eq!(
            plain("a\0b\u{8}c\u{b}d\u{fffe}e\u{ffff}f\u{7f}g\u{9b}h"),
            "abcdefgh"
        );
    }

    #[test]
    fn line_ends_are_unix_and_tabs_are_spaces() {
        assert_eq!(plain("a\r\nb\rc\td"), "a\nb\nc    d");
    }

    #[test]
    fn a_message_becomes_one_short_line() {
        assert_eq!(one_line(" two\n\twords "), "two words");
        let long = one_line(&"ä".repeat(1000));
        assert_eq!(long.chars().count(), MAX_LINE_CHARS);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn a_long_text_keeps_head_and_tail_and_says_what_is_missing() {
        let mut text = String::new();
        for i in 0..1000 {
            let _ = writeln!(text, "line {i}");
        }
        let capped = cap(&text, 200);
        assert!(capped.starts_with("line 0\n"), "{capped}");
        assert!(capped.ends_with("line 999\n"), "{capped}");
        assert!(capped.contains("lines (") && capped.len() < 300, "{capped}");
        assert_eq!(cap("short", 200), "short");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        let capped = cap(&"€".repeat(500), 101);
        assert!(capped.starts_with('€') && capped.ends_with('€'));
    }

    #[test]
    fn shell_words_are_quoted_only_where_needed() {
        assert_eq!(shell_word("scenarios/lock.yaml"), "scenarios/lock.yaml");
        assert_eq!(shell_word("it's here"), r"'it'\''s here'");
        assert_eq!(shell_word(""), "''");
    }
}

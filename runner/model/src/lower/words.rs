//! Splits a command line into words as a shell would, but for everything that a shell would run.

/// The words of a line. Quotes keep spaces together; a backslash keeps the next character as it is.
pub(super) fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                quoted(character, &mut characters, word)?;
            }
            '\\' => {
                let next = characters.next().ok_or("a backslash at the end")?;
                word.get_or_insert_default().push(next);
            }
            space if space.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(
    quote: char,
    characters: &mut std::str::Chars<'_>,
    word: &mut String,
) -> Result<(), &'static str> {
    while let Some(character) = characters.next() {
        match character {
            end if end == quote => return Ok(()),
            '\\' if quote == '"' => {
                word.push(characters.next().ok_or("a backslash at the end")?);
            }
            other => word.push(other),
        }
    }
    Err("a quote that is not closed")
}

/// One line that splits into these words again.
pub(super) fn join(words: &[String]) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    let shown = words.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{join, split};

    #[test]
    fn quotes_keep_spaces_together() {
        assert_eq!(
            split("failover  'pg a' --note=\"x \\\" y\" \\'").unwrap(),
            ["failover", "pg a", "--note=x \" y", "'"]
        );
        assert_eq!(split("''").unwrap(), [""]);
        assert!(split("failover 'pg").is_err());
        assert!(split("failover \\").is_err());
    }

    proptest! {
        #[test]
        fn joined_words_split_into_themselves(words in proptest::collection::vec(".{0,8}", 0..6)) {
            prop_assert_eq!(split(&join(&words)).unwrap(), words);
        }
    }
}

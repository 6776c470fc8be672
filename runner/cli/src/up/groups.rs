//! Which protection groups there are, as the user says it: how many, or which.

use std::fmt;
use std::str::FromStr;

/// The groups that the guide's commands speak of.
pub const OF_THE_GUIDE: [&str; 3] = ["pg-a", "pg-b", "production-protection-group"];

/// The most groups that are made by number: `pg-a` to `pg-z`.
const LETTERS: u32 = 26;

/// The longest name of a group: its machines and failovers are named after it.
const LONGEST: usize = 200;

/// A name that a protection group can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupName(String);

impl fmt::Display for GroupName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The groups asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups(pub Vec<GroupName>);

impl fmt::Display for Groups {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("0");
        }
        let names: Vec<_> = self.0.iter().map(|name| name.0.as_str()).collect();
        formatter.write_str(&names.join(","))
    }
}

/// What was asked for makes no groups.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Wrong {
    /// Too many by number.
    #[error(
        "{0} groups are more than the {LETTERS} that are named by letters; name them, divided by commas"
    )]
    TooMany(u32),
    /// Not the name of an object.
    #[error(
        "`{0}` is no name of a group: small letters, digits and `-`, beginning and ending with a letter or digit, {LONGEST} at most"
    )]
    Name(String),
    /// The same name twice.
    #[error("`{0}` is named twice")]
    Twice(String),
}

impl Default for Groups {
    fn default() -> Self {
        Self(OF_THE_GUIDE.map(|name| GroupName(name.to_owned())).to_vec())
    }
}

impl FromStr for Groups {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        if let Ok(count) = text.parse::<u32>() {
            return by_number(count);
        }
        let mut names: Vec<GroupName> = Vec::new();
        for name in text.split(',').map(str::trim) {
            let name = checked(name)?;
            if names.contains(&name) {
                return Err(Wrong::Twice(name.0));
            }
            names.push(name);
        }
        Ok(Self(names))
    }
}

fn by_number(count: u32) -> Result<Groups, Wrong> {
    if count > LETTERS {
        return Err(Wrong::TooMany(count));
    }
    let letters = ('a'..='z').take(count as usize);
    Ok(Groups(
        letters
            .map(|letter| GroupName(format!("pg-{letter}")))
            .collect(),
    ))
}

fn checked(name: &str) -> Result<GroupName, Wrong> {
    let letter = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    let whole = name
        .chars()
        .all(|character| letter(character) || character == '-');
    if !whole || name.len() > LONGEST || !name.starts_with(letter) || !name.ends_with(letter) {
        return Err(Wrong::Name(name.to_owned()));
    }
    Ok(GroupName(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<String>, Wrong> {
        let Groups(groups) = text.parse()?;
        let asked_again: Groups = Groups(groups.clone()).to_string().parse()?;
        assert_eq!(asked_again.0, groups, "what is passed on means the same");
        Ok(groups.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_number_makes_groups_named_by_letters() {
        assert_eq!(names("2"), Ok(vec!["pg-a".to_owned(), "pg-b".to_owned()]));
        assert_eq!(names("0"), Ok(Vec::new()));
        assert_eq!(names("27"), Err(Wrong::TooMany(27)));
    }

    #[test]
    fn names_are_taken_as_they_are_and_wrong_ones_refused() {
        assert_eq!(
            names("web, db-1"),
            Ok(vec!["web".to_owned(), "db-1".to_owned()])
        );
        for wrong in ["", "Web", "a,,b", "-a", "a-", "a/b", &"a".repeat(201)] {
            assert!(matches!(names(wrong), Err(Wrong::Name(_))), "{wrong}");
        }
        assert_eq!(names("a,b,a"), Err(Wrong::Twice("a".to_owned())));
    }
}

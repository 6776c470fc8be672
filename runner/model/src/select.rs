//! Choosing some of the drills that were loaded.
//!
//! A filter is a text that a name or file must contain, or an expression of
//! `name(TEXT)`, `file(TEXT)`, `tag(WORD)`, `requirement(TEXT)`, `all()` and `none()` with `!`, `&`, `|` and brackets.
//! `name(=TEXT)` wants the whole name. A shard is a stable share of all drills.

use std::fmt;
use std::str::FromStr;

use crate::scenario::Drill;
use crate::seed::derive_seed;

/// Which drills are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Every drill.
    All,
    /// No drill.
    None,
    /// Name or file contains this.
    Text(String),
    /// The name contains this.
    Name(String),
    /// The name is this.
    NameIs(String),
    /// The file contains this.
    File(String),
    /// It has this tag.
    Tag(String),
    /// One of its requirements contains this.
    Requirement(String),
    /// Not these.
    Not(Box<Self>),
    /// Those that are in both.
    And(Box<Self>, Box<Self>),
    /// Those that are in one of them.
    Or(Box<Self>, Box<Self>),
}

/// Why a filter cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct FilterError {
    /// Counted from 1.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// How deep brackets and `!` may go.
const DEEPEST: usize = 64;

impl Filter {
    /// Whether a drill is wanted.
    pub fn wants(&self, drill: &Drill) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Text(text) => drill.name.contains(text) || drill.file.contains(text),
            Self::Name(text) => drill.name.contains(text),
            Self::NameIs(text) => drill.name == *text,
            Self::File(text) => drill.file.contains(text),
            Self::Tag(tag) => drill.tags.contains(tag),
            Self::Requirement(text) => drill.requirements.iter().any(|it| it.contains(text)),
            Self::Not(inner) => !inner.wants(drill),
            Self::And(a, b) => a.wants(drill) && b.wants(drill),
            Self::Or(a, b) => a.wants(drill) || b.wants(drill),
        }
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let is_plain = !text.contains(['(', ')', '&', '|', '!']);
        if is_plain {
            return Ok(Self::Text(text.trim().to_owned()));
        }
        let mut parser = Parser { text, at: 0 };
        let filter = parser.either(0)?;
        parser.skip();
        match parser.rest().chars().next() {
            None => Ok(filter),
            Some(more) => Err(parser.error(format!("`{more}` is not expected here"))),
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn error(&self, message: impl Into<String>) -> FilterError {
        FilterError {
            column: self.text[..self.at].chars().count() + 1,
            message: message.into(),
        }
    }

    fn takes(&mut self, sign: char) -> bool {
        self.skip();
        let is_there = self.rest().starts_with(sign);
        if is_there {
            self.at += sign.len_utf8();
        }
        is_there
    }

    fn either(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut left = self.both(depth)?;
        while self.takes('|') {
            left = Filter::Or(Box::new(left), Box::new(self.both(depth)?));
        }
        Ok(left)
    }

    fn both(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut left = self.single(depth)?;
        while self.takes('&') {
            left = Filter::And(Box::new(left), Box::new(self.single(depth)?));
        }
        Ok(left)
    }

    fn single(&mut self, depth: usize) -> Result<Filter, FilterError> {
        if depth > DEEPEST {
            return Err(self.error("the filter is too deep"));
        }
        if self.takes('!') {
            return Ok(Filter::Not(Box::new(self.single(depth + 1)?)));
        }
        if self.takes('(') {
            let inner = self.either(depth + 1)?;
            if !self.takes(')') {
                return Err(self.error("`)` is missing"));
            }
            return Ok(inner);
        }
        self.predicate()
    }

    fn predicate(&mut self) -> Result<Filter, FilterError> {
        let rest = self.rest();
        let Some((word, after)) = rest.split_once('(') else {
            return Err(self.error("a predicate such as `tag(lock)` is expected here"));
        };
        let Some((argument, _)) = after.split_once(')') else {
            self.at = self.text.len();
            return Err(self.error("`)` is missing"));
        };
        let length = word.len() + argument.len() + 2;
        let text = argument.trim().to_owned();
        let filter = match (word.trim(), text.is_empty()) {
            ("all", true) => Filter::All,
            ("none", true) => Filter::None,
            ("name", false) => match text.strip_prefix('=') {
                Some(whole) => Filter::NameIs(whole.trim().to_owned()),
                None => Filter::Name(text),
            },
            ("file", false) => Filter::File(text),
            ("tag", false) => Filter::Tag(text),
            ("requirement", false) => Filter::Requirement(text),
            (word, _) => {
                let message = format!(
                    "`{word}({argument})` is none of name(…), file(…), tag(…), requirement(…), all(), none()"
                );
                return Err(self.error(message));
            }
        };
        self.at += length;
        Ok(filter)
    }
}

/// One of so many shares of all drills. A drill stays in its share whatever others come or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 1.
    pub index: u32,
    /// Of how many.
    pub count: u32,
}

impl Shard {
    /// Whether a drill is in this share.
    pub fn holds(self, drill: &Drill) -> bool {
        derive_seed(0, &drill.name) % u64::from(self.count) == u64::from(self.index - 1)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/');
        let shard = numbers.and_then(|(index, count)| {
            let (index, count) = (index.parse().ok()?, count.parse().ok()?);
            Some(Self { index, count })
        });
        shard
            .filter(|it| (1..=it.count).contains(&it.index))
            .ok_or_else(|| {
                format!("`{text}` is no share; write I/N with I from 1 to N, such as 2/3")
            })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::DrillKind;

    fn drill(name: &str, tags: &[&str]) -> Drill {
        Drill {
            name: name.to_owned(),
            kind: DrillKind::Scenario,
            file: format!("drills/{name}.yaml"),
            summary: String::new(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            requirements: vec!["operations-api/scenario-2".to_owned()],
            sha256: String::new(),
            time: None,
            repeat: 1,
            sites: Vec::new(),
            chapters: Vec::new(),
        }
    }

    fn wants(filter: &str, name: &str, tags: &[&str]) -> bool {
        let filter: Filter = filter.parse().expect("a sound filter");
        filter.wants(&drill(name, tags))
    }

    #[test]
    fn a_plain_text_is_looked_for_in_name_and_file() {
        assert!(wants("lock", "lock-race", &[]));
        assert!(wants("drills/lock", "lock-race", &[]));
        assert!(!wants("safety", "lock-race", &[]));
    }

    #[test]
    fn and_binds_closer_than_or_and_not_closest() {
        assert!(wants("tag(a) | tag(b) & !name(x)", "x", &["a"]));
        assert!(!wants("(tag(a) | tag(b)) & !name(x)", "x", &["a"]));
        assert!(wants("!(tag(a) & tag(b))", "x", &["a"]));
        assert!(wants("requirement(scenario-2) & all()", "x", &[]));
        assert!(wants("name(=x)", "x", &[]) && !wants("name(=x)", "xy", &[]));
    }

    #[test]
    fn a_wrong_filter_says_where_and_what() {
        let error = |filter: &str| filter.parse::<Filter>().unwrap_err().to_string();
        assert_eq!(
            error("tag(a) &"),
            "column 9: a predicate such as `tag(lock)` is expected here"
        );
        assert_eq!(error("(tag(a)"), "column 8: `)` is missing");
        assert_eq!(error("tag(a"), "column 6: `)` is missing");
        assert!(error("tga(a)").starts_with("column 1: `tga(a)` is none of"));
        assert_eq!(error("tag(a) )"), "column 8: `)` is not expected here");
        assert!(error(&"!".repeat(500)).contains("too deep"));
    }

    #[test]
    fn every_drill_is_in_exactly_one_share() {
        for n in 0..50 {
            let drill = drill(&format!("drill-{n}"), &[]);
            let shares = (1..=3).filter(|index| {
                let shard = Shard {
                    index: *index,
                    count: 3,
                };
                shard.holds(&drill)
            });
            assert_eq!(shares.count(), 1);
        }
        assert!("0/3".parse::<Shard>().is_err() && "4/3".parse::<Shard>().is_err());
        assert!("x".parse::<Shard>().is_err() && "1/0".parse::<Shard>().is_err());
    }
}

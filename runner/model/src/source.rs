//! One file: its text, and how YAML errors in it become problems.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_saphyr::granit_parser::{Event, Parser};
use serde_saphyr::{Error, MessageFormatter, Options, UserMessageFormatter};

use crate::names::did_you_mean;
use crate::problem::snippet;
use crate::syntax::Pos;
use crate::{Location, Problem};

/// The greatest size of a file in bytes. The longest drill we know of has a hundredth of that.
pub(crate) const MAX_FILE_BYTES: usize = 1024 * 1024;

/// One file that was read.
pub(crate) struct Source {
    /// As it is shown to people.
    pub(crate) file: String,
    /// Its text.
    pub(crate) text: String,
    keys: BTreeMap<Vec<String>, Pos>,
    variables: Vec<Variable>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.file).finish()
    }
}

/// A `${name}` in the file.
struct Variable {
    /// Of the text it stands in.
    pos: Pos,
    /// How many variables stand before it in the same text.
    nth: usize,
    name: String,
}

impl Source {
    /// Takes a file's bytes; a problem where they are no text that we would read.
    pub(crate) fn new(file: &str, bytes: &[u8]) -> Result<Self, Problem> {
        let refused = |line: usize, message: String| Problem {
            location: Location {
                file: file.to_owned(),
                line: u32::try_from(line).unwrap_or(u32::MAX),
                column: 1,
            },
            message,
            help: None,
            snippet: String::new(),
        };
        if bytes.len() > MAX_FILE_BYTES {
            let message =
                format!("the file has more than the {MAX_FILE_BYTES} bytes that are allowed");
            return Err(refused(1, message));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            let line = before.split(|byte| *byte == b'\n').count();
            refused(line, "the file is not UTF-8 text".to_owned())
        })?;
        Ok(Self {
            file: file.to_owned(),
            text: text.to_owned(),
            keys: BTreeMap::new(),
            variables: Vec::new(),
        })
    }

    /// Notes where keys and variables stand. To be called after [`Self::read`] has found the YAML sound.
    pub(crate) fn index(&mut self) {
        let mut index = Index::default();
        for next in Parser::new_from_str(&self.text) {
            let Ok((event, span)) = next else { break };
            let pos = Pos {
                line: u32::try_from(span.start.line()).unwrap_or(u32::MAX),
                column: u32::try_from(span.start.col() + 1).unwrap_or(u32::MAX),
            };
            index.take(&event, pos);
        }
        self.keys = index.keys;
        self.variables = index.variables;
    }

    /// Where the last key of this path stands; `otherwise` for one that came by an alias.
    pub(crate) fn key(&self, path: &[&str], otherwise: Pos) -> Pos {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        self.keys.get(&path).copied().unwrap_or(otherwise)
    }

    /// Every `${...}` in the file that is none of these.
    pub(crate) fn variables(&self, known: &[&str]) -> Vec<Problem> {
        let refuse = |variable: &Variable| {
            let help = did_you_mean(&variable.name, known.iter().copied());
            let help =
                help.unwrap_or_else(|| "a `save` step gives a variable its value".to_owned());
            let message = format!("unknown variable `{}`", variable.name);
            self.problem(self.place_of(variable), message, Some(help))
        };
        let unknown = self.variables.iter();
        let unknown = unknown.filter(|variable| !known.contains(&variable.name.as_str()));
        unknown.map(refuse).collect()
    }

    /// Whether `${name}` stands anywhere in the file.
    pub(crate) fn uses(&self, name: &str) -> bool {
        self.variables.iter().any(|variable| variable.name == name)
    }

    /// Reads the one document of the file.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_saphyr::from_str_with_options(&self.text, options())
            .map_err(|error| self.refuse(error.without_snippet()))
    }

    /// A problem at a place of this file.
    pub(crate) fn problem(
        &self,
        pos: Pos,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Problem {
        Problem {
            location: self.location(pos),
            message: message.into(),
            help,
            snippet: snippet(&self.text, pos.line, pos.column),
        }
    }

    pub(crate) fn location(&self, pos: Pos) -> Location {
        Location {
            file: self.file.clone(),
            line: pos.line,
            column: pos.column,
        }
    }

    /// The place of a variable itself, where it stands on the line on which its text starts.
    fn place_of(&self, variable: &Variable) -> Pos {
        let Pos { line, column } = variable.pos;
        let line = self.text.lines().nth(line as usize - 1).unwrap_or("");
        let rest: String = line.chars().skip(column as usize - 1).collect();
        let Some((byte, _)) = rest.match_indices("${").nth(variable.nth) else {
            return variable.pos;
        };
        let skipped = u32::try_from(rest[..byte].chars().count()).unwrap_or(0);
        Pos {
            column: column + skipped,
            ..variable.pos
        }
    }

    /// Whether the file holds nothing but comments.
    pub(crate) fn is_empty(&self) -> bool {
        let mut lines = self.text.lines().map(str::trim);
        lines.all(|line| line.is_empty() || line.starts_with('#') || line == "---")
    }

    fn refuse(&self, error: &Error) -> Problem {
        let pos = error.location().map_or(Pos::START, Pos::of);
        let (message, help) = explain(error);
        self.problem(pos, message, help)
    }
}

/// What is wrong, and what to do about it.
fn explain(error: &Error) -> (String, Option<String>) {
    match error {
        Error::SerdeUnknownField {
            field, expected, ..
        } => (
            format!("unknown key `{field}`"),
            did_you_mean(field, expected.iter().copied()),
        ),
        Error::SerdeInvalidType {
            unexpected,
            expected,
            ..
        }
        | Error::SerdeInvalidValue {
            unexpected,
            expected,
            ..
        } => (
            format!("expected {}, found {}", plain(expected), plain(unexpected)),
            None,
        ),
        Error::InvalidScalar { ty, .. } => (format!("expected {}", plain(ty)), None),
        Error::Unexpected { expected, .. } => (format!("expected {}", plain(expected)), None),
        Error::DuplicateMappingKey { key, .. } => (
            key.as_ref().map_or("duplicate key".to_owned(), |key| {
                format!("duplicate key `{key}`")
            }),
            Some("each key stands once; rename or remove one of them".to_owned()),
        ),
        Error::MultipleDocuments { .. } => (
            "more than one document in the file".to_owned(),
            Some("a file holds one drill; give each its own file".to_owned()),
        ),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. } => (
            "the file is too deep or too large".to_owned(),
            Some("nothing a drill says needs that; look for aliases of aliases".to_owned()),
        ),
        Error::AliasError { error, .. } => explain(error.without_snippet()),
        other => (formatted(other), None),
    }
}

fn formatted(error: &Error) -> String {
    UserMessageFormatter
        .format_message(error)
        .replace('\n', " ")
}

/// Words of YAML instead of words of Rust.
fn plain(expected: &str) -> String {
    match expected {
        "a sequence" | "sequence" | "sequence start" => "a list".to_owned(),
        "map" | "mapping" | "mapping start" => "a map of keys".to_owned(),
        "unit value" | "unit" | "null" => "nothing".to_owned(),
        "u32" | "u64" | "i64" => "a whole number".to_owned(),
        "string scalar" => "a text".to_owned(),
        other if other.starts_with("struct ") => "a map of keys".to_owned(),
        other => other.to_owned(),
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 100_000,
            max_nodes: 50_000,
            max_depth: 48,
            max_documents: 8,
            max_anchors: 1_000,
            max_aliases: 1_000,
            max_merge_keys: 1_000,
            max_total_scalar_bytes: MAX_FILE_BYTES,
            max_recorded_anchor_events: 50_000,
            max_recorded_anchor_bytes: MAX_FILE_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 50_000,
            max_replay_stack_depth: 16,
        },
        // `on: yes` in a manifest is a text to Kubernetes, too.
        strict_booleans: true,
        // We render the line ourselves, in one way for all problems.
        with_snippet: false,
    }
}

/// How deep keys are noted: `given.groups.pg-a`.
const INDEXED_DEPTH: usize = 3;

/// Where the keys of maps stand, and where variables are used.
#[derive(Default)]
struct Index {
    keys: BTreeMap<Vec<String>, Pos>,
    variables: Vec<Variable>,
    open: Vec<Open>,
}

/// A collection that has not ended.
enum Open {
    List,
    /// A map, with the key whose value comes next.
    Map(Option<String>),
}

impl Index {
    fn take(&mut self, event: &Event<'_>, pos: Pos) {
        if let Some((text, _)) = event.scalar() {
            let names = text.split("${").skip(1).enumerate();
            self.variables.extend(names.map(|(nth, rest)| Variable {
                pos,
                nth,
                name: rest.split('}').next().unwrap_or(rest).to_owned(),
            }));
            self.scalar(text, pos);
            return;
        }
        match event {
            Event::MappingStart(..) => self.open.push(Open::Map(None)),
            Event::SequenceStart(..) => self.open.push(Open::List),
            Event::MappingEnd | Event::SequenceEnd => {
                self.open.pop();
                self.value_ended();
            }
            Event::Alias(_) => self.value_ended(),
            _ => {}
        }
    }

    fn scalar(&mut self, text: &str, pos: Pos) {
        let Some(Open::Map(key @ None)) = self.open.last_mut() else {
            return self.value_ended();
        };
        *key = Some(text.to_owned());
        if self.open.len() > INDEXED_DEPTH {
            return;
        }
        let path = self.open.iter().map(|open| match open {
            Open::Map(Some(key)) => key.clone(),
            Open::Map(None) | Open::List => "-".to_owned(),
        });
        let path: Vec<String> = path.collect();
        self.keys.entry(path).or_insert(pos);
    }

    /// The value of the pending key is complete.
    fn value_ended(&mut self) {
        if let Some(Open::Map(key)) = self.open.last_mut() {
            *key = None;
        }
    }
}

//! Programs that steps start, and how they must end.

use regex::Regex;

use super::lint::Lint;
use super::step::Scope;
use super::{fact, words};
use crate::names::quoted;
use crate::scenario::{Command, Program, ProgramEnd};
use crate::syntax::{self, At, Fact, Kubectl, OneOrMany};
use crate::variables::has_variable;

/// The keys that say how a program ends.
const ENDS: [&str; 3] = ["exitCode", "contains", "matches"];

/// The longest line for the shell. What is longer belongs into a script of its own.
const LONGEST_LINE: usize = 8 * 1024;

/// The program that a `kubectl` or `shell` step starts.
pub(super) fn program(lint: &mut Lint<'_>, scope: &Scope, step: &syntax::Step) -> Option<Program> {
    let command = match (&step.kubectl, &step.shell) {
        (Some(written), _) => kubectl(lint, scope, written),
        (None, Some(text)) => shell(lint, text),
        (None, None) => None,
    };
    let expect = match &step.expect {
        None => Some(ProgramEnd::default()),
        Some(expect) => end(lint, expect),
    };
    Some(Program {
        command: command?,
        expect: expect?,
    })
}

fn kubectl(lint: &mut Lint<'_>, scope: &Scope, written: &At<Kubectl>) -> Option<Command> {
    let site = lint.need(written.value.site.as_ref(), written.pos, "site");
    let site = site.and_then(|site| lint.site(&scope.sites, site));
    let args = lint.need(written.value.args.as_ref(), written.pos, "args")?;
    let words = match &args.value {
        OneOrMany::Many(words) => words.iter().map(|word| word.value.clone()).collect(),
        OneOrMany::One(text) => match words::split(text) {
            Ok(words) => words,
            Err(reason) => {
                lint.error(args.pos, format!("the command has {reason}"));
                return None;
            }
        },
    };
    match words.first().map(String::as_str) {
        None => {
            lint.error(args.pos, "the command is empty");
            return None;
        }
        Some("kubectl") => {
            let message = "`kubectl` stands twice";
            lint.error_help(args.pos, message, "leave out the second one");
            return None;
        }
        Some(_) => {}
    }
    let names_a_site = |word: &String| {
        ["--context", "--kubeconfig", "--server"]
            .iter()
            .any(|flag| word == flag || word.starts_with(&format!("{flag}=")))
    };
    if let Some(word) = words.iter().find(|word| names_a_site(word)) {
        let message = format!("`{word}` is set by the step");
        lint.error_help(args.pos, message, "`site` says where kubectl goes");
    }
    Some(Command::Kubectl {
        site: site?,
        args: words,
    })
}

fn shell(lint: &mut Lint<'_>, text: &At<String>) -> Option<Command> {
    if text.value.trim().is_empty() {
        lint.error(text.pos, "the command is empty");
        return None;
    }
    if text.value.len() > LONGEST_LINE {
        let message = format!("the line is longer than {LONGEST_LINE} bytes");
        lint.error_help(text.pos, message, "put it into a script, and run that");
        return None;
    }
    Some(Command::Shell {
        line: text.value.clone(),
    })
}

fn end(lint: &mut Lint<'_>, expect: &At<Fact>) -> Option<ProgramEnd> {
    let present = fact::present(&expect.value);
    if present.is_empty() {
        let help = format!("name some of {}", quoted(&ENDS));
        lint.error_help(expect.pos, "nothing says how the program ends", help);
    }
    for (key, pos) in &present {
        if !ENDS.contains(key) {
            let message = format!("`{key}` does not say how a program ends");
            let help = format!("beside `kubectl` and `shell` go {}", quoted(&ENDS));
            lint.error_help(*pos, message, help);
        }
    }
    let fact = &expect.value;
    let contains = match &fact.contains {
        None => Vec::new(),
        Some(At {
            value: OneOrMany::One(text),
            pos,
        }) => vec![At {
            value: text.clone(),
            pos: *pos,
        }],
        Some(At {
            value: OneOrMany::Many(texts),
            ..
        }) => texts.clone(),
    };
    for text in contains.iter().filter(|text| text.value.is_empty()) {
        lint.error(text.pos, "an empty text is in every output");
    }
    let matches = match &fact.matches {
        None => None,
        Some(written) => Some(pattern(lint, written)?),
    };
    Some(ProgramEnd {
        exit_code: fact.exit_code.as_ref().map_or(0, |code| code.value),
        contains: contains.into_iter().map(|text| text.value).collect(),
        matches,
    })
}

fn pattern(lint: &mut Lint<'_>, written: &At<serde_json::Value>) -> Option<String> {
    let Some(text) = written.value.as_str() else {
        let message = "`matches` is a regular expression beside a program";
        lint.error_help(written.pos, message, "such as `matches: '^pg-a +running'`");
        return None;
    };
    // One with variables is whole only when its step starts.
    if !has_variable(text)
        && let Err(error) = Regex::new(text)
    {
        let error = error.to_string();
        let why = error.lines().last().unwrap_or_default().trim();
        let why = why.strip_prefix("error: ").unwrap_or(why);
        let message = format!("`{text}` is no regular expression: {why}");
        lint.error(written.pos, message);
        return None;
    }
    Some(text.to_owned())
}

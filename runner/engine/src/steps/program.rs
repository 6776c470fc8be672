//! `kubectl` and `shell`: starts a program and compares its end, and what it printed, with what the scenario says.

use regex::RegexBuilder;
use sitedrill_model::event::{StepId, StepOutcome, Stream};
use sitedrill_model::scenario::{Program, ProgramEnd, Step};
use sitedrill_model::{Failure, FailureKind};

use super::transcript::{self, TAIL};
use super::{Stage, failed, passed};
use crate::core::Input;
use crate::rest::chain;

pub(super) async fn run(
    program: &Program,
    id: &StepId,
    step: &Step,
    stage: &Stage<'_>,
) -> StepOutcome {
    let (output, transcript) = transcript::open(id, stage);
    let operator = &stage.target.operator;
    let name = program.command.name();
    let ended = operator.program(&id.actor, &program.command, output).await;
    let code = match ended {
        Ok(code) => code,
        Err(error) => {
            let message = format!("`{name}` could not be run: {}", chain(&error));
            let failure = Failure::new(FailureKind::EnvironmentFailed, message);
            return failed(failure.at(&step.location));
        }
    };
    stage.shared.take(Input::Checked);
    let lines = in_order(transcript.take());
    if let Err(failure) = judge(name, &program.expect, code, &lines) {
        return failed(failure.at(&step.location));
    }
    match transcript::compare(step, &lines, stage) {
        Ok(None) => passed(format!("exit code {code}")),
        Ok(Some(note)) => passed(format!("exit code {code}; {note}")),
        Err(failure) => failed(failure.at(&step.location)),
    }
}

/// First what went to stdout, then what went to stderr: how the two mix is luck.
fn in_order(lines: Vec<(Stream, String)>) -> Vec<String> {
    let (out, err): (Vec<_>, Vec<_>) = lines
        .into_iter()
        .partition(|(stream, _)| *stream == Stream::Stdout);
    out.into_iter().chain(err).map(|(_, line)| line).collect()
}

fn judge(name: &str, expect: &ProgramEnd, code: i32, lines: &[String]) -> Result<(), Failure> {
    if code != i32::from(expect.exit_code) {
        let expected = format!("exit code {}", expect.exit_code);
        return Err(differs(
            name,
            &expected,
            &format!("exit code {code}"),
            lines,
        ));
    }
    let text = lines.join("\n");
    if let Some(missing) = expect.contains.iter().find(|it| !text.contains(*it)) {
        let expected = format!("output with `{missing}`");
        return Err(differs(name, &expected, "output without it", lines));
    }
    let Some(pattern) = &expect.matches else {
        return Ok(());
    };
    let regex = RegexBuilder::new(pattern).multi_line(true).build();
    match regex {
        Err(error) => {
            let message = format!("`{pattern}` is no regular expression: {error}");
            Err(Failure::new(FailureKind::NeverChecked, message))
        }
        Ok(regex) if regex.is_match(&text) => Ok(()),
        Ok(_) => {
            let expected = format!("output that matches `{pattern}`");
            Err(differs(name, &expected, "output that does not", lines))
        }
    }
}

fn differs(name: &str, expected: &str, seen: &str, lines: &[String]) -> Failure {
    let message = format!("`{name}` ended otherwise: expected {expected}, was {seen}");
    let mut failure = Failure::new(FailureKind::OutcomeDiffers, message);
    let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
    failure.diff = Some(format!("- {expected}\n+ {seen}"));
    failure.last_seen = Some(if tail.is_empty() {
        seen.to_owned()
    } else {
        format!("{seen}\n{tail}")
    });
    failure.expected = Some(expected.to_owned());
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn an_exit_code_a_text_and_a_pattern_each_fail_where_they_are_not_met() {
        let end = ProgramEnd {
            exit_code: 1,
            contains: vec!["running".to_owned()],
            matches: Some("^pg-a +run".to_owned()),
        };
        let printed = lines(&["NAME STATE", "pg-a  running"]);
        assert_eq!(judge("shell", &end, 1, &printed), Ok(()));
        let wrong_code = judge("shell", &end, 0, &printed).unwrap_err();
        assert_eq!(
            wrong_code.message,
            "`shell` ended otherwise: expected exit code 1, was exit code 0"
        );
        let without = judge("shell", &end, 1, &lines(&["pg-a  stopped"])).unwrap_err();
        assert!(without.message.contains("output with `running`"));
        let elsewhere = judge("shell", &end, 1, &lines(&["x pg-a  running"])).unwrap_err();
        assert!(elsewhere.message.contains("output that matches"));
        assert!(elsewhere.last_seen.is_some_and(|it| it.contains("x pg-a")));
    }

    #[test]
    fn a_pattern_that_became_none_by_its_values_is_never_a_pass() {
        let end = ProgramEnd {
            matches: Some("(".to_owned()),
            ..ProgramEnd::default()
        };
        let failure = judge("shell", &end, 0, &[]).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NeverChecked);
    }

    #[test]
    fn what_goes_to_stderr_stands_behind_what_goes_to_stdout() {
        let mixed = vec![
            (Stream::Stderr, "warning".to_owned()),
            (Stream::Stdout, "one".to_owned()),
        ];
        assert_eq!(in_order(mixed), ["one", "warning"]);
    }
}

//! `pgctl`: runs an operator's command and compares its end, and its transcript, with what the scenario says.

use sitedrill_model::event::{StepId, StepOutcome};
use sitedrill_model::scenario::{ExpectedOutcome, Pgctl, Step};
use sitedrill_model::{Failure, FailureKind};

use super::transcript::{self, TAIL};
use super::{Stage, failed, passed};
use crate::core::Input;
use crate::{CommandOutcome, CommandResult};

pub(super) async fn run(pgctl: &Pgctl, id: &StepId, step: &Step, stage: &Stage<'_>) -> StepOutcome {
    let (output, transcript) = transcript::open(id, stage);
    let operator = &stage.target.operator;
    let result = operator.pgctl(&id.actor, &pgctl.args, output).await;
    stage.shared.take(Input::Checked);
    let lines = transcript.take().into_iter();
    let lines: Vec<String> = lines.map(|(_, line)| line).collect();
    if !is_expected(&pgctl.expect, &result) {
        return failed(differs(pgctl, &result, &lines).at(&step.location));
    }
    match transcript::compare(step, &lines, stage) {
        Ok(None) => passed(shown(&result)),
        Ok(Some(note)) => passed(format!("{}; {note}", shown(&result))),
        Err(failure) => failed(failure.at(&step.location)),
    }
}

fn is_expected(expected: &ExpectedOutcome, result: &CommandResult) -> bool {
    match (expected, &result.outcome) {
        (
            ExpectedOutcome::Success,
            CommandOutcome::Done | CommandOutcome::NoOp | CommandOutcome::Forced,
        )
        | (ExpectedOutcome::NoOp, CommandOutcome::NoOp)
        | (ExpectedOutcome::Forced, CommandOutcome::Forced) => result.exit_code == 0,
        (
            ExpectedOutcome::Refused { reason, holder },
            CommandOutcome::Refused {
                reason: given,
                holder: named,
                message: _,
            },
        ) => reason == given && (holder.is_none() || holder == named) && result.exit_code != 0,
        (ExpectedOutcome::Failed { message }, CommandOutcome::Failed { message: given }) => {
            given.contains(message.as_str()) && result.exit_code != 0
        }
        _ => false,
    }
}

fn differs(pgctl: &Pgctl, result: &CommandResult, lines: &[String]) -> Failure {
    let (expected, seen) = (wanted(&pgctl.expect), shown(result));
    let command = pgctl.args.join(" ");
    let message = format!("`pgctl {command}` ended otherwise: expected {expected}, was {seen}");
    let mut failure = Failure::new(FailureKind::OutcomeDiffers, message);
    let tail = lines.len().saturating_sub(TAIL);
    let tail = lines[tail..].join("\n");
    failure.diff = Some(format!("- {expected}\n+ {seen}"));
    failure.last_seen = Some(if tail.is_empty() {
        seen
    } else {
        format!("{seen}\n{tail}")
    });
    failure.expected = Some(expected);
    failure
}

fn wanted(expected: &ExpectedOutcome) -> String {
    match expected {
        ExpectedOutcome::Success => "success".to_owned(),
        ExpectedOutcome::NoOp => "nothing to do".to_owned(),
        ExpectedOutcome::Forced => "forced".to_owned(),
        ExpectedOutcome::Refused {
            reason,
            holder: None,
        } => format!("refused: {reason}"),
        ExpectedOutcome::Refused {
            reason,
            holder: Some(holder),
        } => format!("refused: {reason}, held by {holder}"),
        ExpectedOutcome::Failed { message } => format!("failed with `{message}`"),
    }
}

fn shown(result: &CommandResult) -> String {
    let code = result.exit_code;
    match &result.outcome {
        CommandOutcome::Done => format!("success, exit code {code}"),
        CommandOutcome::NoOp => format!("nothing to do, exit code {code}"),
        CommandOutcome::Forced => format!("forced, exit code {code}"),
        CommandOutcome::Refused { reason, holder, .. } => {
            let holder = holder
                .as_ref()
                .map_or_else(String::new, |it| format!(", held by {it}"));
            format!("refused: {reason}{holder}, exit code {code}")
        }
        CommandOutcome::Failed { message } => format!("failed: {message}, exit code {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(exit_code: u8, outcome: CommandOutcome) -> CommandResult {
        CommandResult { exit_code, outcome }
    }

    fn refused(reason: &str, holder: &str) -> CommandResult {
        let outcome = CommandOutcome::Refused {
            reason: reason.to_owned(),
            holder: Some(holder.to_owned()),
            message: String::new(),
        };
        result(1, outcome)
    }

    fn refusal(reason: &str, holder: Option<&str>) -> ExpectedOutcome {
        ExpectedOutcome::Refused {
            reason: reason.to_owned(),
            holder: holder.map(str::to_owned),
        }
    }

    #[test]
    fn a_refusal_is_a_pass_only_for_its_reason_and_its_holder() {
        let seen = refused("LockHeld", "fc-1");
        assert!(is_expected(&refusal("LockHeld", None), &seen));
        assert!(is_expected(&refusal("LockHeld", Some("fc-1")), &seen));
        assert!(!is_expected(&refusal("LockHeld", Some("fc-2")), &seen));
        assert!(!is_expected(&refusal("SafetyCheck", None), &seen));
        assert!(!is_expected(&ExpectedOutcome::Success, &seen));
    }

    #[test]
    fn success_needs_exit_code_0_and_forced_needs_force() {
        let done = result(0, CommandOutcome::Done);
        assert!(is_expected(&ExpectedOutcome::Success, &done));
        assert!(!is_expected(&ExpectedOutcome::Forced, &done));
        assert!(!is_expected(&ExpectedOutcome::NoOp, &done));
        let liar = result(1, CommandOutcome::Done);
        assert!(!is_expected(&ExpectedOutcome::Success, &liar));
        let failed = CommandOutcome::Failed {
            message: "no such group pg-x".to_owned(),
        };
        let expected = ExpectedOutcome::Failed {
            message: "no such group".to_owned(),
        };
        assert!(is_expected(&expected, &result(1, failed)));
    }

    #[test]
    fn a_differing_end_shows_both_ends_and_the_last_lines() {
        let pgctl = Pgctl {
            args: vec!["failover".to_owned(), "pg-a".to_owned()],
            expect: refusal("LockHeld", None),
        };
        let lines: Vec<String> = (0..20).map(|n| format!("line {n}")).collect();
        let failure = differs(&pgctl, &result(0, CommandOutcome::Done), &lines);
        assert_eq!(failure.kind, FailureKind::OutcomeDiffers);
        assert_eq!(
            failure.message,
            "`pgctl failover pg-a` ended otherwise: expected refused: LockHeld, was success, exit code 0"
        );
        let seen = failure.last_seen.unwrap();
        assert!(
            seen.ends_with("line 19") && seen.contains("line 8\n") && !seen.contains("line 7\n")
        );
    }
}

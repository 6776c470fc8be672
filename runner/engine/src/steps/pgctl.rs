//! `pgctl`: runs an operator's command and compares its end, and its transcript, with what the scenario says.

use sitedrill_model::Failure;
use sitedrill_model::event::{StepId, StepOutcome};
use sitedrill_model::scenario::{ExpectedOutcome, Pgctl, Step};

use super::transcript::{self, TAIL};
use super::{Stage, failed, outcome, passed};
use crate::CommandResult;
use crate::core::Input;

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

/// The exit code must say the same as the words.
fn is_expected(expected: &ExpectedOutcome, result: &CommandResult) -> bool {
    let ends_well = match expected {
        ExpectedOutcome::Success | ExpectedOutcome::NoOp | ExpectedOutcome::Forced => true,
        ExpectedOutcome::Refused { .. } | ExpectedOutcome::Failed { .. } => false,
    };
    outcome::is_expected(expected, &result.outcome, false) && (result.exit_code == 0) == ends_well
}

fn differs(pgctl: &Pgctl, result: &CommandResult, lines: &[String]) -> Failure {
    let seen = shown(result);
    let command = format!("`pgctl {}`", pgctl.args.join(" "));
    let mut failure = outcome::differs(&command, &pgctl.expect, seen.clone());
    let tail = lines.len().saturating_sub(TAIL);
    let tail = lines[tail..].join("\n");
    if !tail.is_empty() {
        failure.last_seen = Some(format!("{seen}\n{tail}"));
    }
    failure
}

fn shown(result: &CommandResult) -> String {
    let (outcome, code) = (outcome::shown(&result.outcome), result.exit_code);
    format!("{outcome}, exit code {code}")
}

#[cfg(test)]
mod tests {
    use sitedrill_model::FailureKind;

    use super::*;
    use crate::CommandOutcome;

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

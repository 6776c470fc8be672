//! How commands and Failovers end, compared with what the scenario says. Pure.

use sitedrill_model::scenario::ExpectedOutcome;
use sitedrill_model::{Failure, FailureKind};

use crate::CommandOutcome;

/// Whether something ended as expected. A failure that is told in words may have been a refusal where
/// `refusals_fail`: pgctl tells the two apart, and a Failover has one phase for both.
pub(super) fn is_expected(
    expected: &ExpectedOutcome,
    outcome: &CommandOutcome,
    refusals_fail: bool,
) -> bool {
    match (expected, outcome) {
        (
            ExpectedOutcome::Success,
            CommandOutcome::Done | CommandOutcome::NoOp | CommandOutcome::Forced,
        )
        | (ExpectedOutcome::NoOp, CommandOutcome::NoOp)
        | (ExpectedOutcome::Forced, CommandOutcome::Forced) => true,
        (
            ExpectedOutcome::Refused { reason, holder },
            CommandOutcome::Refused {
                reason: given,
                holder: named,
                message: _,
            },
        ) => reason == given && (holder.is_none() || holder == named),
        (ExpectedOutcome::Failed { message }, CommandOutcome::Failed { message: given }) => {
            given.contains(message.as_str())
        }
        (ExpectedOutcome::Failed { message }, CommandOutcome::Refused { message: given, .. }) => {
            refusals_fail && given.contains(message.as_str())
        }
        _ => false,
    }
}

/// The failure of something that ended otherwise.
pub(super) fn differs(what: &str, expected: &ExpectedOutcome, seen: String) -> Failure {
    let expected = wanted(expected);
    let message = format!("{what} ended otherwise: expected {expected}, was {seen}");
    let mut failure = Failure::new(FailureKind::OutcomeDiffers, message);
    failure.diff = Some(format!("- {expected}\n+ {seen}"));
    failure.expected = Some(expected);
    failure.last_seen = Some(seen);
    failure
}

/// What is expected, in a few words.
pub(super) fn wanted(expected: &ExpectedOutcome) -> String {
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

/// How something ended, in a few words.
pub(super) fn shown(outcome: &CommandOutcome) -> String {
    match outcome {
        CommandOutcome::Done => "success".to_owned(),
        CommandOutcome::NoOp => "nothing to do".to_owned(),
        CommandOutcome::Forced => "forced".to_owned(),
        CommandOutcome::Refused { reason, holder, .. } => match holder {
            Some(holder) => format!("refused: {reason}, held by {holder}"),
            None => format!("refused: {reason}"),
        },
        CommandOutcome::Failed { message } => format!("failed: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_in_words_may_be_a_refusal_only_where_that_is_one_phase() {
        let refused = CommandOutcome::Refused {
            reason: "LockHeld".to_owned(),
            holder: None,
            message: "Failed to acquire failover lock".to_owned(),
        };
        let failed = |message: &str| ExpectedOutcome::Failed {
            message: message.to_owned(),
        };
        assert!(is_expected(&failed("failover lock"), &refused, true));
        assert!(!is_expected(&failed("failover lock"), &refused, false));
        assert!(!is_expected(&failed("split-brain"), &refused, true));
        assert!(!is_expected(&ExpectedOutcome::Success, &refused, true));
    }
}

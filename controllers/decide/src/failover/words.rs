//! What of a status is only words.

use siterecovery_api::FailoverStatus;

/// Whether two statuses differ in nothing but messages.
pub fn says_the_same(one: &FailoverStatus, other: &FailoverStatus) -> bool {
    let wordless = |status: &FailoverStatus| {
        let mut status = status.clone();
        status.message = None;
        for step in &mut status.steps {
            step.message = None;
        }
        for condition in &mut status.conditions {
            condition.message.clear();
        }
        status
    };
    wordless(one) == wordless(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_words_are_the_same_and_another_phase_is_not() {
        let one = FailoverStatus::default();
        let mut other = FailoverStatus {
            message: Some("waiting for the lock".to_owned()),
            ..one.clone()
        };
        assert!(says_the_same(&one, &other));
        other.phase = Some(siterecovery_api::FailoverPhase::Running);
        assert!(!says_the_same(&one, &other));
    }
}

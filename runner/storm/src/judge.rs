//! What was broken, from the history alone. Pure.

mod audit;
mod copies;
mod deadline;
mod lock;
mod order;
mod outage;
mod safety;
mod settle;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::history::{End, History, in_words};

/// What must hold, whatever happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Never two copies of a machine whose writes reach storage.
    OneCopy,
    /// A site is asked to run a group only when the other has been asked to stop, has stopped, or cannot be reached.
    StopBeforeStart,
    /// A lock passes on only by release or expiry, and who has lost it stops.
    OneHolder,
    /// A failover passes its safety check only where nobody is in its way.
    Safety,
    /// A terminal phase, its message and its time never change.
    TerminalForEver,
    /// No Failover runs beyond its deadlines.
    Deadline,
    /// No Failover is ever gone, and each that ended says so.
    AuditTrail,
    /// When the faults are over, everything settles as the last operation says.
    Settles,
    /// Nobody writes again and again without a pause.
    Restless,
    /// The simulation itself held.
    Sound,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// When, in milliseconds of the plan's time.
    pub at: i64,
    /// What was seen.
    pub message: String,
}

/// Judges a history. The first violation of each rule is the one to read.
pub fn judge(history: &History) -> Vec<Violation> {
    let mut verdict = Verdict {
        began: history.began,
        violations: Vec::new(),
    };
    if let End::Broken(why) = &history.end {
        verdict.broken(Rule::Sound, history.began, why.clone());
        return verdict.violations;
    }
    if history.end == End::Endless {
        restless(history, &mut verdict);
        return verdict.violations;
    }
    copies::judge(history, &mut verdict);
    order::judge(history, &mut verdict);
    lock::judge(history, &mut verdict);
    safety::judge(history, &mut verdict);
    audit::judge(history, &mut verdict);
    deadline::judge(history, &mut verdict);
    settle::judge(history, &mut verdict);
    verdict.violations.sort_by_key(|violation| violation.at);
    verdict.violations
}

/// Says what was written last in a history that found no end.
fn restless(history: &History, verdict: &mut Verdict) {
    let last: Vec<String> = history
        .entries
        .iter()
        .rev()
        .take(3)
        .map(|entry| in_words(&entry.what))
        .collect();
    let at = history
        .entries
        .last()
        .map_or(history.began, |entry| entry.at);
    verdict.broken(Rule::Restless, at, last.join("; "));
}

/// Violations in the making.
struct Verdict {
    began: Timestamp,
    violations: Vec<Violation>,
}

impl Verdict {
    fn broken(&mut self, rule: Rule, at: Timestamp, message: String) {
        if self.violations.iter().any(|known| known.rule == rule) {
            return;
        }
        let at = at.duration_since(self.began).as_millis();
        self.violations.push(Violation {
            rule,
            at: i64::try_from(at).unwrap_or(i64::MAX),
            message,
        });
    }
}

/// So many seconds.
const fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// The group of a machine: `pg-a-vm-1` belongs to `pg-a`.
fn group_of(vm: &str) -> &str {
    vm.split_once("-vm-").map_or(vm, |(group, _)| group)
}

/// Whether a person wrote it.
fn by_hand(user: &str) -> bool {
    user.ends_with("@away")
}

impl Rule {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OneCopy => "two live copies",
            Self::StopBeforeStart => "started before the other side had stopped",
            Self::OneHolder => "two holders of a lock",
            Self::Safety => "safety check passed in vain",
            Self::TerminalForEver => "terminal phase changed",
            Self::Deadline => "beyond the deadline",
            Self::AuditTrail => "lost from the audit trail",
            Self::Settles => "not settled as the last operation says",
            Self::Restless => "no rest",
            Self::Sound => "the simulation broke",
        }
    }
}

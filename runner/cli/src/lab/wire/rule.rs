//! What happens on a line, and on which.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sitedrill_model::scenario::Calls;

use super::Party;
use crate::lab::lie::Lie;

/// Names a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(pub u64);

/// What happens on which lines.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The site that the lines lead to; all without it.
    pub site: Option<String>,
    /// Who is at this end of them; everybody without it.
    pub party: Option<Party>,
    /// Whether lines that stay inside their site are meant too.
    pub inside: bool,
    /// Which requests.
    pub calls: Calls,
    /// What happens.
    pub effect: Effect,
}

impl Rule {
    /// A rule for everything that comes to a site from elsewhere.
    pub fn from_elsewhere(site: &str, effect: Effect) -> Self {
        Self {
            site: Some(site.to_owned()),
            party: None,
            inside: false,
            calls: Calls::default(),
            effect,
        }
    }

    /// A rule for everything that comes to a site.
    pub fn to(site: &str, calls: Calls, effect: Effect) -> Self {
        Self {
            inside: true,
            calls,
            ..Self::from_elsewhere(site, effect)
        }
    }

    /// A rule for everything that one party does.
    pub fn of(party: Party, effect: Effect) -> Self {
        Self {
            site: None,
            party: Some(party),
            inside: true,
            calls: Calls::default(),
            effect,
        }
    }

    /// Whether a line is meant.
    pub fn is_for(&self, party: &Party, site: &str) -> bool {
        let leads_there = self.site.as_deref().is_none_or(|it| it == site);
        let is_theirs = self
            .party
            .as_ref()
            .is_none_or(|it| it.name == party.name && (it.home.is_none() || it.home == party.home));
        let is_inside = party.home.as_deref() == Some(site);
        leads_there && is_theirs && (self.inside || !is_inside)
    }
}

/// What happens on a line.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Nothing gets through until the rule is gone; then everything does.
    Hold,
    /// Requests take longer.
    Delay(Duration),
    /// Requests are answered with this code, and the server never sees them.
    Answer(u16),
    /// Requests are refused as by a machine that is not there, and open watches break.
    Refuse,
    /// The server does as it is told, and the answer is lost.
    LoseAnswer,
    /// Open watches break, once each.
    DropWatches,
    /// Watches stay open and say nothing.
    MuteWatches,
    /// Something happens when a failover has entered a step.
    Trap(Trap),
    /// The answer is a lie; only to show that a drill would find out.
    Lie(Lie),
}

impl Effect {
    pub(super) fn meets_requests(&self) -> bool {
        match self {
            Self::Hold
            | Self::Delay(_)
            | Self::Answer(_)
            | Self::Refuse
            | Self::LoseAnswer
            | Self::Lie(_) => true,
            Self::DropWatches | Self::MuteWatches | Self::Trap(_) => false,
        }
    }
}

/// Lies in wait for a status that says that a failover has entered a step.
#[derive(Clone)]
pub struct Trap {
    /// The step.
    pub step: String,
    /// What happens then, after the server has taken the status and before its answer arrives.
    pub spring: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Trap {
    pub(super) fn is_sprung_by(&self, body: &[u8]) -> bool {
        let body: Option<Value> = serde_json::from_slice(body).ok();
        let steps = body.as_ref().and_then(|it| it.pointer("/status/steps"));
        let steps = steps.and_then(Value::as_array).map(Vec::as_slice);
        let mut names = steps.unwrap_or_default().iter();
        names.any(|step| step.get("name").and_then(Value::as_str) == Some(&self.step))
    }
}

impl fmt::Debug for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trap").field(&self.step).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(name: &str, home: Option<&str>) -> Party {
        Party {
            name: name.to_owned(),
            home: home.map(str::to_owned),
        }
    }

    #[test]
    fn a_site_that_is_cut_off_is_reached_from_inside_only() {
        let rule = Rule::from_elsewhere("primary", Effect::Refuse);
        assert!(rule.is_for(&party("operator", None), "primary"));
        assert!(rule.is_for(&party("failover-controller", Some("quorum")), "primary"));
        assert!(!rule.is_for(&party("operator", None), "dr"));
        let inside = party("protection-group-controller", Some("primary"));
        assert!(!rule.is_for(&inside, "primary"));
        let all = Rule::to("primary", Calls::default(), Effect::Refuse);
        assert!(all.is_for(&inside, "primary"));
    }

    #[test]
    fn a_trap_is_sprung_by_a_status_that_names_its_step() {
        let trap = Trap {
            step: "StopSource".to_owned(),
            spring: Arc::new(|_| {}),
        };
        let body = br#"{"status":{"steps":[{"name":"Validate"},{"name":"StopSource"}]}}"#;
        assert!(trap.is_sprung_by(body));
        assert!(!trap.is_sprung_by(br#"{"status":{"steps":[{"name":"Validate"}]}}"#));
        assert!(!trap.is_sprung_by(b"no json"));
    }
}

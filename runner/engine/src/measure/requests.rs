//! Which step asked for which failover.

use jiff::Timestamp;
use sitedrill_model::event::StepId;
use sitedrill_model::scenario::Action;

use crate::objects;

/// How much of a transcript is searched for names; what creates a failover says so early.
const SEARCHED_BYTES: usize = 64 * 1024;

/// The steps that may ask for a failover, in the order in which they started.
#[derive(Default)]
pub(super) struct Requests(Vec<Request>);

struct Request {
    step: StepId,
    started: Timestamp,
    asks: Asks,
    is_running: bool,
    /// What was printed that could name a failover.
    printed: String,
    is_claimed: bool,
}

enum Asks {
    /// A pgctl command with these words.
    Command(Vec<String>),
    /// A manifest of this name.
    Manifest(String),
    /// A Failover of this group, whose name is known when it has been created.
    Order(String),
}

impl Requests {
    /// A step starts, with its values filled in.
    pub(super) fn started(&mut self, step: &StepId, action: &Action, now: Timestamp) {
        let asks = match action {
            Action::Pgctl(pgctl) => Asks::Command(pgctl.args.clone()),
            Action::Apply(apply) => match objects::string(&apply.manifest, "/metadata/name") {
                Some(name) => Asks::Manifest(name.to_owned()),
                None => return,
            },
            Action::Failover(order) => match &order.name {
                Some(name) => Asks::Manifest(name.clone()),
                None => Asks::Order(order.group.clone()),
            },
            _ => return,
        };
        self.0.push(Request {
            step: step.clone(),
            started: now,
            asks,
            is_running: true,
            printed: String::new(),
            is_claimed: false,
        });
    }

    pub(super) fn printed(&mut self, step: &StepId, line: &str) {
        for request in self
            .0
            .iter_mut()
            .filter(|it| it.is_running && it.step == *step)
        {
            if request.printed.len() < SEARCHED_BYTES {
                request.printed.push_str(line);
                request.printed.push('\n');
            }
        }
    }

    pub(super) fn finished(&mut self, step: &StepId) {
        for request in self.0.iter_mut().filter(|it| it.step == *step) {
            request.is_running = false;
        }
    }

    /// The steps that may have asked for a failover that is seen first now: commands and orders about the group that
    /// still run, and manifests of this name, which may have been written some time before they are seen.
    pub(super) fn candidates(&self, failover: &str, group: &str) -> Vec<usize> {
        let requests = self.0.iter().enumerate().filter(|(_, it)| match &it.asks {
            Asks::Command(words) => it.is_running && words.iter().any(|word| word == group),
            Asks::Order(wanted) => it.is_running && wanted == group,
            Asks::Manifest(name) => name == failover,
        });
        requests.map(|(index, _)| index).collect()
    }

    /// When the failover was asked for, by the one of its candidates that names it, else by the first
    /// that has not asked for another one.
    pub(super) fn claim(&mut self, candidates: &[usize], failover: &str) -> Option<Timestamp> {
        let names_it = |index: &&usize| match &self.0[**index].asks {
            Asks::Command(_) | Asks::Order(_) => self.0[**index].printed.contains(failover),
            Asks::Manifest(_) => true,
        };
        let by_name = candidates.iter().find(names_it);
        let by_order = || candidates.iter().find(|index| !self.0[**index].is_claimed);
        let index = *by_name.or_else(by_order)?;
        self.0[index].is_claimed = true;
        Some(self.0[index].started)
    }
}

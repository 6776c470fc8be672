//! Which step of which actor stands where.

use indexmap::IndexMap;
use sitedrill_model::event::StepId;
use sitedrill_model::scenario::{Scenario, Step};

/// The name under which the steps of `then` run.
pub(crate) const THEN: &str = "then";
/// The name under which the steps of `always` run.
pub(crate) const ALWAYS: &str = "always";

/// The progress of every actor of a chapter.
#[derive(Default)]
pub(crate) struct Board {
    actors: IndexMap<String, Vec<Mark>>,
}

struct Mark {
    name: Option<String>,
    text: String,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    Running,
    Passed,
    /// Ended in any other way, or was never run.
    Lost,
}

/// How an actor, or one of its steps, stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It ended, and did what the scenario says.
    Done,
    /// It may still end well; this is how far it is.
    Under(String),
    /// It cannot end well any more, for this reason.
    Never(String),
}

impl Board {
    /// The board of a chapter that has not started.
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let actors = scenario
            .actors
            .iter()
            .map(|actor| (actor.name.clone(), marks(&actor.steps)));
        let rest = [
            (THEN.to_owned(), marks(&scenario.then)),
            (ALWAYS.to_owned(), marks(&scenario.always)),
        ];
        Self {
            actors: actors.chain(rest).collect(),
        }
    }

    pub(super) fn set(&mut self, step: &StepId, state: State) {
        let mark = self
            .actors
            .get_mut(&step.actor)
            .and_then(|marks| marks.get_mut(step.index));
        if let Some(mark) = mark {
            mark.state = state;
        }
    }

    /// The steps that have started and not ended.
    pub(crate) fn running(&self) -> Vec<StepId> {
        let steps = self.actors.iter().flat_map(|(actor, marks)| {
            let running = marks.iter().enumerate();
            let running = running.filter(|(_, mark)| mark.state == State::Running);
            running.map(|(index, _)| StepId {
                actor: actor.clone(),
                index,
            })
        });
        steps.collect()
    }

    /// Whether a step has not started.
    pub(crate) fn is_waiting(&self, step: &StepId) -> bool {
        let mark = self
            .actors
            .get(&step.actor)
            .and_then(|it| it.get(step.index));
        mark.is_some_and(|mark| mark.state == State::Waiting)
    }

    /// How an actor stands, or its step of this name.
    pub(crate) fn standing(&self, actor: &str, step: Option<&str>) -> Standing {
        let Some(marks) = self.actors.get(actor) else {
            return Standing::Never(format!("there is no actor {actor}"));
        };
        let until = match step {
            None => marks.len(),
            Some(name) => match marks
                .iter()
                .position(|mark| mark.name.as_deref() == Some(name))
            {
                Some(index) => index + 1,
                None => return Standing::Never(format!("{actor} has no step named {name}")),
            },
        };
        let needed = &marks[..until];
        if let Some(lost) = needed.iter().position(|mark| mark.state == State::Lost) {
            let text = &needed[lost].text;
            return Standing::Never(format!("{actor} stopped at its step {}: {text}", lost + 1));
        }
        let done = needed.iter().filter(|it| it.state == State::Passed).count();
        if done == needed.len() {
            return Standing::Done;
        }
        Standing::Under(format!("{done} of {} steps done", needed.len()))
    }
}

fn marks(steps: &[Step]) -> Vec<Mark> {
    let marks = steps.iter().map(|step| Mark {
        name: step.name.clone(),
        text: step.text.clone(),
        state: State::Waiting,
    });
    marks.collect()
}

//! What operators do, in this process: their commands, and their own ways to the sites.

use async_trait::async_trait;
use pgctl::{Finished, Outcome, Output};
use sitedrill_engine::{CommandOutcome, CommandResult, Operator, OutputSink, TargetError};
use sitedrill_model::event::Stream;
use sitedrill_model::scenario::Command;

use crate::lab::programs::Programs;

/// Runs pgctl as a library, each actor with clients in its own name.
pub struct InProcess {
    /// Makes the context for an actor.
    pub context: Box<dyn Fn(&str) -> pgctl::Context + Send + Sync>,
    /// Whether a line comes out wrong, to show that somebody would notice.
    pub changes_a_line: bool,
    /// Starts programs, where the sites are open to them.
    pub programs: Option<Programs>,
}

#[async_trait]
impl Operator for InProcess {
    fn client(&self, actor: &str, site: &str) -> Result<kube::Client, TargetError> {
        let context = (self.context)(actor);
        let found = context.site(site).map(|it| it.client.clone());
        found.ok_or_else(|| TargetError {
            attempt: format!("reach site {site}: operators do not know it"),
            source: None,
        })
    }

    async fn pgctl(&self, actor: &str, args: &[String], output: OutputSink) -> CommandResult {
        let context = (self.context)(actor);
        let mut output = Forward {
            output,
            changes_a_line: self.changes_a_line,
        };
        let finished = pgctl::run(&words(args), &context, &mut output).await;
        translate(finished)
    }

    async fn program(
        &self,
        actor: &str,
        command: &Command,
        output: OutputSink,
    ) -> Result<i32, TargetError> {
        match &self.programs {
            Some(programs) => programs.run(actor, command, &output).await,
            None => Err(TargetError {
                attempt: "let a program in: the sites live in virtual time".to_owned(),
                source: None,
            }),
        }
    }
}

/// The words of a command line: what a scenario writes, after the name of the program.
fn words(args: &[String]) -> Vec<String> {
    let is_script = args
        .first()
        .is_some_and(|first| pgctl::SCRIPTS.contains(&first.as_str()));
    let program = (!is_script).then(|| "pgctl".to_owned());
    program.into_iter().chain(args.iter().cloned()).collect()
}

struct Forward {
    output: OutputSink,
    changes_a_line: bool,
}

impl Output for Forward {
    fn line(&mut self, stream: pgctl::Stream, line: &str) {
        let stream = match stream {
            pgctl::Stream::Stdout => Stream::Stdout,
            pgctl::Stream::Stderr => Stream::Stderr,
        };
        if self.changes_a_line {
            (self.output)(stream, &line.replace("[SUCCESS]", "[OK]"));
        } else {
            (self.output)(stream, line);
        }
    }
}

fn translate(finished: Finished) -> CommandResult {
    let outcome = match finished.outcome {
        Outcome::Done | Outcome::Printed => CommandOutcome::Done,
        Outcome::AlreadyThere => CommandOutcome::NoOp,
        Outcome::Forced => CommandOutcome::Forced,
        Outcome::Refused {
            reason,
            holder,
            message,
        } => CommandOutcome::Refused {
            reason,
            holder,
            message,
        },
        Outcome::Failed { message, .. }
        | Outcome::Usage { message }
        | Outcome::Unreachable { message, .. } => CommandOutcome::Failed { message },
    };
    CommandResult {
        exit_code: finished.exit_code,
        outcome,
    }
}

//! The terminal: what happens while it happens, and what it came to.
//!
//! [`Terminal`] takes events one by one and talks (to stderr). [`summary`] renders a record as the
//! lines that a person or a script reads afterwards (on stdout), in the run's order.
//! The two are apart so that an old record prints the same summary.
//!
//! How much is said while the run goes on:
//!
//! - a live line where a person watches: how many drills ended, and what runs now;
//! - in real time, a line at the start and the end of each drill, also in a log file;
//! - in virtual time only drills that did not pass, at all or at once, since all is over in a moment.
//!
//! **Invariant:** a line is written in one piece, when its drill has ended, so that drills that run
//! side by side never mix.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sitedrill_model::event::{Event, EventKind, RunInfo, TimeMode, Wall};
use sitedrill_model::{Failure, Verdict};

use crate::text::one_line;
use crate::units::human;

mod summary;

pub use summary::summary;

/// How text may look where it is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Colours may be used.
    pub color: bool,
    /// Somebody watches: a line may be redrawn.
    pub live: bool,
}

impl Look {
    /// Decides from facts about the stream and the environment.
    ///
    /// Colour and redrawing need a terminal that is not `dumb`; `NO_COLOR`, set and not empty, takes colour away.
    pub fn detect(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> Self {
        let live = is_terminal && term != Some(OsStr::new("dumb"));
        let refused = no_color.is_some_and(|value| !value.is_empty());
        Self {
            color: live && !refused,
            live,
        }
    }
}

/// Tells what happens while a run goes on.
pub struct Terminal {
    talk: Box<dyn Write + Send>,
    look: Look,
    /// The live line; only where somebody watches.
    bar: Option<ProgressBar>,
    /// Starts and ends of all drills are told, not only the bad ends.
    tells_all: bool,
    /// What each running drill is doing.
    running: BTreeMap<String, Running>,
    not_passed: usize,
}

#[derive(Default)]
struct Running {
    doing: String,
    /// The first failure of the present try.
    cause: Option<String>,
    /// How many tries there were before the present one.
    tries: u32,
}

impl Terminal {
    /// Talks to the stream, which is stderr in the program.
    ///
    /// With [`Look::live`] the redrawn line goes to the process's stderr itself.
    pub fn new(talk: Box<dyn Write + Send>, look: Look) -> Self {
        Self {
            talk,
            look,
            bar: None,
            tells_all: false,
            running: BTreeMap::new(),
            not_passed: 0,
        }
    }

    /// Takes the next event of the run. Events of several drills may come mixed.
    ///
    /// # Errors
    ///
    /// Where the stream cannot be written to.
    pub fn take(&mut self, event: &Event) -> io::Result<()> {
        let drill = event.drill.as_deref().unwrap_or_default();
        match &event.kind {
            EventKind::RunStarted(info) => self.start(info),
            EventKind::RunFinished { .. } => {
                self.close();
                self.talk.flush()
            }
            EventKind::DrillSkipped { info, reason } => {
                self.advance();
                self.tell_if(self.tells_all, Verdict::Skipped, &info.name, reason)
            }
            EventKind::DrillStarted { info, wall: _ } => {
                self.running.insert(info.name.clone(), Running::default());
                self.redraw();
                if self.tells_all {
                    return self.line(&format!("start  {}", one_line(&info.name)));
                }
                Ok(())
            }
            EventKind::DrillRetried { failure, .. } => self.again(drill, failure.as_ref()),
            EventKind::DrillFinished {
                verdict,
                failure,
                wall,
            } => self.end(drill, *verdict, failure.as_ref(), *wall),
            EventKind::ChapterStarted(info) => {
                self.doing(drill, format!("preparing {}", info.name));
                Ok(())
            }
            EventKind::StepStarted { step, text, .. } => {
                self.doing(drill, format!("{}: {text}", step.actor));
                Ok(())
            }
            EventKind::StepFinished { outcome, .. } => {
                self.blame(drill, outcome.failure.as_ref());
                Ok(())
            }
            EventKind::ChapterFailure(failure) => {
                self.blame(drill, Some(failure));
                Ok(())
            }
            EventKind::InvariantJudged(invariant) => {
                self.blame(drill, invariant.violation.as_ref());
                Ok(())
            }
            // Told by the summary and the other reports.
            EventKind::SiteReady(_)
            | EventKind::Prepared { .. }
            | EventKind::Output { .. }
            | EventKind::StepSkipped { .. }
            | EventKind::Observed(_)
            | EventKind::Fault(_)
            | EventKind::ValueMeasured(_)
            | EventKind::FailoverMeasured(_)
            | EventKind::ChapterFinished { .. } => Ok(()),
        }
    }

    fn start(&mut self, info: &RunInfo) -> io::Result<()> {
        let (time, tells_all) = match info.time {
            TimeMode::Virtual => ("virtual", false),
            TimeMode::Real => ("real", true),
        };
        self.tells_all = tells_all;
        let drills = if info.selected == 1 {
            "drill"
        } else {
            "drills"
        };
        self.line(&format!(
            "sitedrill {}: {} {drills}, {} sites, {time} time, seed {}",
            one_line(&info.version),
            info.selected,
            one_line(&info.sites),
            info.seed
        ))?;
        if self.look.live {
            let length = u64::try_from(info.selected).unwrap_or(u64::MAX);
            let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {wide_msg}");
            bar.set_style(style.expect("the template names only keys that indicatif knows"));
            self.bar = Some(bar);
        }
        Ok(())
    }

    fn end(
        &mut self,
        drill: &str,
        verdict: Verdict,
        failure: Option<&Failure>,
        wall: Wall,
    ) -> io::Result<()> {
        self.blame(drill, failure);
        let state = self.running.remove(drill).unwrap_or_default();
        self.advance();
        if state.tries > 0 && verdict == Verdict::Passed {
            let note = format!("passed on try {}", state.tries + 1);
            let word = summary::flaky_word(self.look);
            return self.line(&format!("{word}  {}  {note}", one_line(drill)));
        }
        let (told, note) = match verdict {
            Verdict::Passed | Verdict::Skipped => (self.tells_all, human(wall.seconds)),
            Verdict::Failed | Verdict::Inconclusive | Verdict::Aborted => {
                self.not_passed += 1;
                (true, state.cause.unwrap_or_default())
            }
        };
        self.tell_if(told, verdict, drill, &note)
    }

    /// A try has ended, and the drill is tried again.
    fn again(&mut self, drill: &str, failure: Option<&Failure>) -> io::Result<()> {
        self.blame(drill, failure);
        let Some(state) = self.running.get_mut(drill) else {
            return Ok(());
        };
        state.tries += 1;
        let (cause, tries) = (state.cause.take().unwrap_or_default(), state.tries);
        let word = summary::retry_word(self.look);
        self.line(&format!(
            "{word}  {}  try {tries}: {cause}",
            one_line(drill)
        ))
    }

    /// Keeps the first failure of a running drill for the line at its end.
    fn blame(&mut self, drill: &str, failure: Option<&Failure>) {
        let (Some(failure), Some(state)) = (failure, self.running.get_mut(drill)) else {
            return;
        };
        state
            .cause
            .get_or_insert_with(|| one_line(&failure.message));
    }

    fn doing(&mut self, drill: &str, what: String) {
        if let Some(state) = self.running.get_mut(drill) {
            state.doing = what;
        }
        self.redraw();
    }

    fn tell_if(&mut self, told: bool, verdict: Verdict, drill: &str, note: &str) -> io::Result<()> {
        if !told {
            return Ok(());
        }
        let word = summary::verdict_word(verdict, self.look);
        let line = format!("{word}  {}  {}", one_line(drill), one_line(note));
        self.line(line.trim_end())
    }

    /// Writes a whole line above the live one.
    fn line(&mut self, line: &str) -> io::Result<()> {
        let talk = &mut self.talk;
        match &self.bar {
            Some(bar) => bar.suspend(|| writeln!(talk, "{line}")),
            None => writeln!(talk, "{line}"),
        }
    }

    fn advance(&mut self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
        self.redraw();
    }

    fn redraw(&self) {
        let Some(bar) = &self.bar else { return };
        let mut parts = Vec::new();
        if self.not_passed > 0 {
            parts.push(format!("{} not passed", self.not_passed));
        }
        let mut running = self.running.iter();
        match (running.next(), self.running.len()) {
            (Some((name, state)), 1) => {
                parts.push(format!("{}: {}", one_line(name), one_line(&state.doing)));
            }
            // Of many that run side by side the names are all that fits.
            (_, many) => {
                let names: Vec<_> = self.running.keys().map(|name| one_line(name)).collect();
                if many > 1 {
                    parts.push(format!("{many} running: {}", names.join(", ")));
                }
            }
        }
        bar.set_message(parts.join("; "));
    }

    /// Takes the live line away.
    fn close(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal")
            .field("look", &self.look)
            .field("running", &self.running.len())
            .finish_non_exhaustive()
    }
}

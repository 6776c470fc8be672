//! Where `pgctl` writes: one call a line, at the moment the line happens.
//!
//! **Invariant:** no other module of this crate writes to the process's own streams.

use std::io::Write as _;

use serde::Serialize;

/// Which of the two streams a line belongs to: data and progress, or talk and refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Results: tables, objects, the progress of an operation.
    Stdout,
    /// Refusals, errors, warnings and hints.
    Stderr,
}

/// Takes the lines of one invocation, in order, as each of them happens.
pub trait Output {
    /// Takes one line without its line end.
    fn line(&mut self, stream: Stream, line: &str);
}

/// Keeps every line; for tests and for transcripts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The lines in the order in which they happened.
    pub lines: Vec<(Stream, String)>,
}

impl Transcript {
    /// All lines of both streams as a terminal would show them.
    pub fn text(&self) -> String {
        join(self.lines.iter().map(|(_, line)| line))
    }

    /// The lines of one stream.
    pub fn of(&self, stream: Stream) -> String {
        join(
            self.lines
                .iter()
                .filter(|(of, _)| *of == stream)
                .map(|(_, line)| line),
        )
    }
}

impl Output for Transcript {
    fn line(&mut self, stream: Stream, line: &str) {
        self.lines.push((stream, line.to_owned()));
    }
}

/// Writes to the streams of this process and remembers when nobody reads them any more.
///
/// A reader that went away (`pgctl operations list | head -1`) is no error: what follows for that
/// stream is dropped, and a failover that is being followed goes on.
#[derive(Debug, Default)]
pub struct Terminal {
    stdout_gone: bool,
    stderr_gone: bool,
}

impl Output for Terminal {
    fn line(&mut self, stream: Stream, line: &str) {
        match stream {
            Stream::Stdout if !self.stdout_gone => {
                let mut to = std::io::stdout().lock();
                self.stdout_gone = writeln!(to, "{line}").and_then(|()| to.flush()).is_err();
            }
            Stream::Stderr if !self.stderr_gone => {
                let mut to = std::io::stderr().lock();
                self.stderr_gone = writeln!(to, "{line}").and_then(|()| to.flush()).is_err();
            }
            Stream::Stdout | Stream::Stderr => {}
        }
    }
}

/// Writes every line of a text to one stream.
pub(crate) fn write_text(out: &mut (dyn Output + Send), stream: Stream, text: &str) {
    for line in text.lines() {
        out.line(stream, line);
    }
}

fn join<'a>(lines: impl Iterator<Item = &'a String>) -> String {
    lines.fold(String::new(), |mut text, line| {
        text.push_str(line);
        text.push('\n');
        text
    })
}

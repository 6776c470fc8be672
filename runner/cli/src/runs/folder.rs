//! The folder a run leaves: events while it goes on, the other reports at its end.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sitedrill_model::event::{DrillInfo, Event};
use sitedrill_model::record::RunRecord;

/// Events, one JSON object a line, written as they happen.
pub const EVENTS: &str = "events.jsonl";
/// What was to be run, so that a killed run can be completed.
pub const PLAN: &str = "plan.json";
/// The record.
pub const RECORD: &str = "record.json";
/// For CI servers.
pub const JUNIT: &str = "junit.xml";
/// For people.
pub const HTML: &str = "index.html";

/// What was to be run, and where its sites and programs keep their files.
#[derive(Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The drills in their order.
    pub drills: Vec<DrillInfo>,
    /// The folder that goes with the run.
    pub scratch: PathBuf,
}

/// The folder of one run.
pub struct RunFolder {
    path: PathBuf,
    events: File,
}

impl RunFolder {
    /// Makes the folder. One that already holds a run is refused: evidence is never overwritten.
    pub fn create(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path).map_err(|error| said("create the folder", path, &error))?;
        let file = path.join(EVENTS);
        let events = File::options()
            .append(true)
            .create_new(true)
            .open(&file)
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => io::Error::new(
                    error.kind(),
                    format!(
                        "{} already holds a run; name another folder with --out",
                        path.display()
                    ),
                ),
                _ => said("create", &file, &error),
            })?;
        hold(&events, path)?;
        Ok(Self {
            path: path.to_owned(),
            events,
        })
    }

    /// Notes what is to be run.
    pub fn plan(&self, plan: &Plan) -> io::Result<()> {
        self.write(PLAN, &serde_json::to_string(plan)?)
    }

    /// Opens the folder of a run that was killed: its events, and what was to be run.
    /// A last line that was not written to its end is dropped. A run that still goes on is left alone.
    pub fn reopen(path: &Path) -> io::Result<(Self, Vec<Event>, Plan)> {
        let file = path.join(EVENTS);
        let opened = File::options().read(true).append(true).open(&file);
        let events_file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                let message = format!(
                    "{} holds no run: it has no {EVENTS}; give the folder that was named with --out, or one in sitedrill-runs",
                    path.display()
                );
                io::Error::new(error.kind(), message)
            }
            _ => said("open", &file, &error),
        })?;
        hold(&events_file, path)?;
        let text = io::read_to_string(&events_file).map_err(|error| said("read", &file, &error))?;
        let mut events = Vec::new();
        let mut sound = 0;
        for line in text.split_inclusive('\n') {
            let is_whole = line.ends_with('\n');
            match serde_json::from_str(line) {
                Ok(event) if is_whole => events.push(event),
                _ if sound + line.len() == text.len() => break,
                _ => {
                    let number = events.len() + 1;
                    let message = format!("{} line {number} is no event", file.display());
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
            }
            sound += line.len();
        }
        let planned = path.join(PLAN);
        let text = fs::read_to_string(&planned).map_err(|error| said("read", &planned, &error))?;
        let plan = serde_json::from_str(&text);
        let plan = plan.map_err(|error| said("read", &planned, &error.into()))?;
        events_file.set_len(sound as u64)?;
        let folder = Self {
            path: path.to_owned(),
            events: events_file,
        };
        Ok((folder, events, plan))
    }

    /// Adds events; they are in the file when this returns.
    pub fn append(&mut self, events: &[Event]) -> io::Result<()> {
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
        }
        self.events.write_all(&lines)
    }

    /// Writes every report that is derived from the record, each complete or not at all.
    pub fn write_reports(&self, record: &RunRecord) -> io::Result<()> {
        self.write(RECORD, &sitedrill_reports::json(record))?;
        self.write(JUNIT, &sitedrill_reports::junit(record))?;
        self.write(HTML, &sitedrill_reports::html(record))
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let file = self.path.join(name);
        let partial = self.path.join(format!("{name}.partial"));
        fs::write(&partial, text).map_err(|error| said("write", &partial, &error))?;
        fs::rename(&partial, &file).map_err(|error| said("write", &file, &error))
    }
}

/// Takes the folder for this process as long as the file is open, so that a run that goes on is not taken for one that
/// was killed. Where files cannot be locked, nothing is.
fn hold(events: &File, path: &Path) -> io::Result<()> {
    match events.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let message = format!(
                "the run in {} still goes on; wait for its end, or end it with Ctrl-C",
                path.display()
            );
            Err(io::Error::new(io::ErrorKind::WouldBlock, message))
        }
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

fn said(attempt: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("failed to {attempt} {}: {error}", path.display()),
    )
}

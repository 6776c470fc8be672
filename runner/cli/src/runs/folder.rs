//! The folder a run leaves: events while it goes on, the other reports at its end.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

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
        Ok(Self {
            path: path.to_owned(),
            events,
        })
    }

    /// Notes what is to be run.
    pub fn plan<'d>(&self, drills: impl Iterator<Item = &'d DrillInfo>) -> io::Result<()> {
        let drills: Vec<&DrillInfo> = drills.collect();
        self.write(PLAN, &serde_json::to_string(&drills)?)
    }

    /// Opens the folder of a run that was killed: its events, and what was to be run.
    /// A last line that was not written to its end is dropped.
    pub fn reopen(path: &Path) -> io::Result<(Self, Vec<Event>, Vec<DrillInfo>)> {
        let file = path.join(EVENTS);
        let text = fs::read_to_string(&file).map_err(|error| said("read", &file, &error))?;
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
        let plan = path.join(PLAN);
        let planned = fs::read_to_string(&plan).map_err(|error| said("read", &plan, &error))?;
        let drills = serde_json::from_str(&planned)?;
        let events_file = File::options().append(true).open(&file);
        let events_file = events_file.map_err(|error| said("open", &file, &error))?;
        events_file.set_len(sound as u64)?;
        let folder = Self {
            path: path.to_owned(),
            events: events_file,
        };
        Ok((folder, events, drills))
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

fn said(attempt: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("failed to {attempt} {}: {error}", path.display()),
    )
}

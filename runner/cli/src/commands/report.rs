//! `sitedrill report`: the reports of an old run, rendered again.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sitedrill_model::event::Event;
use sitedrill_model::record::RunRecord;
use sitedrill_reports::Look;

use super::{print, say};
use crate::Exit;
use crate::args::{ReportArgs, ReportFormat};
use crate::runs::folder::{EVENTS, RECORD};

pub(super) fn report(args: &ReportArgs) -> Exit {
    match read(&args.run) {
        Ok(record) => {
            print(&match args.format {
                ReportFormat::Text => sitedrill_reports::summary(&record, Look::default()),
                ReportFormat::Junit => sitedrill_reports::junit(&record),
                ReportFormat::Html => sitedrill_reports::html(&record),
                ReportFormat::Json => sitedrill_reports::json(&record),
            });
            Exit::Passed
        }
        Err(error) => {
            say(&format!("error: {error:#}"));
            Exit::Usage
        }
    }
}

/// Reads a record; from the events where there is no record, as after a kill.
fn read(run: &Path) -> Result<RunRecord> {
    let file = if run.is_dir() {
        file_in(run)?
    } else {
        run.to_owned()
    };
    let text =
        fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))?;
    if file.extension().is_some_and(|ending| ending == "jsonl") {
        let events =
            events(&text).with_context(|| format!("{} is not a run's events", file.display()))?;
        Ok(RunRecord::from_events(&events))
    } else {
        serde_json::from_str(&text)
            .with_context(|| format!("{} is not a run's record", file.display()))
    }
}

fn file_in(run: &Path) -> Result<PathBuf> {
    for name in [RECORD, EVENTS] {
        let file = run.join(name);
        if file.is_file() {
            return Ok(file);
        }
    }
    bail!(
        "{} holds neither {RECORD} nor {EVENTS}; name a folder that `sitedrill run` left",
        run.display()
    )
}

/// Reads events. The last line may be cut short where a run was killed in the middle of it.
fn events(text: &str) -> Result<Vec<Event>> {
    let lines: Vec<_> = text.lines().enumerate().collect();
    let mut events = Vec::with_capacity(lines.len());
    for (at, line) in &lines {
        match serde_json::from_str(line) {
            Ok(event) => events.push(event),
            Err(_) if at + 1 == lines.len() && !text.ends_with('\n') => {}
            Err(error) => return Err(error).with_context(|| format!("line {}", at + 1)),
        }
    }
    Ok(events)
}

//! `sitedrill up --detach`: the same program again, in the background, and a wait until its sites are up.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::{print, say};
use crate::Exit;
use crate::args::UpArgs;
use crate::lab::chain;
use crate::up::folder::{self, Folder, Found, LOG};

/// The line with which the process in the background ends what it has to say. Nobody listens afterwards.
const END: &str = "---";

/// How many lines of its log an error shows.
const TAIL_LINES: usize = 12;

/// Tells whoever started this process in the background that the sites are up.
pub(super) fn report(words: &str) {
    print(&format!("{words}{END}\n"));
}

/// Starts the process in the background, and says what it says once its sites are up.
pub(super) fn detach(args: &UpArgs, place: &Path) -> Exit {
    let free = match folder::look(place) {
        Ok(Found::Running(holder)) => Err(folder::Error::Taken {
            process: holder.process,
        }),
        Ok(Found::Nothing | Found::Stale(_)) => Folder::prepare(place),
        Err(error) => Err(error),
    };
    if let Err(error) = free {
        say(&format!("error: {}", chain(&error)));
        return Exit::Inconclusive;
    }
    match start(args, place) {
        Ok(Some(words)) => {
            print(&words);
            Exit::Passed
        }
        Ok(None) => Exit::Inconclusive,
        Err(error) => {
            say(&format!(
                "error: failed to start a process in the background: {error}"
            ));
            Exit::Inconclusive
        }
    }
}

/// What the process says, or nothing if it ended instead; then its log has been shown.
fn start(args: &UpArgs, place: &Path) -> io::Result<Option<String>> {
    let place = fs::canonicalize(place)?;
    // Kept open: the process clears up behind itself, and what it said is still to be read.
    let log = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(place.join(LOG))?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(words(args, &place))
        // Who waits in the background should be small; huge pages cost it 8 MB.
        .env("MIMALLOC_ALLOW_THP", "0")
        // It must not keep a folder busy that the user may want to remove.
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.try_clone()?)
        // A group of its own: Ctrl-C in this terminal is not for it.
        .process_group(0)
        .spawn()?;
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if line == END {
                return Ok(Some(said));
            }
            said.push_str(&line);
            said.push('\n');
        }
    }
    let status = child.wait()?;
    show(log);
    say(&format!("error: the sites did not come up ({status})"));
    // The process clears up by itself unless it was killed.
    if let Ok(Found::Stale(_)) = folder::look(&place) {
        say(&format!(
            "`sitedrill down --out {}` removes what is left",
            place.display()
        ));
    }
    Ok(None)
}

/// The arguments of the process in the background.
fn words(args: &UpArgs, place: &Path) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["up", "--detached", "--out"].map(OsString::from).to_vec();
    words.push(place.into());
    let mut add = |flag: &str, value: String| words.extend([flag.into(), value.into()]);
    add("--sites", args.sites.clone());
    if let Some(groups) = &args.groups {
        add("--groups", groups.to_string());
    }
    add("--vms", args.vms.to_string());
    if let Some(port) = args.port {
        add("--port", port.to_string());
    }
    add("--seed", args.seed.to_string());
    words
}

/// The end of the log of the process in the background.
fn show(mut log: File) {
    let mut text = String::new();
    // Without a log there is only less to show.
    let _ = log.rewind().and_then(|()| log.read_to_string(&mut text));
    let lines: Vec<_> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
        say(line);
    }
}

//! Programs that drills start: kubectl, and lines for the shell. They find the sites by the files of [`super::open`].
//!
//! A program has a process group of its own. When its step ends, however it does, the whole group is killed.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::FusedFuture as _;
use rustix::process::{Pid, Signal, kill_process_group};
use sitedrill_engine::{OutputSink, TargetError};
use sitedrill_model::event::Stream;
use sitedrill_model::scenario::Command;
use sitedrill_sites::SCRATCH;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process;

use super::scratch::Scratch;
use crate::up::files::{KUBECONFIG, PGCTL_CONFIG};

/// The most that is kept of what a program prints to one stream, and the longest line.
const MOST_BYTES: usize = 1024 * 1024;
const LONGEST_LINE: usize = 16 * 1024;

/// How long the last output of a program that has ended is waited for. What it left running may hold the pipes open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Starts programs for one drill.
pub struct Programs {
    folder: PathBuf,
    beside: PathBuf,
    scratch: Scratch,
}

impl Programs {
    /// Programs find the sites by the files in `folder`, start in `beside`, and are known by `scratch`.
    pub fn new(folder: &Path, beside: &Path, scratch: &Scratch) -> Self {
        Self {
            folder: folder.to_owned(),
            beside: beside.to_owned(),
            scratch: scratch.clone(),
        }
    }

    /// Runs a program to its end, and answers with its exit code; 128 and more is a signal, as shells say it.
    ///
    /// # Errors
    /// It cannot be started, or not be waited for.
    pub async fn run(
        &self,
        actor: &str,
        command: &Command,
        output: &OutputSink,
    ) -> Result<i32, TargetError> {
        let mut program = self.command(actor, command);
        let title = program
            .as_std()
            .get_program()
            .to_string_lossy()
            .into_owned();
        let failed = |attempt: &str, source: std::io::Error| TargetError {
            attempt: format!("{attempt} {title}"),
            source: Some(Box::new(source)),
        };
        let mut child = program.spawn().map_err(|error| failed("start", error))?;
        // Dropped on every way out, also when the step is out of time or the run is stopped.
        let _group = Group::of(&child);
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let reading = futures::future::join(
            forward(out, Stream::Stdout, output),
            forward(err, Stream::Stderr, output),
        );
        let mut reading = pin!(reading.fuse());
        let status = loop {
            tokio::select! {
                biased;
                _ = &mut reading => {}
                status = child.wait() => break status,
            }
        };
        let status = status.map_err(|error| failed("wait for", error))?;
        if !reading.is_terminated() {
            // Late lines of what it left running are lost with that.
            let _ = tokio::time::timeout(LAST_WORDS, reading).await;
        }
        Ok(code(status))
    }

    fn command(&self, actor: &str, command: &Command) -> process::Command {
        let kubeconfig = self.folder.join(KUBECONFIG);
        let cache = self.folder.join("cache");
        let mut program = match command {
            Command::Kubectl { site, args } => {
                let name = env::var_os("KUBECTL").unwrap_or_else(|| OsString::from("kubectl"));
                let mut program = process::Command::new(name);
                program.args(["--context", site, "--as", actor]);
                program.args(["--as-group", "system:masters"]);
                program.args(args);
                program
            }
            Command::Shell { line } => {
                let mut program = process::Command::new("sh");
                program.args(["-c", line]);
                program
            }
        };
        program
            .env("KUBECONFIG", &kubeconfig)
            .env("KUBECACHEDIR", &cache)
            .env("PGCTL_CONFIG", self.folder.join(PGCTL_CONFIG))
            .env("SITEDRILL_ACTOR", actor)
            .env(SCRATCH, self.scratch.path())
            .env("PATH", self.path())
            .current_dir(&self.beside)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        program
    }

    /// pgctl and the two scripts come first.
    fn path(&self) -> OsString {
        let known = env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.folder.clone()).chain(env::split_paths(&known));
        // A folder with a colon in its name cannot be in it; then what was there must do.
        env::join_paths(all).unwrap_or(known)
    }
}

fn code(status: ExitStatus) -> i32 {
    let signal = status.signal().map_or(-1, |signal| 128 + signal);
    status.code().unwrap_or(signal)
}

/// Everything that one program started.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &process::Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // That nobody is left in it is the usual case.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Hands on line by line what comes from a pipe, up to a limit; the rest is read and dropped, so that nobody blocks.
async fn forward(pipe: Option<impl AsyncRead + Unpin>, stream: Stream, output: &OutputSink) {
    let Some(mut pipe) = pipe else { return };
    let mut lines = Lines::default();
    let mut chunk = vec![0; 8 * 1024];
    while let Ok(count @ 1..) = pipe.read(&mut chunk).await {
        lines.take(&chunk[..count], |line| output(stream, line));
    }
    lines.end(|line| output(stream, line));
}

/// Bytes into lines.
#[derive(Default)]
struct Lines {
    open: Vec<u8>,
    told: usize,
    is_full: bool,
}

impl Lines {
    fn take(&mut self, bytes: &[u8], mut tell: impl FnMut(&str)) {
        for byte in bytes {
            if self.is_full {
                return;
            }
            match byte {
                b'\n' => self.line(&mut tell),
                byte => {
                    self.open.push(*byte);
                    if self.open.len() == LONGEST_LINE {
                        self.line(&mut tell);
                    }
                }
            }
        }
    }

    fn line(&mut self, tell: &mut impl FnMut(&str)) {
        let line = std::mem::take(&mut self.open);
        self.told += line.len() + 1;
        tell(String::from_utf8_lossy(&line).trim_end_matches('\r'));
        if self.told >= MOST_BYTES {
            self.is_full = true;
            tell("[sitedrill keeps no more of this output]");
        }
    }

    fn end(&mut self, mut tell: impl FnMut(&str)) {
        if !self.open.is_empty() && !self.is_full {
            self.line(&mut tell);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(chunks: &[&[u8]]) -> Vec<String> {
        let mut told = Vec::new();
        let mut lines = Lines::default();
        for chunk in chunks {
            lines.take(chunk, |line| told.push(line.to_owned()));
        }
        lines.end(|line| told.push(line.to_owned()));
        told
    }

    #[test]
    fn lines_are_whole_however_their_bytes_come_and_a_last_one_needs_no_end() {
        assert_eq!(
            told(&[b"on", b"e\r\ntw", b"o\n\n", b"x"]),
            ["one", "two", "", "x"]
        );
        assert_eq!(told(&[b"\xff\n"]), ["\u{fffd}"]);
    }

    #[test]
    fn output_without_end_is_cut() {
        let line = [b"y".repeat(99).as_slice(), b"\n"].concat();
        let chunk = line.repeat(1000);
        let told = told(&vec![chunk.as_slice(); 30]);
        assert_eq!(told.len(), MOST_BYTES.div_ceil(100) + 1);
        assert!(told.last().is_some_and(|it| it.contains("keeps no more")));
        let endless = b"y".repeat(LONGEST_LINE + 1);
        assert_eq!(super::tests::told(&[&endless]).len(), 2);
    }
}

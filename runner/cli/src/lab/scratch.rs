//! The folder in which the sites and programs of a run keep their files while they run: stores, keys, kubeconfigs.
//!
//! It is how a run that was killed is cleaned up after: what it left on disk is in the folder, and every process that it
//! started has the folder in its environment.

use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sitedrill_sites::SCRATCH;

/// How the names of such folders begin. Nothing else is ever removed.
const PREFIX: &str = "sitedrill-run-";

/// How often processes that were killed are looked for again, and how long that lasts each time.
const LOOKS: u32 = 250;
const INTERVAL: Duration = Duration::from_millis(20);

/// Where a run keeps what is worth nothing once its sites are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// That of one run.
    pub fn of_run(run: &str) -> Self {
        Self(std::env::temp_dir().join(format!("{PREFIX}{run}")))
    }

    /// That of everything that is not a run: the machine's folder for temporary files.
    pub fn shared() -> Self {
        Self(std::env::temp_dir())
    }

    /// The folder that a run has noted, unless that cannot be one.
    pub fn noted(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let is_one = path.is_absolute() && name.starts_with(PREFIX);
        is_one.then(|| Self(path.to_owned()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the folder, for nobody but its owner, since keys are kept there. It goes with the handle, unless
    /// something was left in it on purpose: the logs of a control plane that failed.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn make(&self) -> io::Result<Made> {
        let made = DirBuilder::new().mode(0o700).create(&self.0);
        made.map_err(|error| self.said("make", &error))?;
        Ok(Made(self.0.clone()))
    }

    /// Whether anything is in it.
    pub fn holds_anything(&self) -> bool {
        fs::read_dir(&self.0).is_ok_and(|mut entries| entries.next().is_some())
    }

    /// Ends every process that the run has left, and removes the folder.
    ///
    /// # Errors
    /// A process does not end, or the file system refuses.
    pub async fn clear(&self) -> io::Result<Cleared> {
        let mut cleared = Cleared {
            ended: Vec::new(),
            removed: self.holds_anything().then(|| self.0.clone()),
        };
        let mut left = left_behind(&self.0);
        for _ in 0..LOOKS {
            if left.is_empty() {
                break;
            }
            for process in left {
                // One that has ended since is as good as killed.
                let _ = kill_process(process.id, Signal::KILL);
                if !cleared.ended.contains(&process) {
                    cleared.ended.push(process);
                }
            }
            tokio::time::sleep(INTERVAL).await;
            left = left_behind(&self.0);
        }
        if let Some(Process { id, name }) = left.first() {
            let message = format!("process {id}, {name}, does not end though it was killed");
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.said("remove", &error))
            }
            _ => Ok(cleared),
        }
    }

    fn said(&self, attempt: &str, error: &io::Error) -> io::Error {
        let message = format!("failed to {attempt} {}: {error}", self.0.display());
        io::Error::new(error.kind(), message)
    }
}

/// A folder that goes when this goes, if it is empty by then.
#[derive(Debug)]
pub struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// What a run had left, and is gone now.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    ended: Vec<Process>,
    removed: Option<PathBuf>,
}

impl fmt::Display for Cleared {
    /// A line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for process in &self.ended {
            writeln!(f, "ended process {}, {}", process.id, process.name)?;
        }
        match &self.removed {
            Some(folder) => writeln!(f, "removed {}", folder.display()),
            None => Ok(()),
        }
    }
}

/// A process that outlived its run.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    id: Pid,
    name: String,
}

/// The processes that have this folder in their environment. Where the system does not tell, none.
fn left_behind(scratch: &Path) -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| {
        let id = entry.file_name().to_str()?.parse().ok();
        let id = id.and_then(Pid::from_raw)?;
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        is_of(&environment, scratch).then(|| Process {
            id,
            name: name.trim().to_owned(),
        })
    });
    processes.collect()
}

/// Whether an environment, as the kernel shows it, is that of a process of the run with this folder.
fn is_of(environment: &[u8], scratch: &Path) -> bool {
    let mark = [SCRATCH.as_bytes(), b"=", scratch.as_os_str().as_bytes()].concat();
    environment
        .split(|byte| *byte == 0)
        .any(|variable| variable == mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_the_whole_path() {
        let scratch = Path::new("/tmp/sitedrill-run-1");
        let of = |variable: &str| is_of(format!("A=1\0{variable}\0B=2\0").as_bytes(), scratch);
        assert!(of("SITEDRILL_SCRATCH=/tmp/sitedrill-run-1"));
        assert!(!of("SITEDRILL_SCRATCH=/tmp/sitedrill-run-12"));
        assert!(!of("KUBECONFIG=/tmp/sitedrill-run-1"));
        assert!(!is_of(b"", scratch));
    }

    #[test]
    fn nothing_but_a_runs_folder_is_taken_for_one() {
        let noted = |path: &str| Scratch::noted(Path::new(path));
        assert!(noted("/tmp/sitedrill-run-1").is_some());
        for path in [
            "/",
            "/home",
            "/tmp",
            "",
            "sitedrill-run-1",
            "/tmp/sitedrill-run-1/..",
        ] {
            assert_eq!(noted(path), None, "{path}");
        }
    }

    #[test]
    fn the_folder_goes_with_its_handle_unless_something_was_kept() {
        let home = tempfile::tempdir().unwrap();
        let scratch = Scratch(home.path().join("sitedrill-run-1"));
        drop(scratch.make().unwrap());
        assert!(!scratch.path().exists());
        let made = scratch.make().unwrap();
        assert!(!scratch.holds_anything());
        fs::write(scratch.path().join("log"), "why").unwrap();
        assert!(scratch.holds_anything());
        drop(made);
        assert!(scratch.path().join("log").exists());
        let again = scratch.make().unwrap_err().to_string();
        assert!(again.starts_with("failed to make /"), "{again}");
    }
}

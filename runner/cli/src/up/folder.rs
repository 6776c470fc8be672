//! The folder of sites that stay: what was written about them, and a lock that is held as long as they run.
//!
//! The lock is the system's, so it goes with the process however that ends. Whoever gets it knows that nothing runs.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::files::{self, NamedFile};
use super::keeper::Keeper;
use crate::lab::scratch::{Cleared, Scratch};

/// The lock, which also marks the folder as ours. It says who keeps the sites.
const LOCK: &str = ".sitedrill-up";

/// What a detached process says.
pub const LOG: &str = "up.log";

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not ours.
    #[error("{} holds other files; name a new or empty folder with --out", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
    },
    /// Sites run there.
    #[error("sites are up there already, kept by process {process}; `sitedrill down` stops them")]
    Taken {
        /// Who keeps them.
        process: String,
    },
    /// The file system refuses.
    #[error("failed to {attempt} {}", path.display())]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// What the servers of old sites left cannot be removed.
    #[error(transparent)]
    Left(io::Error),
}

/// The folder of sites that run in this process.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    ready: AtomicBool,
    before: Keeper,
    // Held, and let go when the process ends.
    _lock: File,
}

/// Whether sites are up.
#[derive(Debug)]
pub enum Found {
    /// Nothing was ever there, or it was cleaned away.
    Nothing,
    /// Sites are up, kept by this process.
    Running(Holder),
    /// The process has gone without cleaning.
    Stale(Keeper),
}

/// The process that keeps sites up.
#[derive(Debug)]
pub struct Holder {
    /// Its id.
    pub process: String,
    lock: File,
}

impl Holder {
    /// Whether it has ended.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn has_ended(&self) -> Result<bool, Error> {
        is_free(&self.lock, Path::new(LOCK))
    }
}

impl Folder {
    /// Makes the folder, for nobody but its owner. One that holds other people's files is refused.
    ///
    /// # Errors
    /// It is not ours, or cannot be made.
    pub fn prepare(path: &Path) -> Result<(), Error> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(failed("make", path))?;
        let entries = fs::read_dir(path).map_err(failed("read", path))?;
        let foreign = entries.count() > 0 && !path.join(LOCK).is_file();
        if foreign {
            return Err(Error::Foreign {
                folder: path.to_owned(),
            });
        }
        open_lock(path).map(drop)
    }

    /// Takes the folder for this process, the servers of whose sites keep their files in `scratch`.
    ///
    /// # Errors
    /// Somebody else has it, or it is not ours.
    pub fn claim(path: &Path, scratch: &Scratch) -> Result<Self, Error> {
        Self::prepare(path)?;
        let place = path.join(LOCK);
        let mut lock = open_lock(path)?;
        let is_free = is_free(&lock, &place)?;
        let before = keeper_in(&mut lock).map_err(failed("read", &place))?;
        if !is_free {
            let process = before.process;
            return Err(Error::Taken { process });
        }
        let written = lock
            .rewind()
            .and_then(|()| lock.set_len(0))
            .and_then(|()| lock.write_all(Keeper::this(scratch).write().as_bytes()));
        written.map_err(failed("write", &place))?;
        let path = fs::canonicalize(path).map_err(failed("find", path))?;
        Ok(Self {
            path,
            ready: AtomicBool::new(false),
            before,
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what the servers of earlier sites left here, if the process that kept them was killed.
    ///
    /// # Errors
    /// The file system refuses.
    pub async fn clear_before(&self) -> Result<(), Error> {
        let cleared = self.before.clear_servers().await;
        cleared.map(drop).map_err(Error::Left)
    }

    /// Remembers that the sites are up.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    /// Whether the sites are up.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// Writes a file, beside it first, so that nobody reads half of it.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write(&self, file: &NamedFile) -> Result<(), Error> {
        let path = self.path.join(&file.name);
        let partial = self.path.join(format!("{}.partial", file.name));
        let mode = if file.executable { 0o700 } else { 0o600 };
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&partial)
            .and_then(|mut open| open.write_all(file.text.as_bytes()))
            .and_then(|()| fs::set_permissions(&partial, fs::Permissions::from_mode(mode)))
            .and_then(|()| fs::rename(&partial, &path));
        written.map_err(failed("write", &path))
    }

    /// Removes what was written, and the folder if nothing else is in it.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn clear(self) -> Result<(), Error> {
        clear(&self.path)
    }
}

/// Looks whether sites are up.
///
/// # Errors
/// The file system refuses.
pub fn look(path: &Path) -> Result<Found, Error> {
    let place = path.join(LOCK);
    let opened = OpenOptions::new().read(true).write(true).open(&place);
    let mut lock = match opened {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(failed("open", &place)(error)),
    };
    let keeper = keeper_in(&mut lock).map_err(failed("read", &place))?;
    if is_free(&lock, &place)? {
        Ok(Found::Stale(keeper))
    } else {
        let process = keeper.process;
        Ok(Found::Running(Holder { process, lock }))
    }
}

/// Removes all that a process left which was killed: what was written of its sites, and what their servers had on disk.
///
/// # Errors
/// The file system refuses.
pub async fn clear_after(keeper: &Keeper, path: &Path) -> Result<Cleared, Error> {
    let cleared = keeper.clear_servers().await.map_err(Error::Left)?;
    clear(path)?;
    Ok(cleared)
}

/// Removes what sites of old have left, and the folder if nothing else is in it.
///
/// # Errors
/// The file system refuses.
pub fn clear(path: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(path).map_err(failed("read", path))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let ours = files::is_ours(name.trim_end_matches(".partial")) || name == LOG;
        if ours {
            fs::remove_file(entry.path()).map_err(failed("remove", &entry.path()))?;
        }
    }
    let place = path.join(LOCK);
    fs::remove_file(&place).map_err(failed("remove", &place))?;
    // Files that are not ours keep the folder; that is no error.
    let _ = fs::remove_dir(path);
    Ok(())
}

fn open_lock(path: &Path) -> Result<File, Error> {
    let place = path.join(LOCK);
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&place);
    opened.map_err(failed("open", &place))
}

/// Takes the lock if nobody has it.
fn is_free(lock: &File, place: &Path) -> Result<bool, Error> {
    match lock.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(failed("lock", place)(error)),
    }
}

fn keeper_in(lock: &mut File) -> io::Result<Keeper> {
    let mut text = String::new();
    lock.rewind()?;
    lock.read_to_string(&mut text)?;
    Ok(Keeper::read(&text))
}

fn failed(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        attempt,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> NamedFile {
        NamedFile {
            name: name.to_owned(),
            text: "secret".to_owned(),
            executable: false,
        }
    }

    #[test]
    fn a_folder_is_claimed_once_and_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("up");
        assert!(matches!(look(&place).unwrap(), Found::Nothing));
        let folder = Folder::claim(&place, &Scratch::shared()).unwrap();
        folder.write(&file("kubeconfig")).unwrap();
        let mode = fs::metadata(place.join("kubeconfig"))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        let again = Folder::claim(&place, &Scratch::shared())
            .unwrap_err()
            .to_string();
        let process = std::process::id().to_string();
        assert!(again.contains(&process), "{again}");
        let Found::Running(holder) = look(&place).unwrap() else {
            panic!("the folder is claimed");
        };
        assert_eq!(holder.process, process);
        assert!(!holder.has_ended().unwrap());
        folder.clear().unwrap();
        assert!(!place.exists());
        assert!(holder.has_ended().unwrap(), "the lock went with its file");
    }

    #[test]
    fn what_a_killed_process_left_is_seen_and_cleared() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("up");
        let folder = Folder::claim(&place, &Scratch::shared()).unwrap();
        folder.write(&file("kubeconfig")).unwrap();
        drop(folder);
        assert!(matches!(look(&place).unwrap(), Found::Stale(_)));
        clear(&place).unwrap();
        assert!(!place.exists());
    }

    #[test]
    fn other_peoples_files_are_not_touched() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("kubeconfig"), "mine").unwrap();
        let error = Folder::claim(home.path(), &Scratch::shared()).unwrap_err();
        assert!(matches!(error, Error::Foreign { .. }), "{error}");
        let place = home.path().join("up");
        let folder = Folder::claim(&place, &Scratch::shared()).unwrap();
        fs::write(place.join("notes"), "mine").unwrap();
        folder.clear().unwrap();
        assert!(place.join("notes").is_file());
    }
}

//! Sites of a drill that are open to other programs, with the files that these need.

use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sitedrill_model::{Failure, FailureKind};
use sitedrill_sites::Door;

use super::chain;
use super::composition::Composition;
use super::programs::Programs;
use crate::up::files::{Files, NamedFile};
use crate::up::{Ready, open_site};

/// How many folders of the same name may be left of runs that were killed.
const MOST_LEFT_BEHIND: u32 = 1000;

/// Sites that are open; they close, and the files go, when this goes.
pub struct OpenLab {
    folder: Folder,
    _doors: Vec<Door>,
}

impl OpenLab {
    /// Opens every site, and writes what kubectl and pgctl need to find them.
    ///
    /// # Errors
    /// The environment failed.
    pub async fn open(lab: &Composition, drill: &str) -> Result<Self, Failure> {
        let mut doors = Vec::with_capacity(lab.sites.len());
        for site in &lab.sites {
            let door = site.open(0).await;
            doors.push(door.map_err(|error| environment(chain(&error)))?);
        }
        let folder = Folder::make(drill).map_err(|error| {
            environment(format!("failed to make a folder for kubeconfigs: {error}"))
        })?;
        let told = Ready {
            provider: lab.sites.first().map_or("embedded", |site| site.provider()),
            sites: lab.sites.iter().zip(&doors).map(open_site).collect(),
            groups: Vec::new(),
            vms: 0,
            namespace: lab.policy.namespace.clone(),
            folder: folder.0.clone(),
        };
        let files = Files::of(&told).map_err(|error| environment(chain(&error)))?;
        for file in files.all() {
            folder
                .write(file)
                .map_err(|error| environment(format!("failed to write {}: {error}", file.name)))?;
        }
        Ok(Self {
            folder,
            _doors: doors,
        })
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// Starts programs that find these sites, beside the drill's file.
    pub fn programs(&self, file: &str) -> Programs {
        let beside = Path::new(file).parent().unwrap_or(Path::new(""));
        let beside = if beside.as_os_str().is_empty() {
            Path::new(".")
        } else {
            beside
        };
        Programs::new(&self.folder.0, beside)
    }
}

fn environment(message: String) -> Failure {
    Failure::new(FailureKind::EnvironmentFailed, message)
}

/// A folder for nobody but its owner, since kubeconfigs hold secrets. It goes with its handle.
struct Folder(PathBuf);

impl Folder {
    fn make(drill: &str) -> io::Result<Self> {
        let process = std::process::id();
        for number in 0..MOST_LEFT_BEHIND {
            let name = format!("sitedrill-{process}-{number}-{drill}");
            let path = std::env::temp_dir().join(name);
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }

    fn write(&self, file: &NamedFile) -> io::Result<()> {
        let mode = if file.executable { 0o700 } else { 0o600 };
        let mut options = fs::OpenOptions::new();
        let options = options.write(true).create_new(true).mode(mode);
        let mut opened = options.open(self.0.join(&file.name))?;
        opened.write_all(file.text.as_bytes())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is worthless: the sites whose secrets it holds are gone.
        let _ = fs::remove_dir_all(&self.0);
    }
}

//! Sites of a drill that are open to other programs, with the files that these need.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use sitedrill_model::{Failure, FailureKind};
use sitedrill_sites::Door;
use tempfile::TempDir;

use super::chain;
use super::composition::Composition;
use super::programs::Programs;
use super::scratch::Scratch;
use crate::up::files::{Files, NamedFile};
use crate::up::{Ready, open_site};

/// Sites that are open; they close, and the files go, when this goes.
pub struct OpenLab {
    /// For nobody but its owner, since kubeconfigs hold secrets.
    folder: TempDir,
    scratch: Scratch,
    _doors: Vec<Door>,
}

impl OpenLab {
    /// Opens every site, and writes what kubectl and pgctl need to find them.
    ///
    /// # Errors
    /// The environment failed.
    pub async fn open(lab: &Composition, drill: &str, scratch: &Scratch) -> Result<Self, Failure> {
        let mut doors = Vec::with_capacity(lab.sites.len());
        for site in &lab.sites {
            let door = site.open(0).await;
            doors.push(door.map_err(|error| environment(chain(&error)))?);
        }
        let folder = tempfile::Builder::new()
            .prefix(&format!("{drill}-"))
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(scratch.path())
            .map_err(|error| {
                environment(format!("failed to make a folder for kubeconfigs: {error}"))
            })?;
        let told = Ready {
            provider: lab.sites.first().map_or("embedded", |site| site.provider()),
            sites: lab.sites.iter().zip(&doors).map(open_site).collect(),
            groups: Vec::new(),
            vms: 0,
            namespace: lab.policy.namespace.clone(),
            folder: folder.path().to_owned(),
        };
        let files = Files::of(&told).map_err(|error| environment(chain(&error)))?;
        for file in files.all() {
            write(folder.path(), file)
                .map_err(|error| environment(format!("failed to write {}: {error}", file.name)))?;
        }
        Ok(Self {
            folder,
            scratch: scratch.clone(),
            _doors: doors,
        })
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts programs that find these sites, beside the drill's file.
    pub fn programs(&self, file: &str) -> Programs {
        let beside = Path::new(file).parent().unwrap_or(Path::new(""));
        let beside = if beside.as_os_str().is_empty() {
            Path::new(".")
        } else {
            beside
        };
        Programs::new(self.folder(), beside, &self.scratch)
    }
}

fn environment(message: String) -> Failure {
    Failure::new(FailureKind::EnvironmentFailed, message)
}

fn write(folder: &Path, file: &NamedFile) -> io::Result<()> {
    let mode = if file.executable { 0o700 } else { 0o600 };
    let mut options = fs::OpenOptions::new();
    let options = options.write(true).create_new(true).mode(mode);
    let mut opened = options.open(folder.join(&file.name))?;
    opened.write_all(file.text.as_bytes())
}

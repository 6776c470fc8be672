//! The binaries of a real control plane: found, or built once into the user's cache.
//!
//! In this order: `KUBEBUILDER_ASSETS`; the cache; `setup-envtest`; and on Debian 12, etcd from its package and
//! kube-apiserver built from the distribution's own source package.
//!
//! Building took 5 min 15 s of processor time from an empty cache, so about 3 minutes on two idle cores, and 250 MB of
//! downloads, package lists included. It needs no root and installs nothing. kube-controller-manager is not built: no
//! test needs it.

mod debian;

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::repo::say;

/// Folder below the user's cache folder, with one folder a version.
const CACHE: &str = "sitedrill/control-plane";

/// What a folder must hold to be of use.
const NEEDED: [&str; 2] = ["kube-apiserver", "etcd"];

/// Finds the binaries, or makes them, and gives the folder that holds them.
///
/// # Errors
///
/// They can neither be found nor made here; the message says what was tried.
pub fn find_or_make() -> anyhow::Result<PathBuf> {
    if let Some(folder) = env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from) {
        if !is_complete(&folder) {
            bail!(
                "KUBEBUILDER_ASSETS names {}, which lacks {}",
                folder.display(),
                NEEDED.join(" or ")
            );
        }
        return Ok(folder);
    }
    let cache = cache_folder()?;
    if let Some(folder) = cached(&cache) {
        return Ok(folder);
    }
    if let Some(folder) = setup_envtest() {
        return Ok(folder);
    }
    fs::create_dir_all(&cache).with_context(|| format!("failed to make {}", cache.display()))?;
    // Two builds must not meet; the second one finds what the first one made.
    let lock = File::create(cache.join(".lock")).context("failed to make the lock of the cache")?;
    lock.lock().context("failed to lock the cache")?;
    match cached(&cache) {
        Some(folder) => Ok(folder),
        None => debian::build(&cache),
    }
}

/// Whether a folder holds what a control plane needs.
pub fn is_complete(folder: &Path) -> bool {
    NEEDED.iter().all(|name| folder.join(name).is_file())
}

/// The newest complete folder of the cache, by name.
pub fn cached(cache: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(cache).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| is_complete(path))
        .collect();
    folders.sort();
    folders.pop()
}

fn cache_folder() -> anyhow::Result<PathBuf> {
    Ok(user_cache()?.join(CACHE))
}

/// The folder for what this user's programs can make again.
pub(crate) fn user_cache() -> anyhow::Result<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    base.context("neither XDG_CACHE_HOME nor HOME is set")
}

/// Asks `setup-envtest`, where it is installed.
fn setup_envtest() -> Option<PathBuf> {
    let output = Command::new("setup-envtest")
        .args(["use", "--print", "path"])
        .output()
        .ok()?;
    let folder = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    if !output.status.success() || !is_complete(&folder) {
        say("setup-envtest is there but gave no usable folder; going on without it");
        return None;
    }
    Some(folder)
}

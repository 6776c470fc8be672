//! Builds kube-apiserver and kube-controller-manager from Debian's source package.
//!
//! Nothing of the system's configuration changes: the source lists are a copy in a folder of our own.
//! Takes about five minutes on two cores, once.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::repo::say;

/// The version that Debian 12 packages; the name of the folder in the cache.
const NAME: &str = "kubernetes-1.20.2";

/// What building needs beside the source. `golang-github-modern-go-reflect2-dev` replaces a vendored library that is
/// too old for Go 1.18 and later: with it the API server crashes at random while it encodes a map.
const PACKAGES: [&str; 9] = [
    "golang-go",
    "golang-github-modern-go-reflect2-dev",
    "etcd-server",
    "dpkg-dev",
    "rsync",
    "jq",
    "make",
    "gcc",
    "openssl",
];

const REFLECT2: &str = "github.com/modern-go/reflect2";
const SYSTEM_GO: &str = "/usr/share/gocode/src";
const GO_BIN: &str = "/usr/lib/go-1.19/bin";
const BUILT: [&str; 2] = ["kube-apiserver", "kube-controller-manager"];

/// Builds into a folder beside the final one and renames it, so that a half-built folder is never found.
pub(super) fn build(cache: &Path) -> anyhow::Result<PathBuf> {
    if !Path::new("/etc/debian_version").is_file() {
        bail!(
            "no kube-apiserver and etcd were found, and only on Debian can they be built here; \
             set KUBEBUILDER_ASSETS, or install setup-envtest"
        );
    }
    say(
        "building kube-apiserver and kube-controller-manager from Debian's source package; about five minutes, once",
    );
    let work = cache.join(".work");
    if work.exists() {
        fs::remove_dir_all(&work).context("failed to remove what an earlier build left")?;
    }
    fs::create_dir_all(&work).context("failed to make a folder for the build")?;
    install()?;
    let source = fetch_source(&work)?;
    make(&work, &source)?;
    let partial = work.join(NAME);
    fs::create_dir_all(&partial).context("failed to make the folder of the binaries")?;
    for name in BUILT {
        copy(&source.join("_output/bin").join(name), &partial.join(name))?;
    }
    copy(Path::new("/usr/bin/etcd"), &partial.join("etcd"))?;
    let folder = cache.join(NAME);
    fs::rename(&partial, &folder).context("failed to move the binaries into the cache")?;
    fs::remove_dir_all(&work).context("failed to remove the folder of the build")?;
    Ok(folder)
}

fn install() -> anyhow::Result<()> {
    run(Command::new("apt-get").args(["-q", "update"]))?;
    run(Command::new("apt-get")
        .args(["-q", "install", "-y", "--no-install-recommends"])
        .args(PACKAGES)
        .env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Fetches and unpacks the source package, by a `deb-src` twin of the system's own sources.
fn fetch_source(work: &Path) -> anyhow::Result<PathBuf> {
    let (sources, lists) = (work.join("sources"), work.join("lists"));
    fs::create_dir_all(&sources).context("failed to make a folder for source lists")?;
    fs::create_dir_all(&lists).context("failed to make a folder for package lists")?;
    let own = "/etc/apt/sources.list.d/debian.sources";
    let text = fs::read_to_string(own).with_context(|| format!("failed to read {own}"))?;
    fs::write(sources.join("source.sources"), as_source_list(&text))
        .context("failed to write a source list")?;
    let option = |name: &str, value: &Path| format!("{name}={}", value.display());
    let options = [
        "Dir::Etc::SourceList=/dev/null".to_owned(),
        option("Dir::Etc::SourceParts", &sources),
        option("Dir::State::Lists", &lists),
    ];
    let apt = |verb: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .arg("-q")
            .args(options.iter().flat_map(|option| ["-o", option]))
            .args(verb)
            .current_dir(work);
        command
    };
    run(&mut apt(&["update"]))?;
    run(&mut apt(&["source", "kubernetes"]))?;
    let entries = fs::read_dir(work)
        .context("failed to list the folder of the build")?
        .flatten();
    let mut folders = entries.map(|entry| entry.path()).filter(|path| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        path.is_dir() && name.starts_with("kubernetes-") && path.join("cmd/kube-apiserver").is_dir()
    });
    folders
        .next()
        .context("apt-get source left no folder of Kubernetes")
}

/// The same sources, for source packages.
pub(super) fn as_source_list(text: &str) -> String {
    let line = |line: &str| {
        if line.starts_with("Types:") {
            "Types: deb-src".to_owned()
        } else {
            line.to_owned()
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

fn make(work: &Path, source: &Path) -> anyhow::Result<()> {
    let vendored = source.join("vendor").join(REFLECT2);
    fs::remove_dir_all(&vendored)
        .context("failed to remove the vendored library that is too old")?;
    run(Command::new("cp")
        .arg("-r")
        .arg(Path::new(SYSTEM_GO).join(REFLECT2))
        .arg(&vendored))?;
    let gopath = source.join(".go");
    let link = gopath.join("src/k8s.io/kubernetes");
    fs::create_dir_all(link.parent().expect("the path has folders"))
        .context("failed to make a GOPATH")?;
    symlink(source, &link).context("failed to link the source into its GOPATH")?;
    let home = work.join("home");
    fs::create_dir_all(&home).context("failed to make a home for the build")?;
    let path = format!("{GO_BIN}:{}", std::env::var("PATH").unwrap_or_default());
    run(Command::new("make")
        .arg("WHAT=cmd/kube-apiserver cmd/kube-controller-manager")
        .current_dir(source)
        .env("PATH", path)
        .env("GOPATH", &gopath)
        .env("GO111MODULE", "off")
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "")
        .env("HOME", &home))
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to).with_context(|| format!("failed to copy {}", from.display()))?;
    Ok(())
}

/// Runs a program; what it prints goes to the terminal, and its failure is ours.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("failed to start {program}"))?;
    if !status.success() {
        bail!("{program} ended with {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::as_source_list;

    #[test]
    fn the_twin_of_a_source_list_differs_only_in_its_types() {
        let own = "Types: deb\nURIs: http://example.org/debian\nSuites: bookworm\n\nTypes: deb deb-src\nSuites: x\n";
        assert_eq!(
            as_source_list(own),
            "Types: deb-src\nURIs: http://example.org/debian\nSuites: bookworm\n\nTypes: deb-src\nSuites: x\n"
        );
    }
}

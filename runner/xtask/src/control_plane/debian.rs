//! Makes the binaries on Debian 12: etcd from its package, kube-apiserver from the source package.
//!
//! Nothing is installed and nothing of the system changes, so nobody has to be root: packages are fetched by the
//! system's own `apt-get` with lists and folders of ours, and unpacked beside the source.

mod kubernetes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::repo::say;
use kubernetes::Source;

/// Packages that are unpacked, never installed. `golang-github-modern-go-reflect2-dev` replaces a vendored library
/// that is too old for Go 1.18 and later: with it the API server crashes at random while it encodes a map.
const PACKAGES: [&str; 4] = [
    "golang-1.19-go",
    "golang-1.19-src",
    "golang-github-modern-go-reflect2-dev",
    "etcd-server",
];

/// What has to be there; all of it is on any Debian.
const PROGRAMS: [&str; 3] = ["apt-get", "dpkg-deb", "tar"];

const ELSEWHERE: &str =
    "set KUBEBUILDER_ASSETS to a folder with kube-apiserver and etcd, or install setup-envtest";

/// Builds into a folder beside the final one and renames it, so that a half-built folder is never found.
pub(super) fn build(cache: &Path) -> anyhow::Result<PathBuf> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !is_debian_12(&release) {
        bail!(
            "no kube-apiserver and etcd were found, and only on Debian 12 can they be built here; {ELSEWHERE}"
        );
    }
    for program in PROGRAMS {
        if Command::new(program).arg("--version").output().is_err() {
            bail!("{program} is needed to build kube-apiserver, and is not there; {ELSEWHERE}");
        }
    }
    say("building kube-apiserver from Debian's source package; minutes, and only once");
    let work = cache.join(".work");
    if work.exists() {
        remove(&work).context("failed to remove what an earlier build left")?;
    }
    let fetched = fetch(&work)?;
    let source = Source::prepare(&work, &fetched)?;
    let partial = work.join("done");
    make_folder(&partial)?;
    source.build_into(&partial.join("kube-apiserver"))?;
    let etcd = fetched.root.join("usr/bin/etcd");
    fs::copy(&etcd, partial.join("etcd"))
        .with_context(|| format!("failed to copy {}", etcd.display()))?;
    let folder = cache.join(format!("kubernetes-{}", source.version));
    fs::rename(&partial, &folder).context("failed to move the binaries into the cache")?;
    remove(&work).context("failed to remove the folder of the build")?;
    Ok(folder)
}

/// What was fetched.
pub(super) struct Fetched {
    /// The packages, unpacked as if this were `/`.
    pub(super) root: PathBuf,
    /// Upstream's source of Kubernetes as one archive.
    pub(super) source: PathBuf,
}

/// Fetches everything, with package lists of our own that know source packages too.
fn fetch(work: &Path) -> anyhow::Result<Fetched> {
    let folder = |name: &str| -> anyhow::Result<PathBuf> {
        let path = work.join(name);
        make_folder(&path)?;
        Ok(path)
    };
    let (sources, files, root) = (folder("sources")?, folder("files")?, folder("root")?);
    let options = [
        ("Dir::Etc::SourceList", PathBuf::from("/dev/null")),
        ("Dir::Etc::SourceParts", sources.clone()),
        ("Dir::State::Lists", folder("lists")?),
        ("Dir::Cache", folder("cache")?),
    ];
    write_sources(&sources)?;
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command.arg("--quiet").current_dir(&files);
        for (name, value) in &options {
            command
                .arg("--option")
                .arg(format!("{name}={}", value.display()));
        }
        command.args(words);
        run(&mut command)
    };
    apt(&["update"])?;
    apt(&[&["download"], PACKAGES.as_slice()].concat())?;
    apt(&["source", "--download-only", "kubernetes"])?;
    let mut source = None;
    for entry in fs::read_dir(&files).context("failed to list what was fetched")? {
        let path = entry.context("failed to list what was fetched")?.path();
        let name = path.to_string_lossy();
        if name.ends_with(".deb") {
            run(Command::new("dpkg-deb")
                .arg("--extract")
                .arg(&path)
                .arg(&root))?;
        } else if name.contains(".orig.tar.") {
            source = Some(path);
        }
    }
    let source = source.context("the source package of Kubernetes holds no source")?;
    Ok(Fetched { root, source })
}

/// Debian's own sources in either of apt's two languages, for packages and source packages.
fn write_sources(folder: &Path) -> anyhow::Result<()> {
    let own = [
        ("/etc/apt/sources.list.d/debian.sources", "debian.sources"),
        ("/etc/apt/sources.list", "debian.list"),
    ];
    let (text, name) = own
        .iter()
        .find_map(|(path, name)| {
            let text = fs::read_to_string(path).ok()?;
            (!text.trim().is_empty()).then_some((text, name))
        })
        .context("found no package sources in /etc/apt/sources.list.d/debian.sources or /etc/apt/sources.list")?;
    fs::write(folder.join(name), with_source_packages(&text))
        .context("failed to write a source list")
}

/// The same sources, for source packages as well.
pub(super) fn with_source_packages(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        if line.starts_with("Types:") {
            out.push_str("Types: deb deb-src\n");
            continue;
        }
        out.push_str(line);
        out.push('\n');
        if let Some(rest) = line.strip_prefix("deb ") {
            out.push_str("deb-src ");
            out.push_str(rest);
            out.push('\n');
        }
    }
    out
}

fn is_debian_12(os_release: &str) -> bool {
    let says = |wanted: &str| {
        os_release
            .lines()
            .any(|line| line.replace('"', "") == wanted)
    };
    says("ID=debian") && says("VERSION_ID=12")
}

fn make_folder(path: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(path).with_context(|| format!("failed to make {}", path.display()))
}

fn remove(folder: &Path) -> std::io::Result<()> {
    fs::remove_dir_all(folder)
}

/// Runs a program. What it prints goes to stderr, since stdout is for the answer; its failure is ours.
pub(super) fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .stdout(std::io::stderr())
        .status()
        .with_context(|| format!("failed to start {program}"))?;
    if !status.success() {
        bail!("{program} ended with {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_both_languages_learn_of_source_packages() {
        let own = "Types: deb\nURIs: http://example.org/debian\nSuites: bookworm\n";
        assert_eq!(
            with_source_packages(own),
            "Types: deb deb-src\nURIs: http://example.org/debian\nSuites: bookworm\n"
        );
        assert_eq!(
            with_source_packages("deb http://example.org/debian bookworm main\n"),
            "deb http://example.org/debian bookworm main\ndeb-src http://example.org/debian bookworm main\n"
        );
    }

    #[test]
    fn only_debian_12_is_taken_for_debian_12() {
        assert!(is_debian_12(
            "NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n"
        ));
        assert!(!is_debian_12("ID=debian\nVERSION_ID=\"13\"\n"));
        assert!(!is_debian_12(
            "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"12\"\n"
        ));
        assert!(!is_debian_12(""));
    }
}

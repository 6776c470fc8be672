//! Compiles kube-apiserver from its source, with as little as that takes.
//!
//! The project's own makefile first runs six generators over everything. All that they write is in the archive but
//! one file, so one generator is enough. Cloud providers are left out: nothing here needs them, and they are a large
//! part of the code.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::{Fetched, make_folder, run};

const REFLECT2: &str = "github.com/modern-go/reflect2";

/// The import path of the root of the source.
const PACKAGE: &str = "k8s.io/kubernetes";

/// The package of the one file that is not in the archive.
const GENERATED: &str = "pkg/generated/openapi";

/// What marks a package whose types go into that file.
const MARK: &str = "+k8s:openapi-gen=";

/// Packages that are tools or samples, and no part of the API.
const NO_API: [&str; 4] = [
    "code-generator",
    "sample-apiserver",
    "kube-openapi",
    "gengo",
];

/// The source of Kubernetes, ready to be compiled.
pub(super) struct Source {
    /// Its version without the `v`.
    pub(super) version: String,
    folder: PathBuf,
    gopath: PathBuf,
    goroot: PathBuf,
    home: PathBuf,
}

impl Source {
    /// Unpacks the source into a place where Go finds it, and replaces the library that is too old.
    pub(super) fn prepare(work: &Path, fetched: &Fetched) -> anyhow::Result<Self> {
        let unpacked = work.join("kubernetes");
        make_folder(&unpacked)?;
        run(Command::new("tar")
            .args(["--strip-components=1", "-xf"])
            .arg(&fetched.source)
            .arg("-C")
            .arg(&unpacked))?;
        let vendored = unpacked.join("vendor").join(REFLECT2);
        fs::remove_dir_all(&vendored)
            .context("failed to remove the vendored library that is too old")?;
        let newer = fetched.root.join("usr/share/gocode/src").join(REFLECT2);
        run(Command::new("cp").arg("-r").arg(newer).arg(&vendored))?;
        let (gopath, home) = (work.join("gopath"), work.join("home"));
        let folder = gopath.join("src").join(PACKAGE);
        make_folder(&gopath.join("src/k8s.io"))?;
        make_folder(&home)?;
        symlink(&unpacked, &folder).context("failed to link the source into its GOPATH")?;
        let text = fs::read_to_string(unpacked.join("hack/lib/version.sh"))
            .context("failed to read the version of the source")?;
        let version = version(&text).context("the source does not say which version it is")?;
        Ok(Self {
            version: version.to_owned(),
            folder,
            gopath,
            goroot: fetched.root.join("usr/lib/go-1.19"),
            home,
        })
    }

    /// Writes the missing file, and compiles.
    pub(super) fn build_into(&self, binary: &Path) -> anyhow::Result<()> {
        let generator = self.home.join("openapi-gen");
        let tool = "./vendor/k8s.io/code-generator/cmd/openapi-gen";
        run(self.go().args(["build", "-o"]).arg(&generator).arg(tool))?;
        let inputs: Vec<_> = api_packages(&self.folder)?
            .iter()
            .map(|package| format!("{PACKAGE}/{package}"))
            .collect();
        run(self
            .program(&generator)
            .args(["--input-dirs", &inputs.join(",")])
            .args(["--output-package", &format!("{PACKAGE}/{GENERATED}")])
            .args(["--output-file-base", "zz_generated.openapi"])
            .args([
                "--go-header-file",
                "vendor/k8s.io/code-generator/hack/boilerplate.go.txt",
            ])
            .arg("--report-filename")
            .arg(self.home.join("violations")))?;
        run(self
            .go()
            .args(["build", "-tags", "providerless", "-trimpath", "-ldflags"])
            .arg(link_flags(&self.version))
            .arg("-o")
            .arg(binary)
            .arg("./cmd/kube-apiserver"))
    }

    fn go(&self) -> Command {
        self.program(&self.goroot.join("bin/go"))
    }

    /// A program in the folder of the source, with Go's settings and none of the user's.
    fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .current_dir(&self.folder)
            // Go looks where it is by this name, and must not see through the link.
            .env("PWD", &self.folder)
            .env(
                "PATH",
                format!("{}:{path}", self.goroot.join("bin").display()),
            )
            .env("GOROOT", &self.goroot)
            .env("GOPATH", &self.gopath)
            .env("GOCACHE", self.home.join("cache"))
            .env("HOME", &self.home)
            .env("GO111MODULE", "off")
            .env("CGO_ENABLED", "0")
            .env("GOFLAGS", "");
        command
    }
}

/// The version in the script that knows it: the archive's is written where git keeps its tags.
fn version(script: &str) -> Option<&str> {
    let (_, rest) = script.split_once("'tag: v")?;
    let (version, _) = rest.split_once('\'')?;
    Some(version)
}

/// No debugging symbols, and the version that the server is to say.
fn link_flags(version: &str) -> String {
    let mut numbers = version.split('.');
    let mut number = || numbers.next().unwrap_or_default().to_owned();
    let variables = [
        ("gitVersion", format!("v{version}")),
        ("gitMajor", number()),
        ("gitMinor", number()),
        ("gitTreeState", "archive".to_owned()),
    ];
    let mut flags = "-s -w -buildid=".to_owned();
    for package in [
        "k8s.io/client-go/pkg/version",
        "k8s.io/component-base/version",
    ] {
        for (name, value) in &variables {
            // Writing to a String cannot fail.
            let _ = write!(flags, " -X {PACKAGE}/vendor/{package}.{name}={value}");
        }
    }
    flags
}

/// The packages whose types are part of the API, by their marks.
fn api_packages(source: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for root in ["pkg", "vendor/k8s.io"] {
        collect(source, root, &mut found)?;
    }
    found.sort();
    Ok(found)
}

fn collect(source: &Path, folder: &str, found: &mut Vec<String>) -> anyhow::Result<()> {
    let failed = || format!("failed to read {folder}");
    let mut is_api = false;
    for entry in fs::read_dir(source.join(folder)).with_context(failed)? {
        let name = entry.with_context(failed)?.file_name();
        let name = name.to_string_lossy();
        let path = format!("{folder}/{name}");
        if NO_API.contains(&name.as_ref()) && folder == "vendor/k8s.io" {
            continue;
        }
        // `vendor/k8s.io` is full of links into another folder; they are followed.
        if source.join(&path).is_dir() {
            collect(source, &path, found)?;
        } else if name.ends_with(".go") && !is_api {
            is_api = fs::read_to_string(source.join(&path))
                .with_context(failed)?
                .contains(MARK);
        }
    }
    if is_api {
        found.push(folder.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_archive() {
        let script = "if [[ 'tag: v1.20.2' =~ tag:\\ (v[^ ,]+) ]]; then";
        assert_eq!(version(script), Some("1.20.2"));
        assert_eq!(version("# 'tag: %D'"), None);
        assert!(link_flags("1.20.2").contains("version.gitMinor=20 "));
    }

    #[test]
    fn packages_of_the_api_are_found_by_their_marks() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("pkg/a/doc.go", "// +k8s:openapi-gen=true\npackage a\n");
        write("pkg/b/doc.go", "package b\n");
        write("vendor/k8s.io/c/d/doc.go", "// +k8s:openapi-gen=true\n");
        write("vendor/k8s.io/gengo/doc.go", "// +k8s:openapi-gen=true\n");
        assert_eq!(
            api_packages(folder.path()).unwrap(),
            ["pkg/a", "vendor/k8s.io/c/d"]
        );
    }
}

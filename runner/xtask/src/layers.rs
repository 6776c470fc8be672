//! Who may use whom. The table stands in `ARCHITECTURE.md` too, with the reasons.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::repo::Repo;

/// What a crate may use.
#[derive(Clone, Copy, Debug)]
pub struct Layer {
    /// The crate.
    pub name: &'static str,
    /// Our crates that it may use.
    pub may_use: &'static [&'static str],
    /// Our crates that its tests may use besides.
    pub tests_may_use: &'static [&'static str],
    /// What it must not use of others.
    pub never: &'static [Never],
}

/// Something of other people that a layer keeps out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Never {
    /// kube with a client: anything beyond its derive macro.
    KubeClient,
    /// tokio, in any form.
    Tokio,
    /// Random numbers.
    Randomness,
}

use Never::{KubeClient, Randomness, Tokio};

const fn layer(
    name: &'static str,
    may_use: &'static [&'static str],
    tests_may_use: &'static [&'static str],
    never: &'static [Never],
) -> Layer {
    Layer {
        name,
        may_use,
        tests_may_use,
        never,
    }
}

/// The table, in the order in which to read the crates.
pub const LAYERS: [Layer; 15] = [
    layer("siterecovery-api", &[], &[], &[KubeClient, Tokio]),
    layer(
        "siterecovery-decide",
        &["siterecovery-api"],
        &[],
        &[KubeClient, Tokio, Randomness],
    ),
    layer(
        "siterecovery-manager",
        &["siterecovery-api", "siterecovery-decide"],
        &["sitedrill-apiserver", "sitedrill-world", "sitedrill-sites"],
        &[],
    ),
    layer(
        "pgctl",
        &["siterecovery-api", "siterecovery-decide"],
        &["sitedrill-apiserver", "sitedrill-world", "sitedrill-sites"],
        &[],
    ),
    layer("sitedrill-cel", &[], &[], &[KubeClient, Tokio, Randomness]),
    layer("sitedrill-apiserver", &["sitedrill-cel"], &[], &[]),
    layer("sitedrill-world", &[], &["sitedrill-apiserver"], &[]),
    layer(
        "sitedrill-sites",
        &["sitedrill-apiserver", "sitedrill-world", "sitedrill-model"],
        &[],
        &[],
    ),
    layer(
        "sitedrill-model",
        &["sitedrill-cel"],
        &[],
        &[KubeClient, Tokio],
    ),
    layer(
        "sitedrill-engine",
        &["sitedrill-cel", "sitedrill-model"],
        &[],
        &[],
    ),
    layer(
        "sitedrill-reports",
        &["sitedrill-model"],
        &[],
        &[KubeClient, Tokio],
    ),
    layer(
        "sitedrill",
        &[
            "siterecovery-api",
            "siterecovery-decide",
            "siterecovery-manager",
            "pgctl",
            "sitedrill-apiserver",
            "sitedrill-world",
            "sitedrill-sites",
            "sitedrill-model",
            "sitedrill-engine",
            "sitedrill-reports",
        ],
        &[],
        &[],
    ),
    layer(
        "sitedrill-storm",
        &[
            "siterecovery-api",
            "siterecovery-decide",
            "siterecovery-manager",
            "pgctl",
            "sitedrill-apiserver",
            "sitedrill-world",
        ],
        &[],
        &[],
    ),
    layer("scenarios", &["sitedrill", "sitedrill-model"], &[], &[]),
    layer("xtask", &["siterecovery-api", "sitedrill-model"], &[], &[]),
];

/// A crate of the workspace, as cargo describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// What it uses, ours and others'.
    pub dependencies: Vec<Dependency>,
}

/// Something a crate uses.
#[derive(Clone, Debug, Deserialize)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// `dev` or `build`; `None` for an ordinary one.
    pub kind: Option<String>,
    /// The features that are asked for.
    #[serde(default)]
    pub features: Vec<String>,
    /// Whether the default features come along.
    #[serde(default)]
    pub uses_default_features: bool,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// The crates of the workspace.
///
/// # Errors
///
/// Where cargo cannot be started or cannot read the workspace.
pub fn packages(repo: &Repo) -> anyhow::Result<Vec<Package>> {
    let mut command = repo.cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let output = command.output().context("failed to start cargo metadata")?;
    let talk = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata failed: {talk}");
    let metadata: Metadata = serde_json::from_slice(&output.stdout)
        .context("failed to read what cargo metadata printed")?;
    Ok(metadata.packages)
}

/// What the crates use against the table, one problem a line.
pub fn problems(packages: &[Package], layers: &[Layer]) -> Vec<String> {
    let known: BTreeMap<_, _> = layers.iter().map(|layer| (layer.name, layer)).collect();
    let mut problems = Vec::new();
    for package in packages {
        match known.get(package.name.as_str()) {
            Some(layer) => problems.extend(of_package(package, layer, &known)),
            None => problems.push(format!(
                "{}: has no row in the table of layers (runner/xtask/src/layers.rs, ARCHITECTURE.md)",
                package.name
            )),
        }
    }
    for name in known.keys() {
        if !packages.iter().any(|package| package.name == *name) {
            problems.push(format!(
                "{name}: stands in the table of layers but is no crate"
            ));
        }
    }
    problems
}

fn of_package(package: &Package, layer: &Layer, known: &BTreeMap<&str, &Layer>) -> Vec<String> {
    let mut problems = Vec::new();
    for dependency in &package.dependencies {
        let name = dependency.name.as_str();
        let for_tests = dependency.kind.as_deref() == Some("dev");
        let ours = known.contains_key(name) && name != package.name;
        let allowed =
            layer.may_use.contains(&name) || (for_tests && layer.tests_may_use.contains(&name));
        if ours && !allowed {
            problems.push(format!("{}: must not use {name}", package.name));
        }
        let broken = layer.never.iter().find(|never| is(dependency, **never));
        if let (Some(never), false) = (broken, for_tests) {
            problems.push(format!(
                "{}: must not use {} ({name} {:?})",
                package.name,
                in_words(*never),
                dependency.features
            ));
        }
    }
    problems
}

fn is(dependency: &Dependency, never: Never) -> bool {
    let name = dependency.name.as_str();
    match never {
        KubeClient => {
            let beyond_derive = dependency.features.iter().any(|f| f != "derive");
            name == "kube-client"
                || name == "kube-runtime"
                || (name == "kube" && (dependency.uses_default_features || beyond_derive))
        }
        Tokio => name == "tokio" || name.starts_with("tokio-"),
        Randomness => matches!(
            name,
            "rand" | "rand_core" | "rand_chacha" | "getrandom" | "fastrand"
        ),
    }
}

fn in_words(never: Never) -> &'static str {
    match never {
        KubeClient => "kube's client",
        Tokio => "tokio",
        Randomness => "randomness",
    }
}

/// Rows of the table that `ARCHITECTURE.md` does not have.
pub fn undocumented(architecture: &str, layers: &[Layer]) -> Vec<String> {
    let row = |layer: &&Layer| {
        let start = format!("| `{}`", layer.name);
        let mut rows = architecture.lines().filter(|line| line.starts_with(&start));
        rows.next().is_none()
    };
    let missing = layers.iter().filter(row);
    missing
        .map(|layer| {
            format!(
                "ARCHITECTURE.md: the table of layers has no row for {}",
                layer.name
            )
        })
        .collect()
}

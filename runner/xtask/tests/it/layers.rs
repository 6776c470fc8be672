//! Import rules.

use xtask::layers::{Dependency, LAYERS, Package, packages, problems, undocumented};
use xtask::repo::Repo;

fn uses(name: &str, dependencies: &[(&str, Option<&str>, &[&str])]) -> Package {
    let dependency = |(name, kind, features): &(&str, Option<&str>, &[&str])| Dependency {
        name: (*name).to_owned(),
        kind: kind.map(str::to_owned),
        features: features.iter().map(|f| (*f).to_owned()).collect(),
        uses_default_features: false,
    };
    Package {
        name: name.to_owned(),
        dependencies: dependencies.iter().map(dependency).collect(),
    }
}

fn judged(package: Package) -> Vec<String> {
    let mut all = problems(&[package], &LAYERS);
    all.retain(|problem| !problem.ends_with("is no crate"));
    all
}

#[test]
fn the_crates_of_this_repository_use_only_what_they_may() {
    let packages = packages(&Repo::here()).expect("cargo describes the workspace");
    assert_eq!(problems(&packages, &LAYERS), Vec::<String>::new());
}

#[test]
fn the_architecture_document_has_a_row_for_every_crate() {
    let text = std::fs::read_to_string(Repo::here().path("ARCHITECTURE.md"))
        .expect("the document stands in the root");
    assert_eq!(undocumented(&text, &LAYERS), Vec::<String>::new());
    assert_eq!(undocumented("", &LAYERS).len(), LAYERS.len());
}

#[test]
fn a_runner_that_links_the_controllers_is_red() {
    let engine = uses("sitedrill-engine", &[("siterecovery-decide", None, &[])]);
    assert_eq!(
        judged(engine),
        ["sitedrill-engine: must not use siterecovery-decide"]
    );
}

#[test]
fn fixtures_are_for_the_tests_of_controllers_only() {
    let fine = uses("pgctl", &[("sitedrill-apiserver", Some("dev"), &[])]);
    assert_eq!(judged(fine), Vec::<String>::new());
    let wrong = uses("pgctl", &[("sitedrill-apiserver", None, &[])]);
    assert_eq!(judged(wrong), ["pgctl: must not use sitedrill-apiserver"]);
}

#[test]
fn a_pure_crate_with_a_client_tokio_or_randomness_is_red() {
    for (name, features) in [
        ("kube", &["client"][..]),
        ("tokio", &[]),
        ("rand_chacha", &[]),
    ] {
        let package = uses("siterecovery-decide", &[(name, None, features)]);
        assert_eq!(judged(package).len(), 1, "{name}");
    }
    let derive = uses("siterecovery-decide", &[("kube", None, &["derive"])]);
    assert_eq!(judged(derive), Vec::<String>::new());
}

#[test]
fn a_crate_without_a_row_and_a_row_without_a_crate_are_red() {
    let all = problems(&[uses("stranger", &[])], &LAYERS);
    assert!(all[0].starts_with("stranger: has no row"), "{all:?}");
    assert_eq!(all.len(), 1 + LAYERS.len());
}

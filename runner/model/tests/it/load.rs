//! Files and folders on a disk.

use std::fs;
use std::path::{Path, PathBuf};

use sitedrill_model::{LoadError, load};

use crate::support::{SOUND, parse_all, rendered};

fn named(name: &str) -> String {
    SOUND.replace("name: sound", &format!("name: {name}"))
}

fn put(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().expect("it is below the root")).expect("a new folder");
    fs::write(path, text).expect("a new file");
}

fn suite(members: &str, more: &str) -> String {
    format!(
        "apiVersion: sitedrill/v1\nkind: Suite\nmetadata: {{name: all, summary: All of them.}}\n\
         {more}scenarios: [{members}]\n"
    )
}

#[test]
fn a_folder_is_searched_all_the_way_down_and_each_drill_knows_its_class() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("drills");
    put(&root, "top.yaml", &named("top"));
    put(&root, "guide/b.yml", &named("b"));
    put(&root, "guide/deep/a.yaml", &named("a"));
    put(&root, "guide/notes.txt", "not: a drill");
    put(&root, "_defaults.yaml", "not: a drill");
    put(&root, ".hidden/x.yaml", "not: a drill");
    put(&root, "snapshots/x.yaml", "not: a drill");

    let loaded = load(std::slice::from_ref(&root)).unwrap();
    let classes: Vec<(&str, &str)> = loaded
        .drills
        .iter()
        .map(|d| (d.classname.as_str(), d.drill.name.as_str()))
        .collect();
    assert_eq!(
        classes,
        [("guide", "b"), ("guide.deep", "a"), ("drills", "top")]
    );
    let info = loaded.drills[0].info(0, 7);
    assert_eq!(info.seed, sitedrill_model::derive_seed(7, "b"));
    assert_eq!(info.sha256.len(), 64);
}

#[test]
fn a_file_named_by_itself_is_in_the_class_of_its_folder_and_named_twice_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "guide/a.yaml", &named("a"));
    let file = dir.path().join("guide/a.yaml");
    let folder = dir.path().join("guide/../guide");
    let loaded = load(&[file, folder]).unwrap();
    assert_eq!(loaded.drills.len(), 1);
    assert_eq!(loaded.drills[0].classname, "guide");
}

#[test]
fn an_empty_folder_holds_nothing_to_run() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "readme.txt", "no drill");
    let error = load(&[dir.path().to_owned()]).unwrap_err();
    assert!(matches!(error, LoadError::NothingToRun { .. }), "{error:?}");
    assert!(error.to_string().starts_with("no drill in "));
}

#[test]
fn every_missing_path_is_named() {
    let error = load(&[PathBuf::from("nowhere/b"), PathBuf::from("nowhere/a.yaml")]).unwrap_err();
    let LoadError::Invalid(problems) = error else {
        panic!("{error:?}");
    };
    let files: Vec<&str> = problems.iter().map(|p| p.location.file.as_str()).collect();
    assert_eq!(files, ["nowhere/a.yaml", "nowhere/b"]);
}

#[test]
fn a_suite_takes_members_from_outside_the_selection_without_running_them_alone() {
    let dir = tempfile::tempdir().unwrap();
    put(
        dir.path(),
        "suites/all.yaml",
        &suite("../one.yaml, ../two.yaml", ""),
    );
    put(dir.path(), "one.yaml", &named("one"));
    put(dir.path(), "two.yaml", &named("two"));
    let loaded = load(&[dir.path().join("suites")]).unwrap();
    assert_eq!(loaded.drills.len(), 1);
    let drill = &loaded.drills[0].drill;
    let chapters: Vec<&str> = drill.chapters.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(chapters, ["one", "two"]);
    assert!(drill.chapters[0].file.ends_with("one.yaml"));
    assert_eq!(drill.sites, ["primary", "dr", "quorum"]);
}

#[test]
fn the_digest_of_a_suite_changes_with_its_members_and_their_order() {
    let digest = |files: &[(&str, &[u8])]| {
        let loaded = parse_all(files).unwrap_or_else(|p| panic!("{}", rendered(&p)));
        let found = loaded.drills.iter().find(|d| d.drill.name == "all");
        found.unwrap().drill.sha256.clone()
    };
    let (one, two) = (named("one"), named("two"));
    let changed = two.replace("Says most", "Says nearly all");
    let forth = suite("one.yaml, two.yaml", "");
    let back = suite("two.yaml, one.yaml", "");
    let of = |suite: &str, two: &str| {
        digest(&[
            ("one.yaml", one.as_bytes()),
            ("suite.yaml", suite.as_bytes()),
            ("two.yaml", two.as_bytes()),
        ])
    };
    assert_eq!(of(&forth, &two), of(&forth, &two));
    assert_ne!(of(&forth, &two), of(&back, &two));
    assert_ne!(of(&forth, &two), of(&forth, &changed));
}

#[test]
fn wrong_suites_are_refused_each_with_its_place() {
    let one = named("one");
    let cases = [
        suite("", ""),
        suite("missing.yaml", ""),
        suite("suite.yaml", ""),
        suite("one.yaml, one.yaml", ""),
        suite("one.yaml, ./one.yaml", ""),
        suite("one.yaml", "sites: [primary, dr]\n"),
        suite("one.yaml", "").replace("name: all", "name: one"),
        suite("one.yaml", "actors: {}\n"),
    ];
    let mut seen = Vec::new();
    for case in &cases {
        let files = [
            ("one.yaml", one.as_bytes()),
            ("suite.yaml", case.as_bytes()),
        ];
        seen.push(rendered(&parse_all(&files).unwrap_err()));
    }
    insta::assert_snapshot!(seen.join("\n\n-----\n\n"));
}

#[test]
fn problems_of_all_files_come_at_once_and_sorted() {
    let broken = named("broken").replace("is: held", "is: hold");
    let files = [
        ("b.yaml", broken.as_bytes()),
        ("a.yaml", b"just text".as_slice()),
        ("c.yaml", b"\xff\xfe".as_slice()),
        ("d.yaml", b"".as_slice()),
    ];
    let problems = parse_all(&files).unwrap_err();
    assert!(problems.is_sorted());
    let named: Vec<&str> = problems.iter().map(|p| p.location.file.as_str()).collect();
    for file in ["a.yaml", "b.yaml", "c.yaml", "d.yaml"] {
        assert!(named.contains(&file), "{file} in {named:?}");
    }
}

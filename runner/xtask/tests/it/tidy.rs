//! Style that a machine can see.

use xtask::repo::{Repo, SourceFile};
use xtask::tidy::{lengths, module_docs, problems, spaces};

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn this_repository_is_tidy() {
    let problems = problems(&Repo::here()).expect("the repository can be read");
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_file_of_the_repository_is_looked_at() {
    let files = Repo::here().files().expect("the repository can be read");
    for path in [
        "Cargo.toml",
        "runner/xtask/src/tidy.rs",
        "scenarios/guide/operations-api.yaml",
    ] {
        assert!(files.iter().any(|file| file.path == path), "{path}");
    }
    assert!(!files.iter().any(|file| file.path.starts_with("target/")));
}

#[test]
fn a_long_file_is_red_unless_it_has_a_reason() {
    let long = file("a.rs", &"line\n".repeat(501));
    let short = file("a.rs", &"line\n".repeat(500));
    assert_eq!(lengths(std::slice::from_ref(&long), &[]).len(), 1);
    assert_eq!(lengths(std::slice::from_ref(&short), &[]).len(), 0);
    let listed = std::slice::from_ref(&long);
    assert_eq!(lengths(listed, &[("a.rs", "a table")]).len(), 0);
    assert_eq!(lengths(listed, &[("a.rs", " ")]).len(), 1);
    assert_eq!(lengths(&[short], &[("a.rs", "a table")]).len(), 1);
    assert_eq!(lengths(&[], &[("gone.rs", "a table")]).len(), 1);
}

#[test]
fn a_module_without_its_purpose_is_red() {
    let bare = file("a.rs", "use std::fmt;\n");
    let said = file("b.rs", "//! Says what it is for.\n");
    assert_eq!(module_docs(&[bare, said]).len(), 1);
}

#[test]
fn trailing_spaces_and_missing_ends_are_red() {
    let wrong = [
        file("a.md", "space \n"),
        file("b.yaml", "tab\t\n"),
        file("c.rs", "return\r\n"),
        file("d.toml", "no end"),
        file("e.sh", "many\n\n"),
    ];
    assert_eq!(spaces(&wrong).len(), 5);
    let fine = [
        file("a.md", "fine\n"),
        file("terminal.txt", "as printed \n"),
    ];
    assert_eq!(spaces(&fine), Vec::<String>::new());
}

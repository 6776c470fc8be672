//! Generated files.

use xtask::generated::{Generated, all, crds, stale, write};
use xtask::repo::Repo;

#[test]
fn the_generated_files_of_this_repository_are_fresh() {
    let files = all().expect("all generated files can be made");
    let problems = stale(&Repo::here(), &files).expect("they can be read");
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn a_definition_reads_back_as_what_it_was_written_from() {
    let written = crds().expect("the definitions can be made");
    assert_eq!(written.len(), 2);
    for (file, manifest) in written.iter().zip(siterecovery_api::crd_manifests()) {
        let read: serde_json::Value =
            serde_saphyr::from_str(&file.text).expect("what was written is YAML");
        let meant = serde_json::to_value(&manifest.crd).expect("a definition is JSON");
        assert_eq!(read, meant, "{}", file.path);
    }
}

#[test]
fn a_missing_and_a_changed_file_are_red_until_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let repo = Repo::at(folder.path());
    let file = Generated {
        path: "some/where.txt".to_owned(),
        text: "right\n".to_owned(),
        by: "cargo xtask some",
    };
    let files = [file];
    let state = || stale(&repo, &files).expect("the folder can be read");
    assert_eq!(
        state(),
        ["some/where.txt: is missing; run `cargo xtask some`"]
    );
    write(&repo, &files).expect("the folder can be written to");
    assert_eq!(state(), Vec::<String>::new());
    std::fs::write(repo.path("some/where.txt"), "wrong\n").expect("the file can be written");
    assert_eq!(
        state(),
        ["some/where.txt: is stale; run `cargo xtask some`"]
    );
}

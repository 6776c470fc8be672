//! Which folder of the cache is used.

use std::fs;
use std::path::Path;

use xtask::control_plane::cached;

fn put(cache: &Path, version: &str, names: &[&str]) {
    let folder = cache.join(version);
    fs::create_dir_all(&folder).expect("a folder can be made");
    for name in names {
        fs::write(folder.join(name), "").expect("a file can be written");
    }
}

#[test]
fn the_newest_folder_with_both_binaries_is_used_and_a_half_built_one_never() {
    let cache = tempfile::tempdir().unwrap();
    assert_eq!(cached(cache.path()), None);
    put(
        cache.path(),
        "kubernetes-1.20.2",
        &["kube-apiserver", "etcd"],
    );
    put(
        cache.path(),
        "kubernetes-1.19.0",
        &["kube-apiserver", "etcd"],
    );
    put(cache.path(), "kubernetes-1.33.0", &["kube-apiserver"]);
    assert_eq!(
        cached(cache.path()),
        Some(cache.path().join("kubernetes-1.20.2"))
    );
}

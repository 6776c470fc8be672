//! Coming up, going down, and what is said when that cannot be.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use rustix::process::Signal;

use super::Kept;
use super::kept::{judge, program};

/// Runs the program to its end, and compares.
fn ends(args: &[&str], folder: &Path, expected: (i32, &[&str])) {
    let output = program()
        .args(args)
        .arg("--out")
        .arg(folder)
        .output()
        .expect("the program starts");
    judge(&args.join(" "), &output, expected);
}

#[test]
fn ctrl_c_and_sigterm_stop_the_sites_and_leave_nothing_behind() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut kept = Kept::start(&["--groups", "1"]);
        assert!(kept.said.contains("pg-a runs at primary"), "{}", kept.said);
        assert!(kept.folder().join("kubeconfig").is_file());
        let status = kept.end(signal);
        assert_eq!(status.code(), Some(0), "{signal:?}");
        assert!(!kept.folder().exists(), "{signal:?} left files");
    }
}

#[test]
fn detached_sites_outlive_the_command_until_they_are_taken_down() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("up");
    let up = ["up", "--detach", "--groups", "web,db", "--vms", "1"];
    ends(
        &up,
        &folder,
        (
            0,
            &[
                "web, db run at primary, with 1 machine each",
                "`sitedrill down` stops",
            ],
        ),
    );
    let config = folder.join("pgctl.yaml").display().to_string();
    let output = program()
        .args(["pgctl", "groups", "list", "--config", &config])
        .output()
        .unwrap();
    judge("pgctl groups list", &output, (0, &["web", "db", "running"]));
    ends(
        &["up"],
        &folder,
        (
            3,
            &["sites are up there already", "`sitedrill down` stops them"],
        ),
    );
    ends(
        &["up", "--detach"],
        &folder,
        (3, &["sites are up there already"]),
    );
    ends(&["down"], &folder, (0, &["stopped the sites"]));
    assert!(!folder.exists());
    ends(
        &["down"],
        &folder,
        (4, &["no sites are up in", "sitedrill up --detach"]),
    );
}

#[test]
fn what_a_killed_process_left_is_cleared_by_down_and_by_the_next_up() {
    let mut kept = Kept::start(&["--groups", "0"]);
    assert!(
        kept.said.contains("There are no protection groups yet"),
        "{}",
        kept.said
    );
    kept.end(Signal::KILL);
    assert!(
        kept.folder().join("kubeconfig").is_file(),
        "nobody could clear"
    );
    let up = ["up", "--detach", "--groups", "0"];
    ends(&up, &kept.folder(), (0, &["3 embedded sites are up"]));
    ends(&["down"], &kept.folder(), (0, &["stopped the sites"]));

    let mut kept = Kept::start(&["--groups", "0"]);
    kept.end(Signal::KILL);
    ends(
        &["down"],
        &kept.folder(),
        (0, &["has ended before; removed the files it left"]),
    );
    assert!(!kept.folder().exists());
}

#[test]
fn what_killed_control_planes_left_is_cleared_by_down() {
    if let Err(error) = sitedrill_sites::Assets::find() {
        println!("NOT RUN: {error}");
        return;
    }
    let mut kept = Kept::start(&["--sites", "envtest", "--groups", "0"]);
    let lock = fs::read_to_string(kept.folder().join(".sitedrill-up")).unwrap();
    let scratch = Path::new(lock.lines().last().expect("it names a folder"));
    assert_eq!(fs::read_dir(scratch).unwrap().count(), 3, "{lock}");
    kept.end(Signal::KILL);
    assert!(scratch.is_dir(), "nobody could clear");
    let removed = format!("removed {}", scratch.display());
    ends(
        &["down"],
        &kept.folder(),
        (0, &["has ended before", &removed]),
    );
    assert!(!scratch.exists() && !kept.folder().exists());
}

#[test]
fn a_port_that_is_taken_is_named_with_what_to_do_also_from_the_background() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("up");
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let wanted = format!("failed to listen at 127.0.0.1:{port}");
    for detach in [&[][..], &["--detach"][..]] {
        let args = [&["up", "--port", &port], detach].concat();
        ends(&args, &folder, (3, &[&wanted, "choose another --port"]));
        assert!(!folder.exists(), "nothing is left behind");
    }
}

#[test]
fn other_peoples_folders_and_senseless_arguments_are_refused() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("config"), "mine").unwrap();
    ends(&["up"], home.path(), (3, &["holds other files", "--out"]));
    ends(
        &["up", "--sites", "moon"],
        home.path(),
        (2, &["embedded or envtest"]),
    );
    ends(
        &["up", "--groups", "Web"],
        home.path(),
        (2, &["`Web` is no name of a group"]),
    );
    ends(&["up", "--vms", "0"], home.path(), (2, &["--vms"]));
    assert_eq!(
        fs::read_to_string(home.path().join("config")).unwrap(),
        "mine"
    );
}

//! Drills that start programs: kubectl and the shell, in real time; refused or skipped in virtual time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Ended, run};
use crate::up::kubectl;

const HEAD: &str = "apiVersion: sitedrill/v1
kind: Scenario
metadata: {name: programs, summary: Starts programs.}
sites: [primary, dr, quorum]
given: {groups: {pg-a: {vms: 1, at: primary}}}
actors:
  operator:
";

const PLAIN: &str = "apiVersion: sitedrill/v1
kind: Scenario
metadata: {name: plain, summary: Starts nothing.}
sites: [primary, dr, quorum]
given: {groups: {pg-a: {vms: 1, at: primary}}}
actors:
  operator:
    - expect: {site: primary, object: pg/pg-a, matches: {}}
";

struct Drill {
    folder: tempfile::TempDir,
    file: PathBuf,
}

impl Drill {
    fn new(steps: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        fs::create_dir(folder.path().join("drills")).expect("a folder can be made");
        let file = folder.path().join("drills/programs.yaml");
        fs::write(&file, format!("{HEAD}{steps}")).expect("the drill can be written");
        Self { folder, file }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    fn run(&self, path: &Path, more: &[&str]) -> Ended {
        let (path, out) = (path.display().to_string(), self.out().display().to_string());
        let args = [&["run", &path, "--out", &out], more].concat();
        run(&args)
    }

    fn in_real_time(&self) -> Ended {
        self.run(&self.file, &["--time", "real"])
    }

    fn record(&self) -> String {
        fs::read_to_string(self.out().join("record.json")).expect("a run leaves its record")
    }
}

#[test]
fn a_line_for_the_shell_finds_the_sites_and_its_end_is_compared() {
    let drill = Drill::new(
        "    - save: {site: primary, object: pg/pg-a, field: status.currentState, as: state}
    - shell: |-
        echo \"as $SITEDRILL_ACTOR\"; echo state=${state}; test -r \"$KUBECONFIG\" && pgctl groups list
      within: 1m
      expect: {contains: [as operator, state=running], matches: '^pg-a .*running'}
    - shell: echo to stderr >&2; exit 7
      within: 1m
      expect: {exitCode: 7, contains: to stderr}
",
    );
    let ended = drill.in_real_time();
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let record = drill.record();
    assert!(record.contains("\"line\": \"state=running\""), "{record}");
}

#[test]
fn a_program_that_ends_otherwise_fails_its_drill() {
    for (end, said) in [
        (
            "expect: {exitCode: 1}",
            "expected exit code 1, was exit code 0",
        ),
        ("expect: {contains: bye}", "expected output with `bye`"),
        (
            "expect: {matches: '^ello'}",
            "expected output that matches `^ello`",
        ),
    ] {
        let drill = Drill::new(&format!(
            "    - shell: echo hello\n      within: 1m\n      {end}\n"
        ));
        let ended = drill.in_real_time();
        assert_eq!(ended.code, 1, "{end}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.contains(said), "{end}: {}", ended.stdout);
    }
}

/// Whether any process has this text among its words.
pub(crate) fn runs(mark: &str) -> bool {
    let listed = Command::new("ps").args(["-eo", "args"]).output();
    let listed = listed.expect("ps is there").stdout;
    String::from_utf8_lossy(&listed)
        .lines()
        .any(|line| line.contains(mark))
}

#[test]
fn a_program_that_is_out_of_time_ends_with_all_that_it_started() {
    let mark = format!("98{:07}", std::process::id());
    let drill = Drill::new(&format!(
        "    - shell: 'sleep {mark} & sleep {mark}; true'\n      within: 1s\n"
    ));
    let ended = drill.in_real_time();
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.stdout.contains("not done within 1s"),
        "{}",
        ended.stdout
    );
    assert!(!runs(&mark), "sleep {mark} still runs");
}

#[test]
fn what_a_program_leaves_running_ends_with_its_step() {
    let mark = format!("97{:07}", std::process::id());
    let drill = Drill::new(&format!(
        "    - shell: sleep {mark} & echo started\n      within: 1m\n      expect: {{contains: started}}\n"
    ));
    let ended = drill.in_real_time();
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(!runs(&mark), "sleep {mark} still runs");
}

#[test]
fn in_virtual_time_a_drill_with_programs_is_refused_before_it_starts() {
    let drill = Drill::new("    - shell: 'true'\n      within: 1m\n");
    let ended = drill.run(&drill.file, &[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    let reason =
        "its `shell` step in line 8 starts a program, which needs real time; add --time real";
    assert!(ended.stderr.contains(reason), "{}", ended.stderr);
    assert!(!drill.out().exists(), "nothing was started");
}

#[test]
fn among_others_a_drill_with_programs_is_skipped_with_the_reason() {
    let drill = Drill::new("    - shell: 'true'\n      within: 1m\n");
    let folder = drill.file.parent().unwrap();
    fs::write(folder.join("plain.yaml"), PLAIN).unwrap();
    let ended = drill.run(folder, &[]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.stdout.contains("1 passed, 1 skipped"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("needs real time"), "{}", ended.stdout);
}

#[test]
fn kubectl_reaches_an_embedded_site_in_the_name_of_its_actor() {
    let Some(kubectl) = kubectl("kubectl_reaches_an_embedded_site_in_the_name_of_its_actor") else {
        return;
    };
    let drill = Drill::new(
        "    - kubectl: {site: dr, args: get protectiongroup pg-a -n site-recovery -o name}
      within: 1m
      expect: {matches: '^protectiongroup.*/pg-a$'}
    - kubectl: {site: primary, args: [get, pg, pg-z, -n, site-recovery]}
      within: 1m
      expect: {exitCode: 1, contains: NotFound}
    - kubectl: {site: quorum, args: \"auth whoami -o jsonpath={.status.userInfo.username}\"}
      within: 1m
      expect: {contains: operator}
",
    );
    let (file, out) = (
        drill.file.display().to_string(),
        drill.out().display().to_string(),
    );
    let output = Command::new(env!("CARGO_BIN_EXE_sitedrill"))
        .args(["run", &file, "--time", "real", "--out", &out])
        .env("KUBECTL", kubectl)
        .env("CI", "true")
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
}

#[test]
fn whoever_wants_to_follow_by_hand_needs_a_terminal_and_to_look_at_sites_real_time() {
    let drill = Drill::new("    - expect: {site: primary, object: pg/pg-a, matches: {}}\n");
    let step = drill.run(&drill.file, &["--step"]);
    assert_eq!(step.code, 2, "{}", step.stderr);
    assert!(
        step.stderr.contains("stdin is no terminal"),
        "{}",
        step.stderr
    );
    let pause = drill.run(&drill.file, &["--pause-on-failure"]);
    assert_eq!(pause.code, 2, "{}", pause.stderr);
    assert!(pause.stderr.contains("--time real"), "{}", pause.stderr);
}

#[test]
fn a_drill_that_takes_longer_than_allowed_is_marked_slow() {
    let drill = Drill::new("    - expect: {site: primary, object: pg/pg-a, matches: {}}\n");
    let ended = drill.run(&drill.file, &["--slow", "0s"]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains(")  slow"), "{}", ended.stdout);
}

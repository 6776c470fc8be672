//! How a run ends that is ended from outside: by signals, by its time, and by being killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sitedrill_model::Verdict;
use sitedrill_model::record::RunRecord;

use crate::program::run;
use crate::programs::runs;

/// A drill that would go on for an hour of real time, and cleans up after itself.
const LONG: &str = "\
apiVersion: sitedrill/v1
kind: Scenario
metadata: {name: long, summary: Goes on for an hour.}
sites: [primary, dr, quorum]
given: {groups: {pg-a: {vms: 1, at: primary}}}
actors:
  a:
    - expect: {site: primary, object: pg/pg-a, matches: {}}
    - fault: {quorumLost: dr}
    - sleep: 1h
      because: somebody ends this from outside
  b:
    - expect: {site: primary, object: pg/pg-a, matches: {}}
always:
  - return: pg-a to primary
";

struct Running {
    child: Child,
    out: PathBuf,
}

impl Running {
    /// Starts the drill and waits until it sleeps.
    fn start(folder: &Path, more: &[&str]) -> Self {
        Self::start_drill(folder, LONG, more)
    }

    fn start_drill(folder: &Path, drill: &str, more: &[&str]) -> Self {
        let file = folder.join("long.yaml");
        fs::write(&file, drill).expect("the drill can be written");
        let out = folder.join("run");
        let child = Command::new(env!("CARGO_BIN_EXE_sitedrill"))
            .arg("run")
            .arg(&file)
            .args(["--time", "real", "--out"])
            .arg(&out)
            .args(more)
            .env("CI", "true")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let running = Self { child, out };
        running.until("sleep 1h because");
        running
    }

    /// Waits until the events say this.
    fn until(&self, text: &str) {
        self.until_all_of(&[text]);
    }

    /// Waits until one event says all of this.
    fn until_all_of(&self, texts: &[&str]) {
        let events = self.out.join("events.jsonl");
        let is_said = |event: &str| texts.iter().all(|text| event.contains(text));
        for _ in 0..1200 {
            if fs::read_to_string(&events).is_ok_and(|it| it.lines().any(is_said)) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        panic!("the run never said {texts:?}");
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("kill is there").success());
    }

    fn end(self) -> (Option<i32>, String, PathBuf) {
        let output = self.child.wait_with_output().expect("it can be waited for");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).expect("output is UTF-8");
        (output.status.code(), text, self.out)
    }
}

/// What a polite end leaves: every report, the cleanup done, the fault lifted.
fn is_complete(out: &Path) {
    let events = fs::read_to_string(out.join("events.jsonl")).expect("a run leaves its events");
    for said in [
        "the run was stopped from outside",
        "pg-a already runs at primary",
        "left-over",
        "runFinished",
    ] {
        assert!(events.contains(said), "{said} is missing: {events}");
    }
    for report in ["record.json", "junit.xml", "index.html"] {
        assert!(out.join(report).is_file(), "{report} is missing");
    }
}

#[test]
fn ctrl_c_and_sigterm_clean_up_write_every_report_and_exit_with_130() {
    for name in ["-INT", "-TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let running = Running::start(folder.path(), &[]);
        running.signal(name);
        let (code, text, out) = running.end();
        assert_eq!(code, Some(130), "{name}: {text}");
        is_complete(&out);
    }
}

#[test]
fn a_second_ctrl_c_stops_at_once_and_says_what_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let cleans_for_an_hour = LONG.replace(
        "always:\n",
        "always:\n  - sleep: 2h\n    because: the cleanup hangs\n",
    );
    let running = Running::start_drill(folder.path(), &cleans_for_an_hour, &[]);
    running.signal("-INT");
    running.until("sleep 2h because");
    running.signal("-INT");
    let (code, text, out) = running.end();
    assert_eq!(code, Some(130), "{text}");
    assert!(
        text.contains("stopped at once, before the cleanup had ended"),
        "{text}"
    );
    let resume = format!("sitedrill run --resume {}", out.display());
    assert!(text.contains(&resume), "{text}");
    assert!(!out.join("record.json").exists());
    let resumed = run(&["run", "--resume", &out.display().to_string()]);
    assert_eq!(resumed.code, 130, "{}{}", resumed.stdout, resumed.stderr);
    assert!(out.join("record.json").is_file());
}

#[test]
fn a_run_whose_time_is_over_cleans_up_as_after_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path(), &["--timeout", "3s"]);
    let (code, text, out) = running.end();
    assert_eq!(code, Some(130), "{text}");
    is_complete(&out);
}

#[test]
fn a_killed_run_is_completed_by_resume() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path(), &[]);
    running.signal("-KILL");
    let (code, _, out) = running.end();
    assert_eq!(code, None, "killed");
    assert!(!out.join("record.json").exists());
    // As a machine that loses power leaves it: the last line half written.
    let events = out.join("events.jsonl");
    let text = fs::read_to_string(&events).unwrap();
    fs::write(&events, format!("{text}{{\"seq\":9,\"dri")).unwrap();
    let folder = out.display().to_string();
    let resumed = run(&["run", "--resume", &folder]);
    assert_eq!(resumed.code, 130, "{}{}", resumed.stdout, resumed.stderr);
    assert!(resumed.stdout.contains("long"), "{}", resumed.stdout);
    let record = fs::read_to_string(out.join("record.json")).unwrap();
    assert!(record.contains("the run was killed"), "{record}");
    assert!(out.join("junit.xml").is_file());
    let again = run(&["run", "--resume", &folder]);
    assert_eq!(again.code, 130, "a second time changes nothing");
    let same = fs::read_to_string(out.join("record.json")).unwrap();
    assert!(record == same, "a second time changes nothing");
}

#[test]
fn a_run_that_is_killed_in_its_second_try_keeps_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let fails_once = LONG.replacen(
        "    - fault:",
        "    - shell: test -e once || { touch once; exit 1; }\n      within: 1m\n    - fault:",
        1,
    );
    let running = Running::start_drill(folder.path(), &fails_once, &["--retries", "1"]);
    // The first try skips its sleep.
    running.until_all_of(&["stepStarted", "sleep 1h because"]);
    running.signal("-KILL");
    let (_, _, out) = running.end();
    let resumed = run(&["run", "--resume", &out.display().to_string()]);
    assert_eq!(resumed.code, 1, "{}{}", resumed.stdout, resumed.stderr);
    let record = fs::read_to_string(out.join("record.json")).unwrap();
    let record: RunRecord = serde_json::from_str(&record).unwrap();
    let drill = &record.drills[0];
    assert_eq!((drill.verdict, drill.attempt), (Verdict::Failed, 1));
    let killed = &drill.attempts[0];
    assert_eq!((killed.verdict, killed.attempt), (Verdict::Aborted, 2));
    let chapter = killed.chapters.first().expect("the second try had begun");
    assert_eq!(chapter.verdict, Verdict::Aborted);
    assert!(out.join("junit.xml").is_file());
}

#[test]
fn resume_of_what_is_no_run_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(&["run", "--resume", &folder.path().display().to_string()]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    let said = "holds no run: it has no events.jsonl; give the folder that was named with --out";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}

/// Where the run in this folder keeps the files of its sites and programs.
fn scratch(out: &Path) -> PathBuf {
    let plan = fs::read_to_string(out.join("plan.json")).expect("a run leaves its plan");
    let plan: serde_json::Value = serde_json::from_str(&plan).expect("a plan is JSON");
    PathBuf::from(plan["scratch"].as_str().expect("it names a folder"))
}

#[test]
fn resume_ends_and_removes_what_a_killed_run_left() {
    let folder = tempfile::tempdir().unwrap();
    let mark = format!("96{:07}", std::process::id());
    let starts_a_program = LONG.replacen(
        "    - fault:",
        &format!("    - shell: sleep {mark}\n      within: 2h\n    - fault:"),
        1,
    );
    let starts_a_program = starts_a_program.replace(
        "  b:\n",
        "  b:\n    - sleep: 1h\n      because: somebody ends this from outside\n",
    );
    let running = Running::start_drill(folder.path(), &starts_a_program, &[]);
    let begun = (0..500).any(|_| {
        std::thread::park_timeout(Duration::from_millis(20));
        runs(&mark)
    });
    assert!(begun, "the drill starts its program");
    running.signal("-KILL");
    let (_, _, out) = running.end();
    let scratch = scratch(&out);
    assert!(runs(&mark) && scratch.is_dir(), "both outlive the run");
    let resumed = run(&["run", "--resume", &out.display().to_string()]);
    assert_eq!(resumed.code, 130, "{}{}", resumed.stdout, resumed.stderr);
    assert!(!runs(&mark), "sleep {mark} still runs");
    assert!(!scratch.exists());
    let removed = format!("removed {}\n", scratch.display());
    for said in ["ended process ", ", sleep\n", &removed] {
        assert!(resumed.stderr.contains(said), "{said}: {}", resumed.stderr);
    }
}

#[test]
fn a_killed_run_on_real_control_planes_leaves_nothing_after_resume() {
    if let Err(error) = sitedrill_sites::Assets::find() {
        println!("NOT RUN: {error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path(), &["--sites", "envtest"]);
    let scratch = scratch(&running.out);
    let servers = scratch.display().to_string();
    assert!(runs(&servers), "the servers keep their files there");
    running.signal("-KILL");
    let (_, _, out) = running.end();
    let kept = fs::read_dir(&scratch).expect("it is there").count();
    assert_eq!(kept, 3, "a folder for each site");
    let resumed = run(&["run", "--resume", &out.display().to_string()]);
    assert_eq!(resumed.code, 130, "{}{}", resumed.stdout, resumed.stderr);
    assert!(!runs(&servers) && !scratch.exists(), "{}", resumed.stderr);
}

#[test]
fn a_run_that_still_goes_on_is_no_killed_one() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path(), &[]);
    let before = fs::read_to_string(running.out.join("events.jsonl")).unwrap();
    let refused = run(&["run", "--resume", &running.out.display().to_string()]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("still goes on"),
        "{}",
        refused.stderr
    );
    let after = fs::read_to_string(running.out.join("events.jsonl")).unwrap();
    assert!(!after.contains("runFinished") && after.starts_with(&before));
    running.signal("-INT");
    let (code, text, out) = running.end();
    assert_eq!(code, Some(130), "{text}");
    is_complete(&out);
    assert!(!scratch(&out).exists(), "a polite end leaves nothing");
}

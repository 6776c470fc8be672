//! The binary as a shell sees it: help, usage and config errors, and the scripts.

use std::path::Path;
use std::process::Command;

#[test]
fn help_and_errors_of_the_binary_are_as_written_down() {
    trycmd::TestCases::new()
        .env("HOME", "/home/operator")
        .env("PGCTL_CONFIG", "")
        .case("tests/cmd/*.trycmd");
}

#[test]
fn both_scripts_hand_their_words_to_pgctl_failover() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    for script in pgctl::SCRIPTS {
        let output = Command::new("sh")
            .arg(folder.join(script))
            .args([
                "pg-a",
                "--to-cluster2",
                "--force",
                "--config",
                "/no/such/config.yaml",
            ])
            .env("PGCTL", env!("CARGO_BIN_EXE_pgctl"))
            .output()
            .expect("there is a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{script}: {said}");
        assert!(
            said.starts_with("error: no config file at /no/such/config.yaml"),
            "{said}"
        );
    }
}

//! Transcripts compared with files, in insta's format.
//!
//! Snapshots live in the nearest folder named `snapshots` at or above the scenario, and `cargo insta review` can review them.
//! What differs from run to run is replaced first, by the guide's own example values where it has some,
//! so that a snapshot can hold the guide's lines byte for byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};
use sitedrill_engine::{SnapshotVerdict, Snapshots};

/// What to do with transcripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotMode {
    /// Compare; leave a `.snap.new` beside a snapshot that differs or is missing.
    Compare,
    /// Compare, and write nothing at all.
    ReadOnly,
    /// Write.
    Update,
}

/// The snapshots of one drill.
pub struct SnapshotFolder {
    folder: PathBuf,
    drill: String,
    file: String,
    mode: SnapshotMode,
}

impl SnapshotFolder {
    /// The snapshots of the drill of this name, read from this file.
    pub fn new(drill: &str, file: &str, mode: SnapshotMode) -> Self {
        Self {
            folder: folder_for(Path::new(file)),
            drill: drill.to_owned(),
            file: file.replace('\\', "/"),
            mode,
        }
    }

    fn write(&self, path: &Path, name: &str, text: &str) -> std::io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        // The file's name only: where a checkout stands must not show in a snapshot.
        let source = Path::new(&self.file).file_name().unwrap_or_default();
        let source = source.to_string_lossy();
        fs::write(
            path,
            format!("---\nsource: {source}\nexpression: {name}\n---\n{text}\n"),
        )
    }
}

impl Snapshots for SnapshotFolder {
    fn compare(&self, name: &str, text: &str) -> SnapshotVerdict {
        let text = redact(text);
        let text = text.trim_end();
        let file = self.folder.join(format!("{}__{name}.snap", self.drill));
        let pending = file.with_extension("snap.new");
        let path = file.display().to_string();
        let old = fs::read_to_string(&file)
            .ok()
            .map(|old| contents(&old).to_owned());
        if old.as_deref() == Some(text) {
            return SnapshotVerdict::Same;
        }
        if self.mode == SnapshotMode::Update && self.write(&file, name, text).is_ok() {
            return SnapshotVerdict::Written { path };
        }
        if self.mode == SnapshotMode::Compare {
            // Best effort: the verdict below stands whether or not the proposal could be written.
            let _ = self.write(&pending, name, text);
        }
        match old {
            None => SnapshotVerdict::Missing { path },
            Some(old) => SnapshotVerdict::Differs {
                path,
                diff: diff(&old, text),
            },
        }
    }
}

/// The nearest folder named `snapshots` at or above the file's folder, else one beside the file.
fn folder_for(file: &Path) -> PathBuf {
    let beside = file.parent().unwrap_or(Path::new(""));
    beside
        .ancestors()
        .map(|folder| folder.join("snapshots"))
        .find(|candidate| candidate.is_dir())
        .unwrap_or_else(|| beside.join("snapshots"))
}

/// The text of a snapshot file, without insta's header.
fn contents(file: &str) -> &str {
    let text = file
        .strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---\n"))
        .map_or(file, |(_, text)| text);
    text.trim_end()
}

fn diff(old: &str, new: &str) -> String {
    similar::TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(2)
        .to_string()
}

/// Replaces what differs from run to run.
fn redact(text: &str) -> String {
    static RULES: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
        [
            // Names of operations end in unix seconds; the guide writes them this way in scenario 1.
            (r"\b(failover-[a-z0-9-]+?)-\d{10}\b", "$1-<timestamp>"),
            // The suffix of the holder's name is the process; the guide's example is 12345.
            (
                r"\bfailover-controller-[a-z0-9]+\b",
                "failover-controller-12345",
            ),
            (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
            (
                r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
                "<uid>",
            ),
            // Ages as kubectl prints them, in tables and in brackets.
            (
                r"(?m)(  )\d+(?:d\d*h?|h\d*m?|m\d*s?|s)(?:(  ) *|$)",
                "$1<age>$2",
            ),
            (r"\(\d+(?:d\d*h?|h\d*m?|m\d*s?|s) ago\)", "(<age> ago)"),
            (r"(?m)(?i)(resource ?version:\s+)\d+", "$1<resourceVersion>"),
        ]
        .map(|(pattern, with)| {
            // What is replaced is ASCII; tables of all digits and letters of the world take long to build.
            let rule = RegexBuilder::new(pattern).unicode(false).build();
            (rule.expect("a pattern of this table compiles"), with)
        })
        .into()
    });
    RULES.iter().fold(text.to_owned(), |text, (rule, with)| {
        rule.replace_all(&text, *with).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_replaced_and_the_rest_is_kept() {
        let text = "failover-pg-a-1730400000  pg-a  cluster2  Succeeded  2m\n\
                    failover-pg-a-1730400060  pg-a  cluster2  Failed  1h5m\n\
                    held by: failover-controller-7d9c\nx  17s   y (3m ago)\nat 2024-10-31T18:40:00.25Z";
        assert_eq!(
            redact(text),
            "failover-pg-a-<timestamp>  pg-a  cluster2  Succeeded  <age>\n\
             failover-pg-a-<timestamp>  pg-a  cluster2  Failed  <age>\n\
             held by: failover-controller-12345\nx  <age>  y (<age> ago)\nat <time>"
        );
    }

    #[test]
    fn a_changed_line_differs_and_a_missing_file_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("snapshots")).unwrap();
        let file = folder.path().join("guide/x.yaml").display().to_string();
        let update = SnapshotFolder::new("x", &file, SnapshotMode::Update);
        let compare = SnapshotFolder::new("x", &file, SnapshotMode::ReadOnly);
        assert!(matches!(
            compare.compare("a", "one"),
            SnapshotVerdict::Missing { .. }
        ));
        assert!(matches!(
            update.compare("a", "one"),
            SnapshotVerdict::Written { .. }
        ));
        assert_eq!(compare.compare("a", "one\n"), SnapshotVerdict::Same);
        let SnapshotVerdict::Differs { diff, .. } = compare.compare("a", "two") else {
            panic!("a changed text is not equal");
        };
        assert!(diff.contains("-one") && diff.contains("+two"), "{diff}");
    }
}

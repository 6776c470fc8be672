//! What a machine can see of style, so that review can be about ideas.

use crate::generated;
use crate::layers;
use crate::repo::{Repo, SourceFile};

/// Above this a file owes the reader a reason.
const MAX_LINES: usize = 500;

/// Files that are longer, each with its reason.
pub const LONG_FILES: &[(&str, &str)] = &[(
    "fixtures/apiserver/tests/it/kubectl.rs",
    "one table: every kubectl command that is tried, with what it must say",
)];

/// Endings of files whose lines people write.
const WRITTEN_BY_PEOPLE: [&str; 8] = ["rs", "md", "toml", "yaml", "yml", "sh", "css", "json"];

/// Everything that is not tidy, one problem a line.
///
/// # Errors
///
/// Where the repository cannot be read.
pub fn problems(repo: &Repo) -> anyhow::Result<Vec<String>> {
    let files = repo.files()?;
    let mut problems = layers::problems(&layers::packages(repo)?, &layers::LAYERS);
    if let Some(text) = files.iter().find(|file| file.path == "ARCHITECTURE.md") {
        problems.extend(layers::undocumented(&text.text, &layers::LAYERS));
    }
    problems.extend(lengths(&files, LONG_FILES));
    problems.extend(module_docs(&files));
    problems.extend(spaces(&files));
    problems.extend(generated::stale(repo, &generated::all()?)?);
    problems.extend(scenarios(repo));
    Ok(problems)
}

/// Rust files that are too long without a reason, and reasons that nobody needs any more.
pub fn lengths(files: &[SourceFile], long: &[(&str, &str)]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| is_rust(file)) {
        let lines = file.text.lines().count();
        let has_reason = long.iter().any(|(path, _)| *path == file.path);
        if lines > MAX_LINES && !has_reason {
            problems.push(format!(
                "{}: has {lines} lines; split it, or give the reason in runner/xtask/src/tidy.rs",
                file.path
            ));
        }
    }
    for (path, reason) in long {
        let file = files.iter().find(|file| file.path == *path);
        let needs_reason = file.is_some_and(|file| file.text.lines().count() > MAX_LINES);
        if !needs_reason {
            problems.push(format!(
                "{path}: is listed as long in runner/xtask/src/tidy.rs and is not"
            ));
        }
        if reason.trim().is_empty() {
            problems.push(format!("{path}: is listed as long without a reason"));
        }
    }
    problems
}

/// Rust files that do not open with what they are for.
pub fn module_docs(files: &[SourceFile]) -> Vec<String> {
    let bare = |file: &&SourceFile| !file.text.starts_with("//! ");
    let bare = files.iter().filter(|file| is_rust(file)).filter(bare);
    bare.map(|file| format!("{}:1: does not open with `//!` and a sentence", file.path))
        .collect()
}

/// Spaces at the end of lines, tabs and carriage returns where people write, and files without a last line end.
pub fn spaces(files: &[SourceFile]) -> Vec<String> {
    let mut problems = Vec::new();
    let written =
        |file: &&SourceFile| ending(file).is_some_and(|end| WRITTEN_BY_PEOPLE.contains(&end));
    for file in files.iter().filter(written) {
        for (index, line) in file.text.split('\n').enumerate() {
            if line.ends_with([' ', '\t', '\r']) {
                problems.push(format!("{}:{}: ends in a space", file.path, index + 1));
            }
        }
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            problems.push(format!("{}: its last line has no end", file.path));
        }
        if file.text.ends_with("\n\n") {
            problems.push(format!("{}: ends in empty lines", file.path));
        }
    }
    problems
}

/// Drills that do not lint.
fn scenarios(repo: &Repo) -> Vec<String> {
    let folder = repo.path("scenarios");
    match sitedrill_model::load(&[folder]) {
        Ok(_) => Vec::new(),
        Err(sitedrill_model::LoadError::Invalid(problems)) => {
            problems.iter().map(ToString::to_string).collect()
        }
        Err(error @ sitedrill_model::LoadError::NothingToRun { .. }) => vec![error.to_string()],
    }
}

fn is_rust(file: &SourceFile) -> bool {
    ending(file) == Some("rs")
}

/// What stands after the last dot of a file's name.
fn ending(file: &SourceFile) -> Option<&str> {
    file.path.rsplit_once('.').map(|(_, end)| end)
}

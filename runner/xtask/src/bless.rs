//! Writing anew what tests compare with. A snapshot that nobody has read is not a test: read the diff afterwards.

use anyhow::bail;

use crate::generated;
use crate::repo::{Repo, say};
use crate::stages::pass;

/// Writes generated files, samples and snapshots; says whether all could be written.
///
/// # Errors
///
/// Under CI, where nothing is written; and where a file cannot be written or a test fails for another reason.
pub fn run(repo: &Repo) -> anyhow::Result<bool> {
    if std::env::var_os("CI").is_some() {
        bail!("CI is set: nothing is written there");
    }
    for file in generated::write(repo, &generated::all()?)? {
        say(&format!("wrote {file}"));
    }
    let mut tests = repo.cargo(&["test", "--workspace", "--no-fail-fast"]);
    tests.env("SITEDRILL_BLESS", "1");
    tests.env("INSTA_UPDATE", "always");
    tests.env("INSTA_FORCE_PASS", "1");
    tests.env("TRYCMD", "overwrite");
    pass(tests)?;
    say("now read the diff");
    Ok(true)
}

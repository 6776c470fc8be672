//! Who keeps sites up, as it stands in the lock of their folder.

use std::io;
use std::path::Path;

use crate::lab::scratch::{Cleared, Scratch};

/// A process that keeps sites up, or has done so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keeper {
    /// Its id.
    pub process: String,
    /// Where the servers of its sites keep their files.
    scratch: Option<Scratch>,
}

impl Keeper {
    /// This process.
    pub fn this(scratch: &Scratch) -> Self {
        Self {
            process: std::process::id().to_string(),
            scratch: Some(scratch.clone()),
        }
    }

    /// A line for each of both.
    pub fn write(&self) -> String {
        let scratch = self.scratch.as_ref().map(|it| it.path().display());
        let scratch = scratch.map(|path| path.to_string()).unwrap_or_default();
        format!("{}\n{scratch}\n", self.process)
    }

    /// What was written, or as much of it as is there.
    pub fn read(text: &str) -> Self {
        let (process, scratch) = text.split_once('\n').unwrap_or((text, ""));
        Self {
            process: process.trim().to_owned(),
            scratch: Scratch::noted(Path::new(scratch.trim())),
        }
    }

    /// Removes what the servers of its sites had on disk. Only for one that has ended.
    ///
    /// # Errors
    /// The file system refuses.
    pub async fn clear_servers(&self) -> io::Result<Cleared> {
        match &self.scratch {
            Some(scratch) => scratch.clear().await,
            None => Ok(Cleared::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written() {
        let keeper = Keeper::this(&Scratch::of_run("up-1"));
        assert_eq!(Keeper::read(&keeper.write()), keeper);
        assert_eq!(Keeper::read(""), Keeper::default());
        let other = Keeper::read("7\n/home");
        assert_eq!((other.process.as_str(), other.scratch), ("7", None));
    }
}

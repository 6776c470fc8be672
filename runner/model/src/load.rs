//! Files and folders to drills.
//!
//! Everything is read and checked before anything is given back, and all problems of all files
//! come at once, sorted by place.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{io, iter, thread};

use crate::event::DrillInfo;
use crate::lower::{self, LoweredScenario, LoweredSuite};
use crate::names::did_you_mean;
use crate::scenario::Drill;
use crate::source::Source;
use crate::syntax::{Head, Pos, ScenarioFile, SuiteFile};
use crate::{Location, Problem, derive_seed};

pub use self::discover::discover;
pub use self::unused::unused_blocks;

pub(crate) mod blocks;
mod discover;
mod suite;
mod unused;

/// What every drill's `apiVersion` is.
pub const API_VERSION: &str = "sitedrill/v1";

/// The drills that were found.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Sorted by file; at least one.
    pub drills: Vec<LoadedDrill>,
    /// The files of the blocks that they use.
    pub blocks: BTreeSet<String>,
}

/// A drill, and where it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedDrill {
    /// The folder it stands in, below what the user named, with `.` between parts; for JUnit.
    pub classname: String,
    /// What it says.
    pub drill: Drill,
}

impl LoadedDrill {
    /// What the events of a run say of the drill. `index` is its position in the run's order.
    pub fn info(&self, index: usize, run_seed: u64) -> DrillInfo {
        let drill = &self.drill;
        DrillInfo {
            index,
            name: drill.name.clone(),
            classname: self.classname.clone(),
            kind: drill.kind,
            file: drill.file.clone(),
            summary: drill.summary.clone(),
            tags: drill.tags.clone(),
            requirements: drill.requirements.clone(),
            sha256: drill.sha256.clone(),
            seed: derive_seed(run_seed, &drill.name),
        }
    }
}

/// Why no drill was loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Files are wrong; the problems are sorted by place.
    #[error("{} in the drills", count(.0.len()))]
    Invalid(Vec<Problem>),
    /// There is no drill at all.
    #[error("no drill in {}", .looked_in.join(", "))]
    NothingToRun {
        /// The paths that were searched, as the user named them.
        looked_in: Vec<String>,
    },
}

fn count(problems: usize) -> String {
    match problems {
        1 => "1 problem".to_owned(),
        many => format!("{many} problems"),
    }
}

/// A file that was found, before it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file, as the user named it or as it was found below a folder the user named.
    pub file: String,
    /// See [`LoadedDrill::classname`].
    pub classname: String,
}

/// Loads every drill in these files and folders.
///
/// Folders are searched for `*.yaml` and `*.yml`, all the way down; `snapshots` folders, and
/// whatever starts with `_` or `.`, are left out.
///
/// # Errors
///
/// [`LoadError::Invalid`] with every problem of every file, and [`LoadError::NothingToRun`].
pub fn load(paths: &[PathBuf]) -> Result<Loaded, LoadError> {
    let found = discover(paths).map_err(LoadError::Invalid)?;
    if found.is_empty() {
        let looked_in = paths.iter().map(|path| path.display().to_string());
        return Err(LoadError::NothingToRun {
            looked_in: looked_in.collect(),
        });
    }
    parse(&found, &|file| discover::read(file)).map_err(LoadError::Invalid)
}

/// Reads a file by its name; asked for several files at a time.
pub type Read<'r> = dyn Fn(&str) -> io::Result<Vec<u8>> + Sync + 'r;

/// Parses and checks the files found, and the members of suites among them, which `read` is asked for.
///
/// # Errors
///
/// Every problem of every file, sorted.
pub fn parse(found: &[Found], read: &Read<'_>) -> Result<Loaded, Vec<Problem>> {
    let mut library = Library {
        read,
        files: BTreeMap::new(),
        problems: BTreeSet::new(),
    };
    library.open_all(found);
    let suites = library.suites();
    for suite in &suites {
        suite::open_members(&mut library, suite);
    }
    library.unique_names();

    let mut drills: Vec<LoadedDrill> = Vec::new();
    for file in found {
        if let Some(drill) = suite::drill(&mut library, &file.file) {
            drills.push(LoadedDrill {
                classname: file.classname.clone(),
                drill,
            });
        }
    }
    if library.problems.is_empty() {
        let blocks = library.blocks();
        Ok(Loaded { drills, blocks })
    } else {
        Err(library.problems.into_iter().collect())
    }
}

/// Every file that was opened, once.
struct Library<'r> {
    read: &'r Read<'r>,
    files: BTreeMap<String, Entry>,
    problems: BTreeSet<Problem>,
}

/// A file that was opened.
struct Entry {
    /// What it means; `None` if it is broken, which has been said then.
    document: Option<Document>,
    source: Option<Source>,
    bytes: Vec<u8>,
}

enum Document {
    Scenario(Box<LoweredScenario>),
    Suite(LoweredSuite),
}

impl Library<'_> {
    /// Opens files that must be there, as many at a time as there are processors.
    fn open_all(&mut self, found: &[Found]) {
        let mut files = BTreeMap::new();
        for Found { file, .. } in found {
            files.entry(discover::normal(file)).or_insert(file);
        }
        let files: Vec<_> = files.into_iter().collect();
        let read = self.read;
        let opened = side_by_side(files.len(), |index| Opened::new(files[index].1, read));
        for ((key, file), opened) in files.into_iter().zip(opened) {
            if let Err(error) = opened.map(|opened| self.take_in(key, opened)) {
                self.problems.insert(Problem {
                    location: Location {
                        file: file.to_owned(),
                        line: 1,
                        column: 1,
                    },
                    message: format!("the file cannot be read: {error}"),
                    help: None,
                    snippet: String::new(),
                });
            }
        }
    }

    /// Opens a file unless it is open; fails only if it cannot be read.
    fn try_open(&mut self, file: &str) -> io::Result<()> {
        let key = discover::normal(file);
        if !self.files.contains_key(&key) {
            let opened = Opened::new(file, self.read)?;
            self.take_in(key, opened);
        }
        Ok(())
    }

    fn take_in(&mut self, key: String, Opened { entry, problems }: Opened) {
        self.problems.extend(problems);
        self.files.insert(key, entry);
    }

    fn entry(&self, file: &str) -> Option<&Entry> {
        self.files.get(&discover::normal(file))
    }

    /// The suites among the files, as they are named.
    fn suites(&self) -> Vec<String> {
        let suites = self
            .files
            .values()
            .filter_map(|entry| match entry.document {
                Some(Document::Suite(_)) => entry.source.as_ref().map(|s| s.file.clone()),
                Some(Document::Scenario(_)) | None => None,
            });
        suites.collect()
    }

    /// The files of all blocks that are used.
    fn blocks(&self) -> BTreeSet<String> {
        let scenarios = self
            .files
            .values()
            .filter_map(|entry| match &entry.document {
                Some(Document::Scenario(scenario)) => Some(scenario),
                Some(Document::Suite(_)) | None => None,
            });
        let files = scenarios.flat_map(|scenario| scenario.blocks.files.iter());
        files.cloned().collect()
    }

    /// Notes every name that two files have.
    fn unique_names(&mut self) {
        let mut taken: BTreeMap<&str, Location> = BTreeMap::new();
        for entry in self.files.values() {
            let (Some(document), Some(source)) = (&entry.document, &entry.source) else {
                continue;
            };
            let metadata = match document {
                Document::Scenario(scenario) => &scenario.metadata,
                Document::Suite(suite) => &suite.metadata,
            };
            if let Some(other) = taken.get(metadata.name.as_str()) {
                let message = format!("duplicate name `{}`", metadata.name);
                let help = format!("{other} has it already; a name stands for one drill");
                self.problems
                    .insert(source.problem(metadata.name_pos, message, Some(help)));
                continue;
            }
            taken.insert(&metadata.name, source.location(metadata.name_pos));
        }
    }
}

/// A file, and what is wrong with it.
struct Opened {
    entry: Entry,
    problems: Vec<Problem>,
}

impl Opened {
    /// Reads and checks a file; fails only if it cannot be read.
    fn new(file: &str, read: &Read<'_>) -> io::Result<Self> {
        let bytes = read(file)?;
        let mut entry = Entry {
            document: None,
            source: None,
            bytes,
        };
        let mut problems = Vec::new();
        match Source::new(file, &entry.bytes) {
            Err(problem) => problems.push(problem),
            Ok(mut source) => {
                match document(&mut source, read) {
                    Ok(document) => entry.document = Some(document),
                    Err(found) => problems = found,
                }
                entry.source = Some(source);
            }
        }
        Ok(Self { entry, problems })
    }
}

/// The results of so many pieces of work in their order; as many are done at a time as there are processors.
fn side_by_side<T: Send>(pieces: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let take = || {
        let indexes = iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        let mine = indexes.take_while(|index| *index < pieces);
        mine.map(|index| (index, work(index))).collect::<Vec<_>>()
    };
    let hands = thread::available_parallelism().map_or(1, NonZero::get);
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..hands.min(pieces)).map(|_| scope.spawn(take)).collect();
        let mut done = take();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// A file named relative to another.
fn beside(file: &str, name: &str) -> String {
    let folder = std::path::Path::new(file)
        .parent()
        .unwrap_or(std::path::Path::new(""));
    discover::normal(&folder.join(name).to_string_lossy())
}

/// Reads and checks one file, but for what it says of other files.
fn document(source: &mut Source, read: &Read<'_>) -> Result<Document, Vec<Problem>> {
    if source.is_empty() {
        let help = Some(format!("a drill starts with `apiVersion: {API_VERSION}`"));
        return Err(vec![source.problem(Pos::START, "the file is empty", help)]);
    }
    let head: Head = source.read().map_err(|problem| vec![problem])?;
    let mut problems = Vec::new();
    let versions = [API_VERSION];
    match &head.api_version {
        Some(version) if version.value == API_VERSION => {}
        Some(version) => {
            let message = format!("unknown apiVersion `{}`", version.value);
            let help = did_you_mean(&version.value, versions);
            problems.push(source.problem(version.pos, message, help));
        }
        None => {
            let help = format!("add `apiVersion: {API_VERSION}`");
            problems.push(source.problem(Pos::START, "`apiVersion` is missing", Some(help)));
        }
    }
    let kind = head.kind.as_ref().map(|kind| kind.value.as_str());
    if !matches!(kind, Some("Scenario" | "Suite")) {
        let known = ["Scenario", "Suite"];
        let problem = if let Some(kind) = &head.kind {
            let message = format!("unknown kind `{}`", kind.value);
            source.problem(kind.pos, message, did_you_mean(&kind.value, known))
        } else {
            let help = "add `kind: Scenario` or `kind: Suite`".to_owned();
            source.problem(Pos::START, "`kind` is missing", Some(help))
        };
        problems.push(problem);
        return Err(problems);
    }
    source.index();
    let lowered = if kind == Some("Suite") {
        source
            .read::<SuiteFile>()
            .map_err(|problem| vec![problem])
            .and_then(|file| lower::suite(source, file))
            .map(Document::Suite)
    } else {
        source
            .read::<ScenarioFile>()
            .map_err(|problem| vec![problem])
            .and_then(|mut file| {
                let blocks = blocks::expand(source, &mut file, read)?;
                let mut scenario = lower::scenario(source, file)?;
                scenario.blocks = blocks;
                Ok(scenario)
            })
            .map(|scenario| Document::Scenario(Box::new(scenario)))
    };
    match lowered {
        Ok(document) if problems.is_empty() => Ok(document),
        Ok(_) => Err(problems),
        Err(more) => {
            problems.extend(more);
            Err(problems)
        }
    }
}

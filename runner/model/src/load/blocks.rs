//! Blocks: the steps of `use` steps are put in their place before anything is checked.
//!
//! The text of a block is read anew for each use, with the values in the place of `${param}`, so that an error in it
//! points into the block's own file.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::{API_VERSION, Read, beside};
use crate::Problem;
use crate::names::did_you_mean;
use crate::source::{MAX_FILE_BYTES, Source};
use crate::syntax::{At, BlockFile, Pos, ScenarioFile, Step};

/// How deep blocks may use blocks.
const DEEPEST: usize = 8;

/// The most steps of a drill, with those of its blocks.
const MOST_STEPS: usize = 20_000;

/// The most text of blocks that one drill may need, each use counted.
const MOST_BYTES: usize = 16 * MAX_FILE_BYTES;

/// The blocks that a drill uses.
#[derive(Default)]
pub(crate) struct Used {
    /// Their bytes, in the order of use.
    pub(crate) bytes: Vec<Vec<u8>>,
    /// Their files.
    pub(crate) files: BTreeSet<String>,
}

/// Puts the steps of blocks in the place of the steps that use them.
pub(super) fn expand(
    source: &Source,
    file: &mut ScenarioFile,
    read: &Read<'_>,
) -> Result<Used, Vec<Problem>> {
    let mut expansion = Expansion {
        read,
        problems: Vec::new(),
        used: Used::default(),
        steps: 0,
        text: 0,
    };
    if let Some(actors) = &mut file.actors {
        for steps in actors.value.values_mut() {
            let written = std::mem::take(&mut steps.value);
            steps.value = expansion.steps(source, written, &[]);
        }
    }
    for steps in [&mut file.then, &mut file.always].into_iter().flatten() {
        let written = std::mem::take(steps);
        *steps = expansion.steps(source, written, &[]);
    }
    if expansion.problems.is_empty() {
        Ok(expansion.used)
    } else {
        Err(expansion.problems)
    }
}

struct Expansion<'r> {
    read: &'r Read<'r>,
    problems: Vec<Problem>,
    used: Used,
    steps: usize,
    /// The text that was read so far, with values in it.
    text: usize,
}

impl Expansion<'_> {
    fn steps(
        &mut self,
        source: &Source,
        written: Vec<At<Step>>,
        within: &[String],
    ) -> Vec<At<Step>> {
        let mut steps = Vec::with_capacity(written.len());
        for step in written {
            self.steps += 1;
            if self.steps > MOST_STEPS {
                let message = format!("with its blocks the drill has more than {MOST_STEPS} steps");
                self.refuse(source, step.pos, message, None);
                return steps;
            }
            match &step.value.r#use {
                None => steps.push(step),
                Some(name) => {
                    let name = name.clone();
                    steps.extend(self.used(source, &step, &name, within));
                }
            }
        }
        steps
    }

    fn used(
        &mut self,
        source: &Source,
        step: &At<Step>,
        name: &At<String>,
        within: &[String],
    ) -> Vec<At<Step>> {
        let path = beside(&source.file, &name.value);
        if within.contains(&path) || within.len() == DEEPEST {
            let way = within.join(" -> ");
            let message = format!("the block uses itself: {way} -> {path}");
            self.refuse(source, name.pos, message, None);
            return Vec::new();
        }
        if alone(&step.value).is_none() {
            let help = "give the steps of the block what they need by `with`".to_owned();
            let message = "`use` stands alone, or with `with`";
            self.refuse(source, step.pos, message, Some(help));
            return Vec::new();
        }
        let Some((block, file)) = self.block(source, step, name, &path) else {
            return Vec::new();
        };
        let mut deeper = within.to_vec();
        deeper.push(path);
        let written = file.steps.map(|steps| steps.value).unwrap_or_default();
        let mut steps = self.steps(&block, written, &deeper);
        for step in steps.iter_mut().filter(|it| it.value.origin.is_none()) {
            step.value.origin = Some(Arc::clone(&block));
        }
        steps
    }

    fn block(
        &mut self,
        source: &Source,
        step: &At<Step>,
        name: &At<String>,
        path: &str,
    ) -> Option<(Arc<Source>, BlockFile)> {
        let bytes = match (self.read)(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let message = format!("the block `{path}` cannot be read: {error}");
                let help = "blocks are named relative to the file that uses them".to_owned();
                self.refuse(source, name.pos, message, Some(help));
                return None;
            }
        };
        let values = values(&step.value);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some(filled) = filled(text, &values) else {
            let message = format!("with its values the block has more than {MAX_FILE_BYTES} bytes");
            self.refuse(source, step.pos, message, None);
            return None;
        };
        self.text += filled.len();
        if self.text > MOST_BYTES {
            let message = format!("the blocks of the drill have more than {MOST_BYTES} bytes");
            self.refuse(source, step.pos, message, None);
            // No more steps either: each of them would be refused for the same reason.
            self.steps = MOST_STEPS;
            return None;
        }
        // A text that is not UTF-8 goes on as it is, and is refused with its place.
        let given = if std::str::from_utf8(&bytes).is_ok() {
            filled.as_bytes()
        } else {
            &bytes
        };
        let mut block = match Source::new(path, given) {
            Ok(block) => block,
            Err(problem) => {
                self.problems.push(problem);
                return None;
            }
        };
        self.used.bytes.push(bytes.clone());
        self.used.files.insert(path.to_owned());
        let file: BlockFile = match block.read() {
            Ok(file) => file,
            Err(problem) => {
                self.problems.push(problem);
                return None;
            }
        };
        block.index();
        self.check((source, step), &block, &file, &values);
        let raw = String::from_utf8_lossy(&bytes);
        for param in file.params.iter().flatten() {
            if !raw.contains(&format!("${{{}}}", param.value)) {
                let message = format!("param `{}` is never used", param.value);
                self.refuse(&block, param.pos, message, None);
            }
        }
        Some((Arc::new(block), file))
    }

    fn check(
        &mut self,
        (source, step): (&Source, &At<Step>),
        block: &Source,
        file: &BlockFile,
        values: &IndexMap<String, String>,
    ) {
        let is = |at: &Option<At<String>>, word| at.as_ref().is_some_and(|it| it.value == word);
        if !is(&file.api_version, API_VERSION) || !is(&file.kind, "Block") {
            let message =
                format!("a block starts with `apiVersion: {API_VERSION}` and `kind: Block`");
            self.refuse(block, Pos::START, message, None);
        }
        if file
            .steps
            .as_ref()
            .is_none_or(|steps| steps.value.is_empty())
        {
            self.refuse(block, Pos::START, "the block has no steps", None);
        }
        if file
            .summary
            .as_ref()
            .is_none_or(|it| it.value.trim().is_empty())
        {
            self.refuse(block, Pos::START, "the block has no `summary`", None);
        }
        let params: Vec<&str> = file
            .params
            .iter()
            .flatten()
            .map(|it| it.value.as_str())
            .collect();
        for param in params.iter().filter(|param| !values.contains_key(**param)) {
            let message = format!("the block needs `{param}`");
            let help = format!("add `with: {{{param}: …}}`");
            self.refuse(source, step.pos, message, Some(help));
        }
        for (name, _) in values
            .iter()
            .filter(|(name, _)| !params.contains(&name.as_str()))
        {
            let message = format!("the block has no param `{name}`");
            let help = did_you_mean(name, params.iter().copied());
            self.refuse(source, step.pos, message, help);
        }
    }

    fn refuse(
        &mut self,
        source: &Source,
        pos: Pos,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.problems.push(source.problem(pos, message, help));
    }
}

/// The text with values in the place of their params; `None` where that would be too much of it.
fn filled(text: String, values: &IndexMap<String, String>) -> Option<String> {
    values.iter().try_fold(text, |text, (name, value)| {
        let param = format!("${{{name}}}");
        let count = text.matches(&param).count();
        let length =
            (text.len() - count * param.len()).checked_add(count.checked_mul(value.len())?);
        (length? <= MAX_FILE_BYTES).then(|| text.replace(&param, value))
    })
}

/// Whether a `use` step says nothing else.
fn alone(step: &Step) -> Option<()> {
    let is_alone = step.name.is_none()
        && step.within.is_none()
        && step.throughout.is_none()
        && step.snapshot.is_none()
        && step.because.is_none()
        && step.pgctl.is_none()
        && step.kubectl.is_none()
        && step.shell.is_none()
        && step.failover.is_none()
        && step.patch.is_none()
        && step.apply.is_none()
        && step.delete.is_none()
        && step.r#await.is_none()
        && step.expect.is_none()
        && step.observe.is_none()
        && step.save.is_none()
        && step.r#return.is_none()
        && step.sleep.is_none()
        && step.fault.is_none()
        && step.lift.is_none()
        && step.measure.is_none();
    is_alone.then_some(())
}

fn values(step: &Step) -> IndexMap<String, String> {
    let with = step.with.iter().flat_map(|with| &with.value);
    with.map(|(name, value)| (name.clone(), value.value.0.clone()))
        .collect()
}

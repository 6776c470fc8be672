//! Expressions in CEL about the objects of several sites.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use sitedrill_cel::{Fault, Program};

use super::ObjectKind;

/// The name by which expressions speak of the sites: `sites.dr.vmi` is the list of all instances at `dr`.
pub const SITES: &str = "sites";

/// An expression, and what it speaks of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Expression {
    /// The expression, which is true or false.
    pub text: Cel,
    /// The lists of objects that it reads; at least one.
    pub reads: Vec<Reading>,
}

/// A list of objects that an expression reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// The site as the expression calls it.
    pub called: String,
    /// The site by canonical name.
    pub site: String,
    /// The kind as the expression calls it.
    pub kind_called: String,
    /// The kind.
    pub kind: ObjectKind,
    /// The namespace; `None` for kinds without one.
    pub namespace: Option<String>,
}

/// The text of an expression. It is compiled when it is first needed, and then kept so.
///
/// `${name}` in it stands for the value of that name as a text of its own, whatever is in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Cel {
    text: String,
    program: OnceLock<Result<Arc<Program>, String>>,
}

impl Cel {
    /// The text as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The compiled expression. Where a `${name}` has no value yet, it is an empty text.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn program(&self) -> Result<&Program, &str> {
        let program = self.program.get_or_init(|| compile(&self.text));
        program.as_deref().map_err(String::as_str)
    }
}

fn compile(text: &str) -> Result<Arc<Program>, String> {
    match Program::compile(&without_variables(text), &[(SITES, None)]) {
        Ok(program) => Ok(Arc::new(program)),
        Err(Fault::Wrong(error)) => {
            let error = error.strip_prefix("ERROR: <input>: ").unwrap_or(&error);
            let error = error.strip_suffix(" (in container '')").unwrap_or(error);
            Err(error.to_owned())
        }
        Err(Fault::Beyond(function)) => Err(format!("there is no function `{function}`")),
    }
}

fn without_variables(text: &str) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, (_, after))) = rest
        .split_once("${")
        .and_then(|(before, after)| Some((before, after.split_once('}')?)))
    {
        filled.push_str(before);
        filled.push_str("\"\"");
        rest = after;
    }
    filled + rest
}

impl From<String> for Cel {
    fn from(text: String) -> Self {
        Self {
            text,
            program: OnceLock::new(),
        }
    }
}

impl From<Cel> for String {
    fn from(cel: Cel) -> Self {
        cel.text
    }
}

impl PartialEq for Cel {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

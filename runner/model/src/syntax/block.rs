//! Steps that several drills share.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{At, Step};

/// Steps that several drills share. `${param}` stands for the value that a `use` step gives.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Block")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BlockFile {
    /// `sitedrill/v1`
    #[schemars(required, extend("const" = "sitedrill/v1"))]
    #[serde(rename = "apiVersion")]
    pub(crate) api_version: Option<At<String>>,
    /// `Block`
    #[schemars(required, extend("const" = "Block"))]
    pub(crate) kind: Option<At<String>>,
    /// One sentence for people.
    #[schemars(required)]
    pub(crate) summary: Option<At<String>>,
    /// The names of the values that it needs.
    pub(crate) params: Option<Vec<At<String>>>,
    /// The steps.
    #[schemars(required)]
    pub(crate) steps: Option<At<Vec<At<Step>>>>,
}

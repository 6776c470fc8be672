//! `--sites` into what makes the sites: shared by `run` and `up`.

use sitedrill_sites::{Assets, Provider};

use super::say;
use crate::Exit;

/// What makes the sites; the binaries of real ones are looked for before anything is started.
pub(super) fn provider(kind: &str) -> Result<Provider, Exit> {
    match kind {
        "embedded" => Ok(Provider::Embedded),
        "envtest" => Assets::find().map(Provider::Envtest).map_err(|error| {
            say(&format!("error: {error}"));
            Exit::Inconclusive
        }),
        other => {
            say(&format!(
                "error: --sites {other} is not in this version; use embedded or envtest"
            ));
            Err(Exit::Usage)
        }
    }
}

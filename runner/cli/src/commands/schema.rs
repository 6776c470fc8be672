//! `sitedrill schema`: the drill language for editors.

use super::print;
use crate::Exit;

pub(super) fn schema() -> Exit {
    let schema = sitedrill_model::schema();
    print(&format!("{schema:#}\n"));
    Exit::Passed
}

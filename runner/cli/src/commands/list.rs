//! `sitedrill list`: what could be run.

use sitedrill_model::scenario::DrillKind;

use super::{load, print};
use crate::Exit;
use crate::args::{ListArgs, OutputArg};
use crate::runs::Selected;

pub(super) fn list(args: &ListArgs) -> Exit {
    let selected = load::load(&args.paths).and_then(|loaded| load::select(loaded, &args.select, 0));
    match selected {
        Ok(selected) => {
            print(&match args.output {
                OutputArg::Text => table(&selected),
                OutputArg::Json => json(&selected),
            });
            Exit::Passed
        }
        Err(exit) => exit,
    }
}

fn table(selected: &[Selected]) -> String {
    let rows = selected.iter().map(|one| {
        let kind = match one.info.kind {
            DrillKind::Scenario => "scenario",
            DrillKind::Suite => "suite",
        };
        [
            one.info.name.clone(),
            kind.to_owned(),
            one.info.tags.join(","),
            one.info.file.clone(),
        ]
    });
    let head = ["NAME", "KIND", "TAGS", "FILE"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    let line = |[name, kind, tags, file]: &[String; 4]| {
        let [a, b, c] = widths;
        format!("{name:a$}  {kind:b$}  {tags:c$}  {file}\n")
    };
    rows.iter().map(line).collect()
}

fn json(selected: &[Selected]) -> String {
    let infos: Vec<_> = selected
        .iter()
        .map(|one| {
            let info = &one.info;
            serde_json::json!({
                "name": info.name, "kind": info.kind, "file": info.file, "summary": info.summary,
                "tags": info.tags, "requirements": info.requirements, "sites": one.drill.sites,
                "sha256": info.sha256,
            })
        })
        .collect();
    format!("{:#}\n", serde_json::Value::Array(infos))
}

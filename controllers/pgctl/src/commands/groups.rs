//! `pgctl groups`: the protection groups, one row for each site that has one.

use kube::core::ApiResource;
use siterecovery_api::ProtectionGroup;

use crate::age::age;
use crate::args::{Format, GroupsCommand};
use crate::context::Context;
use crate::found::{Found, Wanted, gather, print_nothing, print_objects, print_table, show};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::table::column;

pub(crate) async fn run(
    command: &GroupsCommand,
    namespace: &str,
    context: &Context,
    out: &mut (dyn Output + Send),
) -> Outcome {
    let kind = ApiResource::erase::<ProtectionGroup>(&());
    let mut gathered = match gather(context, namespace, &kind, out).await {
        Ok(gathered) => gathered,
        Err(outcome) => return outcome,
    };
    match command {
        GroupsCommand::Get { name, format } => {
            let wanted = Wanted {
                what: "protection group",
                kind: "ProtectionGroup",
                name,
                namespace,
                format: format.format,
            };
            show(&wanted, gathered, &context.now, out).await
        }
        GroupsCommand::List { format } => {
            if print_objects(format.format, &gathered.objects, out) {
                return Outcome::Printed;
            }
            if gathered.objects.is_empty() {
                print_nothing("protection groups", namespace, &gathered.silent, out);
            } else {
                gathered
                    .objects
                    .sort_by_cached_key(|found| (found.name().to_owned(), found.site.info.role));
                list(&gathered.objects, format.format, (context.now)(), out);
            }
            Outcome::Printed
        }
    }
}

fn list(groups: &[Found<'_>], format: Format, now: jiff::Timestamp, out: &mut (dyn Output + Send)) {
    let mut columns = ["NAME", "SITE", "DESIRED", "CURRENT", "READY", "AGE"]
        .map(column)
        .to_vec();
    if format == Format::Wide {
        columns.push(column("OBSERVED"));
    }
    let row = |found: &Found<'_>| {
        let mut row = vec![
            found.name().to_owned(),
            found.site.info.name.clone(),
            found.text_or("/spec/desiredState", "running"),
            found.text_or("/status/currentState", "unknown"),
            found.text_or("/status/ready", "-"),
            age(found.created(), now),
        ];
        if format == Format::Wide {
            let observed = found.text("/status/lastObserved").parse().ok();
            row.push(format!("{} ago", age(observed, now)));
        }
        row
    };
    print_table(&columns, groups, row, out);
}

//! `pgctl operations`: the Failover objects of all sites, as a list and one by one.

use kube::core::ApiResource;
use siterecovery_api::Failover;

use crate::age::age;
use crate::args::{Format, OperationsCommand};
use crate::context::Context;
use crate::found::{Found, Wanted, gather, print_nothing, print_objects, print_table, show};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::table::{column, wide_column};

/// The guide's example gives TARGET room for nine characters, with eight in it.
const TARGET_WIDTH: usize = 9;

pub(crate) async fn run(
    command: &OperationsCommand,
    namespace: &str,
    context: &Context,
    out: &mut (dyn Output + Send),
) -> Outcome {
    let kind = ApiResource::erase::<Failover>(&());
    let mut gathered = match gather(context, namespace, &kind, out).await {
        Ok(gathered) => gathered,
        Err(outcome) => return outcome,
    };
    match command {
        OperationsCommand::Get { name, format } => {
            let wanted = Wanted {
                what: "operation",
                kind: "Failover",
                name,
                namespace,
                format: format.format,
            };
            show(&wanted, gathered, &context.now, out).await
        }
        OperationsCommand::List {
            protection_group,
            format,
        } => {
            if let Some(group) = protection_group {
                let of_group = |found: &Found<'_>| found.text("/spec/protectionGroup") == *group;
                gathered.objects.retain(of_group);
            }
            if print_objects(format.format, &gathered.objects, out) {
                return Outcome::Printed;
            }
            if gathered.objects.is_empty() {
                print_nothing("operations", namespace, &gathered.silent, out);
            } else {
                list(&gathered.objects, format.format, (context.now)(), out);
            }
            Outcome::Printed
        }
    }
}

fn list(
    operations: &[Found<'_>],
    format: Format,
    now: jiff::Timestamp,
    out: &mut (dyn Output + Send),
) {
    let mut columns = vec![
        column("NAME"),
        column("PROTECTION-GROUP"),
        wide_column("TARGET", TARGET_WIDTH),
        wide_column("PHASE", "Succeeded".len()),
        column("AGE"),
    ];
    if format == Format::Wide {
        columns.extend(["SITE", "SOURCE", "FORCE", "MESSAGE"].map(column));
    }
    let row = |found: &Found<'_>| {
        let mut row = vec![
            found.name().to_owned(),
            found.text("/spec/protectionGroup"),
            found.text("/spec/targetCluster"),
            found.text_or("/status/phase", "Pending"),
            age(found.created(), now),
        ];
        if format == Format::Wide {
            row.extend([
                found.site.info.name.clone(),
                found.text_or("/status/sourceCluster", "-"),
                found.text_or("/spec/force", "false"),
                found.text("/status/message"),
            ]);
        }
        row
    };
    print_table(&columns, operations, row, out);
}

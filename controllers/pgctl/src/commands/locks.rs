//! `pgctl locks`: the leases that keep two failovers of one group apart.

use k8s_openapi::api::coordination::v1::Lease;
use kube::core::ApiResource;
use siterecovery_api::names::{ANNOTATION_FAILOVER, LOCK_TTL_SECONDS, lock_name};

use crate::age::age;
use crate::args::{Format, LocksCommand};
use crate::context::Context;
use crate::found::{Found, Wanted, gather, print_nothing, print_objects, print_table, show};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::table::column;

pub(crate) async fn run(
    command: &LocksCommand,
    namespace: &str,
    context: &Context,
    out: &mut (dyn Output + Send),
) -> Outcome {
    let kind = ApiResource::erase::<Lease>(&());
    let mut gathered = match gather(context, namespace, &kind, out).await {
        Ok(gathered) => gathered,
        Err(outcome) => return outcome,
    };
    let prefix = lock_name("");
    gathered
        .objects
        .retain(|found| found.name().starts_with(&prefix));
    match command {
        LocksCommand::Show { name, format } => {
            let wanted = Wanted {
                what: "lock",
                kind: "Lease",
                name: &lock_name(name),
                namespace,
                format: format.format,
            };
            show(&wanted, gathered, &context.now, out).await
        }
        LocksCommand::List { format } => {
            if print_objects(format.format, &gathered.objects, out) {
                return Outcome::Printed;
            }
            if gathered.objects.is_empty() {
                print_nothing("locks", namespace, &gathered.silent, out);
            } else {
                list(&gathered.objects, format.format, (context.now)(), out);
            }
            Outcome::Printed
        }
    }
}

fn list(locks: &[Found<'_>], format: Format, now: jiff::Timestamp, out: &mut (dyn Output + Send)) {
    let mut columns = ["PROTECTION-GROUP", "HOLDER", "EXPIRES", "AGE"]
        .map(column)
        .to_vec();
    if format == Format::Wide {
        columns.extend(["SITE", "LEASE", "FAILOVER"].map(column));
    }
    let prefix = lock_name("");
    let row = |found: &Found<'_>| {
        let group = found.name().strip_prefix(&prefix).unwrap_or_default();
        let mut row = vec![
            group.to_owned(),
            found.text_or("/spec/holderIdentity", "-"),
            expiry(found, now),
            age(found.created(), now),
        ];
        if format == Format::Wide {
            let annotations = found.object.metadata.annotations.as_ref();
            let failover = annotations.and_then(|all| all.get(ANNOTATION_FAILOVER));
            row.extend([
                found.site.info.name.clone(),
                found.name().to_owned(),
                failover.cloned().unwrap_or_else(|| "-".to_owned()),
            ]);
        }
        row
    };
    print_table(&columns, locks, row, out);
}

/// `in 4m`, or `expired 10s ago`: the last renewal plus the duration the lease itself states.
fn expiry(found: &Found<'_>, now: jiff::Timestamp) -> String {
    let seconds = found.text("/spec/leaseDurationSeconds");
    let seconds = seconds.parse().unwrap_or(i64::from(LOCK_TTL_SECONDS));
    let renewed = found.text_or("/spec/renewTime", &found.text("/spec/acquireTime"));
    let Ok(renewed) = renewed.parse::<jiff::Timestamp>() else {
        return "unknown".to_owned();
    };
    let ends = renewed + jiff::SignedDuration::from_secs(seconds);
    if ends > now {
        format!("in {}", age(Some(now), ends))
    } else {
        format!("expired {} ago", age(Some(ends), now))
    }
}

//! `pgctl status`: whether every site can be read, which groups run there, and what is on the move.

use futures::future::join;
use kube::core::ApiResource;
use siterecovery_api::{Failover, ProtectionGroup, SiteRole};

use crate::context::{Context, Site};
use crate::outcome::Outcome;
use crate::output::{Output, Stream};
use crate::read::{Answer, list_everywhere, unreachable_line};
use crate::table::{column, table};

pub(crate) async fn run(
    namespace: &str,
    context: &Context,
    out: &mut (dyn Output + Send),
) -> Outcome {
    let groups = ApiResource::erase::<ProtectionGroup>(&());
    let failovers = ApiResource::erase::<Failover>(&());
    let (groups, failovers) = join(
        list_everywhere(context, namespace, &groups),
        list_everywhere(context, namespace, &failovers),
    )
    .await;
    let (mut rows, mut silent) = (Vec::new(), Vec::new());
    for (groups, failovers) in groups.into_iter().zip(failovers) {
        let Answer { site, result } = groups;
        let mut row = vec![
            site.info.name.clone(),
            role(site).to_owned(),
            site.info.aliases.join(","),
        ];
        match result.and_then(|groups| Ok((groups, failovers.result?))) {
            Ok((groups, failovers)) => {
                let running = groups
                    .iter()
                    .filter(|group| group.data["status"]["currentState"] == "running")
                    .count();
                let active = failovers
                    .iter()
                    .filter(|failover| {
                        let phase = failover.data["status"]["phase"].as_str();
                        !matches!(phase, Some("Succeeded" | "Failed"))
                    })
                    .count();
                row.extend([
                    "Ready".to_owned(),
                    format!("{running}/{}", groups.len()),
                    active.to_string(),
                ]);
            }
            Err(error) => {
                out.line(Stream::Stderr, &unreachable_line(&site.info.name, &error));
                silent.push(site.info.name.clone());
                row.extend(["Unreachable", "-", "-"].map(str::to_owned));
            }
        }
        rows.push(row);
    }
    let columns = [
        "SITE",
        "ROLE",
        "ALIASES",
        "STATE",
        "GROUPS-RUNNING",
        "ACTIVE-OPERATIONS",
    ];
    for line in table(&columns.map(column), &rows) {
        out.line(Stream::Stdout, &line);
    }
    if silent.is_empty() {
        return Outcome::Printed;
    }
    out.line(
        Stream::Stderr,
        "Check the kubeconfigs and contexts that `pgctl config view` shows",
    );
    let message = format!("Could not read {}", silent.join(", "));
    Outcome::Unreachable {
        sites: silent,
        message,
    }
}

fn role(site: &Site) -> &'static str {
    match site.info.role {
        SiteRole::Primary => "primary",
        SiteRole::Dr => "dr",
        SiteRole::Quorum => "quorum",
    }
}

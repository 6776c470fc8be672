//! What a failover costs the API servers: as few passes as there is news, and few reads in each.

use std::collections::BTreeMap;

use siterecovery_api::FailoverPhase;

use crate::lab::{Lab, phase};

/// The Failover Controller's requests so far, by site, verb and resource.
fn requests(lab: &Lab) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (site, cluster) in &lab.clusters {
        for entry in cluster.audit() {
            if *entry.user == *"failover-controller" {
                let what = format!("{site} {} {}", entry.verb, entry.resource);
                *counts.entry(what).or_default() += 1;
            }
        }
    }
    counts
}

#[tokio::test(start_paused = true)]
async fn a_plain_failover_takes_few_passes_and_reads_little_in_each() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 2, "primary").await;
    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    assert_eq!(
        phase(&lab.ended("quorum", "f1").await),
        FailoverPhase::Succeeded
    );
    let counts = requests(&lab);
    let count = |what: &str| counts.get(what).copied().unwrap_or_default();
    let passes = count("quorum get failovers");
    let reads: usize = counts
        .iter()
        .filter(|(what, _)| what.contains(" get ") || what.contains(" list "))
        .map(|(_, count)| count)
        .sum();
    assert!(passes <= 18, "{passes} passes: {counts:#?}");
    assert!(reads <= 200, "{reads} reads: {counts:#?}");
}

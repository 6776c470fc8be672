//! What a failover costs the API servers: as few passes as there is news, and few reads in each.

use std::collections::BTreeMap;

use siterecovery_api::FailoverPhase;

use crate::lab::{Lab, phase};

/// A controller's requests so far, by site, verb and resource.
fn requests(lab: &Lab, user: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (site, cluster) in &lab.clusters {
        for entry in cluster.audit() {
            if *entry.user == *user {
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
    let counts = requests(&lab, "failover-controller");
    let count = |what: &str| counts.get(what).copied().unwrap_or_default();
    let passes = count("quorum get failovers");
    let reads: usize = counts
        .iter()
        .filter(|(what, _)| what.contains(" get ") || what.contains(" list "))
        .map(|(_, count)| count)
        .sum();
    assert!(passes <= 10, "{passes} passes: {counts:#?}");
    assert!(reads <= 90, "{reads} reads: {counts:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_group_is_read_only_where_its_machines_leave_something_to_do() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 2, "primary").await;
    let passes = |counts: &BTreeMap<String, usize>| {
        let of = ["primary", "dr"].map(|site| format!("{site} get protectiongroups"));
        of.iter().filter_map(|what| counts.get(what)).sum::<usize>()
    };
    let before = passes(&requests(&lab, "protection-group-controller"));
    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    lab.ended("quorum", "f1").await;
    let counts = requests(&lab, "protection-group-controller");
    let wrote: usize = ["primary", "dr"]
        .iter()
        .filter_map(|site| counts.get(&format!("{site} update protectiongroups/status")))
        .sum();
    let passes = passes(&counts) - before;
    assert!(
        passes <= 16 && wrote >= 4,
        "{passes} passes, {wrote} writes: {counts:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn that_machines_are_on_their_way_is_reported_without_reading_them_all_again() {
    const MACHINES: u32 = 10;
    let lab = Lab::linstor().await;
    lab.group("pg-a", MACHINES, "primary").await;
    // So that machines are read by name and each read counts.
    lab.group("pg-crowd", 2 * MACHINES, "primary").await;
    let reads = |user: &str| -> usize {
        let counts = requests(&lab, user);
        let machines = counts
            .iter()
            .filter(|(what, _)| what.contains(" get virtualmachine"));
        machines.map(|(_, count)| count).sum()
    };
    let users = ["protection-group-controller", "failover-controller"];
    let before = users.map(reads);
    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    assert_eq!(
        phase(&lab.ended("quorum", "f1").await),
        FailoverPhase::Succeeded
    );
    let [groups, failovers] = [0, 1].map(|user| reads(users[user]) - before[user]);
    let told = requests(&lab, users[0]);
    let told = told["dr update protectiongroups/status"];
    assert!(told >= 10, "the group has told how far it was {told} times");
    assert!(
        groups <= 90 && failovers <= 200,
        "{groups} and {failovers} reads of {MACHINES} machines"
    );
}

/// How often a program asked a site for machines by name, and for lists of them.
fn asked_for_machines(lab: &Lab, user: &str) -> (usize, usize) {
    let counts = requests(lab, user);
    let of = |verb: &str| {
        let asked = counts
            .iter()
            .filter(|(what, _)| what.ends_with(&format!(" {verb} virtualmachines")));
        asked.map(|(_, count)| count).sum()
    };
    (of("get"), of("list"))
}

#[tokio::test(start_paused = true)]
async fn a_group_that_fills_its_namespace_is_read_by_lists() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 4, "primary").await;
    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    let ended = lab.ended("quorum", "f1").await;
    assert_eq!(phase(&ended), FailoverPhase::Succeeded);
    let (by_name, lists) = asked_for_machines(&lab, "failover-controller");
    assert_eq!(by_name, 0, "and {lists} lists");
    assert!(lists > 0);
}

#[tokio::test(start_paused = true)]
async fn a_group_in_a_crowd_is_read_by_name_after_one_list_has_shown_the_crowd() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 2, "primary").await;
    lab.group("pg-crowd", 9, "primary").await;
    lab.fail_over("quorum", "f1", "pg-a", "dr").await;
    let ended = lab.ended("quorum", "f1").await;
    assert_eq!(phase(&ended), FailoverPhase::Succeeded);
    let (by_name, lists) = asked_for_machines(&lab, "failover-controller");
    assert!(by_name > 0);
    assert!(
        lists <= 2,
        "{lists} lists by the one that fails over, on two sites"
    );
}

//! The Protection Group Controller alone (the guide's scenario 5, DECISIONS 6).

use siterecovery_api::{CurrentState, DesiredState, ProtectionGroup};

use crate::lab::{Lab, MINUTE};

#[tokio::test(start_paused = true)]
async fn a_group_stops_and_starts_with_its_desired_state() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 2, "primary").await;
    assert_eq!(lab.live("primary"), ["pg-a-vm-1", "pg-a-vm-2"]);

    lab.desire("primary", "pg-a", DesiredState::Stopped).await;
    lab.group_is("primary", "pg-a", CurrentState::Stopped, 5 * MINUTE)
        .await;
    assert_eq!(lab.live("primary"), Vec::<String>::new());

    lab.desire("primary", "pg-a", DesiredState::Running).await;
    lab.group_is("primary", "pg-a", CurrentState::Running, 5 * MINUTE)
        .await;
    assert_eq!(lab.live("primary"), ["pg-a-vm-1", "pg-a-vm-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_settled_group_says_every_half_minute_that_it_was_looked_at_and_is_quiet_otherwise() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 2, "primary").await;
    let version = || lab.clusters["primary"].resource_version();
    let before = version();
    tokio::time::sleep(10 * MINUTE).await;
    let writes = version() - before;
    assert!(
        (18..=22).contains(&writes),
        "{writes} writes in ten minutes"
    );
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_dies_leaves_the_group_mixed_until_it_is_back() {
    let lab = Lab::linstor().await;
    lab.group("pg-a", 2, "primary").await;
    let crash = sitedrill_world::Fault::VmCrash {
        site: "primary".to_owned(),
        vm: "pg-a-vm-1".to_owned(),
    };
    lab.world.knobs().inject(crash).unwrap();
    lab.group_is("primary", "pg-a", CurrentState::Mixed, MINUTE)
        .await;
    lab.group_is("primary", "pg-a", CurrentState::Running, 5 * MINUTE)
        .await;
    let group = lab
        .api::<ProtectionGroup>("primary")
        .get("pg-a")
        .await
        .unwrap();
    assert_eq!(group.status.unwrap().ready.as_deref(), Some("2/2"));
}

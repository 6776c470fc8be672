//! The two halves of the repository spell upstream names on their own; here, where both can be seen, they must agree.

use sitedrill_sites::PlannedSite;
use siterecovery_api::SiteDirectory;

#[test]
fn the_labs_sites_have_the_names_and_aliases_that_the_product_knows() {
    for site in &SiteDirectory::linstor().sites {
        let planned = PlannedSite::lab(&site.name).expect("the lab has every site of the product");
        assert_eq!(planned.aliases, site.aliases, "{}", site.name);
        assert_eq!(
            planned.role.runs_machines(),
            site.runs_workloads(),
            "{}",
            site.name
        );
        for alias in &site.aliases {
            assert_eq!(
                sitedrill_model::names::canonical_site(alias),
                Some(site.name.as_str())
            );
        }
    }
}

#[test]
fn both_halves_spell_the_quorum_taints_alike() {
    assert_eq!(
        sitedrill_model::names::QUORUM_TAINTS,
        siterecovery_api::names::DEFAULT_TAINT_KEYS
    );
    assert_eq!(
        sitedrill_model::names::NAMESPACE,
        siterecovery_api::names::DEFAULT_NAMESPACE
    );
}

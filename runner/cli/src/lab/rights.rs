//! What the controllers of a lab may do: what the product's own table says, and nothing else.

use kube::Api;
use kube::api::{ApiResource, PostParams};
use kube::core::{DynamicObject, GroupVersionKind};
use sitedrill_sites::Site;
use siterecovery_api::SiteDirectory;
use siterecovery_api::access::{RIGHTS, role_objects, roles_on};

use super::composition::api_info;

/// Grants it on every site on which rights are enforced. A controller that asks for more is refused, as it would be
/// where people installed it.
///
/// # Errors
/// What the site said.
pub(super) async fn grant(
    sites: &[Site],
    directory: &SiteDirectory,
    namespace: &str,
) -> Result<(), kube::Error> {
    for site in sites.iter().filter(|site| site.enforces_rights()) {
        let client = site.client_as("system:sitedrill:fixture");
        let roles = roles_on(directory, &api_info(site)).into_iter();
        for object in roles.flat_map(|role| role_objects(role, RIGHTS, namespace)) {
            let object: DynamicObject =
                serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
            let types = object.types.clone().unwrap_or_default();
            let kind = GroupVersionKind::try_from(&types).expect("a role says what it is");
            let resource = ApiResource::from_gvk(&kind);
            let api: Api<DynamicObject> = match &object.metadata.namespace {
                Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
                None => Api::all_with(client.clone(), &resource),
            };
            api.create(&PostParams::default(), &object).await?;
        }
    }
    Ok(())
}

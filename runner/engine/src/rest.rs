//! Requests for one resource of one site, with objects as plain JSON.

use futures::Stream;
use kube::core::params::{
    DeleteParams, GetParams, ListParams, Patch, PatchParams, PostParams, WatchParams,
};
use kube::core::{ApiResource, DynamicObject, Request, Resource as _, WatchEvent};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

mod lean;

pub(crate) use lean::{Lean, Sight};

/// The field manager of everything that a scenario writes.
const FIELD_MANAGER: &str = "sitedrill";

/// One resource of one site, in one namespace or in none.
#[derive(Clone)]
pub(crate) struct Rest {
    client: kube::Client,
    resource: ApiResource,
    path: String,
}

#[derive(Deserialize)]
struct List<T> {
    metadata: ListMeta,
    items: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMeta {
    resource_version: String,
}

impl Rest {
    pub(crate) fn new(
        client: kube::Client,
        resource: ApiResource,
        namespace: Option<&str>,
    ) -> Self {
        let path = DynamicObject::url_path(&resource, namespace);
        Self {
            client,
            resource,
            path,
        }
    }

    /// Every object, and the resourceVersion of the list.
    pub(crate) async fn list(&self) -> kube::Result<(Vec<Value>, String)> {
        let request = self.request().list(&ListParams::default());
        let list: List<Lean> = self.client.request(built(request)?).await?;
        let items = list.items.into_iter().map(|item| self.tidied(item));
        Ok((items.collect(), list.metadata.resource_version))
    }

    /// Which version of which objects there are.
    pub(crate) async fn versions(&self) -> kube::Result<Vec<Sight>> {
        let request = self.request().list(&ListParams::default());
        let list: List<Sight> = self.client.request(built(request)?).await?;
        Ok(list.items)
    }

    /// The object of this name; `None` if there is none.
    pub(crate) async fn get(&self, name: &str) -> kube::Result<Option<Value>> {
        let request = self.request().get(name, &GetParams::default());
        match self.client.request(built(request)?).await {
            Ok(object) => Ok(Some(self.tidied(object))),
            Err(error) if is_code(&error, 404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The changes after a resourceVersion.
    pub(crate) async fn watch(
        &self,
        from: &str,
    ) -> kube::Result<impl Stream<Item = kube::Result<WatchEvent<Lean>>> + use<>> {
        let request = self.request().watch(&WatchParams::default(), from);
        self.client.request_events::<Lean>(built(request)?).await
    }

    /// Creates an object, and answers with what the site made of it.
    pub(crate) async fn create(&self, manifest: &Value) -> kube::Result<Value> {
        let manifest = serde_json::to_vec(manifest).map_err(kube::Error::SerdeError)?;
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let request = self.request().create(&params, manifest);
        let created = self.client.request(built(request)?).await?;
        Ok(self.tidied(created))
    }

    /// Merge-patches an object, or only its status.
    pub(crate) async fn merge(&self, name: &str, merge: &Value, status: bool) -> kube::Result<()> {
        let params = PatchParams::apply(FIELD_MANAGER);
        let patch = Patch::Merge(merge);
        let request = if status {
            self.request()
                .patch_subresource("status", name, &params, &patch)
        } else {
            self.request().patch(name, &params, &patch)
        };
        self.client.request::<IgnoredAny>(built(request)?).await?;
        Ok(())
    }

    /// Applies a manifest. Fields that others own are not taken from them.
    pub(crate) async fn apply(&self, name: &str, manifest: &Value) -> kube::Result<()> {
        let params = PatchParams::apply(FIELD_MANAGER);
        let request = self.request().patch(name, &params, &Patch::Apply(manifest));
        self.client.request::<IgnoredAny>(built(request)?).await?;
        Ok(())
    }

    /// Deletes an object; that there is none is an error.
    pub(crate) async fn delete(&self, name: &str) -> kube::Result<()> {
        let request = self.request().delete(name, &DeleteParams::default());
        self.client.request::<IgnoredAny>(built(request)?).await?;
        Ok(())
    }

    /// An object with the type that items of a list lack.
    pub(crate) fn tidied(&self, Lean(mut object): Lean) -> Value {
        if let Some(map) = object.as_object_mut() {
            for (field, value) in [
                ("apiVersion", &self.resource.api_version),
                ("kind", &self.resource.kind),
            ] {
                map.entry(field)
                    .or_insert_with(|| Value::String(value.clone()));
            }
        }
        object
    }

    fn request(&self) -> Request {
        Request::new(self.path.clone())
    }
}

fn built<T>(request: Result<T, kube::core::request::Error>) -> kube::Result<T> {
    request.map_err(kube::Error::BuildRequest)
}

/// Whether the API server answered with this HTTP code.
pub(crate) fn is_code(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

/// What went wrong, in one line, with its causes.
pub(crate) fn reason(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        other => chain(other),
    }
}

/// An error with its causes, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some libraries put the cause into their own text too.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

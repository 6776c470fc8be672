//! A request as rules see it.

use std::fmt;

use http::{Method, Request};
use sitedrill_model::scenario::Calls;

/// A request as rules see it. Texts are empty where it has no such thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Call {
    /// In RBAC's words.
    pub(crate) verb: &'static str,
    /// A plural, or `plural/subresource`.
    pub(crate) resource: String,
    /// The object's name.
    pub(crate) name: String,
    pub(crate) is_watch: bool,
}

impl Call {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let is_watch = query
            .split('&')
            .any(|pair| matches!(pair, "watch" | "watch=1" | "watch=true"));
        let (resource, name) = place(request.uri().path());
        let verb = match *request.method() {
            Method::GET if is_watch => "watch",
            Method::GET if name.is_empty() => "list",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ => "get",
        };
        Self {
            verb,
            resource,
            name,
            is_watch,
        }
    }

    pub(super) fn is_among(&self, calls: &Calls) -> bool {
        let is_verb = calls.verbs.is_empty() || calls.verbs.iter().any(|verb| verb == self.verb);
        let is_resource = calls.resource.as_ref();
        is_verb && is_resource.is_none_or(|resource| *resource == self.resource)
    }

    pub(super) fn is_failover_status(&self) -> bool {
        self.resource == "failovers/status" && matches!(self.verb, "patch" | "update")
    }
}

/// The resource with its subresource, and the name, that a path of the API speaks of.
fn place(path: &str) -> (String, String) {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let skipped = match parts.next() {
        Some("api") => 1,
        Some("apis") => 2,
        _ => return (path.to_owned(), String::new()),
    };
    let mut rest: Vec<&str> = parts.skip(skipped).collect();
    // `namespaces/NAME/…` says where; `namespaces/NAME` alone is the object itself.
    if rest.len() > 2 && rest[0] == "namespaces" {
        rest.drain(..2);
    }
    match rest.as_slice() {
        [] => (path.to_owned(), String::new()),
        [plural] => ((*plural).to_owned(), String::new()),
        [plural, name] => ((*plural).to_owned(), (*name).to_owned()),
        [plural, name, subresource, ..] => (format!("{plural}/{subresource}"), (*name).to_owned()),
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.name.is_empty() {
            write!(f, " {}", self.name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &str, uri: &str) -> String {
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        Call::of(&request).to_string()
    }

    #[test]
    fn a_request_is_told_by_verb_resource_and_name() {
        let groups = "/apis/siterecovery.trilio.io/v1alpha1/namespaces/site-recovery";
        assert_eq!(
            call("GET", &format!("{groups}/failovers")),
            "list failovers"
        );
        let status = format!("{groups}/failovers/fo-1/status");
        assert_eq!(call("PATCH", &status), "patch failovers/status fo-1");
        assert_eq!(call("GET", "/api/v1/nodes?watch=true"), "watch nodes");
        assert_eq!(call("GET", "/api/v1/namespaces/x"), "get namespaces x");
        assert_eq!(call("DELETE", "/api/v1/nodes/a"), "delete nodes a");
        assert_eq!(call("GET", "/version"), "list /version");
    }
}

//! What a request's path and query mean.

use http::{Method, Uri};

use crate::kinds::Kind;
use crate::rbac::Attributes;

/// A query, decoded.
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default().as_bytes();
        Self(form_urlencoded::parse(query).into_owned().collect())
    }

    /// No parameters.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// Just one.
    pub(crate) fn one(name: &str, value: &str) -> Self {
        Self(vec![(name.to_owned(), value.to_owned())])
    }

    /// A parameter; empty if it is not there.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// As Go reads booleans of a query: anything but `false` and `0`.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.0.iter().any(|(key, value)| key == name && value != "false" && value != "0")
    }
}

/// A path below `/api` or `/apis` that is a resource.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) subresource: String,
}

impl Resource {
    /// None for paths that are no resources, the group versions themselves included.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let decoded: Vec<String> = path.trim_matches('/').split('/').map(decode).collect();
        let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
        let (group, version, rest) = match &parts[..] {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            // The namespaces themselves, and their subresources.
            ["namespaces"] | ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => (None, rest),
            ["namespaces", namespace, rest @ ..] => (Some((*namespace).to_owned()), rest),
            _ => (None, rest),
        };
        let (plural, name, subresource) = match rest {
            [plural] => (plural, None, String::new()),
            [plural, name] => (plural, Some((*name).to_owned()), String::new()),
            [plural, name, rest @ ..] => (plural, Some((*name).to_owned()), rest.join("/")),
            [] => return None,
        };
        let (group, version, plural) = (group.to_owned(), version.to_owned(), (*plural).to_owned());
        Some(Self { group, version, plural, namespace, name, subresource })
    }

    pub(crate) fn kind(&self) -> Option<&'static Kind> {
        Kind::find_resource(&self.group, &self.version, &self.plural)
    }

    /// What the request wants, for the authorizer.
    pub(crate) fn attributes(&self, method: &Method, params: &Params) -> Attributes {
        let many = self.name.is_none();
        let verb = match *method {
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if many => "deletecollection",
            Method::DELETE => "delete",
            _ if many && params.is_set("watch") => "watch",
            _ if many => "list",
            _ => "get",
        };
        // A list of one by its name may be allowed by that name.
        let named = params.get("fieldSelector").strip_prefix("metadata.name=").filter(|name| !name.contains(','));
        let name = self.name.clone().or_else(|| named.filter(|_| many).map(ToOwned::to_owned)).unwrap_or_default();
        let own_namespace = self.name.clone().filter(|_| self.plural == "namespaces" && self.group.is_empty());
        Attributes {
            verb: verb.to_owned(),
            group: self.group.clone(),
            resource: self.plural.clone(),
            subresource: self.subresource.clone(),
            namespace: self.namespace.clone().or(own_namespace).unwrap_or_default(),
            name,
            path: String::new(),
        }
    }
}

fn decode(part: &str) -> String {
    // `+` is a plus sign in paths, unlike in queries.
    let query = part.replace('+', "%2B");
    form_urlencoded::parse(query.as_bytes()).next().map_or_else(String::new, |(key, _)| key.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> (String, Option<String>, Option<String>, String) {
        let it = Resource::of(path).expect("a resource");
        (it.plural, it.namespace, it.name, it.subresource)
    }

    #[test]
    fn paths_are_read_as_the_real_server_does() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of("/api/v1/namespaces"), ("namespaces".into(), None, None, String::new()));
        assert_eq!(of("/api/v1/namespaces/x"), ("namespaces".into(), None, some("x"), String::new()));
        assert_eq!(of("/api/v1/namespaces/x/status"), ("namespaces".into(), None, some("x"), "status".into()));
        assert_eq!(of("/api/v1/namespaces/x/pods"), ("pods".into(), some("x"), None, String::new()));
        assert_eq!(of("/apis/apps/v1/namespaces/x/deployments/d/scale").3, "scale");
        assert_eq!(of("/apis/rbac.authorization.k8s.io/v1/clusterroles/a%3Ab").2, some("a:b"));
        for path in ["/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/healthz", "/"] {
            assert_eq!(Resource::of(path), None, "{path}");
        }
    }
}

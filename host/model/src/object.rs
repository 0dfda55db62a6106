//! Kubernetes objects as values: which kinds we handle, and how one object is named. What objects hold is a
//! `serde_json::Value` and somebody else's business.

use std::fmt;

use serde_json::Value;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// Such as `v1` or `apps/v1`.
    pub api_version: &'static str,
    /// Such as `ConfigMap`.
    pub kind: &'static str,
    /// Such as `configmaps`, as paths have it.
    pub plural: &'static str,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

macro_rules! kinds {
    ($($constant:ident: $api_version:literal $kind:literal $plural:literal $namespaced:literal),+ $(,)?) => {
        $(
            #[doc = concat!("`", $kind, "` of `", $api_version, "`.")]
            pub const $constant: Kind =
                Kind { api_version: $api_version, kind: $kind, plural: $plural, namespaced: $namespaced };
        )+

        /// Every kind that we handle. A new one is a line.
        pub static KINDS: &[&Kind] = &[$(&$constant),+];
    };
}

kinds! {
    CONFIG_MAP: "v1" "ConfigMap" "configmaps" true,
    ENDPOINTS: "v1" "Endpoints" "endpoints" true,
    NAMESPACE: "v1" "Namespace" "namespaces" false,
    NODE: "v1" "Node" "nodes" false,
    POD: "v1" "Pod" "pods" true,
    SECRET: "v1" "Secret" "secrets" true,
    SERVICE: "v1" "Service" "services" true,
    SERVICE_ACCOUNT: "v1" "ServiceAccount" "serviceaccounts" true,
    DAEMON_SET: "apps/v1" "DaemonSet" "daemonsets" true,
    DEPLOYMENT: "apps/v1" "Deployment" "deployments" true,
    CERTIFICATE_SIGNING_REQUEST:
        "certificates.k8s.io/v1" "CertificateSigningRequest" "certificatesigningrequests" false,
    CLUSTER_ROLE: "rbac.authorization.k8s.io/v1" "ClusterRole" "clusterroles" false,
    CLUSTER_ROLE_BINDING: "rbac.authorization.k8s.io/v1" "ClusterRoleBinding" "clusterrolebindings" false,
    ROLE: "rbac.authorization.k8s.io/v1" "Role" "roles" true,
    ROLE_BINDING: "rbac.authorization.k8s.io/v1" "RoleBinding" "rolebindings" true,
}

impl Kind {
    /// The kind of that name, if we handle it.
    pub fn find(api_version: &str, kind: &str) -> Option<&'static Self> {
        KINDS.iter().copied().find(|known| known.api_version == api_version && known.kind == kind)
    }

    /// Path of all its objects, or of those in one namespace.
    pub fn path(&self, namespace: Option<&str>) -> String {
        let group = if self.api_version.contains('/') { "apis" } else { "api" };
        match namespace {
            Some(namespace) if self.namespaced => {
                format!("/{group}/{}/namespaces/{namespace}/{}", self.api_version, self.plural)
            }
            _ => format!("/{group}/{}/{}", self.api_version, self.plural),
        }
    }
}

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// Its kind.
    pub kind: &'static Kind,
    /// Its namespace; `None` if its kind has none.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl ObjectRef {
    /// The object of that name.
    pub fn new(kind: &'static Kind, namespace: Option<&str>, name: &str) -> Self {
        let namespace = namespace.filter(|_| kind.namespaced).map(str::to_owned);
        Self { kind, namespace, name: name.to_owned() }
    }

    /// What `object` says that it is; `None` if it is of a kind that we do not handle, or has no name. Without a
    /// namespace it is in `default`, if its kind has namespaces.
    pub fn of(object: &Value) -> Option<Self> {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str);
        let kind = Kind::find(text("/apiVersion")?, text("/kind")?)?;
        let namespace = text("/metadata/namespace").unwrap_or("default");
        Some(Self::new(kind, Some(namespace), text("/metadata/name")?))
    }

    /// Its path.
    pub fn path(&self) -> String {
        format!("{}/{}", self.kind.path(self.namespace.as_deref()), self.name)
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind.kind, self.name),
            None => write!(f, "{} {}", self.kind.kind, self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_named_and_found() {
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": { "name": "kube-proxy", "namespace": "kube-system" },
        });
        let role = ObjectRef::of(&role).expect("a known kind");
        assert_eq!(role.to_string(), "Role kube-system/kube-proxy");
        assert_eq!(role.path(), "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/roles/kube-proxy");
        let node = ObjectRef::new(&NODE, Some("ignored"), "a");
        assert_eq!((node.to_string(), node.path()), ("Node a".into(), "/api/v1/nodes/a".into()));
        assert_eq!(CONFIG_MAP.path(None), "/api/v1/configmaps");
        assert_eq!(ObjectRef::of(&json!({ "apiVersion": "v1", "kind": "Wish", "metadata": { "name": "x" } })), None);
    }
}

//! Kubernetes objects as values: which kinds we handle, and how one object is named. What objects hold is a
//! `serde_json::Value` and somebody else's business.

use std::fmt;
use std::sync::{Mutex, PoisonError};

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

        /// Every kind that is known without asking a cluster. A new one is a line.
        pub static KINDS: &[&Kind] = &[$(&$constant),+];
    };
}

kinds! {
    CONFIG_MAP: "v1" "ConfigMap" "configmaps" true,
    ENDPOINTS: "v1" "Endpoints" "endpoints" true,
    LIMIT_RANGE: "v1" "LimitRange" "limitranges" true,
    NAMESPACE: "v1" "Namespace" "namespaces" false,
    NODE: "v1" "Node" "nodes" false,
    PERSISTENT_VOLUME: "v1" "PersistentVolume" "persistentvolumes" false,
    PERSISTENT_VOLUME_CLAIM: "v1" "PersistentVolumeClaim" "persistentvolumeclaims" true,
    POD: "v1" "Pod" "pods" true,
    RESOURCE_QUOTA: "v1" "ResourceQuota" "resourcequotas" true,
    SECRET: "v1" "Secret" "secrets" true,
    SERVICE: "v1" "Service" "services" true,
    SERVICE_ACCOUNT: "v1" "ServiceAccount" "serviceaccounts" true,
    MUTATING_WEBHOOK_CONFIGURATION:
        "admissionregistration.k8s.io/v1" "MutatingWebhookConfiguration" "mutatingwebhookconfigurations" false,
    VALIDATING_ADMISSION_POLICY:
        "admissionregistration.k8s.io/v1" "ValidatingAdmissionPolicy" "validatingadmissionpolicies" false,
    VALIDATING_ADMISSION_POLICY_BINDING:
        "admissionregistration.k8s.io/v1" "ValidatingAdmissionPolicyBinding" "validatingadmissionpolicybindings" false,
    VALIDATING_WEBHOOK_CONFIGURATION:
        "admissionregistration.k8s.io/v1" "ValidatingWebhookConfiguration" "validatingwebhookconfigurations" false,
    CUSTOM_RESOURCE_DEFINITION:
        "apiextensions.k8s.io/v1" "CustomResourceDefinition" "customresourcedefinitions" false,
    API_SERVICE: "apiregistration.k8s.io/v1" "APIService" "apiservices" false,
    DAEMON_SET: "apps/v1" "DaemonSet" "daemonsets" true,
    DEPLOYMENT: "apps/v1" "Deployment" "deployments" true,
    REPLICA_SET: "apps/v1" "ReplicaSet" "replicasets" true,
    STATEFUL_SET: "apps/v1" "StatefulSet" "statefulsets" true,
    HORIZONTAL_POD_AUTOSCALER: "autoscaling/v2" "HorizontalPodAutoscaler" "horizontalpodautoscalers" true,
    CRON_JOB: "batch/v1" "CronJob" "cronjobs" true,
    JOB: "batch/v1" "Job" "jobs" true,
    CERTIFICATE_SIGNING_REQUEST:
        "certificates.k8s.io/v1" "CertificateSigningRequest" "certificatesigningrequests" false,
    LEASE: "coordination.k8s.io/v1" "Lease" "leases" true,
    ENDPOINT_SLICE: "discovery.k8s.io/v1" "EndpointSlice" "endpointslices" true,
    INGRESS: "networking.k8s.io/v1" "Ingress" "ingresses" true,
    INGRESS_CLASS: "networking.k8s.io/v1" "IngressClass" "ingressclasses" false,
    NETWORK_POLICY: "networking.k8s.io/v1" "NetworkPolicy" "networkpolicies" true,
    RUNTIME_CLASS: "node.k8s.io/v1" "RuntimeClass" "runtimeclasses" false,
    POD_DISRUPTION_BUDGET: "policy/v1" "PodDisruptionBudget" "poddisruptionbudgets" true,
    CLUSTER_ROLE: "rbac.authorization.k8s.io/v1" "ClusterRole" "clusterroles" false,
    CLUSTER_ROLE_BINDING: "rbac.authorization.k8s.io/v1" "ClusterRoleBinding" "clusterrolebindings" false,
    ROLE: "rbac.authorization.k8s.io/v1" "Role" "roles" true,
    ROLE_BINDING: "rbac.authorization.k8s.io/v1" "RoleBinding" "rolebindings" true,
    PRIORITY_CLASS: "scheduling.k8s.io/v1" "PriorityClass" "priorityclasses" false,
    CSI_DRIVER: "storage.k8s.io/v1" "CSIDriver" "csidrivers" false,
    STORAGE_CLASS: "storage.k8s.io/v1" "StorageClass" "storageclasses" false,
}

impl Kind {
    /// The kind of that name, if it is known without asking a cluster.
    pub fn find(api_version: &str, kind: &str) -> Option<&'static Self> {
        KINDS.iter().copied().find(|known| known.api_version == api_version && known.kind == kind)
    }

    /// A kind that a cluster or a definition tells of. It lives as long as the process, as those of the table do: each
    /// that is met is kept once, and there are few.
    pub fn learn(api_version: &str, kind: &str, plural: &str, namespaced: bool) -> &'static Self {
        static LEARNT: Mutex<Vec<&'static Kind>> = Mutex::new(Vec::new());

        let is = |known: &&Self| {
            (known.api_version, known.kind, known.plural, known.namespaced) == (api_version, kind, plural, namespaced)
        };
        // The list is whole whatever became of who held the lock.
        let mut learnt = LEARNT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = KINDS.iter().copied().find(is).or_else(|| learnt.iter().copied().find(is)) {
            return known;
        }
        let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let new = Box::leak(Box::new(Self {
            api_version: leak(api_version),
            kind: leak(kind),
            plural: leak(plural),
            namespaced,
        }));
        learnt.push(new);
        new
    }

    /// Its group: empty for the core group.
    pub fn group(&self) -> &'static str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
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
    fn a_kind_is_learnt_once() {
        assert_eq!(Kind::learn("v1", "Node", "nodes", false), &NODE);
        let first = Kind::learn("example.org/v1", "Wish", "wishes", true);
        assert!(std::ptr::eq(first, Kind::learn("example.org/v1", "Wish", "wishes", true)));
        assert_eq!(ObjectRef::new(first, Some("a"), "x").path(), "/apis/example.org/v1/namespaces/a/wishes/x");
        assert_eq!((first.group(), NODE.group()), ("example.org", ""));
        assert_eq!(Kind::find("example.org/v1", "Wish"), None, "another cluster may not have it");
    }

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

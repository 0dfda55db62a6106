//! The kinds that the API server serves: one row each. Discovery, routes, schemas and printing are made from this table.

mod custom;

pub use self::custom::Printed;

/// One kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Its version, such as `v1`.
    pub version: &'static str,
    /// Such as `ConfigMap`.
    pub kind: &'static str,
    /// Such as `configmaps`: the resource's name in paths.
    pub plural: &'static str,
    /// Such as `configmap`.
    pub singular: &'static str,
    /// Such as `cm`.
    pub short_names: &'static [&'static str],
    /// Such as `all`: names for groups of resources.
    pub categories: &'static [&'static str],
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Whether there is a `status` subresource.
    pub status: bool,
    /// Subresources other than `status` that read and write the same object, such as `approval`.
    pub subresources: &'static [&'static str],
    /// Columns that a definition of custom resources asks for; the kinds of the table have theirs elsewhere.
    pub printed: &'static [Printed],
}

impl Kind {
    /// `v1`, `apps/v1`: what `apiVersion` says.
    pub fn group_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `ConfigMapList`.
    pub fn list_kind(&self) -> String {
        format!("{}List", self.kind)
    }

    /// `configmaps`, `deployments.apps`: how messages name the resource.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// The kind whose objects are at this resource.
    pub fn find_resource(group: &str, version: &str, plural: &str) -> Option<&'static Self> {
        KINDS.iter().find(|k| k.group == group && k.version == version && k.plural == plural).copied()
    }

    /// The kind that an object names by its `apiVersion` and `kind`.
    pub fn find(api_version: &str, kind: &str) -> Option<&'static Self> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        KINDS.iter().find(|k| k.group == group && k.version == version && k.kind == kind).copied()
    }
}

macro_rules! kinds {
    ($($name:ident: $group:literal $version:literal $kind:literal $plural:literal $singular:literal
       [$($short:literal)*] [$($category:literal)*] $scope:ident [$($subresource:ident)*];)*) => {
        $(
            #[doc = concat!("`", $kind, "` of `", $group, "/", $version, "`.")]
            pub static $name: Kind = Kind {
                group: $group,
                version: $version,
                kind: $kind,
                plural: $plural,
                singular: $singular,
                short_names: &[$($short),*],
                categories: &[$($category),*],
                namespaced: kinds!(@namespaced $scope),
                status: kinds!(@status $($subresource)*),
                subresources: kinds!(@others $($subresource)*),
                printed: &[],
            };
        )*
        /// Every kind, groups in the order in which discovery lists them.
        pub static KINDS: &[&Kind] = &[$(&$name),*];
    };
    (@namespaced namespaced) => { true };
    (@namespaced cluster) => { false };
    (@status status $($rest:ident)*) => { true };
    (@status $($rest:ident)*) => { false };
    (@others status $($rest:ident)*) => { &[$(stringify!($rest)),*] };
    (@others $($rest:ident)*) => { &[$(stringify!($rest)),*] };
}

// `status` comes first among the subresources.
kinds! {
    CONFIG_MAP: "" "v1" "ConfigMap" "configmaps" "configmap" ["cm"] [] namespaced [];
    ENDPOINTS: "" "v1" "Endpoints" "endpoints" "endpoints" ["ep"] [] namespaced [];
    CORE_EVENT: "" "v1" "Event" "events" "event" ["ev"] [] namespaced [];
    LIMIT_RANGE: "" "v1" "LimitRange" "limitranges" "limitrange" ["limits"] [] namespaced [];
    NAMESPACE: "" "v1" "Namespace" "namespaces" "namespace" ["ns"] [] cluster [status finalize];
    NODE: "" "v1" "Node" "nodes" "node" ["no"] [] cluster [status];
    PERSISTENT_VOLUME_CLAIM: "" "v1" "PersistentVolumeClaim" "persistentvolumeclaims" "persistentvolumeclaim" ["pvc"] [] namespaced [status];
    PERSISTENT_VOLUME: "" "v1" "PersistentVolume" "persistentvolumes" "persistentvolume" ["pv"] [] cluster [status];
    POD: "" "v1" "Pod" "pods" "pod" ["po"] ["all"] namespaced [status ephemeralcontainers resize];
    RESOURCE_QUOTA: "" "v1" "ResourceQuota" "resourcequotas" "resourcequota" ["quota"] [] namespaced [status];
    SECRET: "" "v1" "Secret" "secrets" "secret" [] [] namespaced [];
    SERVICE_ACCOUNT: "" "v1" "ServiceAccount" "serviceaccounts" "serviceaccount" ["sa"] [] namespaced [];
    SERVICE: "" "v1" "Service" "services" "service" ["svc"] ["all"] namespaced [status];
    API_SERVICE: "apiregistration.k8s.io" "v1" "APIService" "apiservices" "apiservice" [] ["api-extensions"] cluster [status];
    CONTROLLER_REVISION: "apps" "v1" "ControllerRevision" "controllerrevisions" "controllerrevision" [] [] namespaced [];
    DAEMON_SET: "apps" "v1" "DaemonSet" "daemonsets" "daemonset" ["ds"] ["all"] namespaced [status];
    DEPLOYMENT: "apps" "v1" "Deployment" "deployments" "deployment" ["deploy"] ["all"] namespaced [status];
    REPLICA_SET: "apps" "v1" "ReplicaSet" "replicasets" "replicaset" ["rs"] ["all"] namespaced [status];
    STATEFUL_SET: "apps" "v1" "StatefulSet" "statefulsets" "statefulset" ["sts"] ["all"] namespaced [status];
    EVENT: "events.k8s.io" "v1" "Event" "events" "event" ["ev"] [] namespaced [];
    HORIZONTAL_POD_AUTOSCALER: "autoscaling" "v2" "HorizontalPodAutoscaler" "horizontalpodautoscalers" "horizontalpodautoscaler" ["hpa"] ["all"] namespaced [status];
    CRON_JOB: "batch" "v1" "CronJob" "cronjobs" "cronjob" ["cj"] ["all"] namespaced [status];
    JOB: "batch" "v1" "Job" "jobs" "job" [] ["all"] namespaced [status];
    CERTIFICATE_SIGNING_REQUEST: "certificates.k8s.io" "v1" "CertificateSigningRequest" "certificatesigningrequests" "certificatesigningrequest" ["csr"] [] cluster [status approval];
    INGRESS_CLASS: "networking.k8s.io" "v1" "IngressClass" "ingressclasses" "ingressclass" [] [] cluster [];
    INGRESS: "networking.k8s.io" "v1" "Ingress" "ingresses" "ingress" ["ing"] [] namespaced [status];
    NETWORK_POLICY: "networking.k8s.io" "v1" "NetworkPolicy" "networkpolicies" "networkpolicy" ["netpol"] [] namespaced [];
    SERVICE_CIDR: "networking.k8s.io" "v1" "ServiceCIDR" "servicecidrs" "servicecidr" [] [] cluster [status];
    POD_DISRUPTION_BUDGET: "policy" "v1" "PodDisruptionBudget" "poddisruptionbudgets" "poddisruptionbudget" ["pdb"] [] namespaced [status];
    CLUSTER_ROLE_BINDING: "rbac.authorization.k8s.io" "v1" "ClusterRoleBinding" "clusterrolebindings" "clusterrolebinding" [] [] cluster [];
    CLUSTER_ROLE: "rbac.authorization.k8s.io" "v1" "ClusterRole" "clusterroles" "clusterrole" [] [] cluster [];
    ROLE_BINDING: "rbac.authorization.k8s.io" "v1" "RoleBinding" "rolebindings" "rolebinding" [] [] namespaced [];
    ROLE: "rbac.authorization.k8s.io" "v1" "Role" "roles" "role" [] [] namespaced [];
    CSI_DRIVER: "storage.k8s.io" "v1" "CSIDriver" "csidrivers" "csidriver" [] [] cluster [];
    CSI_NODE: "storage.k8s.io" "v1" "CSINode" "csinodes" "csinode" [] [] cluster [];
    STORAGE_CLASS: "storage.k8s.io" "v1" "StorageClass" "storageclasses" "storageclass" ["sc"] [] cluster [];
    MUTATING_WEBHOOK_CONFIGURATION: "admissionregistration.k8s.io" "v1" "MutatingWebhookConfiguration" "mutatingwebhookconfigurations" "mutatingwebhookconfiguration" [] ["api-extensions"] cluster [];
    VALIDATING_WEBHOOK_CONFIGURATION: "admissionregistration.k8s.io" "v1" "ValidatingWebhookConfiguration" "validatingwebhookconfigurations" "validatingwebhookconfiguration" [] ["api-extensions"] cluster [];
    CUSTOM_RESOURCE_DEFINITION: "apiextensions.k8s.io" "v1" "CustomResourceDefinition" "customresourcedefinitions" "customresourcedefinition" ["crd" "crds"] ["api-extensions"] cluster [status];
    PRIORITY_CLASS: "scheduling.k8s.io" "v1" "PriorityClass" "priorityclasses" "priorityclass" ["pc"] [] cluster [];
    LEASE: "coordination.k8s.io" "v1" "Lease" "leases" "lease" [] [] namespaced [];
    RUNTIME_CLASS: "node.k8s.io" "v1" "RuntimeClass" "runtimeclasses" "runtimeclass" [] [] cluster [];
    ENDPOINT_SLICE: "discovery.k8s.io" "v1" "EndpointSlice" "endpointslices" "endpointslice" [] [] namespaced [];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_either_name() {
        for kind in KINDS {
            assert_eq!(Kind::find(&kind.group_version(), kind.kind), Some(*kind));
            assert_eq!(Kind::find_resource(kind.group, kind.version, kind.plural), Some(*kind));
        }
        assert_eq!(Kind::find("v1", "Deployment"), None);
        assert_eq!(CERTIFICATE_SIGNING_REQUEST.subresources, ["approval"]);
        assert!(CERTIFICATE_SIGNING_REQUEST.status && !SECRET.status);
        assert_eq!(DEPLOYMENT.qualified(), "deployments.apps");
    }
}

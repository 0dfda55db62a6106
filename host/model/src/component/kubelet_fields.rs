//! Fields of `KubeletConfiguration`, as in k8s.io/kubelet/config/v1beta1 at v1.36; earlier and later minors from the
//! same module's other releases, back to v1.16 and up to v1.37.0-beta.0.

use super::base_fields::{LOGGING, TRACING};
use super::schema::{
    Field,
    Type::*,
    Zero,
    Zero::{Int0, Null, Omit, Str, Unset},
    field,
};

/// `KubeletConfiguration` of `kubelet.config.k8s.io/v1beta1`.
pub const KUBELET: &[Field] = &[
    field("apiVersion", String, Omit, 0),
    field("kind", String, Omit, 0),
    field("enableServer", Bool, Unset, 19),
    field("staticPodPath", String, Omit, 0),
    field("podLogsDir", String, Omit, 30),
    field("syncFrequency", Duration, Str("0s"), 0),
    field("fileCheckFrequency", Duration, Str("0s"), 0),
    field("httpCheckFrequency", Duration, Str("0s"), 0),
    field("staticPodURL", String, Omit, 0),
    field("staticPodURLHeader", Map(&List(&String)), Omit, 0),
    field("address", String, Omit, 0),
    field("port", Int, Omit, 0),
    field("readOnlyPort", Int, Omit, 0),
    field("tlsCertFile", String, Omit, 0),
    field("tlsPrivateKeyFile", String, Omit, 0),
    field("tlsCipherSuites", List(&String), Omit, 0),
    field("tlsCurvePreferences", List(&Int), Omit, 36),
    field("tlsMinVersion", String, Omit, 0),
    field("rotateCertificates", Bool, Omit, 0),
    field("serverTLSBootstrap", Bool, Omit, 0),
    field("authentication", Object(AUTHENTICATION), Zero::Object, 0),
    field("authorization", Object(AUTHORIZATION), Zero::Object, 0),
    field("registryPullQPS", Int, Unset, 0),
    field("registryBurst", Int, Omit, 0),
    field("imagePullCredentialsVerificationPolicy", String, Omit, 33),
    field("preloadedImagesVerificationAllowlist", List(&String), Omit, 33),
    field("eventRecordQPS", Int, Unset, 0),
    field("eventBurst", Int, Omit, 0),
    field("enableDebuggingHandlers", Bool, Unset, 0),
    field("enableContentionProfiling", Bool, Omit, 0),
    field("healthzPort", Int, Unset, 0),
    field("healthzBindAddress", String, Omit, 0),
    field("oomScoreAdj", Int, Unset, 0),
    field("clusterDomain", String, Omit, 0),
    field("clusterDNS", List(&String), Omit, 0),
    field("streamingConnectionIdleTimeout", Duration, Str("0s"), 0),
    field("nodeStatusUpdateFrequency", Duration, Str("0s"), 0),
    field("nodeStatusReportFrequency", Duration, Str("0s"), 0),
    field("nodeLeaseDurationSeconds", Int, Omit, 0),
    field("imageMinimumGCAge", Duration, Str("0s"), 0),
    field("imageMaximumGCAge", Duration, Str("0s"), 29),
    field("imageGCHighThresholdPercent", Int, Unset, 0),
    field("imageGCLowThresholdPercent", Int, Unset, 0),
    field("volumeStatsAggPeriod", Duration, Str("0s"), 0),
    field("kubeletCgroups", String, Omit, 0),
    field("systemCgroups", String, Omit, 0),
    field("cgroupRoot", String, Omit, 0),
    field("cgroupsPerQOS", Bool, Unset, 0),
    field("cgroupDriver", String, Omit, 0),
    field("cpuManagerPolicy", String, Omit, 0),
    field("singleProcessOOMKill", Bool, Unset, 32),
    field("cpuManagerPolicyOptions", Map(&String), Omit, 22),
    field("cpuManagerReconcilePeriod", Duration, Str("0s"), 0),
    field("memoryManagerPolicy", String, Omit, 21),
    field("topologyManagerPolicy", String, Omit, 0),
    field("topologyManagerScope", String, Omit, 20),
    field("topologyManagerPolicyOptions", Map(&String), Omit, 26),
    field("qosReserved", Map(&String), Omit, 0),
    field("runtimeRequestTimeout", Duration, Str("0s"), 0),
    field("hairpinMode", String, Omit, 0),
    field("maxPods", Int, Omit, 0),
    field("podCIDR", String, Omit, 0),
    field("podPidsLimit", Long, Unset, 0),
    field("resolvConf", String, Omit, 0).until(23),
    field("resolvConf", String, Unset, 23),
    field("runOnce", Bool, Omit, 19),
    field("cpuCFSQuota", Bool, Unset, 0),
    field("cpuCFSQuotaPeriod", Duration, Unset, 0),
    field("nodeStatusMaxImages", Int, Unset, 19),
    field("maxOpenFiles", Long, Omit, 0),
    field("contentType", String, Omit, 0),
    field("kubeAPIQPS", Int, Unset, 0),
    field("kubeAPIBurst", Int, Omit, 0),
    field("serializeImagePulls", Bool, Unset, 0),
    field("maxParallelImagePulls", Int, Unset, 27),
    field("evictionHard", Map(&String), Omit, 0),
    field("evictionSoft", Map(&String), Omit, 0),
    field("evictionSoftGracePeriod", Map(&String), Omit, 0),
    field("evictionPressureTransitionPeriod", Duration, Str("0s"), 0),
    field("evictionMaxPodGracePeriod", Int, Omit, 0),
    field("evictionMinimumReclaim", Map(&String), Omit, 0),
    field("mergeDefaultEvictionSettings", Bool, Unset, 33),
    field("podsPerCore", Int, Omit, 0),
    field("enableControllerAttachDetach", Bool, Unset, 0),
    field("protectKernelDefaults", Bool, Omit, 0),
    field("makeIPTablesUtilChains", Bool, Unset, 0),
    field("iptablesMasqueradeBit", Int, Unset, 0),
    field("iptablesDropBit", Int, Unset, 0),
    field("featureGates", Map(&Bool), Omit, 0),
    field("failSwapOn", Bool, Unset, 0),
    field("memorySwap", Object(MEMORY_SWAP), Zero::Object, 22),
    field("containerLogMaxSize", String, Omit, 0),
    field("containerLogMaxFiles", Int, Unset, 0),
    field("containerLogMaxWorkers", Int, Unset, 30),
    field("containerLogMonitorInterval", Duration, Unset, 30),
    field("configMapAndSecretChangeDetectionStrategy", String, Omit, 0),
    field("systemReserved", Map(&String), Omit, 0),
    field("kubeReserved", Map(&String), Omit, 0),
    field("reservedSystemCPUs", String, Omit, 0),
    field("showHiddenMetricsForVersion", String, Omit, 18),
    field("systemReservedCgroup", String, Omit, 0),
    field("kubeReservedCgroup", String, Omit, 0),
    field("enforceNodeAllocatable", List(&String), Omit, 0),
    field("allowedUnsafeSysctls", List(&String), Omit, 0),
    field("defaultPodSysctls", Map(&String), Omit, 37),
    field("volumePluginDir", String, Omit, 19),
    field("providerID", String, Omit, 19),
    field("kernelMemcgNotification", Bool, Omit, 19),
    field("logging", Object(LOGGING), Zero::Object, 19),
    field("enableSystemLogHandler", Bool, Unset, 19),
    field("enableSystemLogQuery", Bool, Unset, 27),
    field("shutdownGracePeriod", Duration, Str("0s"), 20),
    field("shutdownGracePeriodCriticalPods", Duration, Str("0s"), 20),
    field("shutdownGracePeriodByPodPriority", List(&Object(SHUTDOWN_GRACE_PERIOD)), Omit, 23),
    field("crashLoopBackOff", Object(CRASH_LOOP_BACK_OFF), Zero::Object, 32),
    field("reservedMemory", List(&Object(MEMORY_RESERVATION)), Omit, 21),
    field("enableProfilingHandler", Bool, Unset, 21),
    field("enableDebugFlagsHandler", Bool, Unset, 21),
    field("seccompDefault", Bool, Unset, 22),
    field("memoryThrottlingFactor", Float, Unset, 22),
    field("memoryReservationPolicy", String, Omit, 36),
    field("registerWithTaints", List(&Object(TAINT)), Omit, 23),
    field("registerNode", Bool, Unset, 23),
    field("tracing", Object(TRACING), Unset, 25),
    field("localStorageCapacityIsolation", Bool, Unset, 25),
    field("containerRuntimeEndpoint", String, Str(""), 27),
    field("imageServiceEndpoint", String, Omit, 27),
    field("failCgroupV1", Bool, Unset, 31),
    field("userNamespaces", Object(USER_NAMESPACES), Unset, 33),
];

/// `Taint` of the core API, v1.
const TAINT: &[Field] = &[
    field("key", String, Str(""), 0),
    field("value", String, Omit, 0),
    field("effect", String, Str(""), 0),
    field("timeAdded", String, Unset, 0),
];

/// `KubeletAuthentication`.
const AUTHENTICATION: &[Field] = &[
    field("x509", Object(X509_AUTHENTICATION), Zero::Object, 0),
    field("webhook", Object(WEBHOOK_AUTHENTICATION), Zero::Object, 0),
    field("anonymous", Object(ANONYMOUS_AUTHENTICATION), Zero::Object, 0),
];

/// `KubeletAuthorization`.
const AUTHORIZATION: &[Field] =
    &[field("mode", String, Omit, 0), field("webhook", Object(WEBHOOK_AUTHORIZATION), Zero::Object, 0)];

/// `KubeletWebhookAuthorization`.
const WEBHOOK_AUTHORIZATION: &[Field] =
    &[field("cacheAuthorizedTTL", Duration, Str("0s"), 0), field("cacheUnauthorizedTTL", Duration, Str("0s"), 0)];

/// `KubeletX509Authentication`.
const X509_AUTHENTICATION: &[Field] = &[field("clientCAFile", String, Omit, 0)];

/// `KubeletWebhookAuthentication`.
const WEBHOOK_AUTHENTICATION: &[Field] = &[field("enabled", Bool, Unset, 0), field("cacheTTL", Duration, Str("0s"), 0)];

/// `KubeletAnonymousAuthentication`.
const ANONYMOUS_AUTHENTICATION: &[Field] = &[field("enabled", Bool, Unset, 0)];

/// `MemorySwapConfiguration`.
const MEMORY_SWAP: &[Field] = &[field("swapBehavior", String, Omit, 22)];

/// `CrashLoopBackOffConfig`.
const CRASH_LOOP_BACK_OFF: &[Field] = &[field("maxContainerRestartPeriod", Duration, Unset, 32)];

/// `MemoryReservation`.
const MEMORY_RESERVATION: &[Field] = &[field("numaNode", Int, Int0, 21), field("limits", Map(&Quantity), Null, 21)];

/// `ShutdownGracePeriodByPodPriority`.
const SHUTDOWN_GRACE_PERIOD: &[Field] =
    &[field("priority", Int, Int0, 23), field("shutdownGracePeriodSeconds", Long, Int0, 23)];

/// `UserNamespaces`.
const USER_NAMESPACES: &[Field] = &[field("idsPerPod", Long, Unset, 33)];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::schema::fill_zeros;
    use super::*;

    #[test]
    fn what_kubeadm_sets_becomes_what_kubeadm_writes() {
        let mut value = json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "cgroupDriver": "systemd",
            "clusterDNS": [
                "10.96.0.10"
            ],
            "clusterDomain": "cluster.local",
            "containerRuntimeEndpoint": "unix:///var/run/containerd/containerd.sock",
            "healthzBindAddress": "127.0.0.1",
            "healthzPort": 10248,
            "rotateCertificates": true,
            "staticPodPath": "/etc/kubernetes/manifests",
            "authentication": {
                "anonymous": {
                    "enabled": false
                },
                "webhook": {
                    "enabled": true
                },
                "x509": {
                    "clientCAFile": "/etc/kubernetes/pki/ca.crt"
                }
            },
            "authorization": {
                "mode": "Webhook"
            }
        });
        fill_zeros(KUBELET, 36, &mut value);
        let written = json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "authentication": {
                "anonymous": {
                    "enabled": false
                },
                "webhook": {
                    "cacheTTL": "0s",
                    "enabled": true
                },
                "x509": {
                    "clientCAFile": "/etc/kubernetes/pki/ca.crt"
                }
            },
            "authorization": {
                "mode": "Webhook",
                "webhook": {
                    "cacheAuthorizedTTL": "0s",
                    "cacheUnauthorizedTTL": "0s"
                }
            },
            "cgroupDriver": "systemd",
            "clusterDNS": [
                "10.96.0.10"
            ],
            "clusterDomain": "cluster.local",
            "containerRuntimeEndpoint": "unix:///var/run/containerd/containerd.sock",
            "cpuManagerReconcilePeriod": "0s",
            "crashLoopBackOff": {},
            "evictionPressureTransitionPeriod": "0s",
            "fileCheckFrequency": "0s",
            "healthzBindAddress": "127.0.0.1",
            "healthzPort": 10248,
            "httpCheckFrequency": "0s",
            "imageMaximumGCAge": "0s",
            "imageMinimumGCAge": "0s",
            "kind": "KubeletConfiguration",
            "logging": {
                "flushFrequency": 0,
                "options": {
                    "json": {
                        "infoBufferSize": "0"
                    },
                    "text": {
                        "infoBufferSize": "0"
                    }
                },
                "verbosity": 0
            },
            "memorySwap": {},
            "nodeStatusReportFrequency": "0s",
            "nodeStatusUpdateFrequency": "0s",
            "rotateCertificates": true,
            "runtimeRequestTimeout": "0s",
            "shutdownGracePeriod": "0s",
            "shutdownGracePeriodCriticalPods": "0s",
            "staticPodPath": "/etc/kubernetes/manifests",
            "streamingConnectionIdleTimeout": "0s",
            "syncFrequency": "0s",
            "volumeStatsAggPeriod": "0s"
        });
        assert_eq!(value, written);
    }

    #[test]
    fn an_older_minor_gets_no_newer_field() {
        let mut value = json!({});
        fill_zeros(KUBELET, 20, &mut value);
        assert_eq!(value["logging"], json!({}));
        assert_eq!(value["shutdownGracePeriod"], "0s");
        for newer in ["memorySwap", "imageMaximumGCAge", "containerRuntimeEndpoint", "crashLoopBackOff"] {
            assert_eq!(value.get(newer), None, "{newer}");
        }
    }
}

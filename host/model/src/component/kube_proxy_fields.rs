//! Fields of `KubeProxyConfiguration`, as in k8s.io/kube-proxy/config/v1alpha1 at v1.36; earlier and later minors from
//! the same module's other releases, back to v1.16 and up to v1.37.0-beta.0.

use super::base_fields::{CLIENT_CONNECTION, LOGGING};
use super::schema::{
    Field,
    Type::*,
    Zero,
    Zero::{False, Null, Omit, Str},
    field,
};

/// `KubeProxyConfiguration` of `kubeproxy.config.k8s.io/v1alpha1`.
pub const KUBE_PROXY: &[Field] = &[
    field("apiVersion", String, Omit, 0),
    field("kind", String, Omit, 0),
    field("featureGates", Map(&Bool), Omit, 0),
    field("clientConnection", Object(CLIENT_CONNECTION), Zero::Object, 0),
    field("logging", Object(LOGGING), Zero::Object, 28),
    field("hostnameOverride", String, Str(""), 0),
    field("bindAddress", String, Str(""), 0),
    field("healthzBindAddress", String, Str(""), 0),
    field("metricsBindAddress", String, Str(""), 0),
    field("bindAddressHardFail", Bool, False, 19),
    field("enableProfiling", Bool, False, 0),
    field("showHiddenMetricsForVersion", String, Str(""), 18),
    field("mode", String, Str(""), 0),
    field("iptables", Object(IPTABLES), Zero::Object, 0),
    field("ipvs", Object(IPVS), Zero::Object, 0),
    field("nftables", Object(NFTABLES), Zero::Object, 29),
    field("winkernel", Object(WINKERNEL), Zero::Object, 0),
    field("detectLocalMode", String, Str(""), 18),
    field("detectLocal", Object(DETECT_LOCAL), Zero::Object, 24),
    field("clusterCIDR", String, Str(""), 0),
    field("nodePortAddresses", List(&String), Null, 0),
    field("oomScoreAdj", Int, Null, 0),
    field("conntrack", Object(CONNTRACK), Zero::Object, 0),
    field("configSyncPeriod", Duration, Str("0s"), 0),
    field("portRange", String, Str(""), 0),
    field("windowsRunAsService", Bool, Omit, 31),
    field("udpIdleTimeout", Duration, Str("0s"), 0).until(26),
];

/// `KubeProxyIPTablesConfiguration`.
const IPTABLES: &[Field] = &[
    field("masqueradeBit", Int, Null, 0),
    field("masqueradeAll", Bool, False, 0),
    field("localhostNodePorts", Bool, Null, 26),
    field("syncPeriod", Duration, Str("0s"), 0),
    field("minSyncPeriod", Duration, Str("0s"), 0),
];

/// `KubeProxyIPVSConfiguration`.
const IPVS: &[Field] = &[
    field("syncPeriod", Duration, Str("0s"), 0),
    field("minSyncPeriod", Duration, Str("0s"), 0),
    field("scheduler", String, Str(""), 0),
    field("excludeCIDRs", List(&String), Null, 0),
    field("strictARP", Bool, False, 0),
    field("tcpTimeout", Duration, Str("0s"), 18),
    field("tcpFinTimeout", Duration, Str("0s"), 18),
    field("udpTimeout", Duration, Str("0s"), 18),
];

/// `KubeProxyNFTablesConfiguration`.
const NFTABLES: &[Field] = &[
    field("masqueradeBit", Int, Null, 29),
    field("masqueradeAll", Bool, False, 29),
    field("syncPeriod", Duration, Str("0s"), 29),
    field("minSyncPeriod", Duration, Str("0s"), 29),
];

/// `KubeProxyWinkernelConfiguration`.
const WINKERNEL: &[Field] = &[
    field("networkName", String, Str(""), 0),
    field("sourceVip", String, Str(""), 0),
    field("enableDSR", Bool, False, 0),
    field("rootHnsEndpointName", String, Str(""), 24),
    field("forwardHealthCheckVip", Bool, False, 24),
];

/// `DetectLocalConfiguration`.
const DETECT_LOCAL: &[Field] =
    &[field("bridgeInterface", String, Str(""), 24), field("interfaceNamePrefix", String, Str(""), 24)];

/// `KubeProxyConntrackConfiguration`.
const CONNTRACK: &[Field] = &[
    field("maxPerCore", Int, Null, 0),
    field("min", Int, Null, 0),
    field("tcpEstablishedTimeout", Duration, Null, 0),
    field("tcpCloseWaitTimeout", Duration, Null, 0),
    field("tcpBeLiberal", Bool, False, 29),
    field("udpTimeout", Duration, Str("0s"), 29),
    field("udpStreamTimeout", Duration, Str("0s"), 29),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::schema::fill_zeros;
    use super::*;

    #[test]
    fn what_kubeadm_sets_becomes_what_kubeadm_writes() {
        let mut value = json!({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "bindAddress": "0.0.0.0",
            "clientConnection": {
                "kubeconfig": "/var/lib/kube-proxy/kubeconfig.conf"
            }
        });
        fill_zeros(KUBE_PROXY, 36, &mut value);
        let written = json!({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "bindAddress": "0.0.0.0",
            "bindAddressHardFail": false,
            "clientConnection": {
                "acceptContentTypes": "",
                "burst": 0,
                "contentType": "",
                "kubeconfig": "/var/lib/kube-proxy/kubeconfig.conf",
                "qps": 0
            },
            "clusterCIDR": "",
            "configSyncPeriod": "0s",
            "conntrack": {
                "maxPerCore": null,
                "min": null,
                "tcpBeLiberal": false,
                "tcpCloseWaitTimeout": null,
                "tcpEstablishedTimeout": null,
                "udpStreamTimeout": "0s",
                "udpTimeout": "0s"
            },
            "detectLocal": {
                "bridgeInterface": "",
                "interfaceNamePrefix": ""
            },
            "detectLocalMode": "",
            "enableProfiling": false,
            "healthzBindAddress": "",
            "hostnameOverride": "",
            "iptables": {
                "localhostNodePorts": null,
                "masqueradeAll": false,
                "masqueradeBit": null,
                "minSyncPeriod": "0s",
                "syncPeriod": "0s"
            },
            "ipvs": {
                "excludeCIDRs": null,
                "minSyncPeriod": "0s",
                "scheduler": "",
                "strictARP": false,
                "syncPeriod": "0s",
                "tcpFinTimeout": "0s",
                "tcpTimeout": "0s",
                "udpTimeout": "0s"
            },
            "kind": "KubeProxyConfiguration",
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
            "metricsBindAddress": "",
            "mode": "",
            "nftables": {
                "masqueradeAll": false,
                "masqueradeBit": null,
                "minSyncPeriod": "0s",
                "syncPeriod": "0s"
            },
            "nodePortAddresses": null,
            "oomScoreAdj": null,
            "portRange": "",
            "showHiddenMetricsForVersion": "",
            "winkernel": {
                "enableDSR": false,
                "forwardHealthCheckVip": false,
                "networkName": "",
                "rootHnsEndpointName": "",
                "sourceVip": ""
            }
        });
        assert_eq!(value, written);
    }

    #[test]
    fn an_older_minor_gets_its_own_fields() {
        let mut value = json!({});
        fill_zeros(KUBE_PROXY, 20, &mut value);
        assert_eq!(value["udpIdleTimeout"], "0s");
        for newer in ["logging", "nftables", "detectLocal"] {
            assert_eq!(value.get(newer), None, "{newer}");
        }
    }
}

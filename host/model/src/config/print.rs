//! Configurations as documents: the defaults that `config print` shows, and any configuration in the version that is
//! written. Values only; their text form is the printer's.

use serde_json::Value;

use super::defaults;
use super::record::Field;
use super::v1beta4::{
    API_VERSION, ArgValue, BootstrapToken, BootstrapTokenDiscovery, ClusterConfiguration, InitConfiguration,
    JoinConfiguration, ResetConfiguration, UpgradeConfiguration,
};
use crate::Facts;
use crate::component::{Component, kube_proxy, kubelet};
use crate::layout::CONTAINERD_SOCKET;
use crate::release::{REFERENCE, REGISTRY};

/// Shown where a token must stand; never valid in a cluster of anybody's.
pub const PLACEHOLDER_TOKEN: &str = "abcdef.0123456789abcdef";

/// A configuration with `apiVersion` and `kind`.
pub fn document(kind: &str, value: &impl Field) -> Value {
    let mut document = value.write_always();
    if let Some(object) = document.as_object_mut() {
        object.insert("apiVersion".to_owned(), API_VERSION.into());
        object.insert("kind".to_owned(), kind.into());
    }
    document
}

fn init_configuration() -> InitConfiguration {
    let mut init = InitConfiguration {
        bootstrap_tokens: vec![BootstrapToken { token: PLACEHOLDER_TOKEN.into(), ..BootstrapToken::default() }],
        ..InitConfiguration::default()
    };
    init.node_registration.name = "node".into();
    init.node_registration.cri_socket = CONTAINERD_SOCKET.into();
    init.local_api_endpoint.advertise_address = "1.2.3.4".into();
    defaults::init(&mut init);
    init
}

fn cluster_configuration() -> ClusterConfiguration {
    let mut cluster = ClusterConfiguration {
        kubernetes_version: format!("1.{}.0", REFERENCE.minor),
        image_repository: REGISTRY.into(),
        ..ClusterConfiguration::default()
    };
    defaults::cluster(&mut cluster);
    cluster
}

/// `config print init-defaults`, with the component configurations that are asked for, in that order.
pub fn init_defaults(components: &[Component]) -> Vec<Value> {
    let cluster = cluster_configuration();
    let mut documents =
        vec![document("InitConfiguration", &init_configuration()), document("ClusterConfiguration", &cluster)];
    documents.extend(components.iter().map(|component| {
        let mut value = component.empty();
        match component {
            Component::KubeProxy => kube_proxy::set_defaults(&mut value, &cluster, REFERENCE, false),
            Component::Kubelet => kubelet::set_defaults(&mut value, &cluster, REFERENCE, &Facts::default()),
        };
        component.encoded(REFERENCE.minor, &value)
    }));
    documents
}

/// `config print join-defaults` on a host of that name.
pub fn join_defaults(hostname: &str) -> Value {
    let mut join = JoinConfiguration::default();
    join.node_registration.name = hostname.trim().to_lowercase();
    join.node_registration.cri_socket = CONTAINERD_SOCKET.into();
    join.discovery.bootstrap_token = Some(BootstrapTokenDiscovery {
        token: ArgValue(PLACEHOLDER_TOKEN.into()),
        api_server_endpoint: "kube-apiserver:6443".into(),
        unsafe_skip_ca_verification: true,
        ..BootstrapTokenDiscovery::default()
    });
    defaults::join(&mut join);
    document("JoinConfiguration", &join)
}

/// `config print reset-defaults`.
pub fn reset_defaults() -> Value {
    let mut reset = ResetConfiguration { cri_socket: CONTAINERD_SOCKET.into(), ..ResetConfiguration::default() };
    defaults::reset(&mut reset);
    document("ResetConfiguration", &reset)
}

/// `config print upgrade-defaults`.
pub fn upgrade_defaults() -> Value {
    let mut upgrade = UpgradeConfiguration::default();
    defaults::upgrade(&mut upgrade);
    document("UpgradeConfiguration", &upgrade)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn init_defaults_are_kubeadms() {
        let documents = init_defaults(&[]);
        assert_eq!(
            documents,
            [
                json!({
                    "apiVersion": "kubeadm.k8s.io/v1beta4",
                    "bootstrapTokens": [{
                        "groups": ["system:bootstrappers:kubeadm:default-node-token"],
                        "token": "abcdef.0123456789abcdef",
                        "ttl": "24h0m0s",
                        "usages": ["signing", "authentication"],
                    }],
                    "kind": "InitConfiguration",
                    "localAPIEndpoint": { "advertiseAddress": "1.2.3.4", "bindPort": 6443 },
                    "nodeRegistration": {
                        "criSocket": "unix:///var/run/containerd/containerd.sock",
                        "imagePullPolicy": "IfNotPresent",
                        "imagePullSerial": true,
                        "name": "node",
                        "taints": null,
                    },
                    "timeouts": {
                        "controlPlaneComponentHealthCheck": "4m0s",
                        "discovery": "5m0s",
                        "etcdAPICall": "2m0s",
                        "kubeletHealthCheck": "4m0s",
                        "kubernetesAPICall": "1m0s",
                        "tlsBootstrap": "5m0s",
                        "upgradeManifests": "5m0s",
                    },
                }),
                json!({
                    "apiServer": {},
                    "apiVersion": "kubeadm.k8s.io/v1beta4",
                    "caCertificateValidityPeriod": "87600h0m0s",
                    "certificateValidityPeriod": "8760h0m0s",
                    "certificatesDir": "/etc/kubernetes/pki",
                    "clusterName": "kubernetes",
                    "controllerManager": {},
                    "dns": {},
                    "encryptionAlgorithm": "RSA-2048",
                    "etcd": { "local": { "dataDir": "/var/lib/etcd" } },
                    "imageRepository": "registry.k8s.io",
                    "kind": "ClusterConfiguration",
                    "kubernetesVersion": "1.36.0",
                    "networking": { "dnsDomain": "cluster.local", "serviceSubnet": "10.96.0.0/12" },
                    "proxy": {},
                    "scheduler": {},
                }),
            ]
        );
        let with_components = init_defaults(&[Component::Kubelet, Component::KubeProxy]);
        assert_eq!(with_components[2]["kind"], "KubeletConfiguration");
        assert_eq!(with_components[2]["containerRuntimeEndpoint"], "");
        assert_eq!(with_components[3]["clientConnection"]["qps"], 0);
    }

    #[test]
    fn the_other_kinds() {
        let join = join_defaults("CP1 ");
        assert_eq!(join["nodeRegistration"]["name"], "cp1");
        assert_eq!(join["discovery"]["tlsBootstrapToken"], PLACEHOLDER_TOKEN);
        assert_eq!(join["discovery"]["bootstrapToken"]["unsafeSkipCAVerification"], true);
        assert_eq!(join.get("controlPlane"), None);
        assert_eq!(reset_defaults()["certificatesDir"], "/etc/kubernetes/pki");
        let upgrade = upgrade_defaults();
        assert_eq!(upgrade["diff"], json!({}));
        assert_eq!(upgrade["plan"], json!({ "etcdUpgrade": true }));
        assert_eq!(
            upgrade["node"],
            json!({ "certificateRenewal": true, "etcdUpgrade": true, "imagePullPolicy": "IfNotPresent", "imagePullSerial": true })
        );
    }
}

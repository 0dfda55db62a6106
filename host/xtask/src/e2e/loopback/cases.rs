//! The configurations whose objects are compared: the plainest, and ones in which all that shows in an object is
//! different. Each is said once, in the newest form, and told to an old kubeadm in its own.

use serde_json::{Map, Value, json};

use super::super::bootstrapper::Kind;
use super::super::runtime::CRI_SOCKET;

/// Name of the node, whatever machine plays it.
pub const NODE: &str = "cp1";

/// Ids of the tokens that configurations name; others are drawn at random.
pub const TOKENS: &[&str] = &["abcdef", "fedcba"];

/// Host name of the API server in the configuration that has one.
pub const ENDPOINT: &str = "api.example.test";

/// One configuration.
pub struct Case {
    /// What it is about.
    pub name: &'static str,
    documents: fn(minor: u32) -> Documents,
}

/// Bodies of the documents, without what all of them have.
struct Documents {
    init: Value,
    cluster: Value,
    kubelet: Value,
    proxy: Value,
}

/// All of them.
pub const CASES: &[Case] = &[
    Case { name: "plain", documents: plain },
    Case { name: "everything different", documents: different },
    Case { name: "as little as possible", documents: bare },
];

fn plain(_minor: u32) -> Documents {
    Documents {
        init: json!({ "bootstrapTokens": [{ "token": "abcdef.0123456789abcdef" }] }),
        cluster: json!({ "networking": { "podSubnet": "10.244.0.0/16" } }),
        kubelet: json!({}),
        proxy: json!({}),
    }
}

fn different(minor: u32) -> Documents {
    let mut documents = Documents {
        init: json!({
            "bootstrapTokens": [
                {
                    "token": "abcdef.0123456789abcdef",
                    "description": "the first",
                    "ttl": "2h0m0s",
                    "usages": ["signing", "authentication"],
                    "groups": ["system:bootstrappers:kubeadm:default-node-token", "system:bootstrappers:more"],
                },
                {
                    "token": "fedcba.fedcba9876543210",
                    "ttl": "0s",
                    "usages": ["authentication"],
                    "groups": ["system:bootstrappers:workers"],
                },
            ],
            "localAPIEndpoint": { "bindPort": 7443 },
            "nodeRegistration": {
                "taints": [{ "key": "example.com/dedicated", "value": "control", "effect": "NoExecute" }],
                "kubeletExtraArgs": [{ "name": "node-labels", "value": "example.com/a=b" }, { "name": "v", "value": "2" }],
            },
        }),
        cluster: json!({
            "clusterName": "other",
            "controlPlaneEndpoint": format!("{ENDPOINT}:7443"),
            "imageRepository": "registry.example.test/mirror",
            "dns": { "imageRepository": "registry.example.test/dns", "imageTag": "v1.7.1" },
            "networking": {
                "podSubnet": "10.44.0.0/16,fd00:44::/64",
                "serviceSubnet": "10.55.0.0/16,fd00:55::/112",
                "dnsDomain": "corp.example",
            },
            "apiServer": {
                "certSANs": ["more.example.test", "192.0.2.7"],
                "extraArgs": [{ "name": "event-ttl", "value": "2h" }, { "name": "v", "value": "2" }],
            },
            "controllerManager": { "extraArgs": [{ "name": "node-monitor-period", "value": "7s" }] },
            "scheduler": { "extraArgs": [{ "name": "v", "value": "1" }] },
            "etcd": { "local": {
                "dataDir": "/var/lib/etcd",
                "extraArgs": [{ "name": "snapshot-count", "value": "5000" }],
                "serverCertSANs": ["etcd.example.test"],
            } },
        }),
        kubelet: json!({ "maxPods": 77, "evictionHard": { "memory.available": "200Mi" } }),
        proxy: json!({ "mode": "ipvs", "conntrack": { "min": 0 }, "ipvs": { "strictARP": true } }),
    };
    if minor < 21 {
        // It was behind a gate then.
        documents.cluster["featureGates"] = json!({ "IPv6DualStack": true });
    }
    if minor >= 31 {
        let cluster = &mut documents.cluster;
        cluster["certificateValidityPeriod"] = "4380h0m0s".into();
        cluster["encryptionAlgorithm"] = "ECDSA-P256".into();
        cluster["apiServer"]["extraEnvs"] = json!([{ "name": "GOGC", "value": "90" }]);
        documents.proxy["mode"] = "nftables".into();
    }
    documents
}

fn bare(minor: u32) -> Documents {
    let mut documents = Documents {
        init: json!({
            "bootstrapTokens": [{ "token": "abcdef.0123456789abcdef" }],
            "nodeRegistration": { "taints": [] },
        }),
        cluster: json!({}),
        kubelet: json!({ "clusterDomain": "elsewhere.test", "clusterDNS": ["10.96.0.99"] }),
        proxy: json!({}),
    };
    if minor >= 31 {
        documents.cluster["dns"] = json!({ "disabled": true });
        documents.cluster["proxy"] = json!({ "disabled": true });
    }
    documents
}

impl Case {
    /// The configuration of a node at `address`, as `kind`'s program of this minor reads it.
    pub fn config(&self, kind: Kind, version: &str, minor: u32, address: &str) -> String {
        let Documents { mut init, mut cluster, kubelet, proxy } = (self.documents)(minor);
        init["localAPIEndpoint"]["advertiseAddress"] = address.into();
        init["nodeRegistration"]["name"] = NODE.into();
        init["nodeRegistration"]["criSocket"] = CRI_SOCKET.into();
        init["certificateKey"] = "0123456789abcdef".repeat(4).into();
        cluster["kubernetesVersion"] = version.into();
        let api = if kind == Kind::Kubeadm && minor < 22 {
            for document in [&mut init, &mut cluster] {
                age(document);
            }
            "v1beta2"
        } else {
            "v1beta4"
        };
        let named = [
            (init, format!("kubeadm.k8s.io/{api}"), "InitConfiguration"),
            (cluster, format!("kubeadm.k8s.io/{api}"), "ClusterConfiguration"),
            (kubelet, "kubelet.config.k8s.io/v1beta1".into(), "KubeletConfiguration"),
            (proxy, "kubeproxy.config.k8s.io/v1alpha1".into(), "KubeProxyConfiguration"),
        ];
        let documents = named.map(|(mut document, api_version, kind)| {
            document["apiVersion"] = api_version.into();
            document["kind"] = kind.into();
            // JSON is YAML.
            format!("{document:#}\n")
        });
        documents.join("---\n")
    }
}

/// As v1beta2 said the same: arguments by name, the kind of DNS server.
fn age(value: &mut Value) {
    let Some(fields) = value.as_object_mut() else { return };
    for (name, field) in fields {
        match name.as_str() {
            "extraArgs" | "kubeletExtraArgs" => {
                let arguments = field.as_array().cloned().unwrap_or_default().into_iter();
                let pairs = arguments
                    .filter_map(|argument| Some((argument["name"].as_str()?.to_owned(), argument["value"].clone())));
                *field = Value::Object(pairs.collect::<Map<_, _>>());
            }
            "dns" => field["type"] = "CoreDNS".into(),
            _ => age(field),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_kubeadm_gets_its_own_words() {
        let old = CASES[1].config(Kind::Kubeadm, "v1.20.2", 20, "192.0.2.1");
        assert!(old.contains("v1beta2") && !old.contains("v1beta4"), "{old}");
        assert!(old.contains("\"event-ttl\": \"2h\""), "{old}");
        let new = CASES[1].config(Kind::Kubephase, "v1.20.2", 20, "192.0.2.1");
        assert!(new.contains("v1beta4") && new.contains("\"name\": \"event-ttl\""), "{new}");
    }
}

//! What flannel consists of in a cluster. Follows the deployment that its makers publish.

use kubephase_sdk::prelude::*;
use pod_network::Subnet;

use crate::settings::{Backend, Settings};

const NAMESPACE: &str = "kube-flannel";
const NAME: &str = "flannel";
const CONFIG: &str = "kube-flannel-cfg";
/// Its health is asked there, on the node's own network.
const HEALTH_PORT: u16 = 8081;

/// All objects, in the order in which they depend on each other.
///
/// # Errors
///
/// If the version is too old.
pub fn all(settings: &Settings, subnets: &[Subnet]) -> Result<Vec<Value>, Failure> {
    let account = json!({"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE});
    Ok(vec![
        json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": NAMESPACE,
                "labels": {"k8s-app": "flannel", "pod-security.kubernetes.io/enforce": "privileged"},
            },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": {"k8s-app": "flannel"}},
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": NAME, "labels": {"k8s-app": "flannel"}},
            "rules": [
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
                {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
                {"apiGroups": [""], "resources": ["nodes/status"], "verbs": ["patch"]},
            ],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": NAME, "labels": {"k8s-app": "flannel"}},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME},
            "subjects": [account],
        }),
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": CONFIG, "namespace": NAMESPACE, "labels": labels()},
            "data": {
                "cni-conf.json": pretty(&cni_configuration()),
                "net-conf.json": pretty(&network_configuration(settings, subnets)),
            },
        }),
        daemon_set(settings)?,
    ])
}

fn labels() -> Value {
    json!({"app": "flannel", "k8s-app": "flannel", "tier": "node"})
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// What the container runtime is told. The CNI program `flannel` makes of it, with the node's subnet, what it tells the
/// program `bridge`.
fn cni_configuration() -> Value {
    json!({
        "cniVersion": "0.3.1",
        "name": "cbr0",
        "plugins": [
            {"type": "flannel", "delegate": {"hairpinMode": true, "isDefaultGateway": true}},
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    })
}

/// What flannel itself is told.
fn network_configuration(settings: &Settings, subnets: &[Subnet]) -> Value {
    let of_family = |ipv6: bool| subnets.iter().find(|subnet| subnet.is_ipv6() == ipv6).map(Subnet::to_string);
    let mut network = json!({"EnableNFTables": settings.nftables, "Backend": backend(settings)});
    match of_family(false) {
        Some(subnet) => network["Network"] = subnet.into(),
        None => network["EnableIPv4"] = false.into(),
    }
    if let Some(subnet) = of_family(true) {
        network["EnableIPv6"] = true.into();
        network["IPv6Network"] = subnet.into();
    }
    network
}

fn backend(settings: &Settings) -> Value {
    let mut backend = json!({"Type": settings.backend.name()});
    match settings.backend {
        Backend::Vxlan => {
            if settings.vni != 1 {
                backend["VNI"] = settings.vni.into();
            }
            if settings.direct_routing {
                backend["DirectRouting"] = true.into();
            }
            if let Some(port) = settings.port {
                backend["Port"] = port.into();
            }
        }
        Backend::Wireguard => {
            if let Some(port) = settings.port {
                backend["ListenPort"] = port.into();
            }
        }
        Backend::HostGw => return backend,
    }
    if let Some(mtu) = settings.mtu {
        backend["MTU"] = mtu.into();
    }
    backend
}

fn daemon_set(settings: &Settings) -> Result<Value, Failure> {
    let image = settings.image()?;
    let mut arguments =
        vec!["--ip-masq".to_owned(), "--kube-subnet-mgr".to_owned(), format!("--healthz-port={HEALTH_PORT}")];
    arguments.extend(settings.interface.iter().map(|interface| format!("--iface={interface}")));
    let mount = |name: &str, path: &str| json!({"name": name, "mountPath": path});
    let host_path = |name: &str, path: &str| json!({"name": name, "hostPath": {"path": path}});
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    let health = |path: &str| json!({"path": path, "port": "healthz"});
    Ok(json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "kube-flannel-ds", "namespace": NAMESPACE, "labels": labels()},
        "spec": {
            "selector": {"matchLabels": {"app": "flannel"}},
            "template": {
                "metadata": {"labels": labels()},
                "spec": {
                    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [{"matchExpressions": [
                            {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]},
                        ]}],
                    }}},
                    "hostNetwork": true,
                    "priorityClassName": "system-node-critical",
                    // Nodes are tainted as not ready until there is a network.
                    "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}],
                    "serviceAccountName": NAME,
                    "initContainers": [
                        {
                            "name": "install-cni-plugin",
                            "image": settings.plugin_image(),
                            "command": ["cp"],
                            "args": ["-f", "/flannel", "/opt/cni/bin/flannel"],
                            "volumeMounts": [mount("cni-plugin", "/opt/cni/bin")],
                        },
                        {
                            "name": "install-cni",
                            "image": image,
                            "command": ["/opt/bin/install-conf"],
                            "args": ["/etc/kube-flannel/cni-conf.json", "/etc/cni/net.d/10-flannel.conflist"],
                            "volumeMounts": [mount("cni", "/etc/cni/net.d"), mount("flannel-cfg", "/etc/kube-flannel/")],
                        },
                    ],
                    "containers": [{
                        "name": "kube-flannel",
                        "image": image,
                        "command": ["/opt/bin/flanneld"],
                        "args": arguments,
                        "ports": [{"name": "healthz", "containerPort": HEALTH_PORT, "protocol": "TCP"}],
                        "livenessProbe": {"httpGet": health("/healthz"), "initialDelaySeconds": 10, "periodSeconds": 30},
                        "readinessProbe": {"httpGet": health("/readyz"), "initialDelaySeconds": 5, "periodSeconds": 10},
                        "resources": {"requests": {"cpu": "100m", "memory": "50Mi"}},
                        "securityContext": {"privileged": false, "capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}},
                        "env": [
                            field("POD_NAME", "metadata.name"),
                            field("POD_NAMESPACE", "metadata.namespace"),
                            {"name": "EVENT_QUEUE_DEPTH", "value": "5000"},
                            {"name": "CONT_WHEN_CACHE_NOT_READY", "value": "false"},
                        ],
                        "volumeMounts": [
                            mount("run", "/run/flannel"),
                            mount("flannel-cfg", "/etc/kube-flannel/"),
                            mount("xtables-lock", "/run/xtables.lock"),
                        ],
                    }],
                    "volumes": [
                        host_path("run", "/run/flannel"),
                        host_path("cni-plugin", &settings.program_directory),
                        host_path("cni", &settings.configuration_directory),
                        {"name": "flannel-cfg", "configMap": {"name": CONFIG}},
                        {"name": "xtables-lock", "hostPath": {"path": "/run/xtables.lock", "type": "FileOrCreate"}},
                    ],
                },
            },
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(settings: Value, subnets: &[&str]) -> Value {
        let settings = kubephase_sdk::serde_json::from_value(settings).expect("settings");
        let subnets: Vec<Subnet> = subnets.iter().map(|text| Subnet::parse(text).expect(text)).collect();
        network_configuration(&settings, &subnets)
    }

    #[test]
    fn each_backend_has_its_own_words() {
        let subnets = &["10.244.0.0/16"][..];
        for (settings, expected) in [
            (json!({}), json!({"Type": "vxlan"})),
            (
                json!({"vni": 7, "port": 4789, "mtu": 1450, "directRouting": true}),
                json!({"Type": "vxlan", "VNI": 7, "Port": 4789, "MTU": 1450, "DirectRouting": true}),
            ),
            (json!({"backend": "host-gw"}), json!({"Type": "host-gw"})),
            (
                json!({"backend": "wireguard", "port": 51000, "mtu": 1400}),
                json!({"Type": "wireguard", "ListenPort": 51000, "MTU": 1400}),
            ),
        ] {
            assert_eq!(network(settings, subnets)["Backend"], expected);
        }
    }

    #[test]
    fn a_family_that_is_not_there_is_switched_off() {
        let both = network(json!({}), &["fd00::/56", "10.244.0.0/16"]);
        assert_eq!((&both["Network"], &both["IPv6Network"]), (&json!("10.244.0.0/16"), &json!("fd00::/56")));
        assert_eq!(both["EnableIPv6"], true);
        let six = network(json!({}), &["fd00::/56"]);
        assert_eq!(six["EnableIPv4"], false);
        assert!(six.get("Network").is_none());
        assert!(network(json!({}), &["10.244.0.0/16"]).get("EnableIPv6").is_none());
    }
}

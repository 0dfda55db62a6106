//! What a new API server makes before anybody asks it: namespaces, default roles, the Service `kubernetes` and what
//! says whom it believes.

mod rbac;

use std::net::IpAddr;

use kubephase_model::names::Cidr;
use serde_json::{Value, json};

/// What the API server was started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// `--advertise-address`.
    pub address: Option<IpAddr>,
    /// `--secure-port`.
    pub port: u16,
    /// `--service-cluster-ip-range`.
    pub service_cidrs: Vec<String>,
    /// Contents of `--client-ca-file`.
    pub client_ca: String,
    /// Contents of `--requestheader-client-ca-file`; empty for none.
    pub front_proxy_ca: String,
    /// `2026-11-23`.
    pub today: String,
}

/// The objects, in an order in which they can be created.
pub fn objects(server: &Server) -> Vec<Value> {
    let mut objects: Vec<Value> = ["default", "kube-node-lease", "kube-public", "kube-system"].map(namespace).into();
    objects.extend(rbac::objects());
    objects.extend([
        priority("system-cluster-critical", 2_000_000_000, "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."),
        priority("system-node-critical", 2_000_001_000, "Used for system critical pods that must not be moved from their current node."),
        authentication(server),
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": "kube-apiserver-legacy-service-account-token-tracking", "namespace": "kube-system" },
            "data": { "since": server.today },
        }),
    ]);
    objects.extend(service(server));
    objects
}

fn namespace(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })
}

fn priority(name: &str, value: i64, description: &str) -> Value {
    json!({
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": { "name": name },
        "value": value,
        "preemptionPolicy": "PreemptLowerPriority",
        "description": description,
    })
}

/// Whom extension servers may believe.
fn authentication(server: &Server) -> Value {
    let mut data = json!({ "client-ca-file": server.client_ca });
    if !server.front_proxy_ca.is_empty() {
        data["requestheader-allowed-names"] = json!("[\"front-proxy-client\"]");
        data["requestheader-client-ca-file"] = json!(server.front_proxy_ca);
        data["requestheader-extra-headers-prefix"] = json!("[\"X-Remote-Extra-\"]");
        data["requestheader-group-headers"] = json!("[\"X-Remote-Group\"]");
        data["requestheader-username-headers"] = json!("[\"X-Remote-User\"]");
    }
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "extension-apiserver-authentication", "namespace": "kube-system" },
        "data": data,
    })
}

/// The API server as a Service, at the first address of the first range.
fn service(server: &Server) -> Vec<Value> {
    let cidr = server.service_cidrs.first().and_then(|cidr| cidr.parse::<Cidr>().ok());
    let Some(ip) = cidr.as_ref().and_then(|cidr| cidr.nth(1)) else { return Vec::new() };
    let family = if ip.is_ipv6() { "IPv6" } else { "IPv4" };
    let labels = json!({ "component": "apiserver", "provider": "kubernetes" });
    let mut objects = vec![
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "ServiceCIDR",
            "metadata": { "name": "kubernetes", "finalizers": ["networking.k8s.io/service-cidr-finalizer"] },
            "spec": { "cidrs": server.service_cidrs },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": "kubernetes", "namespace": "default", "labels": labels },
            "spec": {
                "type": "ClusterIP",
                "clusterIP": ip.to_string(),
                "clusterIPs": [ip.to_string()],
                "ipFamilies": [family],
                "ipFamilyPolicy": "SingleStack",
                "ports": [{ "name": "https", "port": 443, "protocol": "TCP", "targetPort": server.port }],
                "sessionAffinity": "None",
            },
        }),
    ];
    if let Some(address) = server.address {
        let mirror = json!({ "endpointslice.kubernetes.io/skip-mirror": "true" });
        objects.push(json!({
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": { "name": "kubernetes", "namespace": "default", "labels": mirror },
            "subsets": [{
                "addresses": [{ "ip": address.to_string() }],
                "ports": [{ "name": "https", "port": server.port, "protocol": "TCP" }],
            }],
        }));
        objects.push(json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "kubernetes", "namespace": "default",
                "labels": { "kubernetes.io/service-name": "kubernetes" },
            },
            "addressType": if address.is_ipv6() { "IPv6" } else { "IPv4" },
            "endpoints": [{ "addresses": [address.to_string()], "conditions": { "ready": true } }],
            "ports": [{ "name": "https", "port": server.port, "protocol": "TCP" }],
        }));
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Kind;
    use crate::schema;

    fn server() -> Server {
        Server {
            address: "192.0.2.10".parse().ok(),
            port: 6443,
            service_cidrs: vec!["10.96.0.0/12".into()],
            client_ca: "PEM".into(),
            front_proxy_ca: "PEM".into(),
            today: "2026-11-23".into(),
        }
    }

    #[test]
    fn all_of_them_are_valid() {
        let objects = objects(&server());
        assert!(objects.len() > 50, "{}", objects.len());
        for mut object in objects {
            let name = object["metadata"]["name"].to_string();
            let kind =
                Kind::find(object["apiVersion"].as_str().expect("a version"), object["kind"].as_str().expect("a kind"));
            let kind = kind.unwrap_or_else(|| panic!("{name} is of a kind that is not served"));
            schema::fill_defaults(kind, &mut object);
            assert_eq!(schema::check(kind, &object), [], "{name}");
        }
    }

    #[test]
    fn the_service_is_the_first_address() {
        let objects = objects(&server());
        let service = objects.iter().find(|object| object["kind"] == "Service").expect("there");
        assert_eq!(service["spec"]["clusterIP"], "10.96.0.1");
    }
}

//! Everything that `init` puts into the cluster, as values: one module per family, each in the order in which kubeadm
//! creates its objects. Reads and writes nothing; what differs between Kubernetes minors is asked of
//! [`kubephase_model::Release`]. What the server adds (defaults, uid, times) is not here.

pub mod bootstrap_token;
pub mod certs;
pub mod cluster_admins;
pub mod cluster_info;
pub mod coredns;
mod hash;
pub mod kube_proxy;
pub mod kubeadm_config;
pub mod kubelet_config;
pub mod kubephase_config;
pub mod manifest;
pub mod node;
mod rbac;

use serde_json::{Map, Value, json};

/// Where nearly everything is.
pub const KUBE_SYSTEM: &str = "kube-system";
/// What may be read without being known.
pub const KUBE_PUBLIC: &str = "kube-public";

/// A ConfigMap. The object is whole: `data` holds what is given and nothing else.
fn config_map(namespace: &str, name: &str, data: impl IntoIterator<Item = (&'static str, String)>) -> Value {
    let data: Map<String, Value> = data.into_iter().map(|(key, text)| (key.to_owned(), text.into())).collect();
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": namespace },
        "data": data,
    })
}

fn service_account(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": { "name": name, "namespace": KUBE_SYSTEM },
    })
}

#[cfg(test)]
mod tests;

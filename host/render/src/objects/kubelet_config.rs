//! The ConfigMap with the configuration that all kubelets of the cluster share.

use kubephase_model::Cluster;
use kubephase_model::component::Component;
use serde_json::Value;

use super::rbac::{JOINING_NODES, NODES, reader};
use super::{KUBE_SYSTEM, hash};
use crate::kubelet;

/// Its key.
pub const KEY: &str = "kubelet";

/// Its name: `kubelet-config`, or with the minor for minors that did so.
pub fn name(cluster: &Cluster) -> String {
    if cluster.release.versioned_kubelet_config_map {
        format!("kubelet-config-1.{}", cluster.release.minor)
    } else {
        "kubelet-config".to_owned()
    }
}

/// The ConfigMap: the configuration as Go encodes it, without patches and without this node's CRI endpoint.
///
/// `written` says whether this run has written the kubelet's files before. Then the name server configuration of this
/// node stands in what is shared, as it does with kubeadm, whose writing changes its copy in memory.
pub fn config_map(cluster: &Cluster, written: bool) -> Value {
    let value = if written { kubelet::with_resolv_conf(cluster) } else { cluster.kubelet.clone() };
    let text = crate::yaml(&Component::Kubelet.encoded(cluster.release.minor, &value));
    let mut config_map = super::config_map(KUBE_SYSTEM, &name(cluster), [(KEY, text)]);
    if !cluster.given.contains(&Component::Kubelet) {
        hash::sign(&mut config_map);
    }
    config_map
}

/// Role and RoleBinding with which nodes, joined or joining, read it.
pub fn access(cluster: &Cluster) -> [Value; 2] {
    let name = name(cluster);
    reader(KUBE_SYSTEM, &format!("kubeadm:{name}"), "configmaps", &name, &[NODES, JOINING_NODES])
}

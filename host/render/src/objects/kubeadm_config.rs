//! The ConfigMap `kubeadm-config`, from which joining nodes and upgrades learn how the cluster is meant to be.

use kubephase_model::Cluster;
use kubephase_model::config::stored;
use serde_json::{Value, json};

use super::KUBE_SYSTEM;
use super::rbac::{JOINING_NODES, NODES, reader};

/// Its name.
pub const NAME: &str = "kubeadm-config";
/// Key of the ClusterConfiguration.
pub const CLUSTER_CONFIGURATION: &str = "ClusterConfiguration";
/// Key of the ClusterStatus, for minors that have it.
pub const CLUSTER_STATUS: &str = "ClusterStatus";

/// The ConfigMap of a new cluster.
pub fn config_map(cluster: &Cluster) -> Value {
    let mut config_map = super::config_map(KUBE_SYSTEM, NAME, []);
    update(&mut config_map, cluster);
    config_map
}

/// Changes a ConfigMap that exists already: only our keys, and of the ClusterStatus only this node's part
/// (`UploadConfiguration` in kubeadm).
pub fn update(config_map: &mut Value, cluster: &Cluster) {
    if !config_map["data"].is_object() {
        config_map["data"] = json!({});
    }
    let data = &mut config_map["data"];
    data[CLUSTER_CONFIGURATION] = crate::yaml(&stored::cluster_configuration(cluster)).into();
    let existing = data.get(CLUSTER_STATUS).and_then(Value::as_str);
    // A status that cannot be read helps nobody: it is written anew.
    let existing = existing.and_then(|text| serde_yaml::from_str(text).ok());
    if let Some(status) = stored::cluster_status(cluster, existing) {
        data[CLUSTER_STATUS] = crate::yaml(&status).into();
    }
}

/// Role and RoleBinding with which nodes, joining or joined, read it.
pub fn access() -> [Value; 2] {
    reader(KUBE_SYSTEM, "kubeadm:nodes-kubeadm-config", "configmaps", NAME, &[JOINING_NODES, NODES])
}

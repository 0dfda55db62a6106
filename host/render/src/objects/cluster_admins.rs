//! What makes the administrators of admin.conf administrators: their certificate only names a group.

use kubephase_model::Cluster;
use serde_json::Value;

use super::rbac::{Subject, cluster_role_binding};

/// The ClusterRoleBinding; `None` for minors whose admin.conf is in `system:masters`.
pub fn binding(cluster: &Cluster) -> Option<Value> {
    const NAME: &str = "kubeadm:cluster-admins";
    cluster.release.super_admin.then(|| cluster_role_binding(NAME, "cluster-admin", Subject::Group(NAME)))
}

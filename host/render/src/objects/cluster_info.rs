//! The ConfigMap `cluster-info`, which everybody may read: where the cluster is and which CA it has. The controller
//! manager signs it with every token, see [`crate::jws`].

use kubephase_model::Cluster;
use serde_json::Value;

use super::KUBE_PUBLIC;
use super::rbac::{Subject, reader};
use crate::kubeconfig::{Kubeconfig, KubeconfigError};

/// Its name.
pub const NAME: &str = "cluster-info";
/// Key of the kubeconfig.
pub const KUBECONFIG: &str = "kubeconfig";

/// Key of the signature of the token with that id.
pub fn signature_key(token_id: &str) -> String {
    format!("jws-kubeconfig-{token_id}")
}

/// The ConfigMap, with the cluster that `admin` names. `read` gets the contents of a CA file that it names.
pub fn config_map(
    cluster: &Cluster,
    admin: &Kubeconfig,
    read: impl FnOnce(&str) -> Option<Vec<u8>>,
) -> Result<Value, KubeconfigError> {
    let mut bare = admin.cluster_only(read)?;
    if cluster.release.kubeconfig_preferences {
        bare = bare.with_preferences();
    }
    Ok(super::config_map(KUBE_PUBLIC, NAME, [(KUBECONFIG, bare.to_yaml())]))
}

/// Role and RoleBinding with which nobody in particular reads it.
pub fn access() -> [Value; 2] {
    const ROLE: &str = "kubeadm:bootstrap-signer-clusterinfo";
    reader(KUBE_PUBLIC, ROLE, "configmaps", NAME, &[Subject::User("system:anonymous")])
}

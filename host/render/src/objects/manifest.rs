//! The addons as text, for those who install them by other means (`--print-manifest`).

use kubephase_model::Cluster;
use serde_json::Value;

use super::{coredns, kube_proxy};
use crate::patch::{PatchError, PatchSet};

/// What can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addon {
    /// CoreDNS.
    CoreDns,
    /// kube-proxy.
    KubeProxy,
}

/// The objects of an addon as YAML documents, each after a line `---`, in kubeadm's order. What belongs to this host
/// (its proxy variables) is left out, and so is the signature of a configuration that now somebody else keeps.
pub fn print_manifest(addon: Addon, cluster: &Cluster, patches: &PatchSet) -> Result<String, PatchError> {
    let objects = objects(addon, cluster, patches)?;
    Ok(objects.iter().map(|object| format!("---\n{}", crate::yaml(object))).collect())
}

fn objects(addon: Addon, cluster: &Cluster, patches: &PatchSet) -> Result<Vec<Value>, PatchError> {
    Ok(match addon {
        Addon::CoreDns => {
            let deployment = coredns::deployment(cluster, patches, None)?.value;
            let mut objects = vec![deployment, coredns::config_map(cluster), coredns::service(cluster)];
            objects.extend(coredns::access(cluster));
            objects.push(coredns::account());
            objects
        }
        Addon::KubeProxy => {
            let mut objects = vec![kube_proxy::account()];
            objects.extend(kube_proxy::access());
            objects.push(kube_proxy::unsigned_config_map(cluster));
            objects.push(kube_proxy::patched_daemon_set(cluster, patches)?.value);
            objects
        }
    })
}

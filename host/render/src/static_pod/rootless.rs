//! The gate `RootlessControlPlane`: components run as users of their own. Which users exist is for others to see to;
//! here are the security contexts and who must own which file.

use kubephase_model::cluster::Cluster;
use kubephase_model::layout;
use serde_json::{Map, Value, json};

use super::{Component, pki};

/// A user and its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// User ID.
    pub uid: u32,
    /// Group ID.
    pub gid: u32,
}

/// The users that kubeadm makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rootless {
    /// `kubeadm-etcd`.
    pub etcd: User,
    /// `kubeadm-kas`.
    pub kube_apiserver: User,
    /// `kubeadm-kcm`.
    pub kube_controller_manager: User,
    /// `kubeadm-ks`.
    pub kube_scheduler: User,
    /// Group `kubeadm-sa-key-readers`, of kas and kcm.
    pub sa_key_readers: u32,
}

/// Who must own a path so that a component can read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The file or directory.
    pub path: String,
    /// User ID.
    pub uid: u32,
    /// Group ID.
    pub gid: u32,
    /// Permission bits; `None` leaves them, and the ownership goes to everything below the path.
    pub mode: Option<u32>,
}

/// How one component runs.
pub(super) struct Context {
    pub(super) user: User,
    pub(super) supplemental_group: Option<u32>,
    /// kube-apiserver's binary has the file capability CAP_NET_BIND_SERVICE, which must therefore be allowed.
    pub(super) net_bind_service: bool,
}

impl Context {
    /// Fields of the pod's securityContext.
    pub(super) fn pod(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("runAsUser".into(), self.user.uid.into());
        fields.insert("runAsGroup".into(), self.user.gid.into());
        if let Some(group) = self.supplemental_group {
            fields.insert("supplementalGroups".into(), json!([group]));
        }
        fields
    }

    /// The container's securityContext.
    pub(super) fn container(&self) -> Value {
        if self.net_bind_service {
            json!({ "capabilities": { "add": ["NET_BIND_SERVICE"], "drop": ["ALL"] } })
        } else {
            json!({ "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } })
        }
    }
}

/// What a component must own before its manifest is written, in kubeadm's order (`RunComponentAsNonRoot`).
pub fn owners(component: &Component, cluster: &Cluster, rootless: &Rootless, external_ca: bool) -> Vec<Owner> {
    let own = |user: User, path: String| Owner { path, uid: user.uid, gid: user.gid, mode: Some(0o600) };
    let sa_key = || Owner { path: pki(cluster, "sa.key"), uid: 0, gid: rootless.sa_key_readers, mode: Some(0o640) };
    let kubeconfig = |file: &str| format!("{}/{file}", layout::KUBERNETES_DIR);
    match component.name {
        "kube-apiserver" => {
            let user = rootless.kube_apiserver;
            let mut owners = vec![own(user, pki(cluster, "sa.pub")), sa_key()];
            let keys = ["apiserver.key", "apiserver-kubelet-client.key", "front-proxy-client.key"];
            let etcd_client = cluster.external_etcd().is_none().then_some("apiserver-etcd-client.key");
            owners.extend(keys.into_iter().chain(etcd_client).map(|key| own(user, pki(cluster, key))));
            owners
        }
        "kube-controller-manager" => {
            let user = rootless.kube_controller_manager;
            let mut owners = vec![own(user, kubeconfig("controller-manager.conf")), sa_key()];
            owners.extend((!external_ca).then(|| own(user, pki(cluster, "ca.key"))));
            owners
        }
        "kube-scheduler" => vec![own(rootless.kube_scheduler, kubeconfig("scheduler.conf"))],
        "etcd" => {
            let user = rootless.etcd;
            let data = cluster.local_etcd().map(|etcd| etcd.data_dir.0.clone());
            let data = data.map(|path| Owner { path, uid: user.uid, gid: user.gid, mode: None });
            let keys = ["etcd/server.key", "etcd/peer.key"].map(|key| own(user, pki(cluster, key)));
            data.into_iter().chain(keys).collect()
        }
        _ => Vec::new(),
    }
}

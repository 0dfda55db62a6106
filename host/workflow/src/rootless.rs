//! The gate `RootlessControlPlane`: the users that components run as, and what they own. Their names are kubeadm's.

use kubephase_model::cluster::Cluster;
use kubephase_node::Node;
use kubephase_node::accounts::Wanted;
use kubephase_render::static_pod::{Component, Rootless, User, owners};

use crate::error::PhaseError;

const ETCD: &str = "kubeadm-etcd";
const API_SERVER: &str = "kubeadm-kas";
const CONTROLLER_MANAGER: &str = "kubeadm-kcm";
const SCHEDULER: &str = "kubeadm-ks";
const SA_KEY_READERS: &str = "kubeadm-sa-key-readers";

const WANTED: Wanted<'static> = Wanted {
    users: &[ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER],
    groups: &[(SA_KEY_READERS, &[API_SERVER, CONTROLLER_MANAGER])],
};

/// Makes the users exist; `None` if the gate is off. All at once, whichever component comes first.
pub async fn users(cluster: &Cluster, node: &Node) -> Result<Option<Rootless>, PhaseError> {
    if !cluster.feature("RootlessControlPlane") {
        return Ok(None);
    }
    let accounts = node.ensure_accounts(&WANTED).await?;
    let user = |name: &str| {
        let (uid, gid) = accounts.users[name];
        User { uid, gid }
    };
    Ok(Some(Rootless {
        etcd: user(ETCD),
        kube_apiserver: user(API_SERVER),
        kube_controller_manager: user(CONTROLLER_MANAGER),
        kube_scheduler: user(SCHEDULER),
        sa_key_readers: accounts.groups[SA_KEY_READERS],
    }))
}

/// Removes those users and groups.
pub async fn remove_users(node: &Node) -> Result<(), PhaseError> {
    let groups: Vec<&str> = WANTED.groups.iter().map(|(name, _)| *name).collect();
    Ok(node.remove_accounts(WANTED.users, &groups).await?)
}

/// Gives a component what it must be able to read. Before its manifest is written: the kubelet starts it at once.
pub fn give(
    component: &'static Component,
    cluster: &Cluster,
    node: &Node,
    rootless: &Rootless,
    external_ca: bool,
) -> Result<(), PhaseError> {
    for wanted in owners(component, cluster, rootless, external_ca) {
        let owner = kubephase_node::Owner { uid: wanted.uid, gid: wanted.gid };
        let given = match wanted.mode {
            Some(mode) => node.own(&wanted.path, owner, mode),
            None => node.own_all(&wanted.path, owner),
        };
        given.map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => {
                PhaseError::NothingToOwn { path: wanted.path.clone(), component: component.name }
            }
            _ => source.into(),
        })?;
    }
    Ok(())
}

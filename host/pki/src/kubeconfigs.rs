//! The kubeconfig files of a control-plane node: one constant each, and [`KUBECONFIGS`]. Who is in them and where they
//! point; their text is rendered elsewhere. To add one: a static here and a line in the table.

use std::time::SystemTime;

use kubephase_model::Cluster;

use crate::cert::Cert;
use crate::certs::owned;
use crate::issue::{IssueError, Request, Serial, Usage, Validity};
use crate::names::AltNames;

/// Where a kubeconfig file points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// This node's own API server.
    Local,
    /// `controlPlaneEndpoint` if it is set, else the local one.
    ControlPlane,
}

impl Endpoint {
    /// `https://host:port`.
    pub fn url(self, cluster: &Cluster) -> String {
        match self {
            Self::Local => cluster.local_api_url(),
            Self::ControlPlane => cluster.api_endpoint_url(),
        }
    }
}

/// One kubeconfig file with a client certificate signed by the cluster's authority.
pub struct KubeconfigSpec {
    /// Name of its phase: `super-admin`.
    pub name: &'static str,
    /// File name: `super-admin.conf`.
    pub file: &'static str,
    /// What it is, as a noun phrase.
    pub about: &'static str,
    /// CN, which is also the user's name in the file.
    pub user: fn(&Cluster) -> String,
    /// Os.
    pub organizations: fn(&Cluster) -> Vec<String>,
    /// Where it points.
    pub endpoint: fn(&Cluster) -> Endpoint,
    /// Whether the release has it.
    pub is_needed: fn(&Cluster) -> bool,
    /// Static pods that read it when they start: what is to be restarted after it was renewed.
    pub readers: &'static [&'static str],
}

/// Every kubeconfig file, in the order of the phases.
pub static KUBECONFIGS: &[&KubeconfigSpec] = &[&ADMIN, &SUPER_ADMIN, &KUBELET, &CONTROLLER_MANAGER, &SCHEDULER];

/// The administrator.
pub static ADMIN: KubeconfigSpec = KubeconfigSpec {
    name: "admin",
    file: "admin.conf",
    about: "kubeconfig file for the admin to use and for kubephase itself",
    user: |_| "kubernetes-admin".to_owned(),
    organizations: |cluster| owned(cluster.release.admin_organizations),
    endpoint: |_| Endpoint::ControlPlane,
    is_needed: |_| true,
    readers: &[],
};

/// The administrator whom RBAC cannot stop.
pub static SUPER_ADMIN: KubeconfigSpec = KubeconfigSpec {
    name: "super-admin",
    file: "super-admin.conf",
    about: "kubeconfig file for the super-admin",
    user: |_| "kubernetes-super-admin".to_owned(),
    organizations: |_| owned(&["system:masters"]),
    endpoint: |_| Endpoint::ControlPlane,
    is_needed: |cluster| cluster.release.super_admin,
    readers: &[],
};

/// This node's kubelet, for its first start only.
pub static KUBELET: KubeconfigSpec = KubeconfigSpec {
    name: "kubelet",
    file: "kubelet.conf",
    about: "kubeconfig file for the kubelet to use, only for cluster bootstrapping purposes",
    user: |cluster| format!("system:node:{}", cluster.node_name()),
    organizations: |_| owned(&["system:nodes"]),
    endpoint: |cluster| if cluster.local_kubelet_kubeconfig() { Endpoint::Local } else { Endpoint::ControlPlane },
    is_needed: |_| true,
    readers: &[],
};

/// kube-controller-manager.
pub static CONTROLLER_MANAGER: KubeconfigSpec = KubeconfigSpec {
    name: "controller-manager",
    file: "controller-manager.conf",
    about: "kubeconfig file for the controller manager to use",
    user: |_| "system:kube-controller-manager".to_owned(),
    organizations: |_| Vec::new(),
    endpoint: component_endpoint,
    is_needed: |_| true,
    readers: &["kube-controller-manager"],
};

/// kube-scheduler.
pub static SCHEDULER: KubeconfigSpec = KubeconfigSpec {
    name: "scheduler",
    file: "scheduler.conf",
    about: "kubeconfig file for the scheduler to use",
    user: |_| "system:kube-scheduler".to_owned(),
    organizations: |_| Vec::new(),
    endpoint: component_endpoint,
    is_needed: |_| true,
    readers: &["kube-scheduler"],
};

fn component_endpoint(cluster: &Cluster) -> Endpoint {
    if cluster.release.local_controller_kubeconfigs { Endpoint::Local } else { Endpoint::ControlPlane }
}

impl KubeconfigSpec {
    /// The client certificate to be made in a run that began at `start`, numbered from eight random bytes.
    pub fn request(
        &self,
        cluster: &Cluster,
        ca: &Cert,
        start: SystemTime,
        random: [u8; 8],
    ) -> Result<Request, IssueError> {
        let common_name = (self.user)(cluster);
        let validity = Validity::from_ca(ca, start, cluster.certificate_validity());
        Ok(Request {
            validity: validity.ok_or_else(|| IssueError::endless(&common_name))?,
            common_name,
            organizations: (self.organizations)(cluster),
            usages: vec![Usage::ClientAuth],
            names: AltNames::default(),
            serial: Serial::from_random(random),
            marked: cluster.release.leaf_constraints,
        })
    }
}

/// The spec of a phase name.
pub fn kubeconfig(name: &str) -> Option<&'static KubeconfigSpec> {
    KUBECONFIGS.iter().copied().find(|spec| spec.name == name)
}

impl std::fmt::Debug for KubeconfigSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubeconfigSpec").field("name", &self.name).finish_non_exhaustive()
    }
}

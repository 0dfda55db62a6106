//! Whether a cluster can take another control-plane node, and whether this node has what all of them share (kubeadm's
//! `checkIfReadyForAdditionalControlPlane`). It is no preflight check: who ignores it gets a broken cluster.

use kubephase_engine::Level;
use kubephase_model::Cluster;
use kubephase_node::{FileError, Node};
use kubephase_pki::{Cert, uploaded_files};

use crate::join::discovery::Tell;

/// The cluster, or this node, is not ready for another control plane.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something is missing.
    #[error("adding a control-plane node to the cluster {cluster}: {}", problems.join("; "))]
    Lacks {
        /// What the cluster is called.
        cluster: String,
        /// Everything that is missing.
        problems: Vec<String>,
        /// Whether that is the cluster's stable address.
        no_endpoint: bool,
        /// Whether shared certificates are.
        no_certificates: bool,
    },
}

impl NotReady {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let (no_endpoint, no_certificates) = match self {
            Self::File(error) => return error.hint().map(Into::into),
            Self::Lacks { no_endpoint, no_certificates, .. } => (*no_endpoint, *no_certificates),
        };
        let endpoint = "set `controlPlaneEndpoint` to an address that will lead to every API server, in the ConfigMap \
                        kube-system/kubeadm-config and in the API server's certificate";
        let certificates = "run `kubephase init phase upload-certs --upload-certs` on a control-plane node and give the key \
                            that it prints with `--certificate-key`, or copy the files from there";
        let given = [no_endpoint.then_some(endpoint), no_certificates.then_some(certificates)];
        Some(given.into_iter().flatten().collect::<Vec<_>>().join("; "))
    }
}

/// Whether the node may become a control-plane node. `download` if the shared certificates are still to be got with a
/// certificate key.
pub fn ready_for_control_plane(cluster: &Cluster, download: bool, node: &Node, tell: Tell<'_>) -> Result<(), NotReady> {
    let no_endpoint = cluster.config.control_plane_endpoint.is_empty();
    let mut problems = Vec::new();
    if no_endpoint {
        problems.push("it has no stable address (controlPlaneEndpoint)".to_owned());
    }
    let before = problems.len();
    if !download {
        for file in uploaded_files(cluster).iter().filter(|file| !file.name.starts_with("external-etcd")) {
            let (is_key, found) = (file.path.ends_with(".key"), node.read(&file.path)?);
            match found {
                None if is_key && !file.path.ends_with("/sa.key") => {
                    // An authority may be kept elsewhere.
                    let message = format!("{} does not exist: its authority is taken for an external one", file.path);
                    tell(Level::Warning, message);
                }
                None => problems.push(format!("{} does not exist", file.path)),
                Some(pem) if file.path.ends_with(".crt") => match Cert::from_pem(&file.path, &pem) {
                    Ok(cert) if cert.is_ca => {}
                    Ok(_) => problems.push(format!("{} is no certificate authority", file.path)),
                    Err(error) => problems.push(error.to_string()),
                },
                Some(_) => {}
            }
        }
    }
    let no_certificates = problems.len() > before;
    if problems.is_empty() {
        return Ok(());
    }
    let cluster = cluster.config.cluster_name.clone();
    Err(NotReady::Lacks { cluster, problems, no_endpoint, no_certificates })
}

#[cfg(test)]
mod tests;

//! Why a phase of `join` failed, where it is nobody else's failure.

use std::time::Duration;

use kubephase_node::{CriError, Kept};
use kubephase_pki::OpenError;
use kubephase_render::objects::certs;

use super::cluster_config::ClusterConfigError;
use super::discovery::DiscoveryError;
use crate::diagnose::Diagnosis;
use crate::error::LastAnswers;

/// The failure.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The cluster was not found, or is not believed.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// What the cluster has stored cannot be had, or does not fit this node.
    #[error(transparent)]
    Cluster(#[from] ClusterConfigError),
    /// The token for the kubelet's bootstrap is none, or none any more.
    #[error(
        "joining the cluster at {server}: it does not accept the token {token_id}: it has expired, was revoked or is not \
         for authentication"
    )]
    TokenRefused {
        /// URL of the API server, which has proven who it is.
        server: String,
        /// The public half of the token.
        token_id: String,
    },
    /// A ready node has this name.
    #[error("joining as {name}: the cluster has a node of that name already, and it is ready")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Nothing was uploaded, or it is over.
    #[error("downloading certificates: the Secret kube-system/{} does not exist", certs::NAME)]
    NothingUploaded,
    /// A file is not among what was uploaded.
    #[error("downloading certificates: the Secret kube-system/{} has no {name}", certs::NAME)]
    NotUploaded {
        /// Its key there.
        name: String,
    },
    /// A file cannot be opened.
    #[error("downloading certificates: {name}")]
    Sealed {
        /// Its key there.
        name: String,
        /// Why.
        #[source]
        source: OpenError,
    },
    /// What was uploaded is neither a key nor a certificate.
    #[error("downloading certificates: {name} holds neither a private key nor a certificate or public key")]
    Strange {
        /// Its key there.
        name: String,
    },
    /// The kubelet got no certificate.
    #[error("{}", no_certificate(.diagnosis.as_deref(), .waited_secs))]
    NoCertificate {
        /// For how long it was waited.
        waited_secs: u64,
        /// The cause, if the evidence shows it.
        diagnosis: Option<Box<Diagnosis>>,
        /// What was seen last.
        #[source]
        last: LastAnswers,
    },
    /// There are data that this run may not remove.
    #[error("joining etcd: {data_dir} holds data of an etcd that this program has not started here")]
    ForeignData {
        /// The directory.
        data_dir: String,
    },
    /// An etcd of an earlier attempt does not end.
    #[error("ending the etcd of an earlier run: still running after {} s: {}", waited.as_secs(), .containers.join(", "))]
    EtcdRuns {
        /// Ids of its containers.
        containers: Vec<String>,
        /// For how long it was tried.
        waited: Duration,
    },
    /// The container runtime does not say what runs.
    #[error("looking whether the etcd of an earlier run has ended")]
    CannotTell {
        /// Why.
        #[source]
        source: CriError,
    },
    /// Data of an earlier attempt cannot be removed, or are not on the same file system.
    #[error("removing the data of the etcd of an earlier run: {}", stays(.kept))]
    DataStay {
        /// What, and why.
        kept: Vec<Kept>,
    },
}

fn stays(kept: &[Kept]) -> String {
    let one = |kept: &Kept| format!("{} stays: {}", kept.path, kept.why);
    kept.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn no_certificate(diagnosis: Option<&Diagnosis>, waited_secs: &u64) -> String {
    let what = format!("the kubelet got no client certificate within {waited_secs} s");
    diagnosis.map_or_else(|| what.clone(), |diagnosis| format!("{} ({what})", diagnosis.first_line))
}

impl JoinError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let upload = "on a control-plane node, run `kubephase init phase upload-certs --upload-certs`, and join with the \
                      certificate key that it prints; what was uploaded is deleted after two hours";
        match self {
            Self::Discovery(error) => error.hint().map(Into::into),
            Self::Cluster(error) => error.hint(),
            Self::TokenRefused { .. } => {
                Some("make a new one on a control-plane node: `kubephase token create --print-join-command`".to_owned())
            }
            Self::NameTaken { name } => Some(format!(
                "give this node another name with --node-name, or remove the old one first: `kubectl delete node {name}`"
            )),
            Self::NothingUploaded | Self::NotUploaded { .. } | Self::Strange { .. } => Some(upload.to_owned()),
            Self::Sealed { source, .. } => Some(source.hint().to_owned()),
            Self::NoCertificate { diagnosis: Some(diagnosis), .. } => {
                Some(format!("{}; evidence: {}", diagnosis.fix, diagnosis.evidence_at))
            }
            Self::NoCertificate { .. } => Some(
                "look at `journalctl -u kubelet`, and on a control-plane node at `kubectl get csr`; \
                 `timeouts.tlsBootstrap` gives more time"
                    .to_owned(),
            ),
            Self::ForeignData { data_dir } => Some(format!(
                "look whether they are the only copy of a cluster's data; move {data_dir}/member away, or run `kubephase \
                 reset` if they are an old node's"
            )),
            Self::EtcdRuns { .. } => {
                Some("see why with `crictl ps` and `crictl stop`, then run the same command again".to_owned())
            }
            Self::CannotTell { source } => source.hint(),
            Self::DataStay { .. } => {
                Some("unmount or move away what stays, then run the same command again".to_owned())
            }
        }
    }
}

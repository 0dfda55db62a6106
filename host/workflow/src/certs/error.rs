//! Why looking after certificates failed, with what to do about it.

use std::borrow::Cow;

use kubephase_node::{CriError, LockError};
use kubephase_pki::IssueError;

use crate::error::PhaseError;

/// A failure.
#[derive(Debug, thiserror::Error)]
pub enum CertsError {
    /// What phases fail by: files, certificates, keys, what does not become healthy.
    #[error(transparent)]
    Phase(#[from] PhaseError),
    /// Another run is changing the node.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A kubeconfig file names its certificate or has none.
    #[error("reading {path}: its current user has no embedded client certificate")]
    NotEmbedded {
        /// The file.
        path: String,
    },
    /// The cluster has no such certificate.
    #[error("renewing {name}: this cluster has no such certificate")]
    NotNeeded {
        /// Its name.
        name: &'static str,
    },
    /// The certificate that was named is not there.
    #[error("renewing {name}: {path} does not exist")]
    Missing {
        /// Its name.
        name: &'static str,
        /// Where it should be.
        path: String,
    },
    /// The authority's key is not here.
    #[error("renewing {name}: the key of its certificate authority is kept elsewhere: {key} does not exist")]
    External {
        /// Its name.
        name: &'static str,
        /// Where the key would be.
        key: String,
    },
    /// Nothing that these authorities sign would be valid now.
    #[error("renewing certificates: it is {now}, but {}; nothing was changed", .authorities.join(", "))]
    OutOfTime {
        /// The time.
        now: String,
        /// Each with the time in which it is valid.
        authorities: Vec<String>,
        /// Whether one of them is not valid yet.
        early: bool,
    },
    /// Several certificates cannot be read or made; nothing was changed.
    #[error("no certificate was renewed, for {} reasons: {}", .0.len(), list(.0))]
    Several(Vec<CertsError>),
    /// What would be made is there already.
    #[error("generating keys and signing requests: {} already", there(.0))]
    Exists(Vec<String>),
    /// A new file for a user could not be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The kubelet would not start a container again.
    #[error("restarting {component}: the kubelet, which is to start it again, is not healthy: {answer}")]
    NoKubelet {
        /// What was to be restarted.
        component: &'static str,
        /// What it answered.
        answer: String,
    },
    /// The runtime could not be asked.
    #[error("restarting {component}")]
    Runtime {
        /// What was to be restarted.
        component: &'static str,
        /// Why.
        #[source]
        source: CriError,
    },
}

/// `a, b and 5 more are there`.
fn there(paths: &[String]) -> String {
    const TOLD: usize = 2;
    let told = paths.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
    match paths.len() {
        1 => format!("{told} is there"),
        count if count > TOLD => format!("{told} and {} more are there", count - TOLD),
        _ => format!("{told} are there"),
    }
}

fn list(errors: &[CertsError]) -> String {
    let with_cause = |error: &CertsError| match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    errors.iter().map(with_cause).collect::<Vec<_>>().join("; ")
}

impl CertsError {
    /// What to do about it.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Phase(error) => error.hint(),
            Self::Lock(error) => error.hint().map(Into::into),
            Self::NotEmbedded { .. } => {
                Some("whoever made the file looks after its credentials; remove it to have it made anew by `kubephase \
                      init phase kubeconfig`"
                    .into())
            }
            Self::NotNeeded { .. } => Some("`kubephase certs check-expiration` lists those that it has".into()),
            Self::Missing { .. } => Some("make it with `kubephase init phase certs` or `init phase kubeconfig`".into()),
            Self::External { name, .. } => Some(
                format!(
                    "make a signing request with `kubephase certs generate-csr`, have the authority sign it and put the \
                     certificate for {name} and its key in place"
                )
                .into(),
            ),
            Self::OutOfTime { early: true, .. } => Some("set the clock right (`timedatectl`), then run it again".into()),
            Self::OutOfTime { .. } => Some(
                "if the clock is right, the authority has to be replaced, which everything must learn that trusts it: \
                 https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/; what other authorities sign \
                 can be renewed by name"
                    .into(),
            ),
            Self::Several(errors) => errors.first().and_then(Self::hint),
            Self::Exists(_) => Some("move them away, or choose other directories".into()),
            Self::Issue(error) => Some(error.hint().into()),
            Self::NoKubelet { .. } => Some("start the kubelet".into()),
            Self::Runtime { .. } => Some("start the container runtime".into()),
        }
    }
}

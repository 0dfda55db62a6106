//! How a call fails.

use std::error::Error;
use std::time::Duration;

/// The API server cannot be asked, or said no.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Certificates, keys or the URL are not usable.
    #[error("cannot set up a connection to the API server {server}: {why}")]
    Setup {
        /// Its URL.
        server: String,
        /// What is wrong.
        why: String,
    },
    /// It said no.
    #[error("cannot {what}: the API server says: {message}")]
    Refused {
        /// What was asked for, such as `create Secret kube-system/kubeadm-certs`.
        what: String,
        /// HTTP status.
        code: u16,
        /// Such as `AlreadyExists`.
        reason: String,
        /// In its own words.
        message: String,
    },
    /// Somebody else has set fields to other values.
    #[error("cannot {what}: {}", told(conflicts))]
    Conflict {
        /// What was asked for, such as `apply Deployment kube-system/metrics-server`.
        what: String,
        /// Which fields, and whose they are.
        conflicts: Vec<FieldConflict>,
    },
    /// There was no answer until the deadline.
    #[error("cannot {what}: no answer from {server} within {} s: {why}", waited.as_secs())]
    NoAnswer {
        /// What was asked for.
        what: String,
        /// The server's URL.
        server: String,
        /// How long it was tried.
        waited: Duration,
        /// The last thing heard.
        why: String,
    },
    /// Whoever answered could not prove to be the server.
    #[error("cannot {what}: {server} is not believed: {why}")]
    Unproven {
        /// What was asked for.
        what: String,
        /// The server's URL.
        server: String,
        /// What is wrong with its certificate.
        why: String,
    },
    /// Something did not come about until the deadline.
    #[error("{what} within {} s{}", waited.as_secs(), last.as_deref().map(|last| format!(": {last}")).unwrap_or_default())]
    Waited {
        /// What, as in `Node a has not become ready`.
        what: String,
        /// How long it was waited for.
        waited: Duration,
        /// The last thing that went wrong meanwhile.
        last: Option<String>,
    },
    /// The answer makes no sense.
    #[error("cannot {what}: the answer of {server} is no JSON object")]
    Nonsense {
        /// What was asked for.
        what: String,
        /// The server's URL.
        server: String,
    },
    /// An object is of an unknown kind or has no name: a fault of the caller.
    #[error("cannot write an object without a known kind and a name: {0}")]
    Unnamed(String),
    /// The cluster has no such kind.
    #[error("cannot write {object}: the cluster has no such kind in {api_version}")]
    UnknownKind {
        /// Kind and name.
        object: String,
        /// Such as `example.org/v1`.
        api_version: String,
    },
}

/// A field that somebody else wants to be otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldConflict {
    /// As the server writes it: `.spec.template.spec.containers[name="c"].image`.
    pub field: String,
    /// Under which name somebody has set it: `kubectl-edit`.
    pub manager: String,
}

fn told(conflicts: &[FieldConflict]) -> String {
    let each = conflicts.iter().map(|conflict| format!("{} is set by {}", conflict.field, conflict.manager));
    each.collect::<Vec<_>>().join("; ")
}

impl ApiError {
    /// The HTTP status, if there was an answer.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Conflict { .. } => Some(409),
            _ => None,
        }
    }

    /// It is there already.
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Self::Refused { code: 409, reason, .. } if reason == "AlreadyExists")
    }

    /// It is not there.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// The server does not know who we are.
    pub fn is_unauthorized(&self) -> bool {
        self.code() == Some(401)
    }

    /// We may not.
    pub fn is_forbidden(&self) -> bool {
        self.code() == Some(403)
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Setup { .. } => "check the kubeconfig file that was used",
            Self::NoAnswer { .. } => {
                "see whether the API server runs (`crictl ps -a`, `journalctl -u kubelet`), then run the same command again"
            }
            Self::Unproven { .. } => {
                "compare this machine's clock with the server's, and check that the kubeconfig file belongs to this cluster"
            }
            Self::Nonsense { .. } => "see what answers at that address: it is no API server, or a proxy before one",
            Self::Waited { .. } => "see the kubelet's log (`journalctl -u kubelet`), then run the same command again",
            Self::Conflict { .. } => {
                "somebody else looks after these fields: take them out on one side, or have the others give the object up"
            }
            Self::UnknownKind { .. } => "install what defines it first, or correct apiVersion and kind",
            Self::Refused { code: 401, .. } => {
                "the credentials are not believed: check that the kubeconfig file belongs to this cluster, that its \
                 certificate has not expired and that the clocks agree"
            }
            Self::Refused { code: 422, message, .. } if message.contains("already allocated") => {
                "another Service has this address, or an API server that died has left it taken and frees it after a \
                 minute or more: then run the same command again"
            }
            Self::Refused { code: 403, .. } => "use a kubeconfig file whose user may do this",
            Self::Refused { code: 429 | 500..=599, .. } => {
                "the API server or its etcd is in trouble: see their logs, then run the same command again"
            }
            _ => return None,
        })
    }
}

/// The innermost reason: the layers above it only say that something failed.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

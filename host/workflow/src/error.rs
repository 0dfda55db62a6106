//! Why a phase failed, with what to do about it.

use std::borrow::Cow;

use kubephase_model::Report;
use kubephase_model::plugin::order::Cycle;
use kubephase_node::accounts::AccountsError;
use kubephase_node::http::HttpError;
use kubephase_node::kube::ApiError;
use kubephase_node::{FileError, ServiceError};
use kubephase_pki::{CertError, CertificateKeyError, ExistingError, ExternalCaError, IssueError, KeyError};
use kubephase_preflight::Outcome;
use kubephase_render::kubeconfig::KubeconfigError;
use kubephase_render::patch::PatchError;

use crate::diagnose::Diagnosis;
use crate::etcd_members::MembersError;
use crate::join::JoinError;
use crate::join::readiness::NotReady;
use crate::plugins::PluginError;

/// A phase's failure.
#[derive(Debug, thiserror::Error)]
pub enum PhaseError {
    /// A file or directory could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The users that components run as cannot be had.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// A file that a component's user must own is missing.
    #[error("giving {path} to the user of {component}: it does not exist")]
    NothingToOwn {
        /// The file.
        path: String,
        /// The component.
        component: &'static str,
    },
    /// A service could not be handled.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A certificate does not serve.
    #[error(transparent)]
    Cert(#[from] CertError),
    /// A key does not serve.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What exists cannot be used.
    #[error(transparent)]
    Existing(#[from] ExistingError),
    /// An external authority is incomplete.
    #[error(transparent)]
    ExternalCa(#[from] ExternalCaError),
    /// A certificate could not be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The authority's files are needed and not there.
    #[error("reading {path}: it does not exist")]
    MissingCa {
        /// The file.
        path: String,
    },
    /// TLS for a health check could not be set up.
    #[error(transparent)]
    Http(HttpError),
    /// A kubeconfig file does not serve.
    #[error("using the kubeconfig file {path}")]
    Kubeconfig {
        /// The file.
        path: String,
        /// Why.
        source: KubeconfigError,
    },
    /// There is no kubeconfig file to reach the cluster with.
    #[error("reaching the cluster: the kubeconfig file {path} does not exist")]
    NoKubeconfig {
        /// The file.
        path: String,
    },
    /// A kubeconfig file names another file, which is not there.
    #[error("using the kubeconfig file {path}: {file}, which it names, does not exist")]
    KubeconfigNames {
        /// The kubeconfig file.
        path: String,
        /// The file that it names.
        file: String,
    },
    /// A kubeconfig file gets its user's credentials from a program or a service, which we do not ask.
    #[error("using the kubeconfig file {path}: its user has only `{way}` to get credentials from")]
    ForeignCredentials {
        /// The kubeconfig file.
        path: String,
        /// The field.
        way: &'static str,
    },
    /// The API server cannot be asked, or said no.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The members of etcd stay as they are.
    #[error(transparent)]
    Members(#[from] MembersError),
    /// The administrator may do nothing, and the file is missing that could change it.
    #[error(
        "giving the administrator the rights of a cluster administrator: {path} is needed for it and does not exist"
    )]
    NoSuperAdmin {
        /// The file.
        path: String,
        /// What the administrator was told.
        source: ApiError,
    },
    /// A certificate key is none.
    #[error(transparent)]
    CertificateKey(#[from] CertificateKeyError),
    /// What cannot be chosen between.
    #[error("{what}: {why}")]
    Ambiguous {
        /// What was attempted.
        what: &'static str,
        /// What is in the way.
        why: String,
    },
    /// In external CA mode a kubeconfig file is missing.
    #[error(
        "using the external certificate authority: the kubeconfig file {path} does not exist, and none can be made"
    )]
    MissingKubeconfig {
        /// The file.
        path: String,
    },
    /// Patches cannot be read.
    #[error("reading patches from {directory}")]
    Patches {
        /// The directory.
        directory: String,
        /// What is wrong.
        source: Report,
    },
    /// The patch directory is none.
    #[error("reading patches from {0}: it is not a directory")]
    PatchDirectory(String),
    /// A patch does not fit.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// Checks failed. The findings have been told already.
    #[error("{} of {} preflight checks failed: {}", .0.errors().count(), .0.checks.len(), .0.to_ignore().join(", "))]
    Preflight(Outcome),
    /// A dry run found what would have stopped a real one. The findings have been told already.
    #[error(
        "preflight would have stopped a real run: {} of {} checks failed: {}",
        .0.errors().count(), .0.checks.len(), .0.to_ignore().join(", ")
    )]
    WouldStop(Outcome),
    /// Something did not become healthy in time.
    #[error("{}", first_line(.diagnosis.as_deref(), .what, .waited_secs))]
    Unhealthy {
        /// What was waited for.
        what: String,
        /// For how long.
        waited_secs: u64,
        /// The cause, if the evidence shows it.
        diagnosis: Option<Box<Diagnosis>>,
        /// The last answers, one line each.
        #[source]
        last: LastAnswers,
    },
    /// What a file held before cannot be put back.
    #[error("restoring {path}: the copy of what it was, {kept}, does not exist")]
    NoBackup {
        /// The file.
        path: String,
        /// Where the copy should be.
        kept: String,
    },
    /// File systems are still mounted where a directory is to be emptied.
    #[error("unmounting {}", told(.busy))]
    StillMounted {
        /// Where, and what the kernel says.
        busy: Vec<(String, FileError)>,
    },
    /// Those that stay could not decide anything.
    #[error("taking this node out of etcd")]
    EtcdQuorum {
        /// Who is not well.
        source: Box<MembersError>,
    },
    /// Plugins have no digest, and do not run here, so that none can be found out.
    #[error("storing which plugins run: {} no digest: {}", if .plugins.len() == 1 { "one has" } else { "some have" }, .plugins.join(", "))]
    Unpinned {
        /// Their names.
        plugins: Vec<String>,
    },
    /// Plugins cannot be put in an order.
    #[error(transparent)]
    Cycle(#[from] Cycle),
    /// What a plugin wants cannot be made so.
    #[error(transparent)]
    Plugin(Box<PluginError>),
    /// Joining fails for a reason of its own.
    #[error(transparent)]
    Join(Box<JoinError>),
    /// The cluster, or this node, is not ready for another control plane.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// A manifest on the node is not what it must be to be waited for.
    #[error("reading the manifest {path}: {why}")]
    Manifest {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
}

impl From<JoinError> for PhaseError {
    fn from(error: JoinError) -> Self {
        Self::Join(Box::new(error))
    }
}

impl From<PluginError> for PhaseError {
    fn from(error: PluginError) -> Self {
        Self::Plugin(Box::new(error))
    }
}

/// Each with the kernel's reason.
fn told(busy: &[(String, FileError)]) -> String {
    let one = |(path, error): &(String, FileError)| {
        let why = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{path}{why}")
    };
    busy.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// What was heard last while waiting.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct LastAnswers(pub Vec<String>);

fn first_line(diagnosis: Option<&Diagnosis>, what: &str, waited_secs: &u64) -> String {
    match diagnosis {
        Some(diagnosis) => format!("{} ({what} not healthy within {waited_secs} s)", diagnosis.first_line),
        None => format!("{what} did not become healthy within {waited_secs} s"),
    }
}

impl PhaseError {
    /// Whether something that plugs in is broken, and neither the machine nor the input.
    pub fn is_fault(&self) -> bool {
        match self {
            Self::Plugin(error) => error.is_fault(),
            Self::Preflight(outcome) | Self::WouldStop(outcome) => outcome.is_fault(),
            _ => false,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::File(error) => error.hint().map(Into::into),
            Self::Accounts(error) => error.hint().map(Into::into),
            Self::NothingToOwn { .. } => Some("run the phases `certs` and `kubeconfig` first".into()),
            Self::Service(error) => Some(error.hint().into()),
            Self::Cert(error) => Some(error.hint().into()),
            Self::Key(error) => Some(error.hint().into()),
            Self::Existing(error) => Some(error.hint()),
            Self::ExternalCa(error) => Some(error.hint().into()),
            Self::Issue(error) => Some(error.hint().into()),
            Self::MissingCa { .. } => Some("make it with `kubephase init phase certs ca`".into()),
            Self::Http(error) => error.hint().map(Into::into),
            Self::Kubeconfig { source, .. } => Some(source.hint().into()),
            Self::MissingKubeconfig { .. } => {
                Some("bring the file, or bring the authority's key to have it made here".into())
            }
            Self::NoKubeconfig { .. } => Some("name one with --kubeconfig, or run this on a control-plane node".into()),
            Self::KubeconfigNames { .. } => {
                Some("bring the file, or name another kubeconfig file with --kubeconfig".into())
            }
            Self::ForeignCredentials { .. } => {
                Some("name a kubeconfig file with a certificate or a token, such as /etc/kubernetes/admin.conf".into())
            }
            Self::Api(error) => error.hint().map(Into::into),
            Self::NoSuperAdmin { .. } => {
                Some("make it with `kubephase init phase kubeconfig super-admin`, then run this again".into())
            }
            Self::CertificateKey(error) => Some(error.hint().into()),
            Self::Ambiguous { .. } | Self::Patches { .. } => None,
            Self::PatchDirectory(_) => Some("name a directory with patch files".into()),
            Self::Patch(error) => error.hint().map(Into::into),
            Self::Preflight(outcome) | Self::WouldStop(outcome) => Some(
                format!(
                    "mend what the checks found; if you know better, make them non-fatal with \
                     `--ignore-preflight-errors={}`",
                    outcome.to_ignore().join(",")
                )
                .into(),
            ),
            Self::Unhealthy { diagnosis: Some(diagnosis), .. } => {
                Some(format!("{}; evidence: {}", diagnosis.fix, diagnosis.evidence_at).into())
            }
            Self::Unhealthy { .. } => Some(
                "look at `journalctl -u kubelet` and `crictl ps -a`; `timeouts` in the configuration gives more time"
                    .into(),
            ),
            Self::NoBackup { .. } => Some("put the file back by hand, or leave it as it is".into()),
            Self::StillMounted { .. } => Some(
                "nothing was deleted; see who uses it (`fuser -vm PATH`) and run this again, or have it unmounted lazily \
                 with `unmountFlags: [MNT_DETACH]` in a ResetConfiguration"
                    .into(),
            ),
            Self::EtcdQuorum { source } => {
                let advice = source.hint().map(|hint| format!("{hint}; ")).unwrap_or_default();
                Some(
                    format!(
                        "nothing was changed; {advice}to remove etcd's data here all the same, and leave the others with a \
                         member that is dead, add --ignore-preflight-errors=EtcdQuorum"
                    )
                    .into(),
                )
            }
            Self::Unpinned { .. } => Some("write digests down with `kubephase plugin lock`".into()),
            Self::Cycle(cycle) => Some(cycle.hint().into()),
            Self::Plugin(error) => error.hint().map(Into::into),
            Self::Join(error) => error.hint().map(Into::into),
            Self::NotReady(error) => error.hint().map(Into::into),
            Self::Members(error) => error.hint().map(Into::into),
            Self::Manifest { .. } => Some("write it anew with `kubephase init phase control-plane all`".into()),
        }
    }
}

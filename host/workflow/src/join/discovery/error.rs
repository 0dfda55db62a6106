//! Why a cluster is not found, or not believed. No text has a token's secret half in it: its id is public.

use std::borrow::Cow;
use std::time::Duration;

use kubephase_node::FileError;
use kubephase_node::http::HttpError;
use kubephase_node::kube::ApiError;
use kubephase_pki::CertError;
use kubephase_render::kubeconfig::KubeconfigError;

use super::exec::ExecCredentialError;

const NEW_TOKEN: &str = "make a new one on a control-plane node: `kubephase token create --print-join-command`";
const NOT_BELIEVED: &str = "nothing that this server says may be believed: take the join command anew from a control-plane \
    node, and find out what answers at that address";

/// The cluster is not found, or not believed.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// Nothing says where the cluster is: the configuration was not validated.
    #[error("discovering the cluster: nothing says how to find it")]
    NoWay,
    /// TLS could not be set up.
    #[error("discovering the cluster: no connection can be set up")]
    Setup(#[source] HttpError),
    /// Nobody answered until the deadline.
    #[error("discovering the cluster: no answer from {url} within {} s: {why}", waited.as_secs())]
    Unreachable {
        /// What was asked for.
        url: String,
        /// For how long.
        waited: Duration,
        /// The last thing heard.
        why: String,
        /// What to do about it.
        hint: Option<&'static str>,
    },
    /// Answers began, or connections were taken, and nothing came to an end.
    #[error("discovering the cluster: {url} is too slow: no answer was complete within {} s", waited.as_secs())]
    Slow {
        /// What was asked for.
        url: String,
        /// For how long.
        waited: Duration,
    },
    /// The answer is much longer than any `cluster-info`.
    #[error("discovering the cluster: the answer of {url} is too long to be what was asked for")]
    TooLong {
        /// What was asked for.
        url: String,
    },
    /// The server said no until the deadline.
    #[error("discovering the cluster: {url} says {status} for {} s: {message}", waited.as_secs())]
    Refused {
        /// What was asked for.
        url: String,
        /// HTTP status.
        status: u16,
        /// In the server's words.
        message: String,
        /// For how long.
        waited: Duration,
    },
    /// What answers is no API server, or its `cluster-info` is none.
    #[error("discovering the cluster: the answer of {url} is no cluster-info: {why}")]
    NoClusterInfo {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The cluster does not know the token: `cluster-info` is not signed with it.
    #[error(
        "discovering the cluster: {url} is not signed with the token {token_id} after {} s: the token has expired, was \
         revoked or is not for signing",
        waited.as_secs()
    )]
    UnknownToken {
        /// What was asked for.
        url: String,
        /// The public half of the token.
        token_id: String,
        /// For how long.
        waited: Duration,
    },
    /// What should be a signature is none.
    #[error("discovering the cluster: the signature of cluster-info by the token {token_id} is unreadable: {why}")]
    BadSignature {
        /// The public half of the token.
        token_id: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A signature by another token was put in the place of this one's.
    #[error("discovering the cluster: the signature of cluster-info for the token {token_id} was made with {signer}")]
    ForeignSignature {
        /// The public half of the token.
        token_id: String,
        /// That of the other one.
        signer: String,
    },
    /// The signature belongs to another text, or to a token with another secret half.
    #[error(
        "discovering the cluster: the signature by the token {token_id} is not that of cluster-info: it was tampered with, \
         or the secret half of the token is another one"
    )]
    Tampered {
        /// The public half of the token.
        token_id: String,
    },
    /// What was found is no kubeconfig, or lacks something.
    #[error("reading {what}")]
    Kubeconfig {
        /// `cluster-info`, a path or an URL.
        what: String,
        /// What is wrong.
        #[source]
        source: KubeconfigError,
    },
    /// Not exactly one cluster is in `cluster-info`.
    #[error("discovering the cluster: cluster-info names {count} clusters instead of one")]
    SeveralClusters {
        /// How many.
        count: usize,
    },
    /// The cluster's authority is not a certificate.
    #[error(transparent)]
    BadCa(CertError),
    /// Nothing says whom to believe.
    #[error("reading {what}: it names no certificate authority of the cluster")]
    NoCa {
        /// `cluster-info`, a path or an URL.
        what: String,
    },
    /// The server is not spoken to by TLS: it would be told the token for everybody to read.
    #[error("reading {what}: the server {server} is no https:// URL")]
    NotHttps {
        /// `cluster-info`, a path or an URL.
        what: String,
        /// What stands there.
        server: String,
    },
    /// The file tells to believe anyone.
    #[error("reading {what}: it has insecure-skip-tls-verify, so that anybody could pass for the cluster")]
    Insecure {
        /// A path or an URL.
        what: String,
    },
    /// The authority is not the expected one.
    #[error("discovering the cluster: none of its authorities is pinned; theirs: {}", found.join(", "))]
    NotPinned {
        /// Pins of the authorities that `cluster-info` names.
        found: Vec<String>,
    },
    /// Whoever answers cannot prove to be the cluster.
    #[error("discovering the cluster: {url} is not believed: {why}")]
    Unproven {
        /// What was asked for.
        url: String,
        /// What is wrong with its certificate.
        why: String,
    },
    /// The cluster itself says something else than what was heard before.
    #[error("discovering the cluster: what {url} said before it had to prove who it is was not what the cluster says")]
    Changed {
        /// What was asked for.
        url: String,
    },
    /// A redirect of a discovery URL that is not followed.
    #[error("discovering the cluster: {url} leads elsewhere: {why}")]
    Redirect {
        /// What was asked for.
        url: String,
        /// Why it is not followed.
        why: &'static str,
    },
    /// The discovery file or one that it names cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It does not exist.
    #[error("reading {what}: {file} does not exist")]
    NoFile {
        /// The discovery file.
        what: String,
        /// Itself, or one that it names.
        file: String,
    },
    /// The file has no credentials, and there is no token.
    #[error("reading {what}: it has no credentials for the kubelet to register with, and no token is given")]
    NoCredentials {
        /// A path or an URL.
        what: String,
    },
    /// The file has a kind of credentials that we do not use.
    #[error("reading {what}: its user has only `{way}` to get credentials from")]
    ForeignCredentials {
        /// A path or an URL.
        what: String,
        /// The field.
        way: &'static str,
    },
    /// The program that gives credentials gives none.
    #[error(transparent)]
    Exec(#[from] ExecCredentialError),
    /// The API server cannot be asked, or said no.
    #[error(transparent)]
    Api(#[from] ApiError),
}

/// Of a file's embedding, which knows not whose it is.
impl From<KubeconfigError> for DiscoveryError {
    fn from(source: KubeconfigError) -> Self {
        Self::Kubeconfig { what: "the discovery file".to_owned(), source }
    }
}

impl DiscoveryError {
    /// What to do about it.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::NoWay => "give the address of an API server and a token, or a discovery file".into(),
            Self::Setup(error) => return error.hint().map(Into::into),
            Self::Unreachable { hint, .. } => (*hint).unwrap_or("check the address and that the API server runs").into(),
            Self::Slow { .. } => {
                "see whether the API server or what is before it is overloaded; `timeouts.discovery` gives more time".into()
            }
            Self::TooLong { .. } | Self::NoClusterInfo { .. } => {
                "check the address: it should be an API server's, or a load balancer's before them".into()
            }
            Self::Refused { status: 401 | 403, .. } => {
                "the API server must let anybody read the ConfigMap kube-public/cluster-info: run `kubephase init phase \
                 bootstrap-token` on a control-plane node, see that it has no --anonymous-auth=false, or join with a \
                 discovery file"
                    .into()
            }
            Self::Refused { status: 404, .. } => {
                "make it with `kubephase init phase bootstrap-token` on a control-plane node".into()
            }
            Self::Refused { .. } => "see the log of the API server".into(),
            Self::UnknownToken { .. } => format!("{NEW_TOKEN}; if it is new, see the log of the controller manager").into(),
            Self::BadSignature { .. } | Self::ForeignSignature { .. } | Self::Changed { .. } => NOT_BELIEVED.into(),
            Self::Tampered { .. } => {
                format!("compare the token with `kubephase token list`, or {NEW_TOKEN}; if it is right, {NOT_BELIEVED}").into()
            }
            Self::Kubeconfig { source, .. } => source.hint().into(),
            Self::SeveralClusters { .. } | Self::BadCa(_) => {
                "write cluster-info anew with `kubephase init phase bootstrap-token` on a control-plane node".into()
            }
            Self::NoCa { .. } => "put the cluster's CA into `certificate-authority-data`".into(),
            Self::NotHttps { .. } => "write the server with https://".into(),
            Self::Insecure { .. } => {
                "take it out, and put the cluster's CA into `certificate-authority-data`".into()
            }
            Self::NotPinned { .. } => {
                "this is another cluster than the one that the hash was taken from, or its CA has been made anew: compare \
                 with the join command that `kubephase token create --print-join-command` prints on a control-plane node"
                    .into()
            }
            Self::Unproven { why, .. } if why.contains("expired") || why.contains("not valid yet") => {
                "compare this machine's clock with the server's, and renew the API server's certificate if it has expired"
                    .into()
            }
            Self::Unproven { why, .. } if why.contains("not valid for name") || why.contains("NotValidForName") => {
                "join by an address that the API server's certificate has, or add this one to `apiServer.certSANs`".into()
            }
            Self::Unproven { .. } => {
                "its certificate is not by the cluster's authority: somebody stands between, or a proxy that ends TLS; let the \
                 connection through as it is"
                    .into()
            }
            Self::Redirect { .. } => "give the URL at which the file is".into(),
            Self::File(error) => return error.hint().map(Into::into),
            Self::NoFile { .. } => "bring the file, or name another discovery file".into(),
            Self::NoCredentials { .. } => {
                "give a token with `--tls-bootstrap-token`, or a discovery file with a user who has a certificate or a token"
                    .into()
            }
            Self::ForeignCredentials { .. } => "use a certificate, a token or an exec plugin instead".into(),
            Self::Exec(error) => error.hint().into(),
            Self::Api(error) => return error.hint().map(Into::into),
        })
    }
}

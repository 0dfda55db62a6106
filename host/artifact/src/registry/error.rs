//! What a registry refuses, and what it gets wrong.

use kubephase_node::FileError;
use kubephase_node::http::HttpError;
use kubephase_node::http::exchange::ExchangeError;

use super::credentials::CredentialsError;
use super::manifest::ManifestError;
use crate::digest::Digest;

/// A registry did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The file with its authorities is not there, or has none.
    #[error("cannot use {path}, which `caFile` names, for it {}", match source { Some(_) => "cannot be read", None => "does not exist or has no certificate in PEM" })]
    Authorities {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: Option<FileError>,
    },
    /// A client cannot be made.
    #[error(transparent)]
    Setup(HttpError),
    /// There is no answer, however often it was asked.
    #[error("{host} does not answer")]
    NoAnswer {
        /// The registry, or its token server.
        host: String,
        /// Why.
        #[source]
        source: ExchangeError,
    },
    /// The credentials cannot be had.
    #[error("cannot get the credentials for {host}")]
    Credentials {
        /// The registry.
        host: String,
        /// Why.
        #[source]
        source: Box<CredentialsError>,
    },
    /// It does not let us do that.
    #[error(
        "{host} does not let {} {action}{said}",
        if *known { "us, with the credentials that there are for it," } else { "anybody without credentials" }
    )]
    Denied {
        /// The registry.
        host: String,
        /// What was wanted.
        action: String,
        /// Whether we had credentials.
        known: bool,
        /// Its own words, after `: `; or nothing.
        said: String,
    },
    /// It asks for credentials in a way that is not known, or not safe.
    #[error("{host} asks for credentials in a way that is not followed: {why}")]
    Challenge {
        /// The registry.
        host: String,
        /// What is wrong.
        why: String,
    },
    /// There is no such thing.
    #[error("{host} has no {what}")]
    NotFound {
        /// The registry.
        host: String,
        /// What is missing.
        what: String,
    },
    /// It answers with a failure.
    #[error("{host} answered {status} when asked to {action}{said}")]
    Status {
        /// The registry.
        host: String,
        /// What was wanted.
        action: String,
        /// HTTP status.
        status: u16,
        /// Its own words, after `: `; or nothing.
        said: String,
    },
    /// It sends us where we do not go.
    #[error("{host} redirects to where it must not: {why}")]
    Redirect {
        /// The registry.
        host: String,
        /// What is wrong.
        why: String,
    },
    /// What it sent is not what the digest stands for.
    #[error("{host} sent something else for {what}: it should have the digest {expected}, and has {found}")]
    Damaged {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
        /// What it should be.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// What it sent, or is to be sent, is larger than it may be.
    #[error("{what} of {host} has more than the {limit} bytes that it may have")]
    TooLarge {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
        /// How large it may be.
        limit: u64,
    },
    /// An answer is none of the kind that it should be.
    #[error("the answer of {host} makes no sense: {why}")]
    Nonsense {
        /// The registry.
        host: String,
        /// What is wrong.
        why: String,
    },
    /// It is there, but no plugin.
    #[error("{what} is no plugin")]
    Manifest {
        /// Where it is.
        what: String,
        /// Why.
        #[source]
        source: ManifestError,
    },
}

impl RegistryError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Authorities { source, .. } => match source.as_ref().and_then(FileError::hint) {
                Some(hint) => hint.into(),
                None => {
                    "name a PEM file with the certificate of the authority that signed the registry's, relative to \
                         the file that says so"
                        .into()
                }
            },
            Self::Setup(error) => return error.hint().map(Into::into),
            Self::NoAnswer { source, .. } => match source.cause() {
                kubephase_node::http::Cause::Certificate => {
                    "name the registry's authority as `caFile` under `registries`; if it speaks HTTP without TLS, say \
                     `plainHTTP: true` there; and see that the clocks agree"
                        .into()
                }
                _ => return source.hint().map(Into::into),
            },
            Self::Credentials { source, .. } => return source.hint(),
            Self::Denied { host, known: false, .. } => {
                format!("log in with `docker login {host}` or `oras login {host}`")
            }
            Self::Denied { host, known: true, .. } => {
                format!("ask for the right to do that, or log in anew with `docker login {host}`")
            }
            Self::NotFound { .. } => {
                "see whether repository and tag are spelt as they were pushed; `oras repo tags` lists them".into()
            }
            Self::Status { status: 429, .. } => {
                "wait for some minutes, or log in: known users may ask more often".into()
            }
            Self::Status { status: 500.., .. } => "try again; if it stays so, its own log says why".into(),
            Self::Damaged { .. } => {
                "something between here and there changes what it sends, or its storage is damaged: do not use it"
                    .into()
            }
            Self::Manifest { .. } => "push it with `kubephase plugin push` or `wkg oci push`".into(),
            Self::Challenge { .. } | Self::Redirect { .. } | Self::Nonsense { .. } => {
                "see whether it is a registry that listens there, and no other web server".into()
            }
            Self::Status { .. } | Self::TooLarge { .. } => return None,
        })
    }

    /// Whether there just is no such thing.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

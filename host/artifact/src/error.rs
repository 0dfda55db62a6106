//! Why a plugin cannot be had, with what to do about it.

use kubephase_node::FileError;

use crate::COMPONENT_LIMIT;
use crate::cache::CacheError;
use crate::digest::{Digest, NoDigest};
use crate::reference::ReferenceError;
use crate::registry::RegistryError;
use crate::signature::SignatureError;
use crate::trust::TrustError;

/// A plugin cannot be had, or must not be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot get the plugin `{plugin}` from {origin}")]
pub struct ArtifactError {
    /// Its name.
    pub plugin: String,
    /// Its source, as it is written.
    pub origin: String,
    /// Why.
    #[source]
    pub why: Box<Why>,
}

/// Why a plugin cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// The source is none.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The digest is none.
    #[error(transparent)]
    NoDigest(#[from] NoDigest),
    /// There is no such file.
    #[error("{path} does not exist")]
    Missing {
        /// The file.
        path: String,
    },
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is no component.
    #[error("{path} has {size} bytes, and a component has at most {COMPONENT_LIMIT}")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size.
        size: u64,
    },
    /// It is another one.
    #[error("it is not the one that `digest` names: it has the digest {found}, and should have {expected}")]
    Digest {
        /// What is pinned.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// The registry does not give it.
    #[error(transparent)]
    Registry(Box<RegistryError>),
    /// The directory of components has a damaged one.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// It is not here, and nothing may be asked.
    #[error("{digest} is not in {directory}, and without a network it cannot be fetched")]
    Offline {
        /// Which.
        digest: Digest,
        /// Where it should be.
        directory: String,
    },
    /// Nobody has said which it is, and nothing may be asked.
    #[error("without a network nobody can say which component its tag stands for")]
    OfflineTag,
    /// Neither its digest nor its maker is known.
    #[error(
        "it has neither a `digest` nor a trust rule, so whoever can write to the registry could put anything there"
    )]
    Unpinned,
    /// The rule for it cannot be followed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Its signature is not good enough.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl ArtifactError {
    pub(crate) fn new(plugin: &str, origin: &str, why: impl Into<Why>) -> Self {
        Self { plugin: plugin.to_owned(), origin: origin.to_owned(), why: Box::new(why.into()) }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        self.why.hint()
    }
}

impl From<RegistryError> for Why {
    fn from(error: RegistryError) -> Self {
        Self::Registry(Box::new(error))
    }
}

impl Why {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Reference(error) => Some(error.hint().into()),
            Self::NoDigest(_) => Some("take the line `digest:` out and let `kubephase plugin lock` write it".into()),
            Self::Missing { .. } => Some("a path is relative to the file that says so; is it spelt right?".into()),
            Self::File(error) => error.hint().map(Into::into),
            Self::TooLarge { .. } => Some("name the component itself: a file that ends in .wasm".into()),
            Self::Digest { found, .. } => Some(format!(
                "if this is the one that you mean and you know whose it is, write `digest: {found}` or run \
                 `kubephase plugin lock`; if not, somebody has put another one there"
            )),
            Self::Registry(error) => error.hint(),
            Self::Cache(error) => error.hint(),
            Self::Offline { .. } => Some(
                "carry it here: `kubephase images bundle --config …` where there is a network, and `kubephase images \
                 load` here"
                    .into(),
            ),
            Self::OfflineTag => {
                Some("run `kubephase plugin lock` where there is a network: it writes the digest".into())
            }
            Self::Unpinned => Some(
                "run `kubephase plugin lock` to write the digest of what is there now, or name its maker's key under \
                 `trust`"
                    .into(),
            ),
            Self::Trust(error) => error.hint().map(Into::into),
            Self::Signature(error) => Some(error.hint().into()),
        }
    }

    /// Whether it is about whose the plugin is and not about whether it can be had.
    pub fn is_distrust(&self) -> bool {
        matches!(self, Self::Digest { .. } | Self::Unpinned | Self::Trust(_) | Self::Signature(_))
    }
}

//! From what the operator has written to a component that may be used: found in the directory of components, a file or a
//! registry; the right one by digest; by the right people, if the rules ask for that.

use std::time::SystemTime;

use kubephase_model::plugin::{PluginConfiguration, PluginEntry};
use kubephase_node::Node;

use crate::COMPONENT_LIMIT;
use crate::cache::{Cache, Unread, read_limited};
use crate::digest::Digest;
use crate::error::{ArtifactError, Why};
use crate::reference::{Location, Reference};
use crate::registry::{Patience, Registry};
use crate::signature::{self, SignatureError, Signer, TrustedKey};
use crate::trust::{Demand, demand};

/// How plugins are obtained.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where components are kept; `None` keeps none.
    pub cache: Option<Cache>,
    /// The directory that relative paths start from: that of the file with the configuration.
    pub base: String,
    /// True to ask nobody.
    pub offline: bool,
    /// How long registries may take.
    pub patience: Patience,
}

/// A component that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The component.
    pub bytes: Vec<u8>,
    /// Its digest.
    pub digest: Digest,
    /// Who has signed it, if that was asked for.
    pub signer: Option<Signer>,
    /// Where it was found.
    pub from: Origin,
    /// All signatures that came with it, as a file of them; possibly of others, and unjudged if none was asked for.
    pub signatures: Vec<u8>,
    /// Why it is not kept for the next time, if it should be and is not.
    pub not_kept: Option<String>,
}

/// Where a component was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the directory of components.
    Cache,
    /// In this file.
    File(String),
    /// In a registry, by this manifest if there was one.
    Registry(Option<Digest>),
}

/// Obtains a plugin. Fails closed: what is not known to be right is not given.
pub async fn obtain(
    node: &Node,
    entry: &PluginEntry,
    configuration: &PluginConfiguration,
    options: &Options,
) -> Result<Artifact, ArtifactError> {
    let search = Search::new(node, entry, configuration, options);
    let found = match search {
        Ok(search) => search.run(false).await,
        Err(why) => Err(why),
    };
    found.map_err(|why| ArtifactError::new(&entry.name, &entry.source, why))
}

/// What a source stands for now, for who looks at it or writes its digest down: the digest that is there counts for nothing.
/// Without a rule, whatever is there is taken. Not for running it on a node.
pub async fn look(
    node: &Node,
    entry: &PluginEntry,
    configuration: &PluginConfiguration,
    options: &Options,
) -> Result<Artifact, ArtifactError> {
    let entry = PluginEntry { digest: String::new(), ..entry.clone() };
    let found = match Search::new(node, &entry, configuration, options) {
        Ok(search) => search.run(true).await,
        Err(why) => Err(why),
    };
    found.map_err(|why| ArtifactError::new(&entry.name, &entry.source, why))
}

struct Search<'a> {
    node: &'a Node,
    configuration: &'a PluginConfiguration,
    options: &'a Options,
    reference: Reference,
    pinned: Option<Digest>,
    demand: Demand,
    now: SystemTime,
}

impl<'a> Search<'a> {
    fn new(
        node: &'a Node,
        entry: &'a PluginEntry,
        configuration: &'a PluginConfiguration,
        options: &'a Options,
    ) -> Result<Self, Why> {
        let reference: Reference = entry.source.parse()?;
        let pinned = if entry.digest.is_empty() { None } else { Some(entry.digest.parse()?) };
        let meant = match &reference {
            Reference::Registry(location) => location.to_string(),
            Reference::Path(path) => crate::below(&options.base, path),
        };
        let demand = demand(node, configuration, &[&entry.source, &meant], &options.base)?;
        Ok(Self { node, configuration, options, reference, pinned, demand, now: node.now() })
    }

    async fn run(&self, anything: bool) -> Result<Artifact, Why> {
        match &self.reference {
            Reference::Path(path) => self.file(&crate::below(&self.options.base, path)),
            Reference::Registry(location) => {
                if self.pinned.is_none() && matches!(self.demand, Demand::NoRule) && !anything {
                    return Err(Why::Unpinned);
                }
                self.registry(location).await
            }
        }
    }

    /// A file, which may also be gone if the directory of components has what is pinned.
    fn file(&self, path: &str) -> Result<Artifact, Why> {
        let bytes = match read_limited(self.node, path, COMPONENT_LIMIT) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => match self.kept()? {
                Some(artifact) => return artifact.map_err(Why::Signature),
                None => return Err(Why::Missing { path: path.to_owned() }),
            },
            Err(Unread::File(error)) => return Err(Why::File(error)),
            Err(Unread::TooLarge(size)) => return Err(Why::TooLarge { path: path.to_owned(), size }),
        };
        let beside = crate::signature_path(path);
        let signatures = match read_limited(self.node, &beside, signature::LIMIT) {
            Ok(signatures) => signatures.unwrap_or_default(),
            Err(Unread::File(error)) => return Err(Why::File(error)),
            Err(Unread::TooLarge(size)) => {
                let why = format!("{beside} has {size} bytes");
                return Err(Why::Signature(SignatureError::Malformed(why)));
            }
        };
        self.judged(bytes, signatures, Origin::File(path.to_owned()))
    }

    async fn registry(&self, location: &Location) -> Result<Artifact, Why> {
        let kept = self.kept();
        let distrust = match kept {
            Ok(Some(Ok(artifact))) => return Ok(artifact),
            // A signature may have come since.
            Ok(Some(Err(error))) => Some(error),
            // One that is damaged is fetched anew.
            Err(_) if !self.options.offline => None,
            Err(error) => return Err(error),
            Ok(None) => None,
        };
        if self.options.offline {
            let directory = self.options.cache.as_ref().map(|cache| cache.directory().to_owned()).unwrap_or_default();
            return Err(match (distrust, self.pinned) {
                (Some(error), _) => Why::Signature(error),
                (None, Some(digest)) => Why::Offline { digest, directory },
                (None, None) => Why::OfflineTag,
            });
        }
        let patience = self.options.patience;
        let registry = Registry::open(self.node, &location.host, self.configuration, &self.options.base, patience)?;
        let pulled = registry.pull(location, self.pinned.as_ref()).await?;
        // Also without a rule: whoever carries the component elsewhere may need them there.
        let signatures = registry.signatures(location, &pulled.digest, pulled.manifest.as_deref()).await;
        let signatures = match (&self.demand, signatures) {
            (_, Ok(signatures)) => signatures,
            (Demand::Signed(_), Err(error)) => return Err(error.into()),
            (_, Err(_)) => Vec::new(),
        };
        let from = Origin::Registry(pulled.manifest.as_deref().map(Digest::of));
        let mut artifact = self.judged(pulled.component, signatures, from)?;
        artifact.not_kept = self.keep(&artifact);
        Ok(artifact)
    }

    /// What is pinned, from the directory of components; with what is wrong with its signatures, if something is.
    fn kept(&self) -> Result<Option<Result<Artifact, SignatureError>>, Why> {
        let (Some(cache), Some(digest)) = (&self.options.cache, &self.pinned) else { return Ok(None) };
        let Some(bytes) = cache.read(self.node, digest)? else { return Ok(None) };
        // Without a rule nobody needs them.
        let signatures = match (&self.demand, cache.signatures(self.node, digest)) {
            (_, Ok(signatures)) => signatures,
            (Demand::Signed(_), Err(error)) => return Err(error.into()),
            (_, Err(_)) => Vec::new(),
        };
        match self.judged(bytes, signatures, Origin::Cache) {
            Ok(artifact) => Ok(Some(Ok(artifact))),
            Err(Why::Signature(error)) => Ok(Some(Err(error))),
            Err(why) => Err(why),
        }
    }

    fn judged(&self, bytes: Vec<u8>, signatures: Vec<u8>, from: Origin) -> Result<Artifact, Why> {
        let digest = Digest::of(&bytes);
        if let Some(expected) = self.pinned.filter(|pinned| *pinned != digest) {
            return Err(Why::Digest { expected, found: digest });
        }
        let signer = match &self.demand {
            Demand::Signed(keys) => Some(self.signed(&signatures, &digest, keys)?),
            Demand::Nothing | Demand::NoRule => None,
        };
        Ok(Artifact { bytes, digest, signer, from, signatures, not_kept: None })
    }

    fn signed(&self, signatures: &[u8], digest: &Digest, keys: &[TrustedKey]) -> Result<Signer, SignatureError> {
        signature::verify(signatures, digest, keys, self.now)
    }

    /// Keeps a component for the next time. That it cannot be kept is no reason not to use it.
    fn keep(&self, artifact: &Artifact) -> Option<String> {
        let cache = self.options.cache.as_ref()?;
        let error = cache.store(self.node, &artifact.bytes, &artifact.signatures).err()?;
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Some(format!("{error}{cause}"))
    }
}

#[cfg(test)]
mod tests;

//! Components by their digest in a directory, with their signatures: `sha256/<digits>.wasm` and `sha256/<digits>.sig`. What
//! lies there is nobody's word: it is checked whenever it is read, so anybody may fill it, and carry it to machines
//! without a network.

use kubephase_model::File;
use kubephase_node::{FileError, Node};

use crate::COMPONENT_LIMIT;
use crate::digest::Digest;
use crate::signature;

/// A directory of components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    directory: String,
}

/// Something about the directory does not work.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is not what its name says.
    #[error("{path} is not what its name says: it has the digest {found}")]
    Damaged {
        /// The file.
        path: String,
        /// What it is.
        found: Digest,
    },
    /// A file is larger than any component.
    #[error("{path} has {size} bytes, and a component has at most {COMPONENT_LIMIT}")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size.
        size: u64,
    },
}

impl CacheError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint().map(Into::into),
            Self::Damaged { path, .. } | Self::TooLarge { path, .. } => {
                Some(format!("remove {path}, and fetch it anew or copy it again"))
            }
        }
    }
}

impl Cache {
    /// The one in this directory, which need not be there yet.
    pub fn new(directory: impl Into<String>) -> Self {
        Self { directory: directory.into() }
    }

    /// The directory.
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// Where a component is, or would be.
    pub fn path(&self, digest: &Digest) -> String {
        format!("{}/sha256/{}.wasm", self.directory, digest.hex())
    }

    fn signatures_path(&self, digest: &Digest) -> String {
        format!("{}/sha256/{}.sig", self.directory, digest.hex())
    }

    /// A component; `None` if it is not there.
    pub fn read(&self, node: &Node, digest: &Digest) -> Result<Option<Vec<u8>>, CacheError> {
        let path = self.path(digest);
        let Some(bytes) = read_limited(node, &path, COMPONENT_LIMIT).map_err(|error| error.of(&path))? else {
            return Ok(None);
        };
        let found = Digest::of(&bytes);
        if found == *digest { Ok(Some(bytes)) } else { Err(CacheError::Damaged { path, found }) }
    }

    /// The signatures of a component, to be judged; empty if there are none.
    pub fn signatures(&self, node: &Node, digest: &Digest) -> Result<Vec<u8>, CacheError> {
        let path = self.signatures_path(digest);
        let read = read_limited(node, &path, signature::LIMIT);
        Ok(read.map_err(|error| error.of(&path))?.unwrap_or_default())
    }

    /// Puts a component in, with signatures beside those that are there. What is there already is not written again.
    pub fn store(&self, node: &Node, component: &[u8], signatures: &[u8]) -> Result<Digest, CacheError> {
        let digest = Digest::of(component);
        // What cannot be read counts as none.
        let there = self.signatures(node, &digest).unwrap_or_default();
        let signatures = signature::merge(&[&there, signatures]);
        let mut files = Vec::new();
        if !matches!(self.read(node, &digest), Ok(Some(_))) {
            files.push(File::public(self.path(&digest), component));
        }
        if !signatures.is_empty() && signatures != there {
            files.push(File::public(self.signatures_path(&digest), signatures));
        }
        if !files.is_empty() {
            node.ensure_all(&files)?;
        }
        Ok(digest)
    }
}

/// A file that cannot be had whole.
#[derive(Debug)]
pub(crate) enum Unread {
    File(FileError),
    TooLarge(u64),
}

impl Unread {
    fn of(self, path: &str) -> CacheError {
        match self {
            Self::File(error) => CacheError::File(error),
            Self::TooLarge(size) => CacheError::TooLarge { path: path.to_owned(), size },
        }
    }
}

/// A regular file of at most `limit` bytes; `None` if there is none.
pub(crate) fn read_limited(node: &Node, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Unread> {
    let Some(source) = node.open(path).map_err(Unread::File)? else { return Ok(None) };
    if source.length() > limit {
        return Err(Unread::TooLarge(source.length()));
    }
    let mut bytes = vec![0; usize::try_from(source.length()).unwrap_or_default()];
    source.read_at(0, &mut bytes).map_err(Unread::File)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SigningKey;
    use crate::signature::{Claim, sign};

    #[test]
    fn what_was_stored_is_there_and_anything_else_is_not() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        let cache = Cache::new("/cache");
        let digest = Digest::of(b"component");
        assert_eq!(cache.read(&node, &digest).expect("looked"), None);
        assert_eq!(cache.store(&node, b"component", b"").expect("stored"), digest);
        assert_eq!(cache.path(&digest), format!("/cache/sha256/{}.wasm", digest.hex()));
        assert_eq!(cache.read(&node, &digest).expect("read"), Some(b"component".to_vec()));
        assert_eq!(cache.signatures(&node, &digest).expect("read"), b"");
        assert!(node.changes().iter().any(|change| change.path == cache.path(&digest)));
        cache.store(&node, b"component", b"").expect("there already");
        assert_eq!(node.changes(), []);
    }

    #[test]
    fn signatures_come_together() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        let cache = Cache::new("/cache");
        let claim = Claim::of(b"component", "x", "1.0.0");
        let [one, two] = [sign(&SigningKey::generate(), &claim), sign(&SigningKey::generate(), &claim)];
        cache.store(&node, b"component", &one).expect("stored");
        cache.store(&node, b"component", &two).expect("stored");
        cache.store(&node, b"component", &one).expect("stored");
        let there = cache.signatures(&node, &claim.digest).expect("read");
        assert_eq!(there, [one, two].concat());
    }

    #[test]
    fn every_changed_byte_is_noticed_and_mended() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        let cache = Cache::new("/cache");
        let digest = cache.store(&node, b"component", b"").expect("stored");
        for index in 0..9 {
            let mut bytes = b"component".to_vec();
            bytes[index] ^= 1;
            node.ensure(&File::public(cache.path(&digest), bytes)).expect("damaged");
            let error = cache.read(&node, &digest).expect_err("damaged");
            assert!(matches!(error, CacheError::Damaged { .. }) && error.hint().is_some(), "{error}");
            cache.store(&node, b"component", b"").expect("mended");
            assert!(cache.read(&node, &digest).expect("read").is_some());
        }
        for bytes in [&b""[..], b"componen", b"component "] {
            node.ensure(&File::public(cache.path(&digest), bytes)).expect("damaged");
            cache.read(&node, &digest).expect_err("damaged");
        }
    }
}

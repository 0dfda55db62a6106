//! A plugin as an artifact: where it comes from, which it is, who signed it. It fetches components from registries and
//! files, believes them by digest and signature only, keeps them in a directory for machines without a network, writes
//! digests into the operator's file, and publishes. Knows no WebAssembly; files, sockets and programs are the node's.

mod cache;
mod digest;
mod error;
mod key;
mod lock;
mod obtain;
mod reference;
mod registry;
mod signature;
mod trust;

pub use cache::{Cache, CacheError};
pub use digest::{Digest, NoDigest};
pub use error::{ArtifactError, Why};
pub use key::{KeyError, PublicKey, SigningKey};
pub use lock::{LockError, Locked, lock, write_digests};
pub use obtain::{Artifact, Options, Origin, look, obtain};
pub use reference::{DEFAULT_TAG, Location, Reference, ReferenceError, SCHEME};
pub use registry::{CredentialsError, ManifestError, Package, Patience, Pulled, Pushed, Registry, RegistryError};
pub use signature::{
    Claim, MEDIA_TYPE as SIGNATURE_MEDIA_TYPE, SignatureError, Signer, TrustedKey, merge, sign, verify,
};
pub use trust::{TrustError, trusted_keys};

/// A component may have so many bytes: some languages bring an interpreter along.
pub const COMPONENT_LIMIT: u64 = 64 << 20;

/// What a component's file of signatures is called.
pub fn signature_path(component: &str) -> String {
    format!("{component}.sig")
}

/// A path that may be relative to a directory.
pub(crate) fn below(base: &str, path: &str) -> String {
    match path.starts_with('/') || base.is_empty() {
        true => path.to_owned(),
        false => format!("{}/{path}", base.trim_end_matches('/')),
    }
}

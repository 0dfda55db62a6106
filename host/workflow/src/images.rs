//! The images of a configuration: pulled through CRI, or carried to machines without a registry in one file. The file is
//! an image layout of the OCI image specification in a tar archive, as `ctr images export` writes and `ctr images
//! import` reads it. Nothing here knows which images a cluster needs.

mod archive;
mod bundle;
mod digest;
mod error;
mod graph;
mod headers;
mod layout;
mod load;
mod plugins;
mod pull;

use std::time::Duration;

pub use bundle::{Bundle, Bundled, bundle};
pub use error::ImagesError;
pub use layout::Platforms;
pub use load::{Load, Loaded, load};
pub use plugins::Carried;
pub use pull::{PullRequest, pull};

/// How long containerd may take for one answer: it answers the last piece of a layer when all of it is on disk.
const PATIENCE: Duration = Duration::from_secs(120);
/// How much of a blob is in memory.
const PIECE: usize = 1 << 20;

/// An image, by name and digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedImage {
    /// Its full name, as containerd has it.
    pub name: String,
    /// Digest of what the name stands for: a manifest, or an index of them.
    pub digest: String,
}

/// Where bundling and loading are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// `verifying`, `bundling` or `loading`.
    pub stage: &'static str,
    /// Bytes that are done.
    pub done: u64,
    /// Bytes that there are.
    pub total: u64,
}

/// Where [`Progress`] goes.
pub type ProgressSink<'a> = &'a (dyn Fn(Progress) + Sync);

/// The name under which CRI and containerd file an image: with its registry, and without a tag if there is a digest
/// (`reference/docker`'s familiar names). `pause:3.10` is `docker.io/library/pause:3.10`.
fn full_name(reference: &str) -> String {
    let (name, digest) = reference.split_once('@').map_or((reference, None), |(name, digest)| (name, Some(digest)));
    let (path, tag) = match name.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (name, None),
    };
    let is_registry = |part: &str| part.contains(['.', ':']) || part == "localhost" || part.to_lowercase() != part;
    let path = match path.split_once('/') {
        Some((first, _)) if is_registry(first) => path.to_owned(),
        Some(_) => format!("docker.io/{path}"),
        None => format!("docker.io/library/{path}"),
    };
    match (digest, tag) {
        (Some(digest), _) => format!("{path}@{digest}"),
        (None, tag) => format!("{path}:{}", tag.unwrap_or("latest")),
    }
}

#[cfg(test)]
mod tests {
    use super::full_name;

    #[test]
    fn names_as_containerd_files_them() {
        for (reference, name) in [
            ("registry.k8s.io/coredns/coredns:v1.13.1", "registry.k8s.io/coredns/coredns:v1.13.1"),
            ("localhost:5000/pause:3.10", "localhost:5000/pause:3.10"),
            ("localhost/pause", "localhost/pause:latest"),
            ("mirror/pause:3.10", "docker.io/mirror/pause:3.10"),
            ("pause:3.10", "docker.io/library/pause:3.10"),
            ("[2001:db8::1]:5000/x/pause:3.10", "[2001:db8::1]:5000/x/pause:3.10"),
            ("registry.k8s.io/etcd:3.6@sha256:ab", "registry.k8s.io/etcd@sha256:ab"),
        ] {
            assert_eq!(full_name(reference), name);
        }
    }
}

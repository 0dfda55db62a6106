//! What an image consists of: from its name's target down to configuration and layers, wherever the blobs are kept.
//! Everything that is missing or wrong is collected; only the keeper's own failure ends the walk.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::digest::Digest;
use super::error::{ImagesError, Problems};
use super::layout::{DOCUMENT_LIMIT, Descriptor, Index, Kind, Manifest, Platform, Platforms, architecture};

/// Labels by which containerd knows what a blob needs begin so.
const LABEL: &str = "containerd.io/gc.ref.content.";
/// Indexes of indexes are allowed, but nobody makes them deep.
const DEPTH: usize = 4;
/// How many platforms are named: no image is for more.
const PLATFORMS: usize = 20;

/// Where blobs are kept.
pub trait Keeper {
    /// A whole document of `size` bytes; `None` if it is not kept.
    fn document(&self, digest: &Digest, size: u64) -> impl Future<Output = Result<Option<Vec<u8>>, ImagesError>>;

    /// The size of a blob; `None` if it is not kept.
    fn size(&self, digest: &Digest) -> impl Future<Output = Result<Option<u64>, ImagesError>>;
}

/// A blob that some image needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// In bytes.
    pub size: u64,
    /// The blobs that it names and that are meant, by containerd's labels.
    pub labels: HashMap<String, String>,
}

/// The blobs of images, without doubles.
#[derive(Debug, Default)]
pub struct Graph {
    /// By digest.
    pub blobs: BTreeMap<Digest, Blob>,
    /// Digests, each after those that it names.
    pub order: Vec<Digest>,
    /// What is missing or wrong.
    pub problems: Problems,
    /// Digests of blobs about which all has been said already.
    pub told: BTreeSet<String>,
}

/// A step of the walk. What a document names is dealt with before the document itself is listed.
enum Step {
    Enter { descriptor: Descriptor, role: Role, depth: usize },
    List(Digest),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// What a name stands for, or a part of an index.
    Image,
    Config,
    Layer,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Image => "manifest",
            Self::Config => "configuration",
            Self::Layer => "layer",
        }
    }
}

impl Graph {
    /// Adds everything that `name` needs for the platforms that are meant.
    pub async fn add(
        &mut self,
        keeper: &impl Keeper,
        name: &str,
        target: &Descriptor,
        platforms: Platforms,
    ) -> Result<(), ImagesError> {
        let mut steps = vec![Step::Enter { descriptor: target.clone(), role: Role::Image, depth: 0 }];
        while let Some(step) = steps.pop() {
            let (descriptor, role, depth) = match step {
                Step::List(digest) => {
                    self.order.push(digest);
                    continue;
                }
                Step::Enter { descriptor, role, depth } => (descriptor, role, depth),
            };
            match self.enter(keeper, &descriptor, role, depth, platforms).await? {
                Ok(Some((digest, children))) => {
                    steps.push(Step::List(digest));
                    let enter = |(descriptor, role)| Step::Enter { descriptor, role, depth: depth + 1 };
                    steps.extend(children.into_iter().rev().map(enter));
                }
                Ok(None) => {}
                Err(_) if self.told.contains(&descriptor.digest) => {}
                Err(problem) => {
                    self.problems.push(format!("{name}: the {} {} {problem}", role.name(), descriptor.digest));
                }
            }
        }
        Ok(())
    }

    /// Looks at one blob. Returns what it names, nothing if it is known already, or what is wrong with it.
    async fn enter(
        &mut self,
        keeper: &impl Keeper,
        descriptor: &Descriptor,
        role: Role,
        depth: usize,
        platforms: Platforms,
    ) -> Result<Result<Option<(Digest, Vec<(Descriptor, Role)>)>, String>, ImagesError> {
        let Some(digest) = Digest::parse(&descriptor.digest) else { return Ok(Err("has no proper digest".into())) };
        if let Some(known) = self.blobs.get(&digest) {
            let same = known.size == descriptor.size;
            return Ok(if same { Ok(None) } else { Err(sizes(descriptor.size, known.size)) });
        }
        match keeper.size(&digest).await? {
            None => return Ok(Err("is missing".into())),
            Some(size) if size != descriptor.size => return Ok(Err(sizes(descriptor.size, size))),
            Some(_) => {}
        }
        let mut blob = Blob { size: descriptor.size, labels: HashMap::new() };
        let kind = Kind::of(&descriptor.media_type);
        if role == Role::Layer || (role == Role::Image && kind == Kind::Other) {
            if role == Role::Image {
                return Ok(Err(format!("is of the unknown type `{}`", descriptor.media_type)));
            }
            self.blobs.insert(digest.clone(), blob);
            return Ok(Ok(Some((digest, Vec::new()))));
        }
        if descriptor.size > DOCUMENT_LIMIT {
            return Ok(Err(format!("has {} bytes, which is too large for a document", descriptor.size)));
        }
        let Some(bytes) = keeper.document(&digest, descriptor.size).await? else { return Ok(Err("is missing".into())) };
        let mut hasher = digest.hasher();
        hasher.update(&bytes);
        if hasher.finish() != digest {
            return Ok(Err("does not have the contents that its digest stands for".into()));
        }
        let children = match children(&bytes, role, kind, depth, platforms) {
            Ok(children) => children,
            Err(problem) => return Ok(Err(problem)),
        };
        blob.labels = labels(&children);
        self.blobs.insert(digest.clone(), blob);
        Ok(Ok(Some((digest, children))))
    }

    /// Bytes of all blobs.
    pub fn size(&self) -> u64 {
        self.blobs.values().map(|blob| blob.size).sum()
    }
}

fn sizes(promised: u64, actual: u64) -> String {
    format!("has {actual} bytes instead of {promised}")
}

/// What a document names. A configuration names nothing, but says what it runs on.
fn children(
    bytes: &[u8],
    role: Role,
    kind: Kind,
    depth: usize,
    platforms: Platforms,
) -> Result<Vec<(Descriptor, Role)>, String> {
    let syntax = |error: serde_json::Error| format!("cannot be read: {error}");
    match (role, kind) {
        (Role::Config, _) => {
            // Those of charts, signatures and the like may be anything.
            let platform: Platform = serde_json::from_slice(bytes).unwrap_or_default();
            if !platform.architecture.is_empty() && !platforms.wants(Some(&platform)) {
                return Err(format!("is for {platform}, not for linux/{}", architecture()));
            }
            Ok(Vec::new())
        }
        (_, Kind::Index) => {
            if depth >= DEPTH {
                return Err("is nested too deeply".into());
            }
            let index: Index = serde_json::from_slice(bytes).map_err(syntax)?;
            let (meant, others): (Vec<Descriptor>, Vec<Descriptor>) =
                index.manifests.into_iter().partition(|manifest| platforms.wants(manifest.platform.as_ref()));
            if meant.is_empty() {
                let others: BTreeSet<String> =
                    others.into_iter().filter_map(|m| Some(m.platform?.to_string())).collect();
                let others: Vec<String> = others.into_iter().take(PLATFORMS).collect();
                return Err(format!("is not for linux/{}, but for {}", architecture(), others.join(", ")));
            }
            Ok(meant.into_iter().map(|manifest| (manifest, Role::Image)).collect())
        }
        (..) => {
            let manifest: Manifest = serde_json::from_slice(bytes).map_err(syntax)?;
            let layers = manifest.layers.into_iter().map(|layer| (layer, Role::Layer));
            Ok(std::iter::once((manifest.config, Role::Config)).chain(layers).collect())
        }
    }
}

/// Labels as containerd's own clients set them: `config`, `l.0`, `l.1`, `m.0`.
fn labels(children: &[(Descriptor, Role)]) -> HashMap<String, String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut labels = HashMap::new();
    for (child, role) in children {
        let key = match role {
            Role::Config => "config".to_owned(),
            Role::Layer | Role::Image => {
                let key = if *role == Role::Layer { "l" } else { "m" };
                let count = counts.entry(key).or_default();
                *count += 1;
                format!("{key}.{}", *count - 1)
            }
        };
        labels.insert(format!("{LABEL}{key}"), child.digest.clone());
    }
    labels
}

#[cfg(test)]
mod tests;

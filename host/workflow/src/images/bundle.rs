//! One file with everything that some images consist of, from containerd's store.

use std::collections::{BTreeMap, BTreeSet};

use kubephase_node::{Containerd, Node};

use super::archive::Writer;
use super::digest::Digest;
use super::error::ImagesError;
use super::graph::{Graph, Keeper};
use super::layout::{Descriptor, INDEX, Index, LAYOUT_VERSION, Marker, NAME, Platforms, REF_NAME};
use super::plugins::{self, Carried};
use super::{NamedImage, PATIENCE, Progress, ProgressSink, full_name};

/// What to bundle.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// CRI endpoint of the containerd to take from.
    pub socket: String,
    /// References of the images.
    pub images: Vec<String>,
    /// The file to write.
    pub output: String,
    /// Which platforms of each image.
    pub platforms: Platforms,
    /// Plugins that travel along.
    pub plugins: Vec<Carried>,
}

/// What was bundled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundled {
    /// The file.
    pub file: String,
    /// Digest of the whole file.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
    /// The images in it, by name.
    pub images: Vec<NamedImage>,
    /// How many blobs it has.
    pub blobs: usize,
}

/// Writes a bundle: the same store makes the same bytes. Nothing is written if anything is missing; all of it is told
/// together. Every byte is checked against its digest on the way. The file is there when it is whole, not before.
pub async fn bundle(node: &Node, request: &Bundle, progress: ProgressSink<'_>) -> Result<Bundled, ImagesError> {
    let containerd = node.containerd(&request.socket, PATIENCE).await?;
    containerd.version().await?;
    let targets = targets(&containerd, &request.images).await?;
    let mut graph = Graph::default();
    for (name, target) in &targets {
        graph.add(&Store(&containerd), name, target, request.platforms).await?;
    }
    if !graph.problems.is_empty() {
        return Err(ImagesError::Incomplete { problems: graph.problems });
    }
    let mut writer = Writer::new(node.draft(&request.output, 0o644)?);
    writer.file("oci-layout", &json(&Marker { image_layout_version: LAYOUT_VERSION.into() }))?;
    writer.file("index.json", &json(&index(&targets)))?;
    writer.directory("blobs/")?;
    let mut directories = BTreeSet::new();
    let total = graph.size();
    let mut done = 0;
    for (digest, blob) in &graph.blobs {
        let path = digest.path();
        if let Some((directory, _)) = path.rsplit_once('/')
            && directories.insert(directory.to_owned())
        {
            writer.directory(&format!("{directory}/"))?;
        }
        writer.begin(&path, blob.size)?;
        let mut hasher = digest.hasher();
        let mut read = 0;
        let damaged = || ImagesError::Damaged { digest: digest.to_string(), size: blob.size };
        let mut pieces = containerd.read(&digest.to_string()).await?.ok_or_else(damaged)?;
        while let Some(piece) = pieces.next().await? {
            read += piece.len() as u64;
            if read > blob.size {
                return Err(damaged());
            }
            hasher.update(&piece);
            writer.append(&piece)?;
            progress(Progress { stage: "bundling", done: done + read, total });
        }
        if read != blob.size || hasher.finish() != *digest {
            return Err(damaged());
        }
        writer.pad()?;
        done += read;
    }
    plugins::write(&mut writer, &request.plugins, graph.blobs.keys().map(Digest::to_string).collect())?;
    let (digest, size, _) = writer.finish()?;
    let images = targets.into_iter().map(|(name, target)| NamedImage { name, digest: target.digest }).collect();
    Ok(Bundled { file: request.output.clone(), digest: digest.to_string(), size, images, blobs: graph.blobs.len() })
}

/// What each image's name stands for. All that are not there are told together, as they were asked for.
async fn targets(containerd: &Containerd, images: &[String]) -> Result<BTreeMap<String, Descriptor>, ImagesError> {
    let mut targets = BTreeMap::new();
    let mut missing = Vec::new();
    for image in images {
        let name = full_name(image);
        match containerd.image(&name).await? {
            None => missing.push(image.clone()),
            Some(target) => {
                let descriptor = Descriptor {
                    media_type: target.media_type,
                    digest: target.digest,
                    size: target.size,
                    platform: None,
                    annotations: None,
                };
                targets.insert(name, descriptor);
            }
        }
    }
    if missing.is_empty() { Ok(targets) } else { Err(ImagesError::Missing { missing, total: images.len() }) }
}

/// `index.json`, with the annotations that containerd's own export has.
fn index(targets: &BTreeMap<String, Descriptor>) -> Index {
    let manifests = targets.iter().map(|(name, target)| {
        let tag = name.rsplit_once(':').map(|(_, tag)| tag).filter(|tag| !tag.contains('/') && !name.contains('@'));
        let annotations = [(NAME, name.as_str()), (REF_NAME, tag.unwrap_or(name))];
        let annotations = annotations.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        Descriptor { annotations: Some(annotations), ..target.clone() }
    });
    Index { schema_version: 2, media_type: INDEX.into(), manifests: manifests.collect() }
}

fn json(document: &impl serde::Serialize) -> Vec<u8> {
    // Structs with text and numbers: nothing of them can fail.
    serde_json::to_vec(document).unwrap_or_default()
}

/// containerd's store.
struct Store<'a>(&'a Containerd);

impl Keeper for Store<'_> {
    async fn document(&self, digest: &Digest, size: u64) -> Result<Option<Vec<u8>>, ImagesError> {
        let Some(mut pieces) = self.0.read(&digest.to_string()).await? else { return Ok(None) };
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next().await? {
            bytes.extend(piece);
            if bytes.len() as u64 > size {
                break;
            }
        }
        Ok(Some(bytes))
    }

    async fn size(&self, digest: &Digest) -> Result<Option<u64>, ImagesError> {
        Ok(self.0.blob(&digest.to_string()).await?)
    }
}

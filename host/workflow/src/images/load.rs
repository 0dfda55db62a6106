//! A bundle into containerd's store, under the names that the images had.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kubephase_model::time::rfc3339;
use kubephase_node::Node;
use kubephase_node::containerd::{Lease, Target};

use super::archive::Contents;
use super::digest::Digest;
use super::error::{ImagesError, Problems};
use super::graph::{Graph, Keeper};
use super::layout::{DOCUMENT_LIMIT, Descriptor, Index, LAYOUT_VERSION, Marker, NAME, Platforms, REF_NAME};
use super::plugins::{self, Carried};
use super::{NamedImage, PATIENCE, PIECE, Progress, ProgressSink, full_name};

/// An unfinished load's content goes after this, if nothing worse than being killed has come between.
const LEASE: Duration = Duration::from_secs(24 * 3600);
/// CRI learns of new images by an event of containerd; that takes milliseconds.
const NOTICED: Duration = Duration::from_secs(10);
const NOTICED_STEP: Duration = Duration::from_millis(50);

/// A cluster's bundle has about ten, somebody's whole collection some hundred.
const IMAGES: usize = 1 << 12;

/// What to load.
#[derive(Clone, Debug)]
pub struct Load {
    /// CRI endpoint of the containerd to load into.
    pub socket: String,
    /// The bundle.
    pub file: String,
    /// Which platforms of each image.
    pub platforms: Platforms,
}

/// What was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The images, by name.
    pub images: Vec<NamedImage>,
    /// How many blobs they have.
    pub blobs: usize,
    /// How many of those were not in the store already.
    pub new: usize,
    /// Images that the runtime does not show to the kubelet yet.
    pub unnoticed: Vec<String>,
    /// Plugins that travelled along, for the caller to keep.
    pub plugins: Vec<Carried>,
}

/// A name and what it stands for.
type Image = (String, Descriptor);
/// An answer, or everything that is wrong with the file; the outer error is for a file that cannot be read.
type Judged<T> = Result<Result<T, Problems>, ImagesError>;

/// Loads a bundle. All of the file is checked before anything of it is written, and all that is wrong is told together.
/// Image records come last, when everything that they stand for is there. What a failure or `interrupt` leaves in the
/// store belongs to no image, and is collected at once.
pub async fn load(
    node: &Node,
    request: &Load,
    interrupt: impl Future<Output = ()>,
    progress: ProgressSink<'_>,
) -> Result<Loaded, ImagesError> {
    let Some(source) = node.open(&request.file)? else { return Err(ImagesError::NoBundle(request.file.clone())) };
    let mut interrupt = std::pin::pin!(interrupt);
    let interrupted = ImagesError::Interrupted { state: "nothing was loaded" };
    let ready = async {
        // What is wrong with the file is also told where no containerd runs.
        let broken = |problems| ImagesError::Broken { path: request.file.clone(), problems };
        let contents = Contents::scan(&source).await.map_err(broken)?;
        let (targets, graph, plugins) = check(&contents, request.platforms, progress).await?.map_err(broken)?;
        let containerd = node.containerd(&request.socket, PATIENCE).await?;
        containerd.version().await?;
        Ok::<_, ImagesError>((contents, targets, graph, plugins, containerd))
    };
    let (contents, targets, graph, plugins, containerd) = tokio::select! {
        biased;
        () = &mut interrupt => return Err(interrupted),
        ready = ready => ready?,
    };
    let lease = containerd.lease(&lease_id(node), &expiry(node)).await?;
    let written = tokio::select! {
        biased;
        () = &mut interrupt => Err(interrupted),
        written = write(&lease, &contents, &graph, &targets, progress) => written,
    };
    // Also after a failure: then it collects what was written.
    let ended = lease.end().await;
    let new = written?;
    ended?;
    let unnoticed = unnoticed(node, &request.socket, &targets).await;
    let images = targets.into_iter().map(|(name, target)| NamedImage { name, digest: target.digest }).collect();
    Ok(Loaded { images, blobs: graph.blobs.len(), new, unnoticed, plugins })
}

/// The images of a bundle whose every blob is what its name says, everything that they consist of, and its plugins; or
/// all that is wrong.
async fn check(
    contents: &Contents<'_>,
    platforms: Platforms,
    progress: ProgressSink<'_>,
) -> Judged<(Vec<Image>, Graph, Vec<Carried>)> {
    let images = match images(contents)? {
        Ok(images) => images,
        Err(problems) => return Ok(Err(problems)),
    };
    let mut graph = Graph::default();
    // What is damaged is told once, not again for each image that needs it.
    graph.told = damaged(contents, &mut graph.problems, progress).await?;
    for (name, target) in &images {
        graph.add(&Unpacked(contents), name, target, platforms).await?;
    }
    let plugins = plugins::read(contents, &mut graph.problems)?;
    Ok(if graph.problems.is_empty() { Ok((images, graph, plugins)) } else { Err(graph.problems) })
}

/// Names and targets of `index.json`.
fn images(contents: &Contents<'_>) -> Judged<Vec<Image>> {
    let index = match index(contents)? {
        Ok(index) => index,
        Err(problem) => {
            let mut problems = Problems::default();
            problems.push(problem);
            return Ok(Err(problems));
        }
    };
    let mut images: BTreeMap<String, Descriptor> = BTreeMap::new();
    let mut problems = Problems::default();
    for target in index.manifests {
        // A tag alone does not say of what it is the tag.
        let full = target.annotation(REF_NAME).filter(|name| name.contains(['/', ':', '@'])).map(full_name);
        let name = target.annotation(NAME).map(str::to_owned).or(full);
        match name {
            None => problems.push(format!("its index.json does not name the image {}", target.digest)),
            Some(name)
                if name.is_empty() || name.len() > 1024 || name.contains(|c: char| c.is_control() || c == ' ') =>
            {
                problems.push(format!("its index.json has an improper name for the image {}", target.digest));
            }
            Some(name) => match images.get(&name) {
                Some(known) if known.digest != target.digest => {
                    problems.push(format!("its index.json has {name} twice, for different images"));
                }
                Some(_) => {}
                None => drop(images.insert(name, target)),
            },
        }
    }
    if images.is_empty() && problems.is_empty() {
        problems.push("it has no images");
    }
    Ok(if problems.is_empty() { Ok(images.into_iter().collect()) } else { Err(problems) })
}

/// `index.json`, if this is a layout.
fn index(contents: &Contents<'_>) -> Result<Result<Index, String>, ImagesError> {
    let Some(marker) = contents.read("oci-layout", DOCUMENT_LIMIT)? else {
        let known = contents.size("manifest.json").is_some();
        let what = if known {
            "it is an archive of Docker's kind without an image layout: load it with `ctr -n k8s.io images import`"
        } else {
            "it has no file oci-layout, so it is no OCI image layout"
        };
        return Ok(Err(what.into()));
    };
    match serde_json::from_slice::<Marker>(&marker) {
        Ok(marker) if marker.image_layout_version == LAYOUT_VERSION => {}
        Ok(marker) => {
            return Ok(Err(format!("it is an image layout of the unknown version {}", marker.image_layout_version)));
        }
        Err(error) => return Ok(Err(format!("its oci-layout cannot be read: {error}"))),
    }
    let Some(index) = contents.read("index.json", DOCUMENT_LIMIT)? else {
        return Ok(Err("it has no index.json of a proper size".into()));
    };
    Ok(match serde_json::from_slice::<Index>(&index) {
        Ok(index) if index.manifests.len() > IMAGES => Err(format!(
            "its index.json has {} entries; more than {IMAGES} are not loaded at once",
            index.manifests.len()
        )),
        Ok(index) => Ok(index),
        Err(error) => Err(format!("its index.json cannot be read: {error}")),
    })
}

/// Digests of blobs whose contents are not what their names say.
async fn damaged(
    contents: &Contents<'_>,
    problems: &mut Problems,
    progress: ProgressSink<'_>,
) -> Result<BTreeSet<String>, ImagesError> {
    let mut damaged = BTreeSet::new();
    let blobs: Vec<&str> = contents.names().filter(|name| name.starts_with("blobs/")).collect();
    let total = blobs.iter().filter_map(|name| contents.size(name)).sum();
    let mut done = 0;
    for path in blobs {
        let Some(digest) = Digest::of_path(path) else {
            problems.push(format!("its `{path}` is not named by a digest"));
            continue;
        };
        let size = contents.size(path).unwrap_or_default();
        let mut hasher = digest.hasher();
        let mut offset = 0;
        while offset < size {
            let piece = contents.piece(path, offset, PIECE as u64)?;
            hasher.update(&piece);
            offset += piece.len() as u64;
            progress(Progress { stage: "verifying", done: done + offset, total });
            // Reading a file never waits, and others have a right to the thread: Ctrl-C.
            tokio::task::yield_now().await;
        }
        if hasher.finish() != digest {
            problems.push(format!("its blob {digest} does not have the contents that its digest stands for"));
            damaged.insert(digest.to_string());
        }
        done += size;
    }
    Ok(damaged)
}

/// Writes what the store does not have, and sets the names. Returns how many blobs were new.
async fn write(
    lease: &Lease,
    contents: &Contents<'_>,
    graph: &Graph,
    targets: &[Image],
    progress: ProgressSink<'_>,
) -> Result<usize, ImagesError> {
    let containerd = lease.containerd();
    let total = graph.size();
    let (mut done, mut new) = (0, 0);
    for (digest, blob) in graph.order.iter().filter_map(|digest| Some((digest, graph.blobs.get(digest)?))) {
        let (path, text) = (digest.path(), digest.to_string());
        match containerd.write(&text, blob.size).await? {
            None => containerd.label(&text, &blob.labels).await?,
            Some(mut writing) => {
                while writing.offset() < blob.size {
                    let piece = contents.piece(&path, writing.offset(), PIECE as u64)?;
                    if let Err(error) = writing.piece(piece).await {
                        writing.give_up().await;
                        return Err(error.into());
                    }
                    progress(Progress { stage: "loading", done: done + writing.offset(), total });
                }
                writing.commit(&text, blob.size, blob.labels.clone()).await?;
                new += 1;
            }
        }
        done += blob.size;
        progress(Progress { stage: "loading", done, total });
    }
    for (name, target) in targets {
        let Descriptor { media_type, digest, size, .. } = target.clone();
        containerd.set_image(name, &Target { media_type, digest, size }).await?;
    }
    Ok(new)
}

/// Waits until CRI, and so the kubelet, sees the images. A containerd without CRI shows nothing to anybody.
async fn unnoticed(node: &Node, socket: &str, targets: &[Image]) -> Vec<String> {
    let mut waiting: Vec<String> = targets.iter().map(|(name, _)| name.clone()).collect();
    if node.is_dry_run() {
        return Vec::new();
    }
    let Ok(cri) = node.cri(socket, NOTICED).await else { return waiting };
    if cri.version().await.is_err() {
        return Vec::new();
    }
    let deadline = tokio::time::Instant::now() + NOTICED;
    loop {
        let mut left = Vec::new();
        for name in waiting {
            if !cri.image_present(&name).await.unwrap_or(false) {
                left.push(name);
            }
        }
        if left.is_empty() || tokio::time::Instant::now() > deadline {
            return left;
        }
        waiting = left;
        tokio::time::sleep(NOTICED_STEP).await;
    }
}

fn lease_id(node: &Node) -> String {
    let mut random = [0; 8];
    node.random(&mut random);
    format!("kubephase-load-{:016x}", u64::from_be_bytes(random))
}

fn expiry(node: &Node) -> String {
    rfc3339(node.now() + LEASE)
}

/// The blobs of a bundle.
struct Unpacked<'a>(&'a Contents<'a>);

impl Keeper for Unpacked<'_> {
    async fn document(&self, digest: &Digest, size: u64) -> Result<Option<Vec<u8>>, ImagesError> {
        // As when a blob is verified.
        tokio::task::yield_now().await;
        self.0.read(&digest.path(), size)
    }

    async fn size(&self, digest: &Digest) -> Result<Option<u64>, ImagesError> {
        Ok(self.0.size(&digest.path()))
    }
}

#[cfg(test)]
mod tests;

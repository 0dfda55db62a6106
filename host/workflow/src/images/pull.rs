//! Pulling through CRI, as preflight does it.

use std::time::Duration;

use kubephase_node::Node;
use kubephase_preflight::{PullEvent, PullPolicy, pull_images};

use super::error::ImagesError;

/// For every call but the pulls themselves, which may take as long as they do; kubeadm's.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What to pull.
#[derive(Clone, Debug)]
pub struct PullRequest {
    /// CRI endpoint of the runtime.
    pub socket: String,
    /// References of the images.
    pub images: Vec<String>,
    /// One after the other.
    pub serial: bool,
}

/// Pulls the images, those that are there too, as `kubeadm config images pull` does: five attempts each. One that cannot
/// be had stops no other; all of them are told together in the end. Dropped midway, pulls that run are given up, and
/// what has been pulled stays.
pub async fn pull(
    node: &Node,
    request: &PullRequest,
    progress: &(dyn Fn(PullEvent) + Send + Sync),
) -> Result<(), ImagesError> {
    let cri = node.cri(&request.socket, TIMEOUT).await?;
    // One question first: of a socket that is no runtime's, every image would say the same.
    cri.version().await?;
    let images: Vec<&str> = request.images.iter().map(String::as_str).collect();
    let failures = pull_images(&cri, &images, PullPolicy::Always, request.serial, progress).await;
    let Some(first) = failures.first() else { return Ok(()) };
    let remedy = first.remedy();
    let images = failures.into_iter().map(|failure| failure.image).collect();
    Err(ImagesError::Pull { images, total: request.images.len(), remedy })
}

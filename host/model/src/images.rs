//! Which images a cluster needs, under which names.

use serde::Serialize;

use crate::Cluster;
use crate::release::ImageKind;

/// An image and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Image {
    /// `kube-apiserver`, …, `coredns`, `pause`, `etcd`.
    pub component: &'static str,
    /// Full reference, such as `registry.k8s.io/pause:3.10.2`.
    pub reference: String,
}

impl ImageKind {
    /// The component's name.
    pub const fn component(self) -> &'static str {
        match self {
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Proxy => "kube-proxy",
            Self::CoreDns => "coredns",
            Self::Pause => "pause",
            Self::Etcd => "etcd",
        }
    }
}

/// Every image that the cluster needs, in the order of `config images list`: without kube-proxy and CoreDNS if they
/// are disabled, without etcd if it is external.
pub fn images(cluster: &Cluster) -> Vec<Image> {
    let needed = |kind: &ImageKind| match kind {
        ImageKind::Proxy => !cluster.config.proxy.disabled,
        ImageKind::CoreDns => !cluster.config.dns.disabled,
        ImageKind::Etcd => cluster.config.etcd.local.is_some(),
        _ => true,
    };
    let image = |kind: &ImageKind| Image { component: kind.component(), reference: reference(cluster, *kind) };
    cluster.release.image_order.iter().filter(|kind| needed(kind)).map(image).collect()
}

/// The full reference of one image, needed or not.
pub fn reference(cluster: &Cluster, kind: ImageKind) -> String {
    let (config, release, patch) = (&cluster.config, cluster.release, cluster.version.patch);
    let repository = config.image_repository.as_str();
    let or = |own: &str| if own.is_empty() { repository.to_owned() } else { own.to_owned() };
    let tag = |own: &str, default: &str| sanitized_tag(if own.is_empty() { default } else { own });
    match kind {
        ImageKind::CoreDns => {
            let repository = or(&config.dns.image_repository);
            let (path, default) = release.coredns(patch, &repository);
            format!("{repository}/{path}:{}", tag(&config.dns.image_tag, default))
        }
        ImageKind::Etcd => {
            let local = config.etcd.local.as_ref();
            let (own_repository, own_tag) =
                local.map_or(("", ""), |etcd| (etcd.image_repository.as_str(), etcd.image_tag.as_str()));
            format!("{}/etcd:{}", or(own_repository), tag(own_tag, release.etcd_tag(patch)))
        }
        ImageKind::Pause => format!("{repository}/pause:{}", release.pause_tag(patch)),
        ImageKind::ApiServer | ImageKind::ControllerManager | ImageKind::Scheduler | ImageKind::Proxy => {
            // A CI build is not in the ordinary registry; a registry of one's own is taken to have it.
            let is_default = repository == release.default_registry(patch);
            let repository = if cluster.ci && is_default { release.registry.ci } else { repository };
            format!("{repository}/{}:{}", kind.component(), sanitized_tag(&cluster.kubernetes_version()))
        }
    }
}

/// A version as a tag: characters that no tag may have become `_` (the `+` of build metadata). A digest stays.
fn sanitized_tag(tag: &str) -> String {
    let (tag, digest) = tag.split_once('@').map_or((tag, None), |(tag, digest)| (tag, Some(digest)));
    let keep = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let tag: String = tag.chars().map(keep).collect();
    digest.map_or(tag.clone(), |digest| format!("{tag}@{digest}"))
}

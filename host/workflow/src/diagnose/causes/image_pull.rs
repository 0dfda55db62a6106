//! An image of the control plane cannot be pulled.

use crate::diagnose::lines::{has, quoted_after};
use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause =
    Cause { id: "image-pull", about: "an image cannot be pulled", fallback: false, matches: find };

fn find(evidence: &Evidence) -> Option<Match> {
    // The first failure says why; ErrImagePull and Back-off only repeat that it failed.
    let hit = evidence
        .kubelet(|line| {
            has(line, &["PullImage", "from image service failed"])
                || has(line, &["Failed to pull image"])
                || has(line, &["Pull image", "failed:"])
        })
        .or_else(|| {
            evidence.kubelet(|line| {
                has(line, &["ErrImagePull"]) || has(line, &["ImagePullBackOff"]) || has(line, &["ErrImageNeverPull"])
            })
        })?;
    let line = hit.line.clone();
    let image = ["image=", "PullImage ", "Failed to pull image ", "Pull image ", "pulling image ", "Container image "]
        .iter()
        .find_map(|marker| quoted_after(&line, marker))
        .unwrap_or("of the control plane");
    if evidence.containers.len() == super::super::COMPONENTS.len() && !evidence.containers.iter().any(|c| c.is_down()) {
        return None; // Old news: every component has its container.
    }
    let (why, fix) = if has(&line, &["ErrImageNeverPull"]) {
        (
            "is not on this node and the pull policy forbids pulling it",
            "import it (`ctr -n k8s.io images import FILE`) or set imagePullPolicy to IfNotPresent",
        )
    } else if has(&line, &["not found"]) || has(&line, &["manifest unknown"]) {
        (
            "is not in its registry",
            "see `kubephase config images list`; correct imageRepository, imageTag or kubernetesVersion",
        )
    } else if has(&line, &["unauthorized"])
        || has(&line, &["403 Forbidden"])
        || has(&line, &["authorization failed"])
        || has(&line, &["denied"])
    {
        (
            "is refused by its registry",
            "give the container runtime credentials for the registry, or pull and import the image by hand",
        )
    } else if has(&line, &["no such host"])
        || has(&line, &["lookup ", ":53"])
        || has(&line, &["Temporary failure in name resolution"])
    {
        (
            "cannot be pulled because its registry's name does not resolve",
            "correct DNS (/etc/resolv.conf), or set imageRepository to a registry that this node can reach",
        )
    } else if has(&line, &["x509:"]) || has(&line, &["http: server gave HTTP response to HTTPS client"]) {
        (
            "cannot be pulled because the registry's TLS is not trusted",
            "give the container runtime the registry's CA (containerd: hosts.toml), then pull again",
        )
    } else if has(&line, &["no space left on device"]) {
        (
            "cannot be pulled because the disk is full",
            "make room in the container runtime's directory (/var/lib/containerd)",
        )
    } else if has(&line, &["i/o timeout"])
        || has(&line, &["connection refused"])
        || has(&line, &["DeadlineExceeded"])
        || has(&line, &["no route to host"])
        || has(&line, &["network is unreachable"])
    {
        (
            "cannot be pulled because its registry cannot be reached",
            "let this node reach the registry (a proxy has to be set for the container runtime's unit, not for kubephase), or set imageRepository to one that it can reach",
        )
    } else {
        (
            "cannot be pulled",
            "pull it by hand to see why: `crictl pull IMAGE`; `kubephase config images list` shows all",
        )
    };
    let first_line = format!("the image `{image}` {why}");
    hit.because(first_line, fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_line(log: &str) -> String {
        find(&Evidence::busy_kubelet(log)).expect("match").first_line
    }

    #[test]
    fn v1_20_unresolvable_registry() {
        assert_eq!(
            first_line(
                r#"Jan 02 10:00:00 cp1 kubelet[991]: E0102 10:00:00.138986     991 kuberuntime_image.go:51] Pull image "k8s.gcr.io/kube-apiserver:v1.20.2" failed: rpc error: code = Unknown desc = failed to pull and unpack image "k8s.gcr.io/kube-apiserver:v1.20.2": failed to resolve reference "k8s.gcr.io/kube-apiserver:v1.20.2": failed to do request: Head "https://k8s.gcr.io/v2/kube-apiserver/manifests/v1.20.2": dial tcp: lookup k8s.gcr.io: no such host
Jan 02 10:00:00 cp1 kubelet[991]: E0102 10:00:00.139 991 pod_workers.go:191] Error syncing pod 0123, skipping: failed to "StartContainer" for "kube-apiserver" with ErrImagePull: "rpc error: code = Unknown desc = …""#
            ),
            "the image `k8s.gcr.io/kube-apiserver:v1.20.2` cannot be pulled because its registry's name does not resolve"
        );
    }

    #[test]
    fn v1_36_not_in_the_registry() {
        assert_eq!(
            first_line(
                r#"E1123 00:21:40.824625    1682 log.go:32] "PullImage from image service failed" err="rpc error: code = NotFound desc = failed to pull and unpack image \"registry.k8s.io/etcd:3.6.88-0\": failed to resolve image: registry.k8s.io/etcd:3.6.88-0: not found" image="registry.k8s.io/etcd:3.6.88-0""#
            ),
            "the image `registry.k8s.io/etcd:3.6.88-0` is not in its registry"
        );
    }

    #[test]
    fn back_off_alone() {
        assert_eq!(
            first_line(
                r#"E1123 00:21:40.824625    1682 pod_workers.go:1324] "Error syncing pod, skipping" err="failed to \"StartContainer\" for \"etcd\" with ImagePullBackOff: \"Back-off pulling image \\\"reg.example.com/etcd:3.6.8-0\\\": ErrImagePull: dial tcp 10.0.0.1:443: i/o timeout\"" pod="kube-system/etcd-cp1""#
            ),
            "the image `reg.example.com/etcd:3.6.8-0` cannot be pulled because its registry cannot be reached"
        );
    }
}

//! The runtime cannot get the pause image that it makes every pod's sandbox from.

use crate::diagnose::lines::{has, quoted_after};
use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause = Cause {
    id: "sandbox-image",
    about: "the runtime's sandbox (pause) image cannot be had",
    fallback: false,
    matches: find,
};

fn find(evidence: &Evidence) -> Option<Match> {
    let hit = evidence.kubelet(|line| {
        has(line, &["failed to get sandbox image"])
            || has(line, &["andbox", "failed pulling image"])
            || has(line, &["andbox", "initializing source docker://", "pause"])
            || has(line, &["andbox", "unable to pull", "pause"])
    })?;
    let image = ["sandbox image ", "failed pulling image ", "pull image "]
        .iter()
        .find_map(|marker| quoted_after(&hit.line, marker))
        .unwrap_or("pause")
        .to_owned();
    hit.because(
        format!("the container runtime cannot get its sandbox image `{image}`, so no pod can start"),
        "make the runtime use a pause image that it has or can reach: with containerd `sandbox_image` (2.x: `sandbox` of \
         pinned_images) in /etc/containerd/config.toml, with CRI-O `pause_image`; `kubephase config images list` shows the \
         one that fits, then restart the runtime",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_29_with_containerd() {
        let found = find(&Evidence::busy_kubelet(
            r#"May 07 14:01:59 cp1 kubelet[2149]: E0507 14:01:59.521988    2149 kuberuntime_sandbox.go:72] "Failed to create sandbox for pod" err="rpc error: code = DeadlineExceeded desc = failed to get sandbox image \"registry.k8s.io/pause:3.9\": failed to pull image \"registry.k8s.io/pause:3.9\": failed to pull and unpack image \"registry.k8s.io/pause:3.9\": failed to resolve reference \"registry.k8s.io/pause:3.9\": failed to do request: Head \"https://us-west2-docker.pkg.dev/v2/k8s-artifacts-prod/images/pause/manifests/3.9\": dial tcp 142.251.170.82:443: i/o timeout" pod="kube-system/etcd-cp1""#,
        ))
        .expect("match");
        assert!(found.first_line.contains("`registry.k8s.io/pause:3.9`"), "{}", found.first_line);
    }

    #[test]
    fn v1_18_with_containerd() {
        let found = find(&Evidence::busy_kubelet(
            r#"Apr 28 06:10:56 cp1 kubelet[1334]: E0428 06:10:56.970976    1334 remote_runtime.go:105] RunPodSandbox from runtime service failed: rpc error: code = Unknown desc = failed to get sandbox image "k8s.gcr.io/pause:3.1": failed to pull image "k8s.gcr.io/pause:3.1": failed to pull and unpack image "k8s.gcr.io/pause:3.1": failed to resolve reference "k8s.gcr.io/pause:3.1": failed to do request: Head "https://k8s.gcr.io/v2/pause/manifests/3.1": dial tcp: lookup k8s.gcr.io on [::1]:53: dial udp [::1]:53: connect: cannot assign requested address"#,
        ))
        .expect("match");
        assert!(found.first_line.contains("`k8s.gcr.io/pause:3.1`"), "{}", found.first_line);
    }

    #[test]
    fn dockershim() {
        let found = find(&Evidence::busy_kubelet(
            r#"E0131 14:45:03.281317 28516 kuberuntime_sandbox.go:54] CreatePodSandbox for pod "kube-scheduler-cp1_kube-system(69c12074)" failed: rpc error: code = Unknown desc = failed pulling image "k8s.gcr.io/pause:3.2": Error response from daemon: Get https://k8s.gcr.io/v2/: dial tcp 172.217.6.127:443: i/o timeout"#,
        ))
        .expect("match");
        assert!(found.first_line.contains("`k8s.gcr.io/pause:3.2`"), "{}", found.first_line);
    }
}

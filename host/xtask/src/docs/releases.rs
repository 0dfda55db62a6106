//! The Kubernetes releases that can be deployed.

use kubephase_model::release::{REFERENCE, RELEASES};

use super::markdown::{code, head, table};

/// The page.
pub fn page() -> String {
    let about = format!(
        "Each is deployed as kubeadm of the same minor would. `config print` shows the defaults of {}. Without a network \
         the newest known patch is what a label such as `stable-1.36` means.",
        REFERENCE.name()
    );
    let rows = RELEASES.iter().map(|release| {
        let patch = release.newest_patch;
        let row = release.image_row(patch);
        [
            release.name(),
            format!("v{}", release.newest()),
            code(row.etcd),
            code(row.coredns),
            code(row.pause),
            format!("v1.{}", release.min_kubelet().minor),
            code(release.default_registry(patch)),
        ]
    });
    let columns = ["release", "newest known patch", "etcd", "CoreDNS", "pause", "oldest kubelet", "registry"];
    head("Kubernetes releases", &about) + &table(columns, rows)
}

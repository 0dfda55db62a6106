//! Where kubephase differs from kubeadm on purpose. Short, with reasons, and nothing here may be stale.

use crate::support::difference::Difference;

/// A difference in what is written.
pub struct Deliberate {
    /// The case it shows in.
    pub case: &'static str,
    /// The file.
    pub file: &'static str,
    /// Where in it, by prefix.
    pub at: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// Differences in files.
pub static DELIBERATE: &[Deliberate] = &[
    Deliberate {
        case: "01-defaults",
        file: "etc/kubernetes/manifests/etcd.yaml",
        at: ".contents.spec.containers[0].image",
        reason: NEWEST,
    },
    Deliberate {
        case: "18-flags-only",
        file: "etc/kubernetes/manifests/etcd.yaml",
        at: ".contents.spec.containers[0].image",
        reason: NEWEST,
    },
];

/// The phase `etcd local` has no flag for the version, and a root directory has no network.
const NEWEST: &str = "without a network, no version means the newest release known; kubeadm takes its own";

/// Configurations and commands that kubeadm accepts and kubephase refuses, by the name of the recording, with the
/// reason.
pub static STRICTER: &[(&str, &str)] = &[
    ("validity-negative", "certificates that were never valid are of no use to anyone; kubeadm writes them"),
    ("volume-bad", "the kubelet refuses such a pod, and the control plane never starts"),
];

/// Removes what is deliberate. With `all`, fails if an entry for this case explains nothing: it is stale.
#[track_caller]
pub fn unexplained(case: &str, differences: Vec<Difference>, all: bool) -> Vec<Difference> {
    let entries: Vec<_> = DELIBERATE.iter().filter(|d| d.case == case).collect();
    let explains = |entry: &Deliberate, d: &Difference| entry.file == d.file && d.at.starts_with(entry.at);
    for entry in &entries {
        let used = differences.iter().any(|d| explains(entry, d));
        assert!(!all || used, "{case}: no longer true: /{}{} ({})", entry.file, entry.at, entry.reason);
    }
    differences.into_iter().filter(|d| !entries.iter().any(|entry| explains(entry, d))).collect()
}

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

/// A difference from kubeadm 1.20, in any configuration.
pub struct Deliberate1_20 {
    /// Whether this is why the two differ there.
    pub explains: fn(&Difference) -> bool,
    /// Why.
    pub reason: &'static str,
}

/// Differences from kubeadm 1.20 in files.
pub static V1_20: &[Deliberate1_20] = &[
    Deliberate1_20 {
        explains: |d| d.at.ends_with(".serial is positive and short") && d.actual == Some(true.into()),
        reason: "its authorities all have the serial number 0; later ones have a random one, and RFC 5280 forbids 0",
    },
    Deliberate1_20 {
        explains: |d| d.file.ends_with(".conf") && d.at.contains(".user.client-") && said(&d.actual).contains("EC"),
        reason: "its gate PublicKeysECDSA forgot the keys in kubeconfig files; later ones do not",
    },
    Deliberate1_20 {
        explains: |d| {
            d.file == "var/lib/kubelet/kubeadm-flags.env"
                && said(&d.actual).replace("--container-runtime-endpoint=unix://", "--container-runtime-endpoint=")
                    == said(&d.expected)
        },
        reason: "the socket is the same, but of a path instead of a URL its kubelet warns that it is deprecated",
    },
    Deliberate1_20 {
        explains: |d| d.file == "data" && d.at == ".mode",
        reason: "the directory above etcd's data is for all who need it; kubeadm locks others out of it",
    },
];

fn said(value: &Option<serde_json::Value>) -> String {
    value.as_ref().map(|v| v.as_str().map_or(v.to_string(), str::to_string)).unwrap_or_default()
}

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

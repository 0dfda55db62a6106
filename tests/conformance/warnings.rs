//! What kubeadm warns of and the words by which ours must say the same.

/// Part of kubeadm's warning; words of ours, all in one line or its neighbours.
const WARNINGS: &[(&str, &[&str])] = &[
    (
        "uses a deprecated API spec: \"kubeadm.k8s.io/v1beta3\"",
        &["kubeadm.k8s.io/v1beta3", "deprecated", "config migrate"],
    ),
    ("The recommended value for \"clusterCIDR\"", &["clusterCIDR", "10.0.0.0/8", "10.244.0.0/16"]),
    (
        "The recommended value for \"clusterDNS\" in \"KubeletConfiguration\" is: [10.96.0.10]; the provided value is: [10.96.0.53]",
        &["clusterDNS", "10.96.0.53", "10.96.0.10"],
    ),
    ("The recommended value for \"clusterDNS\"", &["clusterDNS", "10.96.0.10"]),
    ("The recommended value for \"clusterDomain\"", &["clusterDomain", "other", "cluster.local"]),
    ("The recommended value for \"staticPodPath\"", &["staticPodPath", "/x", "/etc/kubernetes/manifests"]),
    ("strict decoding error: unknown field \"foo\"", &["foo", "unknown field"]),
    ("Kind:\"Foo\"", &["Foo"]),
    ("Kind=Foo", &["Foo"]),
    (
        "Ignored configuration document with GroupVersionKind kubeadm.k8s.io/v1beta4, Kind=JoinConfiguration",
        &["JoinConfiguration", "ignored"],
    ),
    ("Usage of CRI endpoints without URL scheme", &["criSocket", "unix"]),
];

/// What `theirs` warns of and `ours` does not, said in full.
pub fn missing<'a>(theirs: &'a str, ours: &'a str) -> impl Iterator<Item = String> + 'a {
    let warnings = theirs.lines().filter(|line| line.starts_with('W') && line.contains(".go:"));
    warnings.filter_map(move |line| {
        let Some((_, words)) = WARNINGS.iter().find(|(part, _)| line.contains(part)) else {
            return Some(format!("no words known for kubeadm's warning {line:?}"));
        };
        let ours = ours.to_lowercase();
        let lacking: Vec<_> = words.iter().filter(|word| !ours.contains(&word.to_lowercase())).collect();
        (!lacking.is_empty()).then(|| format!("kubeadm warns {line:?}; ours does not name {lacking:?}"))
    })
}

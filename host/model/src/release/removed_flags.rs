//! Flags that a component no longer knows: configuration that is carried from minor to minor breaks on them, and
//! the component then dies with one line in its log. Known beforehand, it is a warning with a name.

/// A flag that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovedFlag {
    /// Component, as its binary is called.
    pub component: &'static str,
    /// Flag without dashes.
    pub name: &'static str,
    /// First minor that refuses it.
    pub since: u64,
}

const fn row(component: &'static str, name: &'static str, since: u64) -> RemovedFlag {
    RemovedFlag { component, name, since }
}

/// All of them, by component.
pub static REMOVED_FLAGS: &[RemovedFlag] = &[
    row("kube-apiserver", "insecure-port", 24),
    row("kube-apiserver", "port", 24),
    row("kube-apiserver", "address", 24),
    row("kube-apiserver", "insecure-bind-address", 24),
    row("kube-apiserver", "cloud-provider", 33),
    row("kube-apiserver", "cloud-config", 33),
    row("kube-controller-manager", "port", 24),
    row("kube-controller-manager", "address", 24),
    row("kube-controller-manager", "experimental-cluster-signing-duration", 25),
    row("kube-controller-manager", "pod-eviction-timeout", 27),
    row("kube-controller-manager", "enable-taint-manager", 27),
    row("kube-controller-manager", "concurrent-service-syncs", 37),
    row("kube-scheduler", "port", 24),
    row("kube-scheduler", "address", 24),
    row("kubelet", "network-plugin", 24),
    row("kubelet", "cni-bin-dir", 24),
    row("kubelet", "cni-conf-dir", 24),
    row("kubelet", "container-runtime", 27),
    row("kubelet", "cloud-config", 34),
    row("kubelet", "register-schedulable", 34),
    row("kubelet", "pod-infra-container-image", 35),
];

impl RemovedFlag {
    /// The row of a flag that a component of `minor` refuses.
    pub fn find(component: &str, name: &str, minor: u64) -> Option<&'static Self> {
        REMOVED_FLAGS.iter().find(|flag| flag.component == component && flag.name == name && flag.since <= minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_has_one_row() {
        for (i, row) in REMOVED_FLAGS.iter().enumerate() {
            assert!(
                !REMOVED_FLAGS[..i].iter().any(|other| (other.component, other.name) == (row.component, row.name)),
                "{row:?}"
            );
        }
        assert!(RemovedFlag::find("kubelet", "container-runtime", 26).is_none());
        assert_eq!(RemovedFlag::find("kubelet", "container-runtime", 27).unwrap().since, 27);
    }
}

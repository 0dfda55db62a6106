//! kubeadm's feature gates (`ClusterConfiguration.featureGates`) with their stage in each minor.

/// How far a gate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Off unless set.
    Alpha,
    /// On unless set.
    Beta,
    /// Always on.
    Stable,
    /// Off unless set, and going away.
    Deprecated,
}

impl Stage {
    /// Whether a gate at this stage is on when nobody sets it.
    pub const fn default(self) -> bool {
        matches!(self, Self::Beta | Self::Stable)
    }
}

/// A feature gate.
#[derive(Debug)]
pub struct Gate {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Stages with the minor in which each began, ascending.
    pub stages: &'static [(u64, Stage)],
    /// First minor that does not know it, and what holds then.
    pub removed: Option<(u64, &'static str)>,
}

/// Every gate of 1.18 and later, by name.
pub static GATES: &[Gate] = &[
    Gate {
        name: "ControlPlaneKubeletLocalMode",
        about: "kubelets of control-plane nodes talk to their own API server",
        stages: &[(31, Stage::Alpha), (33, Stage::Beta), (35, Stage::Stable)],
        removed: Some((36, "it is always on")),
    },
    Gate {
        name: "EtcdLearnerMode",
        about: "etcd members join as learners",
        stages: &[(27, Stage::Alpha), (29, Stage::Beta), (32, Stage::Stable)],
        removed: Some((33, "it is always on")),
    },
    Gate {
        name: "IPv6DualStack",
        about: "two subnets, one per IP family",
        stages: &[(16, Stage::Alpha), (21, Stage::Beta), (23, Stage::Stable)],
        removed: Some((24, "it is always on")),
    },
    Gate {
        name: "NodeLocalCRISocket",
        about: "the CRI socket is kept in the node's instance-config.yaml instead of an annotation on the Node",
        stages: &[(32, Stage::Alpha), (34, Stage::Beta), (36, Stage::Stable)],
        removed: Some((37, "it is always on")),
    },
    Gate {
        name: "PublicKeysECDSA",
        about: "private keys are ECDSA-P256; overrides `encryptionAlgorithm`",
        stages: &[(18, Stage::Alpha), (31, Stage::Deprecated)],
        removed: Some((37, "set `encryptionAlgorithm: ECDSA-P256` instead")),
    },
    Gate {
        name: "RootlessControlPlane",
        about: "components of the control plane run as users of their own",
        stages: &[(22, Stage::Alpha)],
        removed: None,
    },
    Gate {
        name: "UnversionedKubeletConfigMap",
        about: "the kubelet's ConfigMap carries no version in its name",
        stages: &[(23, Stage::Alpha), (24, Stage::Beta), (25, Stage::Stable)],
        removed: Some((26, "it is always on")),
    },
    Gate {
        name: "UpgradeAddonsBeforeControlPlane",
        about: "addons are upgraded first",
        stages: &[(28, Stage::Deprecated)],
        removed: Some((31, "it is always off")),
    },
    Gate {
        name: "WaitForAllControlPlaneComponents",
        about: "init waits for all components, not only the API server",
        stages: &[(30, Stage::Alpha), (33, Stage::Beta), (34, Stage::Stable)],
        removed: Some((35, "it is always on")),
    },
];

impl Gate {
    /// The gate of that name, known to some minor.
    pub fn find(name: &str) -> Option<&'static Self> {
        GATES.iter().find(|gate| gate.name == name)
    }

    /// Its stage in a minor; `None` if that minor does not know it.
    pub fn stage(&self, minor: u64) -> Option<Stage> {
        let gone = self.removed.is_some_and(|(since, _)| minor >= since);
        let stage = self.stages.iter().rev().find(|(since, _)| *since <= minor).map(|(_, stage)| *stage);
        stage.filter(|_| !gone)
    }

    /// Gates that a minor knows.
    pub fn known(minor: u64) -> impl Iterator<Item = &'static Self> {
        GATES.iter().filter(move |gate| gate.stage(minor).is_some())
    }

    /// Whether it is on in a minor when nobody sets it; after its removal what it has become.
    pub fn default(&self, minor: u64) -> bool {
        let last = self.stages.iter().rev().find(|(since, _)| *since <= minor);
        last.is_some_and(|(_, stage)| stage.default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_sorted_and_their_stages_ascend() {
        assert!(GATES.windows(2).all(|pair| pair[0].name < pair[1].name));
        for gate in GATES {
            assert!(!gate.stages.is_empty(), "{}", gate.name);
            assert!(gate.stages.windows(2).all(|pair| pair[0].0 < pair[1].0), "{}", gate.name);
            if let (Some((removed, _)), Some((last, _))) = (gate.removed, gate.stages.last()) {
                assert!(removed > *last, "{}", gate.name);
            }
        }
    }

    #[test]
    fn what_a_minor_knows() {
        let known = |minor| Gate::known(minor).map(|gate| gate.name).collect::<Vec<_>>();
        assert_eq!(known(20), ["IPv6DualStack", "PublicKeysECDSA"]);
        assert_eq!(known(36), ["NodeLocalCRISocket", "PublicKeysECDSA", "RootlessControlPlane"]);
        assert_eq!(known(37), ["RootlessControlPlane"]);
        assert!(Gate::find("EtcdLearnerMode").unwrap().default(36));
        assert!(!Gate::find("UpgradeAddonsBeforeControlPlane").unwrap().default(36));
        assert!(!Gate::find("NodeLocalCRISocket").unwrap().default(33));
    }
}

//! Versions of the configuration API: which can be read and which cannot any more. Each version is one module that
//! reads its own kinds and hands out the newest version's; adding one is that module and a line in [`VERSIONS`].

use super::duration::GoDuration;
use super::v1beta4::{
    ClusterConfiguration, InitConfiguration, JoinConfiguration, ResetConfiguration, UpgradeConfiguration,
};
use super::{v1beta3, v1beta4};
use crate::report::Report;
use crate::yaml::Node;

/// API group of kubeadm's configuration.
pub const GROUP: &str = "kubeadm.k8s.io";

/// One version of the API.
#[derive(Debug)]
pub struct ApiVersion {
    /// Its name without the group: `v1beta4`.
    pub name: &'static str,
    /// Whether it is on its way out: a warning, as kubeadm gives it.
    pub deprecated: bool,
    /// Its kinds.
    pub kinds: &'static [KindReader],
}

/// How a kind is read.
#[derive(Debug)]
pub struct KindReader {
    /// Its name.
    pub kind: &'static str,
    /// Reads a document and puts what it says into the newest version's types.
    pub read: fn(&Node, &mut Parts, &mut Report),
}

/// What the documents of a file say, in the newest version's types, before any default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// InitConfiguration.
    pub init: Option<InitConfiguration>,
    /// ClusterConfiguration.
    pub cluster: Option<ClusterConfiguration>,
    /// JoinConfiguration.
    pub join: Option<JoinConfiguration>,
    /// ResetConfiguration.
    pub reset: Option<ResetConfiguration>,
    /// UpgradeConfiguration.
    pub upgrade: Option<UpgradeConfiguration>,
    /// A timeout that older versions keep in ClusterConfiguration and the newest in InitConfiguration.
    pub timeout_for_control_plane: Option<GoDuration>,
}

/// Versions that can be read, oldest first. The last one is what is written.
pub static VERSIONS: &[&ApiVersion] = &[&v1beta3::VERSION, &v1beta4::VERSION];

/// Versions that cannot be read any more, with the newest kubeadm that migrates them.
pub static RETIRED: &[(&str, &str)] =
    &[("v1alpha1", "v1.11"), ("v1alpha2", "v1.12"), ("v1alpha3", "v1.14"), ("v1beta1", "v1.15"), ("v1beta2", "v1.22")];

impl ApiVersion {
    /// The version of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        VERSIONS.iter().find(|version| version.name == name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_version_can_init_and_join() {
        let mut names: Vec<&str> =
            VERSIONS.iter().map(|v| v.name).chain(RETIRED.iter().map(|(name, _)| *name)).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for version in VERSIONS {
            for kind in ["InitConfiguration", "ClusterConfiguration", "JoinConfiguration"] {
                assert!(version.kinds.iter().any(|reader| reader.kind == kind), "{} {kind}", version.name);
            }
        }
        assert_eq!(VERSIONS.last().map(|v| format!("{GROUP}/{}", v.name)).as_deref(), Some(v1beta4::API_VERSION));
    }
}

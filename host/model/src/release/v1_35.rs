//! v1.35, stated as what changed since [`V1_34`].

use super::v1_34::V1_34;
use super::{CgroupV1, ImageRow, PodInfraFlag, Release};

/// v1.35.
pub(super) const V1_35: Release = Release {
    minor: 35,
    newest_patch: 9,
    images: &[ImageRow { from: 0, coredns: "v1.13.1", etcd: "3.6.6-0", pause: "3.10.1" }],
    kubelet_client_bare_since_patch: Some(5),
    pod_infra_flag: PodInfraFlag::Never,
    cgroup_v1: CgroupV1::ErrorFromKubelet(35),
    runtime_config_required_from: Some(37),
    ..V1_34
};

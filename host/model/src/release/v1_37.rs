//! v1.37, stated as what changed since [`V1_36`].

use super::v1_36::V1_36;
use super::{ImageRow, Release};

/// v1.37.
pub(super) const V1_37: Release = Release {
    minor: 37,
    newest_patch: 1,
    images: &[ImageRow { from: 0, coredns: "v1.14.6", etcd: "3.7.0-0", pause: "3.10.2" }],
    kubelet_client_bare_since_patch: Some(0),
    explicit_proxy_mode: true,
    runtime_config_required_from: Some(38),
    port_checks_bind_address: true,
    ..V1_36
};

//! v1.36, stated as what changed since [`V1_35`].

use super::v1_35::V1_35;
use super::{ArgOrder, EtcdFlags, ImageRow, Release};

/// v1.36.
pub(super) const V1_36: Release = Release {
    minor: 36,
    newest_patch: 4,
    images: &[ImageRow { from: 0, coredns: "v1.14.2", etcd: "3.6.8-0", pause: "3.10.2" }],
    arg_order: ArgOrder::UserAppended,
    flexvolume_dir: false,
    etcd_flags: EtcdFlags::Stable,
    kubelet_client_bare_since_patch: Some(1),
    ..V1_35
};

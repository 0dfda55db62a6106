//! KubeletConfiguration and KubeProxyConfiguration: carried through, defaulted, written as Go writes them.

mod base_fields;
pub mod duration;
pub mod kube_proxy_fields;
pub mod kubelet_fields;
pub mod schema;

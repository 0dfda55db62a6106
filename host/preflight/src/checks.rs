//! The checks, one file each, under kubeadm's names. A check that exists several times (ports, files, programs) is one
//! file with parameters. None of them decides whether it runs: that is the lists' work.

pub mod container_runtime_version;
pub mod cri;
pub mod dir_available;
pub mod external_etcd_version;
pub mod file_available;
pub mod file_content;
pub mod file_existing;
pub mod firewalld;
pub mod hostname;
pub mod http_proxy;
pub mod http_proxy_cidr;
pub mod image_pull;
pub mod kubelet_version;
pub mod kubernetes_version;
pub mod mem;
pub mod num_cpu;
pub mod port;
pub mod privileged_user;
pub mod program;
pub mod service;
pub mod swap;
pub mod system_verification;

/// A path as it stands in a check's name: every slash becomes a dash.
pub(crate) fn path_label(path: &str) -> String {
    path.replace('/', "-")
}

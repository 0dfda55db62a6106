//! The table of known causes, most specific first. To add one: a file in `causes/` and a line in both lists here.

use super::Cause;

mod certificate;
mod cgroup_driver;
mod cgroup_v1;
mod clock;
mod component_crash;
mod component_flag;
mod cri_socket;
mod disk_full;
mod etcd_slow;
mod hostname;
mod image_pull;
mod kubelet_config;
mod kubelet_crash;
mod kubelet_flag;
mod nothing_started;
mod out_of_memory;
mod port_taken;
mod sandbox_image;
mod swap_on;

/// Every known cause. The first that matches is the diagnosis, so what explains others stands before them: a dead
/// kubelet before what it could not start, a missing sandbox image before missing images, a wrong clock before
/// certificates, fallbacks last.
pub static CAUSES: &[&Cause] = &[
    &kubelet_flag::CAUSE,
    &cgroup_v1::CAUSE,
    &kubelet_config::CAUSE,
    &swap_on::CAUSE,
    &cgroup_driver::CAUSE,
    &cri_socket::CAUSE,
    &disk_full::CAUSE,
    &sandbox_image::CAUSE,
    &image_pull::CAUSE,
    &component_flag::CAUSE,
    &port_taken::CAUSE,
    &clock::CAUSE,
    &certificate::CAUSE,
    &out_of_memory::CAUSE,
    &etcd_slow::CAUSE,
    &hostname::CAUSE,
    &kubelet_crash::CAUSE,
    &component_crash::CAUSE,
    &nothing_started::CAUSE,
];

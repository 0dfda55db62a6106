//! What is being set up, as plugins are told.

use kubephase_model::Cluster;
use kubephase_model::layout::{ADMIN_CONF, KUBERNETES_DIR};
use kubephase_model::plugin::facts::{Attributes, ClusterFacts};

/// Of a cluster. `workflow` is `init`, `join`, `upgrade` or `reset`; `is_worker` if this node gets no control plane.
pub fn cluster_facts(cluster: &Cluster, workflow: &str, is_worker: bool) -> ClusterFacts {
    let config = &cluster.config;
    let list = |subnets: &str| subnets.split(',').filter(|subnet| !subnet.is_empty()).map(str::to_owned).collect();
    let etcd = cluster.local_etcd().map(|etcd| etcd.data_dir.0.clone()).filter(|_| !is_worker);
    // Only there the first administrator has no rights before the first one who has them all has given him some.
    let is_first = workflow == "init" && cluster.release.super_admin;
    let admin = if is_first { format!("{KUBERNETES_DIR}/super-admin.conf") } else { ADMIN_CONF.to_owned() };
    ClusterFacts {
        workflow: workflow.to_owned(),
        role: if is_worker { "worker" } else { "control-plane" }.to_owned(),
        kubernetes_version: cluster.kubernetes_version(),
        cluster_name: config.cluster_name.clone(),
        node_name: cluster.node_name().to_owned(),
        advertise_address: if is_worker { String::new() } else { cluster.advertise_address().to_string() },
        bind_port: if is_worker { 0 } else { cluster.bind_port() },
        control_plane_endpoint: config.control_plane_endpoint.clone(),
        pod_subnets: list(&config.networking.pod_subnet),
        service_subnets: list(&config.networking.service_subnet),
        dns_domain: config.networking.dns_domain.clone(),
        image_repository: config.image_repository.clone(),
        certificates_dir: config.certificates_dir.clone(),
        etcd_data_dir: etcd.unwrap_or_default(),
        attributes: Attributes::from([("admin-kubeconfig".to_owned(), admin)]),
    }
}

//! What is stored of the configuration in the cluster, in the ConfigMap `kubeadm-config`: in the API version that
//! kubeadm of the deployed minor reads and writes. Values only; their text form is the renderer's.

use serde_json::Value;

use super::record::Field;
use super::v1beta4::{Arg, ClusterConfiguration};
use super::versions::GROUP;
use super::{v1beta2, v1beta3};
use crate::Cluster;
use crate::cluster::arg_value;

/// How a version writes a ClusterConfiguration, without `apiVersion` and `kind`.
type Writer = fn(&Cluster, &ClusterConfiguration) -> Value;

/// Versions in which it is stored. A new one is a line.
const WRITERS: &[(&str, Writer)] = &[
    ("v1beta2", |cluster, config| v1beta2::cluster_configuration(&old(cluster, config))),
    ("v1beta3", |cluster, config| old(cluster, config).write_always()),
    ("v1beta4", |_, config| config.write_always()),
];

fn old(cluster: &Cluster, config: &ClusterConfiguration) -> v1beta3::ClusterConfiguration {
    let timeouts = cluster.init.timeouts.clone().unwrap_or_default().or_defaults();
    v1beta3::ClusterConfiguration::of(config, timeouts.control_plane_component_health_check)
}

/// The ClusterConfiguration as it is stored (`UploadConfiguration` in kubeadm).
pub fn cluster_configuration(cluster: &Cluster) -> Value {
    let mut config = cluster.config.clone();
    let args = &mut config.api_server.component.extra_args;
    // kubeadm keeps its default there when it renders the manifest, which comes before storing.
    if cluster.release.stored_authorization_mode && arg_value(args, "authorization-mode").is_none() {
        args.push(Arg::new("authorization-mode", "Node,RBAC"));
    }
    let api_version = cluster.release.stored_api_version;
    let writer = WRITERS.iter().find(|(name, _)| api_version.split_once('/') == Some((GROUP, name)));
    // Every release's version has a writer: a test sees to it.
    let mut value = writer.map_or_else(|| config.write_always(), |(_, write)| write(cluster, &config));
    value["apiVersion"] = api_version.into();
    value["kind"] = "ClusterConfiguration".into();
    value
}

/// The ClusterStatus as it is stored, for minors that have it: what is there already, with this node's API server.
pub fn cluster_status(cluster: &Cluster, existing: Option<Value>) -> Option<Value> {
    let status = || v1beta2::cluster_status(existing, cluster.node_name(), &cluster.init.local_api_endpoint);
    cluster.release.cluster_status.then(status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::RELEASES;

    #[test]
    fn every_release_has_a_writer() {
        for release in RELEASES {
            let known =
                WRITERS.iter().any(|(name, _)| release.stored_api_version.split_once('/') == Some((GROUP, name)));
            assert!(known, "{}", release.name());
        }
    }
}

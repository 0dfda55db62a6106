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
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::config::flags::InitFlags;
    use crate::config::load::{Command, load};
    use crate::config::resolve::resolve_init;
    use crate::release::RELEASES;
    use crate::report::Source;
    use crate::{Facts, Report};

    fn cluster(version: &str) -> Cluster {
        let text = format!(
            "apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration: {{name: cp1}}
localAPIEndpoint: {{advertiseAddress: 192.0.2.10, bindPort: 6444}}
timeouts: {{controlPlaneComponentHealthCheck: 2m}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: {version}
controlPlaneEndpoint: cp.example.com
apiServer:
  certSANs: [a.example.com]
  extraArgs: [{{name: v, value: '1'}}, {{name: v, value: '2'}}]
  extraEnvs: [{{name: A, value: b}}]
controllerManager: {{extraVolumes: [{{name: a, hostPath: /a, mountPath: /a}}]}}
dns: {{imageTag: 1.8.0}}
etcd: {{external: {{endpoints: ['https://192.0.2.1:2379'], caFile: /ca, certFile: /cert, keyFile: /key}}}}
proxy: {{disabled: true}}
"
        );
        let (mut report, facts) = (Report::default(), Facts::default());
        let documents = load(&Arc::new(Source { name: "c.yaml".into(), text }), Command::Init, &mut report);
        let lookup = |_: &str| Err(String::new());
        let flags = InitFlags::default();
        resolve_init(Some(&documents), &flags, &facts, &lookup, &mut |bytes| bytes.fill(7), true, &mut report)
            .unwrap_or_else(|| panic!("{report}"))
    }

    #[test]
    fn an_old_release_gets_what_it_can_read() {
        let cluster = cluster("v1.20.2");
        assert_eq!(
            cluster_configuration(&cluster),
            json!({
                "apiServer": {
                    "certSANs": ["a.example.com"],
                    "extraArgs": { "authorization-mode": "Node,RBAC", "v": "2" },
                    "timeoutForControlPlane": "2m0s",
                },
                "apiVersion": "kubeadm.k8s.io/v1beta2",
                "certificatesDir": "/etc/kubernetes/pki",
                "clusterName": "kubernetes",
                "controlPlaneEndpoint": "cp.example.com:6444",
                "controllerManager": { "extraVolumes": [{ "name": "a", "hostPath": "/a", "mountPath": "/a" }] },
                "dns": { "imageTag": "1.8.0", "type": "CoreDNS" },
                "etcd": { "external": {
                    "endpoints": ["https://192.0.2.1:2379"], "caFile": "/ca", "certFile": "/cert", "keyFile": "/key",
                } },
                "imageRepository": "k8s.gcr.io",
                "kind": "ClusterConfiguration",
                "kubernetesVersion": "v1.20.2",
                "networking": { "dnsDomain": "cluster.local", "serviceSubnet": "10.96.0.0/12" },
                "scheduler": {},
            })
        );
        let status = cluster_status(&cluster, None).unwrap();
        assert_eq!(status["apiEndpoints"], json!({ "cp1": { "advertiseAddress": "192.0.2.10", "bindPort": 6444 } }));
        // What others left there stays, and what nobody can read goes.
        let others = json!({ "apiEndpoints": { "cp2": {} } });
        assert_eq!(cluster_status(&cluster, Some(others)).unwrap()["apiEndpoints"].as_object().unwrap().len(), 2);
        assert_eq!(cluster_status(&cluster, Some("?".into())).unwrap(), status);
    }

    #[test]
    fn a_new_release_gets_everything() {
        let cluster = cluster("v1.36.2");
        let stored = cluster_configuration(&cluster);
        assert_eq!(stored["apiServer"]["extraEnvs"], json!([{ "name": "A", "value": "b" }]));
        assert_eq!(stored["apiServer"]["extraArgs"].as_array().unwrap().len(), 2);
        assert_eq!(stored["proxy"], json!({ "disabled": true }));
        assert_eq!(cluster_status(&cluster, None), None);
    }

    #[test]
    fn every_release_has_a_writer() {
        for release in RELEASES {
            let known =
                WRITERS.iter().any(|(name, _)| release.stored_api_version.split_once('/') == Some((GROUP, name)));
            assert!(known, "{}", release.name());
        }
    }
}

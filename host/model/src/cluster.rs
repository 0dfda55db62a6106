//! The resolved, valid, immutable answer to "what was asked for".

use std::net::IpAddr;

use semver::Version;
use serde_json::Value;

use crate::config::v1beta4::{ClusterConfiguration, InitConfiguration, NodeRegistrationOptions};
use crate::{Facts, Release};

/// Everything that rendering, certificates, checks and phases need to know. Made by [`crate::config`], then never
/// changed.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// This node's part, all defaults filled in.
    pub init: InitConfiguration,
    /// The cluster's part, all defaults filled in; `kubernetes_version` is resolved.
    pub config: ClusterConfiguration,
    /// KubeletConfiguration with kubeadm's defaults, without the zero values that Go's encoder adds.
    pub kubelet: Value,
    /// KubeProxyConfiguration likewise.
    pub kube_proxy: Value,
    /// The version to deploy.
    pub version: Version,
    /// What is particular about that minor.
    pub release: &'static Release,
    /// The machine.
    pub facts: Facts,
}

impl Cluster {
    /// This node's registration.
    pub fn node(&self) -> &NodeRegistrationOptions {
        &self.init.node_registration
    }

    /// Address that this API server advertises. Defaults and validation have made sure that it parses.
    pub fn advertise_address(&self) -> IpAddr {
        self.init.local_api_endpoint.advertise_address.parse().unwrap_or(IpAddr::from([0, 0, 0, 0]))
    }

    /// Port that this API server listens on.
    pub fn bind_port(&self) -> u16 {
        u16::try_from(self.init.local_api_endpoint.bind_port).unwrap_or(6443)
    }

    /// `certificatesDir`.
    pub fn pki(&self) -> &str {
        &self.config.certificates_dir
    }
}

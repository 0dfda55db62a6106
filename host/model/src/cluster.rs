//! The resolved, valid, immutable answer to "what was asked for".

use std::net::IpAddr;

use semver::Version;
use serde_json::Value;

use crate::component::Component;
use crate::config::duration::GoDuration;
use crate::config::v1beta4::{
    Arg, ClusterConfiguration, Deadlines, ExternalEtcd, InitConfiguration, LocalEtcd, NodeRegistrationOptions,
};
use crate::gate::Gate;
use crate::names::{Cidr, HostPort, join_host_port};
use crate::plugin::PluginConfiguration;
use crate::{Facts, KeyAlgorithm, Release};

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
    /// Components whose configuration was given. What is stored of the others is signed, so that it may be generated
    /// anew when the cluster is upgraded.
    pub given: Vec<Component>,
    /// The version to deploy.
    pub version: Version,
    /// Whether that version is a build of Kubernetes' CI (`ci/…`), whose images are in a registry of their own.
    pub ci: bool,
    /// What is particular about that minor.
    pub release: &'static Release,
    /// Plugins of the whole cluster; which of them run here, their role says.
    pub plugins: PluginConfiguration,
    /// The machine.
    pub facts: Facts,
}

impl Cluster {
    /// This node's registration.
    pub fn node(&self) -> &NodeRegistrationOptions {
        &self.init.node_registration
    }

    /// This node's name, as certificates have it.
    pub fn node_name(&self) -> &str {
        &self.node().name
    }

    /// The name under which the kubelet registers: its flag `hostname-override`, or this node's name.
    pub fn node_name_for_kubelet(&self) -> &str {
        self.node().name_for_kubelet()
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

    /// The version with its `v`, as images and objects have it.
    pub fn kubernetes_version(&self) -> String {
        format!("v{}", self.version)
    }

    /// `host:port` of this node's API server.
    pub fn local_api_host_port(&self) -> String {
        join_host_port(&self.advertise_address().to_string(), self.bind_port())
    }

    /// URL of this node's API server.
    pub fn local_api_url(&self) -> String {
        format!("https://{}", self.local_api_host_port())
    }

    /// `controlPlaneEndpoint`, if it is set.
    pub fn control_plane_endpoint(&self) -> Option<HostPort> {
        self.config.control_plane_endpoint.parse().ok()
    }

    /// `host:port` under which the cluster is known: `controlPlaneEndpoint`, or this node's API server.
    pub fn api_host_port(&self) -> String {
        match self.control_plane_endpoint() {
            Some(endpoint) => endpoint.with_port(self.bind_port()),
            None => self.local_api_host_port(),
        }
    }

    /// URL of the same.
    pub fn api_endpoint_url(&self) -> String {
        format!("https://{}", self.api_host_port())
    }

    /// `serviceSubnet`, parsed.
    pub fn service_subnets(&self) -> Vec<Cidr> {
        Cidr::list(&self.config.networking.service_subnet).unwrap_or_default()
    }

    /// `podSubnet`, parsed; empty if it is not set.
    pub fn pod_subnets(&self) -> Vec<Cidr> {
        Cidr::list(&self.config.networking.pod_subnet).unwrap_or_default()
    }

    /// The nth address of the first service subnet.
    pub fn service_ip(&self, n: u32) -> Option<IpAddr> {
        self.service_subnets().first().and_then(|subnet| subnet.nth(n))
    }

    /// Address of the Service `kubernetes`: the first one. Validation has made sure that it exists.
    pub fn kubernetes_service_ip(&self) -> IpAddr {
        self.service_ip(1).unwrap_or(IpAddr::from([10, 96, 0, 1]))
    }

    /// Address of the cluster's DNS: the tenth one. Validation has made sure that it exists.
    pub fn dns_ip(&self) -> IpAddr {
        self.service_ip(10).unwrap_or(IpAddr::from([10, 96, 0, 10]))
    }

    /// Whether a subnet or the advertised address is of that family.
    pub fn uses_ip_family(&self, ipv6: bool) -> bool {
        let subnets = self.service_subnets().into_iter().chain(self.pod_subnets());
        subnets.into_iter().any(|subnet| subnet.is_ipv6() == ipv6) || self.advertise_address().is_ipv6() == ipv6
    }

    /// Whether a feature gate is on: as set, or by its default in this minor.
    pub fn feature(&self, name: &str) -> bool {
        let default = || Gate::find(name).is_some_and(|gate| gate.default(self.release.minor));
        self.config.feature_gates.get(name).copied().unwrap_or_else(default)
    }

    /// Kind of all private keys. The gate `PublicKeysECDSA` wins over `encryptionAlgorithm` when it is set, either
    /// way.
    pub fn key_algorithm(&self) -> KeyAlgorithm {
        match self.config.feature_gates.get("PublicKeysECDSA") {
            Some(true) => KeyAlgorithm::EcdsaP256,
            Some(false) => KeyAlgorithm::Rsa2048,
            None => self.config.encryption_algorithm.parse().unwrap_or_default(),
        }
    }

    /// Whether the CRI socket is kept in `instance-config.yaml`.
    pub fn instance_config(&self) -> bool {
        self.release.instance_config && self.feature("NodeLocalCRISocket")
    }

    /// Whether this control-plane node's kubelet.conf points at its own API server.
    pub fn local_kubelet_kubeconfig(&self) -> bool {
        self.release.local_kubelet_kubeconfig && self.feature("ControlPlaneKubeletLocalMode")
    }

    /// etcd, if we run it.
    pub fn local_etcd(&self) -> Option<&LocalEtcd> {
        self.config.etcd.local.as_ref()
    }

    /// etcd, if somebody else runs it.
    pub fn external_etcd(&self) -> Option<&ExternalEtcd> {
        self.config.etcd.external.as_ref()
    }

    /// Lifetime of certificates.
    pub fn certificate_validity(&self) -> GoDuration {
        self.config.certificate_validity_period.unwrap_or(GoDuration::hours(8760))
    }

    /// Lifetime of certificate authorities.
    pub fn ca_certificate_validity(&self) -> GoDuration {
        self.config.ca_certificate_validity_period.unwrap_or(GoDuration::hours(87600))
    }

    /// How long to wait for what.
    pub fn deadlines(&self) -> Deadlines {
        self.init.timeouts.clone().unwrap_or_default().deadlines()
    }
}

/// The value of the last argument with that name.
pub fn arg_value<'a>(args: &'a [Arg], name: &str) -> Option<&'a str> {
    args.iter().rev().find(|arg| arg.name == name).map(|arg| arg.value.0.as_str())
}

//! `kubeadm.k8s.io/v1beta3`: written by kubeadm 1.22 to 1.30, read until 1.36. Arguments are maps here, timeouts are
//! scattered, and what came later is absent. Reading ends in [`super::v1beta4`]; written is only what is stored in the
//! cluster.

use std::collections::BTreeMap;

use super::duration::GoDuration;
use super::v1beta4::{
    self, APIEndpoint, Arg, ArgValue, BootstrapToken, BootstrapTokenDiscovery, Endpoints, FileDiscovery, HostPathMount,
    JoinControlPlane, Networking, Patches, Taints, Timeouts,
};
use super::versions::{ApiVersion, KindReader, Parts};
use crate::record;
use crate::report::Report;
use crate::yaml::Node;

/// This version.
pub(super) const VERSION: ApiVersion = ApiVersion {
    name: "v1beta3",
    deprecated: true,
    kinds: &[
        KindReader { kind: "InitConfiguration", read: init },
        KindReader { kind: "ClusterConfiguration", read: cluster },
        KindReader { kind: "JoinConfiguration", read: join },
    ],
};

record! {
    /// InitConfiguration.
    pub struct InitConfiguration {
        /// Tokens to create.
        pub bootstrap_tokens: Vec<BootstrapToken> = "bootstrapTokens",
        /// How this node is registered.
        pub node_registration: NodeRegistrationOptions = "nodeRegistration",
        /// Where this node's API server listens.
        pub local_api_endpoint: APIEndpoint = "localAPIEndpoint",
        /// Key that encrypts uploaded certificates.
        pub certificate_key: String = "certificateKey",
        /// Phases to leave out.
        pub skip_phases: Vec<String> = "skipPhases",
        /// Patches.
        pub patches: Option<Patches> = "patches",
    }
}

record! {
    /// ClusterConfiguration.
    pub struct ClusterConfiguration {
        /// etcd.
        pub etcd: Etcd = "etcd",
        /// Subnets and the DNS domain.
        pub networking: Networking = "networking",
        /// Version to deploy.
        pub kubernetes_version: String = "kubernetesVersion",
        /// Stable address of the control plane.
        pub control_plane_endpoint: String = "controlPlaneEndpoint",
        /// kube-apiserver.
        pub api_server: APIServer = "apiServer",
        /// kube-controller-manager.
        pub controller_manager: ControlPlaneComponent = "controllerManager",
        /// kube-scheduler.
        pub scheduler: ControlPlaneComponent = "scheduler",
        /// CoreDNS.
        pub dns: DNS = "dns",
        /// Where certificates are kept.
        pub certificates_dir: String = "certificatesDir",
        /// Registry.
        pub image_repository: String = "imageRepository",
        /// Feature gates.
        pub feature_gates: BTreeMap<String, bool> = "featureGates",
        /// Name of the cluster.
        pub cluster_name: String = "clusterName",
    }
}

record! {
    /// JoinConfiguration.
    pub struct JoinConfiguration {
        /// How this node is registered.
        pub node_registration: NodeRegistrationOptions = "nodeRegistration",
        /// Where the cluster's CA certificate is written.
        pub ca_cert_path: String = "caCertPath",
        /// How the cluster is found and trusted.
        pub discovery: Discovery = "discovery",
        /// Set to join as a control-plane node.
        pub control_plane: Option<JoinControlPlane> = "controlPlane",
        /// Phases to leave out.
        pub skip_phases: Vec<String> = "skipPhases",
        /// Patches.
        pub patches: Option<Patches> = "patches",
    }
}

record! {
    /// How a node is registered.
    pub struct NodeRegistrationOptions {
        /// Name.
        pub name: String = "name",
        /// CRI endpoint.
        pub cri_socket: String = "criSocket",
        /// Taints.
        pub taints: Taints = "taints",
        /// Flags for the kubelet.
        pub kubelet_extra_args: BTreeMap<String, ArgValue> = "kubeletExtraArgs",
        /// Checks whose errors become warnings.
        pub ignore_preflight_errors: Vec<String> = "ignorePreflightErrors",
        /// Pull policy.
        pub image_pull_policy: String = "imagePullPolicy",
    }
}

record! {
    /// What the components of the control plane have in common.
    pub struct ControlPlaneComponent {
        /// Arguments.
        pub extra_args: BTreeMap<String, ArgValue> = "extraArgs",
        /// Mounts.
        pub extra_volumes: Vec<HostPathMount> = "extraVolumes",
    }
}

record! {
    /// kube-apiserver.
    pub struct APIServer {
        inline component: ControlPlaneComponent,
        /// More names for its certificate.
        pub cert_sans: Vec<String> = "certSANs",
        /// How long init waits for it.
        pub timeout_for_control_plane: Option<GoDuration> = "timeoutForControlPlane",
    }
}

record! {
    /// CoreDNS.
    pub struct DNS {
        /// Registry.
        pub image_repository: String = "imageRepository",
        /// Tag.
        pub image_tag: String = "imageTag",
    }
}

record! {
    /// etcd: exactly one of the two.
    pub struct Etcd {
        /// Run by us.
        pub local: Option<LocalEtcd> = "local",
        /// Somebody else's.
        pub external: Option<ExternalEtcd> = "external",
    }
}

record! {
    /// etcd as a static pod.
    pub struct LocalEtcd {
        /// Registry.
        pub image_repository: String = "imageRepository",
        /// Tag.
        pub image_tag: String = "imageTag",
        /// Data directory.
        pub data_dir: ArgValue = "dataDir",
        /// Arguments.
        pub extra_args: BTreeMap<String, ArgValue> = "extraArgs",
        /// More names for its serving certificate.
        pub server_cert_sans: Vec<String> = "serverCertSANs",
        /// More names for its peer certificate.
        pub peer_cert_sans: Vec<String> = "peerCertSANs",
    }
}

record! {
    /// An etcd cluster that exists already.
    pub struct ExternalEtcd {
        /// URLs of its members.
        pub endpoints: Endpoints = "endpoints",
        /// CA certificate.
        pub ca_file: ArgValue = "caFile",
        /// Client certificate.
        pub cert_file: ArgValue = "certFile",
        /// Client key.
        pub key_file: ArgValue = "keyFile",
    }
}

record! {
    /// How the cluster is found and trusted.
    pub struct Discovery {
        /// By a token.
        pub bootstrap_token: Option<BootstrapTokenDiscovery> = "bootstrapToken",
        /// By a kubeconfig file.
        pub file: Option<FileDiscovery> = "file",
        /// Token for the kubelet's TLS bootstrap.
        pub tls_bootstrap_token: String = "tlsBootstrapToken",
        /// How long to look for the cluster.
        pub timeout: Option<GoDuration> = "timeout",
    }
}

fn init(node: &Node, parts: &mut Parts, report: &mut Report) {
    let Some(old) = super::load::read_document::<InitConfiguration>(node, report) else { return };
    parts.init = Some(v1beta4::InitConfiguration {
        bootstrap_tokens: old.bootstrap_tokens,
        node_registration: registration(old.node_registration),
        local_api_endpoint: old.local_api_endpoint,
        certificate_key: old.certificate_key,
        skip_phases: old.skip_phases,
        patches: old.patches,
        ..Default::default()
    });
}

fn cluster(node: &Node, parts: &mut Parts, report: &mut Report) {
    let Some(old) = super::load::read_document::<ClusterConfiguration>(node, report) else { return };
    parts.timeout_for_control_plane = old.api_server.timeout_for_control_plane;
    parts.cluster = Some(v1beta4::ClusterConfiguration {
        etcd: v1beta4::Etcd { local: old.etcd.local.map(local_etcd), external: old.etcd.external.map(external_etcd) },
        networking: old.networking,
        kubernetes_version: old.kubernetes_version,
        control_plane_endpoint: old.control_plane_endpoint,
        api_server: v1beta4::APIServer {
            component: component(old.api_server.component),
            cert_sans: old.api_server.cert_sans,
        },
        controller_manager: component(old.controller_manager),
        scheduler: component(old.scheduler),
        dns: v1beta4::DNS { image_repository: old.dns.image_repository, image_tag: old.dns.image_tag, disabled: false },
        certificates_dir: old.certificates_dir,
        image_repository: old.image_repository,
        feature_gates: old.feature_gates,
        cluster_name: old.cluster_name,
        ..Default::default()
    });
}

fn join(node: &Node, parts: &mut Parts, report: &mut Report) {
    let Some(old) = super::load::read_document::<JoinConfiguration>(node, report) else { return };
    parts.join = Some(v1beta4::JoinConfiguration {
        node_registration: registration(old.node_registration),
        ca_cert_path: old.ca_cert_path,
        timeouts: old.discovery.timeout.map(|timeout| Timeouts { discovery: Some(timeout), ..Timeouts::default() }),
        discovery: v1beta4::Discovery {
            bootstrap_token: old.discovery.bootstrap_token,
            file: old.discovery.file,
            tls_bootstrap_token: old.discovery.tls_bootstrap_token,
        },
        control_plane: old.control_plane,
        skip_phases: old.skip_phases,
        patches: old.patches,
        ..Default::default()
    });
}

fn registration(old: NodeRegistrationOptions) -> v1beta4::NodeRegistrationOptions {
    v1beta4::NodeRegistrationOptions {
        name: old.name,
        cri_socket: old.cri_socket,
        taints: old.taints,
        kubelet_extra_args: args(old.kubelet_extra_args),
        ignore_preflight_errors: old.ignore_preflight_errors,
        image_pull_policy: old.image_pull_policy,
        image_pull_serial: None,
    }
}

fn component(old: ControlPlaneComponent) -> v1beta4::ControlPlaneComponent {
    v1beta4::ControlPlaneComponent {
        extra_args: args(old.extra_args),
        extra_volumes: old.extra_volumes,
        extra_envs: Vec::new(),
    }
}

fn local_etcd(old: LocalEtcd) -> v1beta4::LocalEtcd {
    v1beta4::LocalEtcd {
        image_repository: old.image_repository,
        image_tag: old.image_tag,
        data_dir: old.data_dir,
        extra_args: args(old.extra_args),
        extra_envs: Vec::new(),
        server_cert_sans: old.server_cert_sans,
        peer_cert_sans: old.peer_cert_sans,
    }
}

fn external_etcd(old: ExternalEtcd) -> v1beta4::ExternalEtcd {
    v1beta4::ExternalEtcd {
        endpoints: old.endpoints,
        http_endpoints: Vec::new(),
        ca_file: old.ca_file,
        cert_file: old.cert_file,
        key_file: old.key_file,
    }
}

/// A map of arguments as the list that it became, by name.
fn args(old: BTreeMap<String, ArgValue>) -> Vec<Arg> {
    old.into_iter().map(|(name, value)| Arg { name, value }).collect()
}

impl ClusterConfiguration {
    /// What this version can say of a configuration. What it cannot is lost, as kubeadm loses it: environment
    /// variables, the kind of keys, lifetimes of certificates, disabled addons. Of an argument that is given twice the
    /// last one stays.
    pub fn of(config: &v1beta4::ClusterConfiguration, timeout_for_control_plane: Option<GoDuration>) -> Self {
        let local = |etcd: &v1beta4::LocalEtcd| LocalEtcd {
            image_repository: etcd.image_repository.clone(),
            image_tag: etcd.image_tag.clone(),
            data_dir: etcd.data_dir.clone(),
            extra_args: map(&etcd.extra_args),
            server_cert_sans: etcd.server_cert_sans.clone(),
            peer_cert_sans: etcd.peer_cert_sans.clone(),
        };
        let external = |etcd: &v1beta4::ExternalEtcd| ExternalEtcd {
            endpoints: etcd.endpoints.clone(),
            ca_file: etcd.ca_file.clone(),
            cert_file: etcd.cert_file.clone(),
            key_file: etcd.key_file.clone(),
        };
        let component = |component: &v1beta4::ControlPlaneComponent| ControlPlaneComponent {
            extra_args: map(&component.extra_args),
            extra_volumes: component.extra_volumes.clone(),
        };
        Self {
            etcd: Etcd {
                local: config.etcd.local.as_ref().map(local),
                external: config.etcd.external.as_ref().map(external),
            },
            networking: config.networking.clone(),
            kubernetes_version: config.kubernetes_version.clone(),
            control_plane_endpoint: config.control_plane_endpoint.clone(),
            api_server: APIServer {
                component: component(&config.api_server.component),
                cert_sans: config.api_server.cert_sans.clone(),
                timeout_for_control_plane,
            },
            controller_manager: component(&config.controller_manager),
            scheduler: component(&config.scheduler),
            dns: DNS { image_repository: config.dns.image_repository.clone(), image_tag: config.dns.image_tag.clone() },
            certificates_dir: config.certificates_dir.clone(),
            image_repository: config.image_repository.clone(),
            feature_gates: config.feature_gates.clone(),
            cluster_name: config.cluster_name.clone(),
        }
    }
}

/// The map that a list of arguments was.
fn map(args: &[Arg]) -> BTreeMap<String, ArgValue> {
    args.iter().map(|arg| (arg.name.clone(), arg.value.clone())).collect()
}

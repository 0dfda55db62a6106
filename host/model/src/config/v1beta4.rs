//! `kubeadm.k8s.io/v1beta4`: the newest version, and therefore also the form that everything inside works with.
//! Field names, order and meaning are kubeadm's (`cmd/kubeadm/app/apis/kubeadm/v1beta4/types.go`).

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::duration::GoDuration;
use super::load::read_document;
use super::versions::{ApiVersion, KindReader};
use crate::record;

/// `apiVersion` of this module.
pub const API_VERSION: &str = "kubeadm.k8s.io/v1beta4";

/// This version.
pub(super) const VERSION: ApiVersion = ApiVersion {
    name: "v1beta4",
    deprecated: false,
    kinds: &[
        KindReader { kind: "InitConfiguration", read: |node, parts, report| parts.init = read_document(node, report) },
        KindReader {
            kind: "ClusterConfiguration",
            read: |node, parts, report| parts.cluster = read_document(node, report),
        },
        KindReader { kind: "JoinConfiguration", read: |node, parts, report| parts.join = read_document(node, report) },
        KindReader {
            kind: "ResetConfiguration",
            read: |node, parts, report| parts.reset = read_document(node, report),
        },
        KindReader {
            kind: "UpgradeConfiguration",
            read: |node, parts, report| parts.upgrade = read_document(node, report),
        },
    ],
};

record! {
    /// What is particular about this run of `init` and this node. Never stored in the cluster.
    pub struct InitConfiguration {
        /// Tokens to create. Default: one random token that lives for a day.
        pub bootstrap_tokens: Vec<BootstrapToken> = "bootstrapTokens",
        /// Change nothing, show what would be done.
        pub dry_run: bool = "dryRun",
        /// How this node is registered.
        pub node_registration: NodeRegistrationOptions = "nodeRegistration",
        /// Where this node's API server listens.
        pub local_api_endpoint: APIEndpoint = "localAPIEndpoint",
        /// Key that encrypts uploaded certificates: 32 bytes in hex.
        pub certificate_key: String = "certificateKey",
        /// Phases to leave out; ignored when `--skip-phases` is given.
        pub skip_phases: Vec<String> = "skipPhases",
        /// Patches for what is written to the node.
        pub patches: Option<Patches> = "patches",
        /// How long to wait for what.
        pub timeouts: Option<Timeouts> = "timeouts",
    }
}

record! {
    /// What all control-plane nodes share; stored in the ConfigMap `kubeadm-config`.
    pub struct ClusterConfiguration {
        /// etcd: run by us on this node, or somebody else's.
        pub etcd: Etcd = "etcd",
        /// Subnets and the DNS domain.
        pub networking: Networking = "networking",
        /// Version to deploy: `v1.36.2`, or a label such as `stable-1.36`.
        pub kubernetes_version: String = "kubernetesVersion",
        /// Stable address of the control plane, `host[:port]`.
        pub control_plane_endpoint: String = "controlPlaneEndpoint",
        /// kube-apiserver.
        pub api_server: APIServer = "apiServer",
        /// kube-controller-manager.
        pub controller_manager: ControlPlaneComponent = "controllerManager",
        /// kube-scheduler.
        pub scheduler: ControlPlaneComponent = "scheduler",
        /// CoreDNS.
        pub dns: DNS = "dns",
        /// kube-proxy.
        pub proxy: Proxy = "proxy",
        /// Where certificates are kept.
        pub certificates_dir: String = "certificatesDir",
        /// Registry that images come from.
        pub image_repository: String = "imageRepository",
        /// kubeadm's feature gates.
        pub feature_gates: BTreeMap<String, bool> = "featureGates",
        /// Name of the cluster in kubeconfig files.
        pub cluster_name: String = "clusterName",
        /// Kind of all private keys: `RSA-2048`, `RSA-3072`, `RSA-4096`, `ECDSA-P256` or `ECDSA-P384`.
        pub encryption_algorithm: String = "encryptionAlgorithm",
        /// Lifetime of certificates.
        pub certificate_validity_period: Option<GoDuration> = "certificateValidityPeriod",
        /// Lifetime of certificate authorities.
        pub ca_certificate_validity_period: Option<GoDuration> = "caCertificateValidityPeriod",
    }
}

record! {
    /// How to join a cluster.
    pub struct JoinConfiguration {
        /// Change nothing, show what would be done.
        pub dry_run: bool = "dryRun",
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
        /// Patches for what is written to the node.
        pub patches: Option<Patches> = "patches",
        /// How long to wait for what.
        pub timeouts: Option<Timeouts> = "timeouts",
    }
}

record! {
    /// How to reset a node.
    pub struct ResetConfiguration {
        /// Also empty `/etc/kubernetes/tmp`.
        pub cleanup_tmp_dir: bool = "cleanupTmpDir",
        /// Where certificates are kept.
        pub certificates_dir: String = "certificatesDir",
        /// CRI endpoint.
        pub cri_socket: String = "criSocket",
        /// Change nothing, show what would be done.
        pub dry_run: bool = "dryRun",
        /// Do not ask.
        pub force: bool = "force",
        /// Checks whose errors become warnings.
        pub ignore_preflight_errors: Vec<String> = "ignorePreflightErrors",
        /// Phases to leave out.
        pub skip_phases: Vec<String> = "skipPhases",
        /// Flags for umount(2): `MNT_FORCE`, `MNT_DETACH`, `MNT_EXPIRE`, `UMOUNT_NOFOLLOW`.
        pub unmount_flags: Vec<String> = "unmountFlags",
        /// How long to wait for what.
        pub timeouts: Option<Timeouts> = "timeouts",
    }
}

record! {
    /// How to upgrade.
    pub struct UpgradeConfiguration {
        /// `upgrade apply`.
        pub apply: UpgradeApplyConfiguration = "apply",
        /// `upgrade diff`.
        pub diff: UpgradeDiffConfiguration = "diff",
        /// `upgrade node`.
        pub node: UpgradeNodeConfiguration = "node",
        /// `upgrade plan`.
        pub plan: UpgradePlanConfiguration = "plan",
        /// How long to wait for what.
        pub timeouts: Option<Timeouts> = "timeouts",
    }
}

record! {
    /// Options of `upgrade apply`.
    pub struct UpgradeApplyConfiguration {
        /// Target version.
        pub kubernetes_version: String = "kubernetesVersion",
        /// Allow alpha, beta and rc targets.
        pub allow_experimental_upgrades: Option<bool> = "allowExperimentalUpgrades",
        /// Allow rc targets.
        pub allow_rc_upgrades: Option<bool> = "allowRCUpgrades",
        /// Renew certificates of what is upgraded.
        pub certificate_renewal: Option<bool> = "certificateRenewal",
        /// Change nothing.
        pub dry_run: Option<bool> = "dryRun",
        /// Upgrade local etcd too.
        pub etcd_upgrade: Option<bool> = "etcdUpgrade",
        /// Skip the prompt and what can be skipped.
        pub force_upgrade: Option<bool> = "forceUpgrade",
        /// Checks whose errors become warnings.
        pub ignore_preflight_errors: Vec<String> = "ignorePreflightErrors",
        /// Patches.
        pub patches: Option<Patches> = "patches",
        /// Print the configuration in use.
        pub print_config: Option<bool> = "printConfig",
        /// Phases to leave out.
        pub skip_phases: Vec<String> = "skipPhases",
        /// `Always`, `IfNotPresent` or `Never`.
        pub image_pull_policy: String = "imagePullPolicy",
        /// Pull one image after the other.
        pub image_pull_serial: Option<bool> = "imagePullSerial",
    }
}

record! {
    /// Options of `upgrade diff`.
    pub struct UpgradeDiffConfiguration {
        /// Target version.
        pub kubernetes_version: String = "kubernetesVersion",
        /// Lines of context.
        pub context_lines: i32 = "contextLines",
    }
}

record! {
    /// Options of `upgrade node`.
    pub struct UpgradeNodeConfiguration {
        /// Renew certificates of what is upgraded.
        pub certificate_renewal: Option<bool> = "certificateRenewal",
        /// Change nothing.
        pub dry_run: Option<bool> = "dryRun",
        /// Upgrade local etcd too.
        pub etcd_upgrade: Option<bool> = "etcdUpgrade",
        /// Checks whose errors become warnings.
        pub ignore_preflight_errors: Vec<String> = "ignorePreflightErrors",
        /// Phases to leave out.
        pub skip_phases: Vec<String> = "skipPhases",
        /// Patches.
        pub patches: Option<Patches> = "patches",
        /// `Always`, `IfNotPresent` or `Never`.
        pub image_pull_policy: String = "imagePullPolicy",
        /// Pull one image after the other.
        pub image_pull_serial: Option<bool> = "imagePullSerial",
    }
}

record! {
    /// Options of `upgrade plan`.
    pub struct UpgradePlanConfiguration {
        /// Target version.
        pub kubernetes_version: String = "kubernetesVersion",
        /// Consider alpha, beta and rc targets.
        pub allow_experimental_upgrades: Option<bool> = "allowExperimentalUpgrades",
        /// Consider rc targets.
        pub allow_rc_upgrades: Option<bool> = "allowRCUpgrades",
        /// Has no effect.
        pub dry_run: Option<bool> = "dryRun",
        /// Consider local etcd too.
        pub etcd_upgrade: Option<bool> = "etcdUpgrade",
        /// Checks whose errors become warnings.
        pub ignore_preflight_errors: Vec<String> = "ignorePreflightErrors",
        /// Print the configuration in use.
        pub print_config: Option<bool> = "printConfig",
    }
}

record! {
    /// A token with which nodes join.
    pub struct BootstrapToken {
        /// `[a-z0-9]{6}.[a-z0-9]{16}`.
        pub token: String = "token",
        /// For humans.
        pub description: String = "description",
        /// How long it lives from its creation; `0s` is for ever.
        pub ttl: Option<GoDuration> = "ttl",
        /// When it ends (RFC 3339).
        pub expires: Option<String> = "expires",
        /// `signing` and `authentication`.
        pub usages: Vec<String> = "usages",
        /// Groups that it authenticates as.
        pub groups: Vec<String> = "groups",
    }
}

/// The taints of a node: absent means kubeadm's default, an empty list means none. Always written, as `null` when
/// absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taints(pub Option<Vec<Taint>>);

impl super::record::Field for Taints {
    fn read(node: &crate::yaml::Node, path: &str, report: &mut crate::Report) -> Option<Self> {
        super::record::Field::read(node, path, report).map(Self)
    }
    fn write(&self) -> Option<Value> {
        Some(self.0.write_always())
    }
}

record! {
    /// How a node is registered.
    pub struct NodeRegistrationOptions {
        /// Name of the Node object. Default: the host name.
        pub name: String = "name",
        /// CRI endpoint. Default: the one that is found.
        pub cri_socket: String = "criSocket",
        /// Taints.
        pub taints: Taints = "taints",
        /// Flags for the kubelet.
        pub kubelet_extra_args: Vec<Arg> = "kubeletExtraArgs",
        /// Checks whose errors become warnings.
        pub ignore_preflight_errors: Vec<String> = "ignorePreflightErrors",
        /// `Always`, `IfNotPresent` or `Never`.
        pub image_pull_policy: String = "imagePullPolicy",
        /// Pull one image after the other.
        pub image_pull_serial: Option<bool> = "imagePullSerial",
    }
}

record! {
    /// A taint (core/v1).
    pub struct Taint {
        /// Key.
        pub key: String = "key",
        /// Value.
        pub value: String = "value",
        /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
        pub effect: TaintEffect = "effect",
        /// When it was added.
        pub time_added: Option<String> = "timeAdded",
    }
}

/// A taint's effect: a string that is written even when empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaintEffect(pub String);

impl super::record::Field for TaintEffect {
    fn read(node: &crate::yaml::Node, path: &str, report: &mut crate::Report) -> Option<Self> {
        super::record::Field::read(node, path, report).map(Self)
    }
    fn write(&self) -> Option<Value> {
        Some(Value::from(self.0.as_str()))
    }
}

record! {
    /// Where an API server listens.
    pub struct APIEndpoint {
        /// Address that it tells others. Default: the address of the default route's interface.
        pub advertise_address: String = "advertiseAddress",
        /// Port.
        pub bind_port: i32 = "bindPort",
    }
}

record! {
    /// A command-line argument of a component.
    pub struct Arg {
        /// Name without dashes.
        pub name: String = "name",
        /// Value.
        pub value: ArgValue = "value",
    }
}

impl Arg {
    /// An argument.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: ArgValue(value.into()) }
    }
}

/// An argument's value: written even when empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArgValue(pub String);

impl super::record::Field for ArgValue {
    fn read(node: &crate::yaml::Node, path: &str, report: &mut crate::Report) -> Option<Self> {
        super::record::Field::read(node, path, report).map(Self)
    }
    fn write(&self) -> Option<Value> {
        Some(Value::from(self.0.as_str()))
    }
}

record! {
    /// What the components of the control plane have in common.
    pub struct ControlPlaneComponent {
        /// Arguments that override or extend ours.
        pub extra_args: Vec<Arg> = "extraArgs",
        /// More mounts from the host.
        pub extra_volumes: Vec<HostPathMount> = "extraVolumes",
        /// More environment variables (core/v1 EnvVar).
        pub extra_envs: Vec<EnvVar> = "extraEnvs",
    }
}

record! {
    /// kube-apiserver.
    pub struct APIServer {
        inline component: ControlPlaneComponent,
        /// More names and addresses for its certificate.
        pub cert_sans: Vec<String> = "certSANs",
    }
}

record! {
    /// A mount from the host.
    pub struct HostPathMount {
        /// Volume's name.
        pub name: ArgValue = "name",
        /// Path on the host.
        pub host_path: ArgValue = "hostPath",
        /// Path in the container.
        pub mount_path: ArgValue = "mountPath",
        /// Whether the container may only read.
        pub read_only: bool = "readOnly",
        /// `DirectoryOrCreate`, `File`, …
        pub path_type: String = "pathType",
    }
}

record! {
    /// An environment variable (core/v1).
    pub struct EnvVar {
        /// Name.
        pub name: ArgValue = "name",
        /// Value.
        pub value: String = "value",
        /// Where the value comes from (core/v1 EnvVarSource).
        pub value_from: Option<EnvVarSource> = "valueFrom",
    }
}

record! {
    /// Where an environment variable's value comes from (core/v1): exactly one of them.
    pub struct EnvVarSource {
        /// A field of the pod.
        pub field_ref: Option<ObjectFieldSelector> = "fieldRef",
        /// A resource of a container.
        pub resource_field_ref: Option<ResourceFieldSelector> = "resourceFieldRef",
        /// A key of a ConfigMap. A static pod cannot have it.
        pub config_map_key_ref: Option<KeySelector> = "configMapKeyRef",
        /// A key of a Secret. A static pod cannot have it.
        pub secret_key_ref: Option<KeySelector> = "secretKeyRef",
        /// A variable in a file of a volume.
        pub file_key_ref: Option<FileKeySelector> = "fileKeyRef",
    }
}

record! {
    /// A field of the pod (core/v1).
    pub struct ObjectFieldSelector {
        /// Version of the path's schema. Default: `v1`.
        pub api_version: String = "apiVersion",
        /// Path, such as `status.hostIP`.
        pub field_path: ArgValue = "fieldPath",
    }
}

record! {
    /// A resource of a container (core/v1).
    pub struct ResourceFieldSelector {
        /// Container.
        pub container_name: String = "containerName",
        /// Resource, such as `limits.cpu`.
        pub resource: ArgValue = "resource",
        /// Unit (a quantity).
        pub divisor: Option<Value> = "divisor",
    }
}

record! {
    /// A key of a ConfigMap or Secret (core/v1).
    pub struct KeySelector {
        /// Object's name.
        pub name: String = "name",
        /// Key.
        pub key: ArgValue = "key",
        /// Whether it may be absent.
        pub optional: Option<bool> = "optional",
    }
}

record! {
    /// A variable in a file of a volume (core/v1).
    pub struct FileKeySelector {
        /// Volume's name.
        pub volume_name: ArgValue = "volumeName",
        /// Path in the volume.
        pub path: ArgValue = "path",
        /// Variable.
        pub key: ArgValue = "key",
        /// Whether it may be absent.
        pub optional: Option<bool> = "optional",
    }
}

record! {
    /// etcd: exactly one of the two.
    pub struct Etcd {
        /// Run by us on this node.
        pub local: Option<LocalEtcd> = "local",
        /// Somebody else's.
        pub external: Option<ExternalEtcd> = "external",
    }
}

record! {
    /// etcd as a static pod.
    pub struct LocalEtcd {
        /// Registry, if not the common one.
        pub image_repository: String = "imageRepository",
        /// Tag, if not the release's.
        pub image_tag: String = "imageTag",
        /// Data directory.
        pub data_dir: ArgValue = "dataDir",
        /// Arguments that override or extend ours.
        pub extra_args: Vec<Arg> = "extraArgs",
        /// More environment variables.
        pub extra_envs: Vec<EnvVar> = "extraEnvs",
        /// More names and addresses for its serving certificate.
        pub server_cert_sans: Vec<String> = "serverCertSANs",
        /// More names and addresses for its peer certificate.
        pub peer_cert_sans: Vec<String> = "peerCertSANs",
    }
}

record! {
    /// An etcd cluster that exists already.
    pub struct ExternalEtcd {
        /// URLs of its members.
        pub endpoints: Endpoints = "endpoints",
        /// URLs for plain HTTP requests (`/version`). Default: `endpoints`.
        pub http_endpoints: Vec<String> = "httpEndpoints",
        /// CA certificate.
        pub ca_file: ArgValue = "caFile",
        /// Client certificate.
        pub cert_file: ArgValue = "certFile",
        /// Client key.
        pub key_file: ArgValue = "keyFile",
    }
}

/// A list that is written even when empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Endpoints(pub Vec<String>);

impl super::record::Field for Endpoints {
    fn read(node: &crate::yaml::Node, path: &str, report: &mut crate::Report) -> Option<Self> {
        super::record::Field::read(node, path, report).map(Self)
    }
    fn write(&self) -> Option<Value> {
        Some(self.0.write_always())
    }
}

record! {
    /// Subnets and the DNS domain.
    pub struct Networking {
        /// Services' addresses; two, comma-separated, for dual stack.
        pub service_subnet: String = "serviceSubnet",
        /// Pods' addresses likewise.
        pub pod_subnet: String = "podSubnet",
        /// The cluster's domain.
        pub dns_domain: String = "dnsDomain",
    }
}

record! {
    /// CoreDNS.
    pub struct DNS {
        /// Registry, if not the common one.
        pub image_repository: String = "imageRepository",
        /// Tag, if not the release's.
        pub image_tag: String = "imageTag",
        /// Do not install it.
        pub disabled: bool = "disabled",
    }
}

record! {
    /// kube-proxy.
    pub struct Proxy {
        /// Do not install it.
        pub disabled: bool = "disabled",
    }
}

record! {
    /// Patches for what is written to the node.
    pub struct Patches {
        /// Directory with files named `target[suffix][+type].json|yaml`.
        pub directory: String = "directory",
    }
}

record! {
    /// How the cluster is found and trusted: exactly one of token and file.
    pub struct Discovery {
        /// By a token.
        pub bootstrap_token: Option<BootstrapTokenDiscovery> = "bootstrapToken",
        /// By a kubeconfig file.
        pub file: Option<FileDiscovery> = "file",
        /// Token for the kubelet's TLS bootstrap. Default: the discovery token.
        pub tls_bootstrap_token: String = "tlsBootstrapToken",
    }
}

record! {
    /// Discovery by a token.
    pub struct BootstrapTokenDiscovery {
        /// The token.
        pub token: ArgValue = "token",
        /// `host:port` of an API server.
        pub api_server_endpoint: String = "apiServerEndpoint",
        /// `sha256:<hex>` of the CA's public key.
        pub ca_cert_hashes: Vec<String> = "caCertHashes",
        /// Trust the cluster without pins.
        pub unsafe_skip_ca_verification: bool = "unsafeSkipCAVerification",
    }
}

record! {
    /// Discovery by a kubeconfig file.
    pub struct FileDiscovery {
        /// Path or URL.
        pub kube_config_path: ArgValue = "kubeConfigPath",
    }
}

record! {
    /// A joining control-plane node.
    pub struct JoinControlPlane {
        /// Where its API server will listen.
        pub local_api_endpoint: APIEndpoint = "localAPIEndpoint",
        /// Key of the uploaded certificates.
        pub certificate_key: String = "certificateKey",
    }
}

record! {
    /// How long to wait for what.
    pub struct Timeouts {
        /// Components of the control plane become healthy.
        pub control_plane_component_health_check: Option<GoDuration> = "controlPlaneComponentHealthCheck",
        /// The kubelet becomes healthy.
        pub kubelet_health_check: Option<GoDuration> = "kubeletHealthCheck",
        /// A request to the API server succeeds, retries included.
        pub kubernetes_api_call: Option<GoDuration> = "kubernetesAPICall",
        /// A request to etcd succeeds, retries included.
        pub etcd_api_call: Option<GoDuration> = "etcdAPICall",
        /// The kubelet gets its certificate.
        pub tls_bootstrap: Option<GoDuration> = "tlsBootstrap",
        /// The cluster is discovered.
        pub discovery: Option<GoDuration> = "discovery",
        /// The kubelet picks up an upgraded manifest.
        pub upgrade_manifests: Option<GoDuration> = "upgradeManifests",
    }
}

/// [`Timeouts`] with the defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Components of the control plane become healthy.
    pub control_plane_components: Duration,
    /// The kubelet becomes healthy.
    pub kubelet: Duration,
    /// A request to the API server succeeds, retries included.
    pub kubernetes_api: Duration,
    /// A request to etcd succeeds, retries included.
    pub etcd_api: Duration,
    /// The kubelet gets its certificate.
    pub tls_bootstrap: Duration,
    /// The cluster is discovered.
    pub discovery: Duration,
    /// The kubelet picks up an upgraded manifest.
    pub upgrade_manifests: Duration,
}

impl Timeouts {
    /// The defaults.
    pub const fn defaults() -> Self {
        Self {
            control_plane_component_health_check: Some(GoDuration::minutes(4)),
            kubelet_health_check: Some(GoDuration::minutes(4)),
            kubernetes_api_call: Some(GoDuration::minutes(1)),
            etcd_api_call: Some(GoDuration::minutes(2)),
            tls_bootstrap: Some(GoDuration::minutes(5)),
            discovery: Some(GoDuration::minutes(5)),
            upgrade_manifests: Some(GoDuration::minutes(5)),
        }
    }

    /// Fills in what is not set.
    #[must_use]
    pub fn or_defaults(self) -> Self {
        let default = Self::defaults();
        Self {
            control_plane_component_health_check: self
                .control_plane_component_health_check
                .or(default.control_plane_component_health_check),
            kubelet_health_check: self.kubelet_health_check.or(default.kubelet_health_check),
            kubernetes_api_call: self.kubernetes_api_call.or(default.kubernetes_api_call),
            etcd_api_call: self.etcd_api_call.or(default.etcd_api_call),
            tls_bootstrap: self.tls_bootstrap.or(default.tls_bootstrap),
            discovery: self.discovery.or(default.discovery),
            upgrade_manifests: self.upgrade_manifests.or(default.upgrade_manifests),
        }
    }

    /// As deadlines, defaults filled in.
    pub fn deadlines(&self) -> Deadlines {
        let all = self.clone().or_defaults();
        let std = |duration: Option<GoDuration>| duration.unwrap_or_default().as_std();
        Deadlines {
            control_plane_components: std(all.control_plane_component_health_check),
            kubelet: std(all.kubelet_health_check),
            kubernetes_api: std(all.kubernetes_api_call),
            etcd_api: std(all.etcd_api_call),
            tls_bootstrap: std(all.tls_bootstrap),
            discovery: std(all.discovery),
            upgrade_manifests: std(all.upgrade_manifests),
        }
    }
}

impl NodeRegistrationOptions {
    /// The name under which the kubelet registers: its flag `hostname-override`, or the node's name.
    pub fn name_for_kubelet(&self) -> &str {
        crate::cluster::arg_value(&self.kubelet_extra_args, "hostname-override").unwrap_or(&self.name)
    }
}

//! Defaults that depend on nothing: what kubeadm's API defaulting sets. What depends on the machine or the version
//! is in [`super::resolve`].

use super::duration::GoDuration;
use super::v1beta4::{
    APIEndpoint, ArgValue, BootstrapToken, ClusterConfiguration, Discovery, EnvVar, InitConfiguration,
    JoinConfiguration, LocalEtcd, NodeRegistrationOptions, ResetConfiguration, Timeouts, UpgradeConfiguration,
};
use crate::layout::{CERTIFICATES_DIR, ETCD_DATA_DIR};

/// Port of the API server.
pub const BIND_PORT: i32 = 6443;
/// Service subnet.
pub const SERVICE_SUBNET: &str = "10.96.0.0/12";
/// The cluster's domain.
pub const DNS_DOMAIN: &str = "cluster.local";
/// Version to deploy.
pub const KUBERNETES_VERSION: &str = "stable-1";
/// Name of the cluster.
pub const CLUSTER_NAME: &str = "kubernetes";
/// Where a joining node writes the cluster's CA certificate.
pub const CA_CERT_PATH: &str = "/etc/kubernetes/pki/ca.crt";
/// Group of bootstrap tokens.
pub const TOKEN_GROUP: &str = "system:bootstrappers:kubeadm:default-node-token";
/// Usages of bootstrap tokens.
pub const TOKEN_USAGES: [&str; 2] = ["signing", "authentication"];
/// Lifetime of bootstrap tokens.
pub const TOKEN_TTL: GoDuration = GoDuration::hours(24);
/// Lifetime of certificates.
pub const CERTIFICATE_VALIDITY: GoDuration = GoDuration::hours(8760);
/// Lifetime of certificate authorities.
pub const CA_CERTIFICATE_VALIDITY: GoDuration = GoDuration::hours(87600);
/// Pull policy.
pub const IMAGE_PULL_POLICY: &str = "IfNotPresent";

fn or_default(text: &mut String, default: &str) {
    if text.is_empty() {
        default.clone_into(text);
    }
}

/// Defaults of InitConfiguration.
pub fn init(config: &mut InitConfiguration) {
    if config.bootstrap_tokens.is_empty() {
        config.bootstrap_tokens.push(BootstrapToken::default());
    }
    config.bootstrap_tokens.iter_mut().for_each(bootstrap_token);
    node_registration(&mut config.node_registration);
    api_endpoint(&mut config.local_api_endpoint);
    config.timeouts = Some(config.timeouts.take().unwrap_or_default().or_defaults());
}

/// Defaults of ClusterConfiguration. `imageRepository` is left: it depends on the version.
pub fn cluster(config: &mut ClusterConfiguration) {
    or_default(&mut config.kubernetes_version, KUBERNETES_VERSION);
    or_default(&mut config.networking.service_subnet, SERVICE_SUBNET);
    or_default(&mut config.networking.dns_domain, DNS_DOMAIN);
    or_default(&mut config.certificates_dir, CERTIFICATES_DIR);
    or_default(&mut config.cluster_name, CLUSTER_NAME);
    or_default(&mut config.encryption_algorithm, crate::KeyAlgorithm::default().name());
    config.certificate_validity_period.get_or_insert(CERTIFICATE_VALIDITY);
    config.ca_certificate_validity_period.get_or_insert(CA_CERTIFICATE_VALIDITY);
    if config.etcd.local.is_none() && config.etcd.external.is_none() {
        config.etcd.local = Some(LocalEtcd::default());
    }
    if let Some(local) = &mut config.etcd.local {
        or_default(&mut local.data_dir.0, ETCD_DATA_DIR);
        local.extra_envs.iter_mut().for_each(env);
    }
    if let Some(external) = &mut config.etcd.external
        && external.http_endpoints.is_empty()
    {
        external.http_endpoints.clone_from(&external.endpoints.0);
    }
    for component in [&mut config.api_server.component, &mut config.controller_manager, &mut config.scheduler] {
        component.extra_envs.iter_mut().for_each(env);
    }
}

/// Defaults of JoinConfiguration.
pub fn join(config: &mut JoinConfiguration) {
    node_registration(&mut config.node_registration);
    or_default(&mut config.ca_cert_path, CA_CERT_PATH);
    discovery(&mut config.discovery);
    if let Some(control_plane) = &mut config.control_plane {
        api_endpoint(&mut control_plane.local_api_endpoint);
    }
    config.timeouts = Some(config.timeouts.take().unwrap_or_default().or_defaults());
}

/// Defaults of ResetConfiguration.
pub fn reset(config: &mut ResetConfiguration) {
    or_default(&mut config.certificates_dir, CERTIFICATES_DIR);
    config.timeouts = Some(config.timeouts.take().unwrap_or_default().or_defaults());
}

/// Defaults of UpgradeConfiguration.
pub fn upgrade(config: &mut UpgradeConfiguration) {
    for flag in [
        &mut config.apply.certificate_renewal,
        &mut config.apply.etcd_upgrade,
        &mut config.apply.image_pull_serial,
        &mut config.node.certificate_renewal,
        &mut config.node.etcd_upgrade,
        &mut config.node.image_pull_serial,
        &mut config.plan.etcd_upgrade,
    ] {
        flag.get_or_insert(true);
    }
    or_default(&mut config.apply.image_pull_policy, IMAGE_PULL_POLICY);
    or_default(&mut config.node.image_pull_policy, IMAGE_PULL_POLICY);
    config.timeouts = Some(config.timeouts.take().unwrap_or_default().or_defaults());
}

fn bootstrap_token(token: &mut BootstrapToken) {
    if token.usages.is_empty() {
        token.usages = TOKEN_USAGES.map(String::from).to_vec();
    }
    if token.groups.is_empty() {
        token.groups = vec![TOKEN_GROUP.to_owned()];
    }
    // Even beside `expires`, as kubeadm does: validation then refuses the pair.
    token.ttl.get_or_insert(TOKEN_TTL);
}

fn node_registration(node: &mut NodeRegistrationOptions) {
    or_default(&mut node.image_pull_policy, IMAGE_PULL_POLICY);
    node.image_pull_serial.get_or_insert(true);
}

fn api_endpoint(endpoint: &mut APIEndpoint) {
    if endpoint.bind_port == 0 {
        endpoint.bind_port = BIND_PORT;
    }
}

fn discovery(discovery: &mut Discovery) {
    if let Some(token) = &discovery.bootstrap_token {
        or_default(&mut discovery.tls_bootstrap_token, &token.token.0);
    }
    if let Some(ArgValue(path)) = discovery.file.as_mut().map(|file| &mut file.kube_config_path)
        && let Some(local) = path.strip_prefix("file://")
    {
        *path = local.to_owned();
    }
}

fn env(env: &mut EnvVar) {
    let Some(source) = &mut env.value_from else { return };
    if let Some(field) = &mut source.field_ref {
        or_default(&mut field.api_version, "v1");
    }
    if let Some(resource) = &mut source.resource_field_ref {
        resource.divisor.get_or_insert_with(|| "0".into());
    }
}

/// All timeouts at their defaults.
pub const fn timeouts() -> Timeouts {
    Timeouts::defaults()
}

//! The bill of materials: which checks a workflow runs, in which order, in which batches. kubeadm's `RunInitNodeChecks`,
//! `RunJoinNodeChecks`, `addCommonChecks` and `RunPullImagesCheck`, with the differences between releases asked of
//! [`Release`].
//!
//! Checks are the target release's own, as kubeadm of that release would demand them, since its kubelet and kube-proxy
//! are what runs in the end: swap is an error up to 1.22, `bridge-nf-call-iptables` is looked at up to 1.29, programs
//! such as `conntrack`, `ip` and `iptables` up to their release, kernel and cgroup rules likewise. Three things differ
//! from kubeadm on purpose: `crictl` is never demanded (kubeadm called it, we speak CRI ourselves), nothing is checked of
//! dockershim, and a joining node is checked by its cluster's release where that is known. `Port-<bindPort>` tries all
//! addresses unless `bind-address` is set, also for 1.37, whose kubeadm tries only the advertised one: kube-apiserver
//! binds all.

use std::net::IpAddr;

use kubephase_model::config::v1beta4::{JoinConfiguration, NodeRegistrationOptions};
use kubephase_model::images::{Image, images};
use kubephase_model::names::HostPort;
use kubephase_model::release::{REFERENCE, RELEASES};
use kubephase_model::{Cluster, Release, layout};
use semver::Version;

use crate::check::Check;
use crate::checks::container_runtime_version::ContainerRuntimeVersion;
use crate::checks::cri::CriReady;
use crate::checks::dir_available::DirAvailable;
use crate::checks::external_etcd_version::{ExternalEtcdVersion, PAUSE};
use crate::checks::file_available::FileAvailable;
use crate::checks::file_content::{BRIDGE_NF_IPV4, BRIDGE_NF_IPV6, IPV4_FORWARD, IPV6_FORWARD};
use crate::checks::file_existing::EtcdClientFile;
use crate::checks::firewalld::Firewalld;
use crate::checks::hostname::Hostname;
use crate::checks::http_proxy::HttpProxy;
use crate::checks::http_proxy_cidr::HttpProxyCidr;
use crate::checks::image_pull::ImagePull;
use crate::checks::kubelet_version::KubeletVersion;
use crate::checks::kubernetes_version::KubernetesVersion;
use crate::checks::mem::Mem;
use crate::checks::num_cpu::NumCpu;
use crate::checks::port::Port;
use crate::checks::privileged_user::PrivilegedUser;
use crate::checks::program::Program;
use crate::checks::service::Service;
use crate::checks::swap::Swap;
use crate::checks::system_verification::SystemVerification;
use crate::pull::PullProgress;

type Checks = Vec<Box<dyn Check>>;

/// Checks that run at the same time.
#[derive(Default)]
pub struct Batch {
    /// In the order of the report.
    pub checks: Checks,
}

/// Everything a workflow checks. A batch runs only if none before it failed.
#[derive(Default)]
pub struct Checklist {
    /// In order.
    pub batches: Vec<Batch>,
}

impl Checklist {
    fn of(batches: impl IntoIterator<Item = Checks>) -> Self {
        let batches = batches.into_iter().filter(|checks| !checks.is_empty());
        Self { batches: batches.map(|checks| Batch { checks }).collect() }
    }

    /// Names of all checks, in order; some stand there more than once.
    pub fn names(&self) -> Vec<String> {
        self.batches.iter().flat_map(|batch| &batch.checks).map(|check| check.name()).collect()
    }
}

/// What of a run, beside its configuration, decides what is checked.
#[derive(Clone)]
pub struct Options {
    /// Nothing will be changed: neither root nor the images are needed.
    pub dry_run: bool,
    /// Told of every step of every image pull.
    pub pull_progress: PullProgress,
    /// What is pulled, if it is not just what the cluster needs.
    pub images: Option<Vec<Image>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { dry_run: false, pull_progress: std::sync::Arc::new(|_| {}), images: None }
    }
}

/// Only root: what `reset` and every other workflow begin with.
pub fn root(options: &Options) -> Checklist {
    Checklist::of([root_batch(options)])
}

/// `init`.
pub fn init(cluster: &Cluster, options: &Options) -> Checklist {
    let release = cluster.release;
    let common = Common {
        node: cluster.node(),
        release,
        target: Some(cluster.version.clone()),
        fail_swap_on: cluster.kubelet.get("failSwapOn").and_then(serde_json::Value::as_bool).unwrap_or(true),
    };
    let mut checks = control_plane_start(cluster);
    checks.extend(common.checks());
    checks.extend(forwarding(release, |ipv6| cluster.uses_ip_family(ipv6), cluster.advertise_address().is_ipv6()));
    if let Some(etcd) = cluster.external_etcd() {
        let endpoints = if etcd.http_endpoints.is_empty() { &etcd.endpoints.0 } else { &etcd.http_endpoints };
        checks.push(Box::new(ExternalEtcdVersion {
            endpoints: endpoints.clone(),
            ca_file: etcd.ca_file.0.clone(),
            cert_file: etcd.cert_file.0.clone(),
            key_file: etcd.key_file.0.clone(),
            oldest: Version::parse(release.min_external_etcd).unwrap_or(Version::new(0, 0, 0)),
            pause: PAUSE,
        }));
    }
    checks.extend(etcd(cluster, false));
    Checklist::of([root_batch(options), checks, pull_batch(cluster, options)])
}

/// `join`, on every node, before anything is known of the cluster but what the configuration says. `release` is the
/// cluster's, where it is known.
pub fn join(
    config: &JoinConfiguration,
    release: Option<&'static Release>,
    proxy_env: &[(String, String)],
    options: &Options,
) -> Checklist {
    let mut checks: Checks = vec![
        file_available(format!("{}/kubelet.conf", layout::KUBERNETES_DIR)),
        file_available(format!("{}/bootstrap-kubelet.conf", layout::KUBERNETES_DIR)),
    ];
    let common = Common {
        node: &config.node_registration,
        release: release.unwrap_or(REFERENCE),
        target: release.map(|release| release.newest()),
        fail_swap_on: true,
    };
    checks.extend(common.checks());
    if config.control_plane.is_none() {
        checks.push(file_available(config.ca_cert_path.clone()));
    }
    if let Some(token) = &config.discovery.bootstrap_token {
        let endpoint: Option<HostPort> = token.api_server_endpoint.parse().ok();
        let address = endpoint.as_ref().and_then(HostPort::address);
        if let Some(HostPort { host, port }) = endpoint {
            let port = port.unwrap_or(6443);
            checks.push(Box::new(HttpProxy { host, port, env: proxy_env.to_vec() }));
        }
        if let Some(address) = address {
            checks.extend(forwarding(common.release, |ipv6| address.is_ipv6() == ipv6, address.is_ipv6()));
        }
    }
    Checklist::of([root_batch(options), checks])
}

/// `join` as a control-plane node, in addition to [`join`], once the cluster's configuration has been fetched.
/// `download_certs` is true if a certificate key was given: external etcd's files then come with the others.
pub fn join_control_plane(cluster: &Cluster, download_certs: bool, options: &Options) -> Checklist {
    let mut checks = control_plane_start(cluster);
    checks.extend(etcd(cluster, download_certs));
    Checklist::of([checks, pull_batch(cluster, options)])
}

fn root_batch(options: &Options) -> Checks {
    if options.dry_run { Vec::new() } else { vec![Box::new(PrivilegedUser)] }
}

fn pull_batch(cluster: &Cluster, options: &Options) -> Checks {
    if options.dry_run {
        return Vec::new();
    }
    let node = cluster.node();
    vec![Box::new(ImagePull {
        socket: node.cri_socket.clone(),
        images: options.images.clone().unwrap_or_else(|| images(cluster)),
        policy: node.image_pull_policy.clone(),
        serial: node.image_pull_serial.unwrap_or(true),
        progress: options.pull_progress.clone(),
    })]
}

/// What only control-plane nodes need, up to the common checks.
fn control_plane_start(cluster: &Cluster) -> Checks {
    let address = cluster.advertise_address();
    let env = &cluster.facts.proxy_env;
    let mut checks: Checks = vec![
        Box::new(NumCpu),
        Box::new(Mem),
        Box::new(KubernetesVersion { target: cluster.version.clone() }),
        Box::new(Firewalld { ports: vec![cluster.bind_port(), layout::KUBELET_PORT] }),
        port(cluster.bind_port(), bind_address(cluster, &cluster.config.api_server.component.extra_args, None)),
        port(layout::SCHEDULER_PORT, bind_address(cluster, &cluster.config.scheduler.extra_args, LOOPBACK)),
        port(
            layout::CONTROLLER_MANAGER_PORT,
            bind_address(cluster, &cluster.config.controller_manager.extra_args, LOOPBACK),
        ),
    ];
    for component in ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"] {
        checks.push(file_available(format!("{}/{component}.yaml", layout::MANIFESTS_DIR)));
    }
    checks.push(Box::new(HttpProxy { host: address.to_string(), port: cluster.bind_port(), env: env.clone() }));
    let networking = &cluster.config.networking;
    for cidr in networking.service_subnet.split(',').chain(networking.pod_subnet.split(',')) {
        checks.push(Box::new(HttpProxyCidr { cidr: cidr.to_owned(), env: env.clone() }));
    }
    checks
}

fn etcd(cluster: &Cluster, download_certs: bool) -> Checks {
    let mut checks = Checks::new();
    if let Some(local) = cluster.local_etcd() {
        let address = cluster.release.port_checks_bind_address.then(|| cluster.advertise_address());
        checks.push(port(layout::ETCD_CLIENT_PORT, address));
        checks.push(port(layout::ETCD_PEER_PORT, address));
        checks.push(Box::new(DirAvailable { path: local.data_dir.0.clone() }));
    }
    if let Some(external) = cluster.external_etcd()
        && !download_certs
    {
        for (field, path) in [
            ("etcd.external.caFile", &external.ca_file.0),
            ("etcd.external.certFile", &external.cert_file.0),
            ("etcd.external.keyFile", &external.key_file.0),
        ] {
            if !path.is_empty() {
                checks.push(Box::new(EtcdClientFile { field, path: path.clone() }));
            }
        }
    }
    checks
}

/// What every node needs.
struct Common<'a> {
    node: &'a NodeRegistrationOptions,
    release: &'static Release,
    target: Option<Version>,
    fail_swap_on: bool,
}

impl Common<'_> {
    fn checks(&self) -> Checks {
        let (node, release) = (self.node, self.release);
        let mut checks: Checks = vec![Box::new(CriReady { socket: node.cri_socket.clone() })];
        if let Some(required_from) = release.runtime_config_required_from {
            checks.push(Box::new(ContainerRuntimeVersion { socket: node.cri_socket.clone(), required_from }));
        }
        if !release.forwarding_by_family {
            // Before 1.27 these stood among the common checks, whatever the families.
            if release.bridge_nf_call {
                checks.push(Box::new(BRIDGE_NF_IPV4));
            }
            checks.push(Box::new(IPV4_FORWARD));
        }
        checks.push(Box::new(Swap { severity: release.swap.into(), fail_swap_on: self.fail_swap_on }));
        for program in release.programs {
            checks.push(Box::new(Program { name: program.name, severity: program.severity.into() }));
        }
        checks.push(Box::new(SystemVerification { release, kubelet: None }));
        checks.push(Box::new(Hostname { name: node.name.clone() }));
        checks.push(Box::new(KubeletVersion { oldest: self.oldest_kubelet(), target: self.target.clone() }));
        checks.push(Box::new(Service { name: "kubelet" }));
        checks.push(port(layout::KUBELET_PORT, None));
        checks
    }

    /// With an unknown release, the oldest that fits any.
    fn oldest_kubelet(&self) -> Version {
        match &self.target {
            Some(_) => self.release.min_kubelet(),
            None => RELEASES.first().map_or(Version::new(1, 0, 0), |release| release.min_kubelet()),
        }
    }
}

/// Forwarding (and, where the release still looks, bridge filtering) for the families in use.
fn forwarding(release: &Release, uses: impl Fn(bool) -> bool, advertises_ipv6: bool) -> Checks {
    let mut checks = Checks::new();
    if release.forwarding_by_family {
        if uses(false) {
            if release.bridge_nf_call {
                checks.push(Box::new(BRIDGE_NF_IPV4));
            }
            checks.push(Box::new(IPV4_FORWARD));
        }
        if uses(true) {
            if release.bridge_nf_call {
                checks.push(Box::new(BRIDGE_NF_IPV6));
            }
            checks.push(Box::new(IPV6_FORWARD));
        }
    } else if advertises_ipv6 {
        if release.bridge_nf_call {
            checks.push(Box::new(BRIDGE_NF_IPV6));
        }
        checks.push(Box::new(IPV6_FORWARD));
    }
    checks
}

const LOOPBACK: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

/// The address that a component will bind, where the release's check looks at it; `default` is what our own arguments
/// say.
fn bind_address(
    cluster: &Cluster,
    extra_args: &[kubephase_model::config::v1beta4::Arg],
    default: Option<IpAddr>,
) -> Option<IpAddr> {
    if !cluster.release.port_checks_bind_address {
        return None;
    }
    let set = kubephase_model::cluster::arg_value(extra_args, "bind-address").and_then(|value| value.parse().ok());
    set.or(default).filter(|address: &IpAddr| !address.is_unspecified())
}

fn port(port: u16, address: Option<IpAddr>) -> Box<dyn Check> {
    Box::new(Port { port, address })
}

fn file_available(path: String) -> Box<dyn Check> {
    Box::new(FileAvailable { path })
}

#[cfg(test)]
mod tests;

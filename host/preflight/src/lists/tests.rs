//! The lists, as names; and that no check is forgotten.

use kubephase_model::Facts;
use kubephase_model::cluster::Cluster;
use kubephase_model::config::v1beta4::{
    APIEndpoint, Arg, BootstrapTokenDiscovery, ClusterConfiguration, Discovery, Endpoints, Etcd, ExternalEtcd,
    InitConfiguration, JoinConfiguration, JoinControlPlane, LocalEtcd, Networking, NodeRegistrationOptions,
};
use serde_json::json;

use super::*;
use crate::check::Severity;

fn cluster(minor: u64) -> Cluster {
    let version = Version::new(1, minor, 2);
    let node = NodeRegistrationOptions {
        name: "node-1".into(),
        cri_socket: layout::CONTAINERD_SOCKET.into(),
        ..NodeRegistrationOptions::default()
    };
    let endpoint = APIEndpoint { advertise_address: "10.0.0.5".into(), bind_port: 6443 };
    let local = LocalEtcd {
        data_dir: kubephase_model::config::v1beta4::ArgValue("/var/lib/etcd".into()),
        ..LocalEtcd::default()
    };
    Cluster {
        init: InitConfiguration {
            node_registration: node,
            local_api_endpoint: endpoint,
            ..InitConfiguration::default()
        },
        config: ClusterConfiguration {
            etcd: Etcd { local: Some(local), external: None },
            networking: Networking { service_subnet: "10.96.0.0/12".into(), ..Networking::default() },
            image_repository: "registry.example.com".into(),
            ..ClusterConfiguration::default()
        },
        kubelet: json!({}),
        kube_proxy: json!({}),
        given: Vec::new(),
        release: Release::of(&version).expect("known"),
        version,
        ci: false,
        plugins: Default::default(),
        facts: Facts::default(),
    }
}

fn batches(list: &Checklist) -> Vec<Vec<String>> {
    list.batches.iter().map(|batch| batch.checks.iter().map(|check| check.name()).collect()).collect()
}

const CONTROL_PLANE_START: &str = "NumCPU Mem KubernetesVersion Firewalld Port-6443 Port-10259 Port-10257 \
    FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml \
    FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml \
    FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml FileAvailable--etc-kubernetes-manifests-etcd.yaml \
    HTTPProxy HTTPProxyCIDR HTTPProxyCIDR";
const COMMON_1_36: &str = "CRI ContainerRuntimeVersion Swap FileExisting-losetup FileExisting-mount FileExisting-cp \
    SystemVerification Hostname KubeletVersion Service-kubelet Port-10250";
const LOCAL_ETCD: &str = "Port-2379 Port-2380 DirAvailable--var-lib-etcd";
const FORWARD: &str = "FileContent--proc-sys-net-ipv4-ip_forward";
const FORWARD6: &str = "FileContent--proc-sys-net-ipv6-conf-default-forwarding";

fn expect(list: &Checklist, expected: &[&[&str]]) {
    let expected: Vec<Vec<String>> =
        expected.iter().map(|parts| parts.join(" ").split_whitespace().map(str::to_owned).collect()).collect();
    assert_eq!(batches(list), expected);
}

#[test]
fn init_1_36() {
    let list = init(&cluster(36), &Options::default());
    expect(&list, &[&["IsPrivilegedUser"], &[CONTROL_PLANE_START, COMMON_1_36, FORWARD, LOCAL_ETCD], &["ImagePull"]]);
}

#[test]
fn init_1_34_does_not_ask_for_runtime_config() {
    let names = init(&cluster(34), &Options::default()).names();
    assert!(!names.contains(&"ContainerRuntimeVersion".to_owned()));
    assert!(names.contains(&"FileExisting-losetup".to_owned()));
}

#[test]
fn init_1_20() {
    let list = init(&cluster(20), &Options::default());
    let common = "CRI FileContent--proc-sys-net-bridge-bridge-nf-call-iptables FileContent--proc-sys-net-ipv4-ip_forward \
        Swap FileExisting-conntrack FileExisting-ip FileExisting-iptables FileExisting-mount FileExisting-nsenter \
        FileExisting-ebtables FileExisting-ethtool FileExisting-socat FileExisting-tc FileExisting-touch \
        SystemVerification Hostname KubeletVersion Service-kubelet Port-10250";
    expect(&list, &[&["IsPrivilegedUser"], &[CONTROL_PLANE_START, common, LOCAL_ETCD], &["ImagePull"]]);
    let mut v6 = cluster(20);
    v6.init.local_api_endpoint.advertise_address = "fd00::5".into();
    let names = init(&v6, &Options::default()).names();
    assert!(names.contains(&"FileContent--proc-sys-net-bridge-bridge-nf-call-ip6tables".to_owned()));
    assert!(names.contains(&FORWARD6.to_owned()));
}

#[test]
fn dual_stack_checks_both_families_and_every_subnet() {
    let mut cluster = cluster(36);
    cluster.config.networking.service_subnet = "10.96.0.0/12,fd00:1::/108".into();
    cluster.config.networking.pod_subnet = "10.244.0.0/16,fd00:2::/56".into();
    let names = init(&cluster, &Options::default()).names();
    assert_eq!(names.iter().filter(|name| *name == "HTTPProxyCIDR").count(), 4);
    assert!(names.contains(&FORWARD.to_owned()) && names.contains(&FORWARD6.to_owned()));
}

fn external() -> Cluster {
    use kubephase_model::config::v1beta4::ArgValue;

    let mut cluster = cluster(36);
    let file = |name: &str| ArgValue(format!("/etc/etcd/{name}"));
    cluster.config.etcd = Etcd {
        local: None,
        external: Some(ExternalEtcd {
            endpoints: Endpoints(vec!["https://10.0.0.9:2379".into()]),
            ca_file: file("ca.crt"),
            cert_file: file("client.crt"),
            key_file: file("client.key"),
            ..ExternalEtcd::default()
        }),
    };
    cluster
}

#[test]
fn external_etcd() {
    let list = init(&external(), &Options::default());
    let files = "ExternalEtcdClientCertificates ExternalEtcdClientCertificates ExternalEtcdClientCertificates";
    let checks = [CONTROL_PLANE_START, COMMON_1_36, FORWARD, "ExternalEtcdVersion", files];
    expect(&list, &[&["IsPrivilegedUser"], &checks, &["ImagePull"]]);
}

#[test]
fn a_dry_run_needs_neither_root_nor_images() {
    let options = Options { dry_run: true, ..Options::default() };
    expect(&init(&cluster(36), &options), &[&[CONTROL_PLANE_START, COMMON_1_36, FORWARD, LOCAL_ETCD]]);
}

fn join_config(endpoint: &str) -> JoinConfiguration {
    JoinConfiguration {
        node_registration: cluster(36).init.node_registration,
        ca_cert_path: "/etc/kubernetes/pki/ca.crt".into(),
        discovery: Discovery {
            bootstrap_token: Some(BootstrapTokenDiscovery {
                api_server_endpoint: endpoint.into(),
                ..BootstrapTokenDiscovery::default()
            }),
            ..Discovery::default()
        },
        ..JoinConfiguration::default()
    }
}

const JOIN_START: &str =
    "FileAvailable--etc-kubernetes-kubelet.conf FileAvailable--etc-kubernetes-bootstrap-kubelet.conf";
const CA: &str = "FileAvailable--etc-kubernetes-pki-ca.crt";

#[test]
fn join_worker() {
    let options = Options::default();
    for (endpoint, rest) in [
        ("10.0.0.5:6443", vec!["HTTPProxy", FORWARD]),
        ("[fd00::5]:6443", vec!["HTTPProxy", FORWARD6]),
        ("cp.example.com:6443", vec!["HTTPProxy"]),
    ] {
        let mut checks = vec![JOIN_START, COMMON_1_36, CA];
        checks.extend(rest);
        expect(&join(&join_config(endpoint), None, &[], &options), &[&["IsPrivilegedUser"], &checks]);
    }
    let names = join(&join_config("10.0.0.5:6443"), Release::of(&Version::new(1, 20, 0)), &[], &options).names();
    assert!(names.contains(&"FileExisting-conntrack".to_owned()));
}

#[test]
fn join_a_control_plane_node() {
    let mut config = join_config("cp.example.com:6443");
    config.control_plane = Some(JoinControlPlane::default());
    let list = join(&config, None, &[], &Options::default());
    expect(&list, &[&["IsPrivilegedUser"], &[JOIN_START, COMMON_1_36, "HTTPProxy"]]);
    let list = join_control_plane(&cluster(36), false, &Options::default());
    expect(&list, &[&[CONTROL_PLANE_START, LOCAL_ETCD], &["ImagePull"]]);
    let list = join_control_plane(&external(), true, &Options::default());
    expect(&list, &[&[CONTROL_PLANE_START], &["ImagePull"]]);
}

#[test]
fn addresses_of_ports_follow_the_release() {
    let mut cluster = cluster(37);
    cluster.config.scheduler.extra_args.push(Arg::new("bind-address", "10.0.0.5"));
    let address = |cluster: &Cluster| bind_address(cluster, &cluster.config.scheduler.extra_args, LOOPBACK);
    assert_eq!(address(&cluster), Some(IpAddr::from([10, 0, 0, 5])));
    cluster.config.scheduler.extra_args.push(Arg::new("bind-address", "0.0.0.0"));
    assert_eq!(address(&cluster), None);
    cluster.release = REFERENCE;
    assert_eq!(address(&cluster), None);
}

#[test]
fn severities_follow_the_release() {
    for (minor, swap) in [(20, Severity::Error), (36, Severity::Warning)] {
        assert_eq!(Severity::from(cluster(minor).release.swap), swap);
    }
}

#[test]
fn every_check_is_in_a_list() {
    #[expect(clippy::disallowed_methods, reason = "a test that compares the lists with the source tree")]
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/checks")).expect("source tree");
    let lists = include_str!("../lists.rs");
    let mut seen = 0;
    for file in files {
        let name = file.expect("entry").file_name().into_string().expect("UTF-8");
        let Some(module) = name.strip_suffix(".rs") else { continue };
        seen += 1;
        assert!(lists.contains(&format!("use crate::checks::{module}::")), "{name} is in no list");
    }
    assert_eq!(seen, include_str!("../checks.rs").matches("pub mod ").count());
}

#[test]
fn every_check_says_what_it_is_about() {
    let options = Options::default();
    for list in
        [init(&cluster(20), &options), init(&external(), &options), join(&join_config("10.0.0.5"), None, &[], &options)]
    {
        for check in list.batches.iter().flat_map(|batch| &batch.checks) {
            let about = check.about();
            assert!(!about.is_empty() && !about.ends_with('.') && !about.contains('\n'), "{}: {about}", check.name());
        }
    }
}

//! Clusters as the golden cases configure them, and what kubeadm made for them.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kubephase_model::config::duration::GoDuration;
use kubephase_model::config::v1beta4::{
    APIEndpoint, APIServer, ClusterConfiguration, Etcd, ExternalEtcd, InitConfiguration, LocalEtcd, Networking,
    NodeRegistrationOptions,
};
use kubephase_model::{Cluster, Facts, Release};
use kubephase_pki::{CERTS, Ca, Cert, CertSpec, KeyPool, PrivateKey, issue, self_signed};
use semver::Version;

/// When the certificates of case 01 were made: 2026-11-23 00:21:27 UTC.
pub fn start() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_393_287)
}

/// A cluster with kubeadm's defaults.
pub fn cluster(version: Version, name: &str, address: &str) -> Cluster {
    Cluster {
        init: InitConfiguration {
            node_registration: NodeRegistrationOptions { name: name.into(), ..Default::default() },
            local_api_endpoint: APIEndpoint { advertise_address: address.into(), bind_port: 6443 },
            ..Default::default()
        },
        config: ClusterConfiguration {
            etcd: Etcd { local: Some(LocalEtcd::default()), external: None },
            networking: Networking {
                service_subnet: "10.96.0.0/12".into(),
                dns_domain: "cluster.local".into(),
                ..Default::default()
            },
            certificates_dir: "/etc/kubernetes/pki".into(),
            encryption_algorithm: "RSA-2048".into(),
            certificate_validity_period: Some(GoDuration::hours(8760)),
            ca_certificate_validity_period: Some(GoDuration::hours(87600)),
            ..Default::default()
        },
        kubelet: serde_json::Value::Null,
        kube_proxy: serde_json::Value::Null,
        given: Vec::new(),
        release: Release::of(&version).expect("a known release"),
        version,
        ci: false,
        plugins: Default::default(),
        facts: Facts::default(),
    }
}

/// A golden case: its folder and the cluster that it configures.
pub struct Case {
    pub name: &'static str,
    pub cluster: Cluster,
}

/// The cases that differ in certificates.
pub fn cases() -> Vec<Case> {
    let case = |name, change: fn(&mut Cluster)| {
        let mut cluster = cluster(Version::new(1, 36, 2), "node-1", "192.0.2.10");
        change(&mut cluster);
        Case { name, cluster }
    };
    vec![
        case("01-defaults", |cluster| {
            cluster.init.node_registration.name = "cp3".into();
            cluster.init.local_api_endpoint.advertise_address = "10.77.0.13".into();
        }),
        case("05-external-etcd", |cluster| {
            cluster.config.etcd = Etcd { local: None, external: Some(ExternalEtcd::default()) };
        }),
        case("06-ecdsa-p256", |cluster| cluster.config.encryption_algorithm = "ECDSA-P256".into()),
        case("07-cert-validity", |cluster| {
            cluster.config.certificate_validity_period = Some(GoDuration::hours(1000));
            cluster.config.ca_certificate_validity_period = Some(GoDuration::hours(20000));
        }),
        case("08-dual-stack", |cluster| {
            cluster.config.networking.service_subnet = "10.96.0.0/16,2001:db8:42:1::/112".into();
        }),
        case("09-control-plane-endpoint", |cluster| {
            cluster.config.control_plane_endpoint = "lb.example.com:8443".into();
            cluster.config.api_server = APIServer {
                cert_sans: ["api.example.com", "203.0.113.5", "*.wild.example.com", "kubernetes", "2001:db8::5"]
                    .map(str::to_owned)
                    .to_vec(),
                ..Default::default()
            };
        }),
    ]
}

/// A file of the recorded cases.
pub fn golden(case: &str, path: &str) -> Vec<u8> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/golden/v1.36").join(case).join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Makes every authority of a cluster, and then calls `each` with each certificate that is needed, in order, its key
/// and its authority.
pub fn issue_all(cluster: &Cluster, mut each: impl FnMut(&'static CertSpec, &Cert, &PrivateKey, &Ca)) {
    // Three authorities and one key for everything else: RSA keys are slow.
    let pool = KeyPool::start(4, cluster.key_algorithm());
    let leaf_key = pool.take().unwrap();
    for authority in CERTS.iter().filter(|spec| spec.is_ca() && spec.is_needed(cluster)) {
        let request = authority.request(cluster, None, start(), [authority.name.len() as u8; 8]).unwrap();
        let ca = self_signed(&request, pool.take().unwrap()).unwrap();
        each(authority, ca.cert(), ca.key(), &ca);
        for leaf in authority.leaves() {
            let request = leaf.request(cluster, Some(ca.cert()), start(), [leaf.name.len() as u8; 8]).unwrap();
            each(leaf, &issue(&request, &leaf_key, &ca).unwrap(), &leaf_key, &ca);
        }
    }
}

//! What differs between releases: groups, files, addresses and the start of validity.

use std::time::Duration;

use crate::support::{cluster, start};
use kubephase_model::Cluster;
use kubephase_pki::{
    ADMIN, APISERVER, APISERVER_ETCD_CLIENT, APISERVER_KUBELET_CLIENT, CA, CertSpec, ETCD_HEALTHCHECK_CLIENT, Endpoint,
    KUBECONFIGS, KUBELET, KubeconfigSpec, generate_key, self_signed,
};
use semver::Version;

fn version(text: &str) -> Cluster {
    cluster(Version::parse(text).unwrap(), "node-1", "192.0.2.10")
}

fn groups(spec: &CertSpec, version_text: &str) -> String {
    (spec.organizations)(&version(version_text)).join(",")
}

#[test]
fn groups_of_certificates() {
    for (release, kubelet_client, etcd_client, admin) in [
        ("1.20.15", "system:masters", "system:masters", "system:masters"),
        ("1.34.7", "kubeadm:cluster-admins", "", "kubeadm:cluster-admins"),
        ("1.34.8", "", "", "kubeadm:cluster-admins"),
        ("1.35.4", "kubeadm:cluster-admins", "", "kubeadm:cluster-admins"),
        ("1.36.0", "kubeadm:cluster-admins", "", "kubeadm:cluster-admins"),
        ("1.36.1", "", "", "kubeadm:cluster-admins"),
        ("1.37.0", "", "", "kubeadm:cluster-admins"),
    ] {
        assert_eq!(groups(&APISERVER_KUBELET_CLIENT, release), kubelet_client, "{release}");
        assert_eq!(groups(&ETCD_HEALTHCHECK_CLIENT, release), etcd_client, "{release}");
        assert_eq!(groups(&APISERVER_ETCD_CLIENT, release), etcd_client, "{release}");
        assert_eq!((ADMIN.organizations)(&version(release)).join(","), admin, "{release}");
    }
}

#[test]
fn kubeconfig_files() {
    let files = |release: &str| {
        let cluster = version(release);
        let needed = |spec: &&&KubeconfigSpec| (spec.is_needed)(&cluster);
        KUBECONFIGS.iter().filter(needed).map(|spec| spec.file).collect::<Vec<_>>()
    };
    assert_eq!(files("1.20.15"), ["admin.conf", "kubelet.conf", "controller-manager.conf", "scheduler.conf"]);
    assert_eq!(files("1.36.2").len(), 5);
    assert_eq!((KUBELET.endpoint)(&version("1.20.15")), Endpoint::ControlPlane);
    assert_eq!((KUBELET.endpoint)(&version("1.36.2")), Endpoint::Local);
    let mut cluster = version("1.34.0");
    cluster.config.feature_gates.insert("ControlPlaneKubeletLocalMode".into(), false);
    assert_eq!((KUBELET.endpoint)(&cluster), Endpoint::ControlPlane);
    cluster.config.control_plane_endpoint = "lb:8443".into();
    assert_eq!(Endpoint::ControlPlane.url(&cluster), "https://lb:8443");
    assert_eq!(Endpoint::Local.url(&cluster), "https://192.0.2.10:6443");
}

#[test]
fn start_of_validity() {
    let new = version("1.36.2");
    let old = version("1.20.15");
    let key = || generate_key(kubephase_model::KeyAlgorithm::EcdsaP256).unwrap();
    let earlier = start() - Duration::from_secs(1000);
    for (cluster, ca_start, leaf_start) in
        [(&new, earlier - Duration::from_secs(300), start() - Duration::from_secs(300)), (&old, earlier, earlier)]
    {
        let ca = self_signed(&CA.request(cluster, None, earlier, [1; 8]).unwrap(), key()).unwrap();
        assert_eq!(ca.cert().not_before, ca_start);
        let leaf = APISERVER.request(cluster, Some(ca.cert()), start(), [1; 8]).unwrap();
        assert_eq!(leaf.validity.not_before, leaf_start);
        assert_eq!(leaf.validity.not_after, start() + Duration::from_secs(365 * 24 * 3600));
        let admin = ADMIN.request(cluster, ca.cert(), start(), [1; 8]).unwrap();
        assert_eq!(admin.validity.not_before, ca_start);
    }
}

#[test]
fn paths() {
    let cluster = version("1.36.2");
    assert_eq!(ETCD_HEALTHCHECK_CLIENT.key_path(&cluster), "/etc/kubernetes/pki/etcd/healthcheck-client.key");
}

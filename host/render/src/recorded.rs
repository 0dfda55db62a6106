//! Clusters and files from what the real kubeadm wrote (`tests/fixtures/golden`), for tests. The configuration is read
//! from what `kubeadm config migrate` made of it, which has the static defaults filled in.

#![expect(clippy::disallowed_methods, reason = "tests read their fixtures")]

use kubephase_model::config::duration::GoDuration;
use kubephase_model::config::load::{Command, Documents, load, source};
use kubephase_model::{Cluster, Facts, Release, Report};
use semver::Version;
use serde_json::{Value, json};

/// A file of a case.
pub(crate) fn read(case: &str, path: &str) -> Option<Vec<u8>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/golden/v1.36");
    std::fs::read(format!("{root}/{case}/{path}")).ok()
}

fn documents(case: &str, path: &str) -> Documents {
    let mut report = Report::default();
    let bytes = read(case, path).unwrap_or_else(|| panic!("{case} has no {path}"));
    let source = source(case, bytes, &mut report).unwrap();
    let documents = load(&source, Command::Init, &mut report);
    assert!(!report.has_errors(), "{report}");
    documents
}

/// The cluster of a case, on the node where kubeadm ran.
pub(crate) fn cluster(case: &str) -> Cluster {
    let migrated = documents(case, "migrated.yaml");
    let (mut init, config) = (migrated.init.unwrap(), migrated.cluster.unwrap());
    // `config migrate` loses this one.
    if let Some(timeouts) = &mut init.timeouts
        && timeouts.control_plane_component_health_check == Some(GoDuration(0))
    {
        timeouts.control_plane_component_health_check = None;
    }
    let version: Version = config.kubernetes_version.trim_start_matches('v').parse().unwrap();
    let mut cluster = Cluster {
        release: Release::of(&version).unwrap(),
        version,
        ci: false,
        init,
        config,
        kubelet: Value::Null,
        kube_proxy: Value::Null,
        given: Vec::new(),
        plugins: Default::default(),
        facts: Facts {
            hostname: "cp3".into(),
            ca_dirs: ["/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"]
                .map(str::to_owned)
                .to_vec(),
            ..Facts::default()
        },
    };
    cluster.kubelet = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": format!("{}/ca.crt", cluster.pki()) },
        },
        "authorization": { "mode": "Webhook" },
        "cgroupDriver": "systemd",
        "clusterDNS": [cluster.dns_ip().to_string()],
        "clusterDomain": cluster.config.networking.dns_domain,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": 10248,
        "rotateCertificates": true,
        "staticPodPath": "/etc/kubernetes/manifests",
    });
    // `config migrate` drops the configurations of components.
    let kubelet = documents(case, "config.yaml").kubelet.unwrap_or_default();
    for (name, value) in kubelet.as_object().into_iter().flatten() {
        if name != "rotateCertificates" {
            cluster.kubelet[name] = value.clone();
        }
    }
    cluster
}

/// The same with another version.
pub(crate) fn of_version(case: &str, version: &str) -> Cluster {
    let version: Version = version.parse().unwrap();
    Cluster { release: Release::of(&version).unwrap(), version, ..cluster(case) }
}

/// Every case that has a configuration.
pub(crate) const CASES: [&str; 16] = [
    "02-image-repo",
    "03-extra-args",
    "04-extra-volumes-envs",
    "05-external-etcd",
    "06-ecdsa-p256",
    "07-cert-validity",
    "08-dual-stack",
    "09-control-plane-endpoint",
    "10-ports-paths",
    "11-node-registration",
    "12-feature-gates",
    "13-proxy-dns-disabled",
    "14-v1beta3",
    "15-patches",
    "16-component-configs",
    "20-minimal-config",
];

/// The patches of the case that has some.
pub(crate) fn patches() -> Vec<(String, Vec<u8>)> {
    [
        "README.md",
        "corednsdeployment+strategic.json",
        "etcd+json.yaml",
        "kube-apiserver0+merge.yaml",
        "kube-apiserver1+strategic.yaml",
        "kube-controller-manager+json.json",
        "kube-foo.yaml",
        "kube-scheduler.yaml",
        "kubeletconfiguration+strategic.yaml",
    ]
    .into_iter()
    .map(|name| (name.to_owned(), read("15-patches", &format!("patches/{name}")).unwrap_or_default()))
    .collect()
}

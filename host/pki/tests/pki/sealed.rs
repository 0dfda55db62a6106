//! The Secret that kubeadm 1.36.2 uploaded, opened with the key that it printed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kubephase_model::config::v1beta4::{ArgValue, Etcd, ExternalEtcd};
use kubephase_pki::{CertificateKey, PrivateKey, open, uploaded_files};
use semver::Version;

use crate::support::{cluster, golden};

/// Printed by that `init --upload-certs`, for a cluster that is gone.
const KEY: &str = "e6a2eb8581237ab72a4f494f30285ec12a9694d750b9785706a83bfcbbbd2204";

/// `data` of a Secret: between `data:` and `kind:`, one line each.
fn data(yaml: &str) -> BTreeMap<String, Vec<u8>> {
    let lines = yaml.lines().skip_while(|line| *line != "data:").skip(1).take_while(|line| line.starts_with("  "));
    lines
        .map(|line| line.trim().split_once(": ").unwrap_or_else(|| panic!("{line}")))
        .map(|(name, value)| (name.to_owned(), BASE64_STANDARD.decode(value).unwrap()))
        .collect()
}

#[test]
fn what_kubeadm_sealed_is_opened() {
    let cluster = cluster(Version::new(1, 36, 2), "cp1", "10.77.0.11");
    let recorded = data(&String::from_utf8(golden("live", "api/kubeadm-certs.yaml")).unwrap());
    let key: CertificateKey = KEY.parse().unwrap();
    let files = uploaded_files(&cluster);
    let mut names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(recorded.keys().collect::<Vec<_>>(), names);
    for file in &files {
        let opened = open(&key, &recorded[&file.name]).unwrap_or_else(|error| panic!("{}: {error}", file.name));
        if file.name.ends_with(".key") {
            PrivateKey::from_pem(&file.name, &opened).unwrap();
        } else {
            assert_eq!(opened, golden("live", &format!("cp1{}", file.path)), "{}", file.name);
        }
    }
}

#[test]
fn an_external_etcd_is_reached_with_what_the_configuration_names() {
    let mut cluster = cluster(Version::new(1, 36, 2), "cp1", "10.77.0.11");
    let path = |name: &str| ArgValue(format!("/etc/etcd/{name}"));
    let external = ExternalEtcd {
        ca_file: path("root.pem"),
        cert_file: path("client.pem"),
        key_file: path("client-key.pem"),
        ..Default::default()
    };
    cluster.config.etcd = Etcd { local: None, external: Some(external) };
    let files = uploaded_files(&cluster);
    let listed: Vec<(&str, &str)> = files.iter().map(|file| (file.name.as_str(), file.path.as_str())).collect();
    assert_eq!(
        listed,
        [
            ("ca.crt", "/etc/kubernetes/pki/ca.crt"),
            ("ca.key", "/etc/kubernetes/pki/ca.key"),
            ("front-proxy-ca.crt", "/etc/kubernetes/pki/front-proxy-ca.crt"),
            ("front-proxy-ca.key", "/etc/kubernetes/pki/front-proxy-ca.key"),
            ("sa.pub", "/etc/kubernetes/pki/sa.pub"),
            ("sa.key", "/etc/kubernetes/pki/sa.key"),
            ("external-etcd-ca.crt", "/etc/etcd/root.pem"),
            ("external-etcd.crt", "/etc/etcd/client.pem"),
            ("external-etcd.key", "/etc/etcd/client-key.pem"),
        ]
    );
}

//! Every configuration that was recorded with kubeadm can be rehearsed: other ports and paths, dual stack, an external
//! etcd, users of their own for components, patches.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::place::{CONFIG, Place};
use crate::support::fixtures;

#[test]
fn every_recorded_configuration_comes_up() {
    let mut rehearsed = 0;
    for entry in fs::read_dir(fixtures().join("golden/v1.36")).expect("recordings") {
        let case = entry.expect("an entry").path();
        let Ok(config) = fs::read_to_string(case.join("config.yaml")) else { continue };
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let place = Place::with(&config.replace("CASE", &case.display().to_string()));
        // Whoever may not read the repository cannot bring its patches.
        let outcome = place.rehearse_as_we_are(&[]);
        assert_eq!(outcome.code, Some(0), "{name}\n{outcome}");
        assert_eq!(place.left(), Vec::<String>::new(), "{name}");
        rehearsed += 1;
    }
    assert!(rehearsed > 12, "{rehearsed}");
}

#[test]
fn an_ipv6_cluster_comes_up() {
    let config =
        CONFIG.replace("podSubnet: 10.244.0.0/16", "podSubnet: fd00:20::/64\n  serviceSubnet: fd00:10::/108").replace(
            "bootstrapTokens:",
            "localAPIEndpoint:\n  advertiseAddress: fd00::1\n  bindPort: 7443\nbootstrapTokens:",
        );
    let place = Place::with(&config);
    let outcome = place.rehearse(&[]);
    outcome.expect_code(0);
    assert!(outcome.out().contains("[fd00::1]:7443"), "{outcome}");
}

#[test]
fn without_a_version_it_is_the_one_that_init_takes_without_a_network() {
    let newest = kubephase_model::release::NEWEST.newest();
    let place = Place::with(&CONFIG.replace("kubernetesVersion: v1.36.2\n", ""));
    let outcome = place.rehearse(&[]);
    outcome.expect_code(0);
    assert!(outcome.err().contains(&format!("rehearsing with Kubernetes version v{newest};")), "{outcome}");
    assert!(outcome.err().contains("`stable-1` could not be looked up"), "{outcome}");
}

#[test]
fn what_to_do_next_has_the_same_flags() {
    let place = Place::new();
    let outcome = place.rehearse(&["--node-name", "cp-b", "--keep", "kept", "--upload-certs"]);
    outcome.expect_code(0);
    let flags = "--config cluster.yaml --node-name cp-b --upload-certs";
    assert!(outcome.out().contains(&format!("kubephase rehearse init {flags} --serve\n")), "{outcome}");
    assert!(outcome.out().contains(&format!("kubephase init {flags}\n")), "{outcome}");
}

#[test]
fn real_keys_of_an_external_etcd_are_neither_needed_nor_taken() {
    let place = Place::new();
    let file = |name: &str| place.path().join(name).display().to_string();
    let config = format!(
        "{CONFIG}etcd:\n  external:\n    endpoints: [https://etcd.example:2379]\n    caFile: {}\n    certFile: {}\n    \
         keyFile: {}\n",
        file("etcd-ca.crt"),
        file("etcd.crt"),
        file("etcd.key"),
    );
    fs::write(place.path().join("cluster.yaml"), config).expect("a configuration");
    fs::write(file("etcd.key"), "a real key").expect("a file");
    fs::set_permissions(file("etcd.key"), fs::Permissions::from_mode(0o600)).expect("for its owner alone");
    place.rehearse(&["--keep", "kept"]).expect_code(0);
    let kept = place.path().join("kept").join(file("etcd.key").trim_start_matches('/'));
    let key = fs::read_to_string(kept).expect("a key in its place");
    assert!(key.contains("PRIVATE KEY") && !key.contains("a real key"));
}

//! `rehearse join`: a cluster is set up first, and another machine joins it in the phases of a real one.

use std::fs;

use serde_json::Value;

use crate::place::{CONFIG, Place};

const JOIN: &str = "---
apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
nodeRegistration: {name: node-b}
";
/// Parts of secrets that nothing may show.
const SECRETS: [&str; 2] = ["0123456789abcdef", "00112233445566778899aabbccddeeff"];

/// Adds lines to the ClusterConfiguration, which is the last document, and documents behind it.
fn config(more: &str, documents: &str) -> String {
    format!("{CONFIG}{more}{documents}")
}

#[test]
fn a_newcomer_needs_no_arguments() {
    let place = Place::new();
    for (args, name, phases) in [
        (&[][..], "worker-1", &["preflight", "kubelet-start", "kubelet-wait-bootstrap"][..]),
        (
            &["--control-plane"][..],
            "cp-2",
            &["download-certs", "check-etcd", "etcd-join", "mark-control-plane", "wait-control-plane"][..],
        ),
    ] {
        let outcome = place.rehearse_join(args);
        outcome.expect_code(0);
        assert!(outcome.err().contains(&format!("; {name} joins it\n")), "{outcome}");
        for phase in phases {
            let done = outcome.err().lines().any(|line| line.starts_with('✓') && line.contains(phase));
            assert!(done, "{phase}: {outcome}");
        }
        assert!(outcome.out().contains(&format!("  | {name} has joined the cluster at https://cp.example.com:6443")));
        assert!(outcome.out().contains("\nRehearsed in "), "{outcome}");
        assert!(!outcome.err().contains("upload-config"), "init is quiet: {outcome}");
        assert_eq!(place.left(), Vec::<String>::new());
    }
}

#[test]
fn one_file_may_be_for_both_machines() {
    let control_plane = "controlPlane: {localAPIEndpoint: {advertiseAddress: 192.0.2.55, bindPort: 7443}}\n";
    let text = config("controlPlaneEndpoint: lb.example:6443\n", &format!("{JOIN}{control_plane}"));
    let place = Place::with(&text);
    let outcome = place.rehearse_join(&["--config", "cluster.yaml", "-o", "json", "--keep", "kept"]);
    outcome.expect_code(0);
    let events: Vec<Value> =
        outcome.out().lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    let finished: Vec<&str> =
        events.iter().filter(|event| event["event"] == "finished").filter_map(|event| event["path"].as_str()).collect();
    assert!(finished.contains(&"etcd-join") && finished.last() == Some(&"wait-control-plane"), "{finished:?}");
    assert!(
        events.iter().any(|event| event["message"].as_str().is_some_and(|text| text.contains("init has set cp-a up")))
    );
    for secret in SECRETS {
        assert!(!outcome.out().contains(secret) && !outcome.err().contains(secret), "{outcome}");
    }
    let kept = |path: &str| fs::read_to_string(place.path().join("kept").join(path)).unwrap_or_default();
    let manifest = kept("etc/kubernetes/manifests/etcd.yaml");
    assert!(
        manifest.contains("--initial-cluster=cp-a=https://192.0.2.10:2380,node-b=https://192.0.2.55:2380"),
        "{manifest}"
    );
    assert!(kept("etc/kubernetes/manifests/kube-apiserver.yaml").contains("--secure-port=7443"));
    assert!(kept("etc/kubernetes/kubelet.conf").contains("server: https://"), "it has its own");
    assert!(!place.path().join("kept/etc/kubernetes/bootstrap-kubelet.conf").exists(), "the token does not stay");
}

#[test]
fn two_files_may_be_too_and_a_page_is_made() {
    let place = Place::new();
    fs::write(place.path().join("join.yaml"), JOIN).expect("a file");
    let outcome =
        place.rehearse_join(&["--config", "join.yaml", "--init-config", "cluster.yaml", "--report", "tmp/page.html"]);
    outcome.expect_code(0);
    assert!(outcome.err().contains("init has set cp-a up") && outcome.err().contains("; node-b joins it"), "{outcome}");
    assert!(outcome.out().contains("kubephase join --config join.yaml\n"), "{outcome}");
    let page = fs::read_to_string(place.temporary().join("page.html")).expect("a page");
    assert!(page.contains("kubelet-wait-bootstrap") && page.contains("rehearse join"));
    assert!(!SECRETS.iter().any(|secret| page.contains(secret)));
}

#[test]
fn a_command_to_join_a_real_cluster_can_be_rehearsed_as_it_is() {
    let place = Place::new();
    let hash = format!("sha256:{}", "ab".repeat(32));
    let words = ["10.1.2.3:6443", "--token", "abcdef.0123456789abcdef", "--discovery-token-ca-cert-hash", &hash];
    let outcome = place.rehearse_join(&words);
    outcome.expect_code(0);
    assert!(outcome.out().contains("has joined the cluster at https://10.1.2.3:6443"), "{outcome}");
    assert!(outcome.out().contains("kubephase join 10.1.2.3:6443 --token '…'"), "{outcome}");
    // What is wrong with it is told as ever, all at once.
    let outcome = place.rehearse_join(&["10.1.2.3:x", "--token", "abc", "--discovery-token-ca-cert-hash", "sha256:1"]);
    outcome.expect_code(2);
    for what in ["10.1.2.3:x", "--token", "sha256:1"] {
        assert!(outcome.err().contains(what), "{what}: {outcome}");
    }
}

#[test]
fn problems_of_both_machines_are_told_at_once() {
    let text = config("imageRepository: 'UPPER!'\n", &format!("{JOIN}caCertPath: relative\n"))
        .replace("podSubnet: 10.244.0.0/16", "podSubnet: nonsense");
    let place = Place::with(&text);
    let outcome = place.rehearse_join(&["--config", "cluster.yaml"]);
    outcome.expect_code(2);
    for what in ["networking.podSubnet", "caCertPath"] {
        assert!(outcome.err().contains(what), "{what}: {outcome}");
    }
    assert!(outcome.out().is_empty() && place.left().is_empty(), "{outcome}");
}

#[test]
fn a_name_that_is_taken_and_a_cluster_without_an_endpoint_are_refused_as_for_real() {
    let place = Place::with(&config("", &JOIN.replace("node-b", "cp-a")));
    let outcome = place.rehearse_join(&["--config", "cluster.yaml"]);
    outcome.expect_code(1);
    assert!(outcome.err().contains("joining as cp-a: the cluster has a node of that name already"), "{outcome}");

    let place = Place::with(&config("", &format!("{JOIN}controlPlane: {{}}\n")));
    let outcome = place.rehearse_join(&["--config", "cluster.yaml"]);
    outcome.expect_code(1);
    assert!(outcome.err().contains("controlPlaneEndpoint"), "{outcome}");
}

#[test]
fn an_init_that_fails_is_told_as_it_is() {
    let more = "apiServer: {extraArgs: [{name: tls-cert-file, value: /nowhere.crt}]}\n";
    let place = Place::with(&config(more, JOIN));
    let outcome = place.rehearse_join(&["--config", "cluster.yaml"]);
    outcome.expect_code(1);
    assert!(outcome.err().contains("✗ wait-control-plane") && outcome.err().contains("/nowhere.crt"), "{outcome}");
    assert!(!outcome.err().contains("joins it"), "{outcome}");
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    let outcome = Place::new().rehearse_join(&["--plan", "--dry-run"]);
    outcome.expect_code(2);
    assert!(outcome.err().contains("--plan") && outcome.err().contains("--dry-run"), "{outcome}");
}

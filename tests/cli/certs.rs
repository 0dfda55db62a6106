//! `certs` and `kubeconfig` as people meet them.

use std::fs;

use crate::screen;
use crate::support::program::{Outcome, Program};
use crate::support::rootfs::Rootfs;
use crate::support::skipped;

const CONFIG: &str = "apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.0.2.10}
nodeRegistration: {name: node-1}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: ECDSA-P256
";

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_string).collect()
}

/// A root with a configuration; none, said aloud, where there can be none.
fn root(test: &str) -> Option<Rootfs> {
    if let Some(why) = Rootfs::unavailable() {
        skipped(test, &why);
        return None;
    }
    Some(Rootfs::with(|root| fs::write(root.join("config.yaml"), CONFIG).expect("the configuration")))
}

fn run(root: &Rootfs, line: &str) -> Outcome {
    root.run(&Program::kubephase(), &words(line))
}

fn prepared(test: &str) -> Option<Rootfs> {
    let root = root(test)?;
    for phase in ["certs", "kubeconfig"] {
        run(&root, &format!("init phase {phase} all --config /config.yaml")).expect_code(0);
    }
    Some(root)
}

#[test]
fn help() {
    screen!("help-certs", Program::kubephase().run(["certs"]));
    screen!("help-certs-renew", Program::kubephase().run(["certificates", "renew", "--help"]));
    screen!("help-certs-renew-all", Program::kubephase().run(["certs", "renew", "all", "--help"]));
    screen!("help-certs-restart", Program::kubephase().run(["certs", "restart", "--help"]));
    screen!("help-kubeconfig-user", Program::kubephase().run(["kubeconfig", "user", "--help"]));
}

#[test]
fn nothing_there() {
    let Some(root) = root("certs::nothing_there") else { return };
    // Nobody can be asked: there is no kubeconfig file.
    screen!("expiration-of-nothing", run(&root, "certs check-expiration"));
    screen!("renew-nothing", run(&root, "certs renew all --config /config.yaml"));
    screen!("renew-one-that-is-missing", run(&root, "certs renew apiserver --config /config.yaml"));
    screen!("user-without-authority", run(&root, "kubeconfig user --client-name alice --config /config.yaml"));
}

#[test]
fn renewing() {
    let Some(root) = prepared("certs::renewing") else { return };
    screen!("renew-all", run(&root, "certs renew all --config /config.yaml"));
    screen!("renew-one", run(&root, "certs renew etcd-server --config /config.yaml"));
    screen!(
        "renew-one-that-nobody-reads",
        run(&root, "certs renew etcd-healthcheck-client --restart --config /config.yaml")
    );
    fs::remove_file(root.path().join("etc/kubernetes/pki/ca.key")).expect("removed");
    screen!("renew-external-all", run(&root, "certs renew all --config /config.yaml"));
    screen!("renew-external-one", run(&root, "certs renew scheduler.conf --config /config.yaml"));
    let outcome = run(&root, "certs check-expiration --config /config.yaml");
    outcome.expect_code(0);
    let external: Vec<String> =
        outcome.out().lines().filter(|line| line.ends_with(" yes")).map(str::to_string).collect();
    assert_eq!(external.len(), 7, "{outcome}");
}

#[test]
fn what_is_damaged_is_told_beside_the_rest() {
    let Some(root) = prepared("certs::what_is_damaged_is_told_beside_the_rest") else { return };
    fs::write(root.path().join("etc/kubernetes/pki/etcd/peer.crt"), "no certificate").expect("written");
    fs::write(root.path().join("etc/kubernetes/pki/apiserver.key"), "no key").expect("written");
    let outcome = run(&root, "certs check-expiration --config /config.yaml -o json");
    outcome.expect_code(1);
    let object: serde_json::Value = serde_json::from_slice(&outcome.stdout).expect("one object, whatever happens");
    assert_eq!(object["certificates"].as_array().map(Vec::len), Some(11));
    assert!(outcome.err().contains("etcd/peer.crt") && !outcome.err().contains("no certificate\n"), "{outcome}");
    let outcome = run(&root, "certs check-expiration --config /config.yaml");
    outcome.expect_code(1);
    assert!(outcome.out().contains("\n!UNREADABLE! etcd-peer\n"), "{outcome}");
    screen!("renew-damaged", run(&root, "certs renew all --config /config.yaml"));
}

#[test]
fn restarting_without_renewing() {
    let Some(root) = prepared("certs::restarting_without_renewing") else { return };
    // No static pod runs here.
    screen!("restart-nothing", run(&root, "certs restart --config /config.yaml"));
    run(&root, "certs restart kubelet --config /config.yaml").expect_code(2);
    let manifests = root.path().join("etc/kubernetes/manifests");
    fs::create_dir_all(&manifests).expect("a directory");
    fs::write(manifests.join("kube-scheduler.yaml"), "spec: {containers: []}").expect("written");
    let before = fs::read(root.path().join("etc/kubernetes/scheduler.conf")).expect("there");
    // There is no kubelet: what is left can be restarted later, and needs no new certificates.
    let outcome = run(&root, "certs restart etcd kube-scheduler --config /config.yaml");
    outcome.expect_code(1);
    assert!(outcome.err().contains("`kubephase certs restart kube-scheduler` restarts what is left"), "{outcome}");
    assert_eq!(fs::read(root.path().join("etc/kubernetes/scheduler.conf")).expect("there"), before);
}

#[test]
fn requests_twice() {
    let Some(root) = root("certs::requests_twice") else { return };
    let line = "certs generate-csr --config /config.yaml --cert-dir /csr/pki --kubeconfig-dir /csr";
    screen!("requests", run(&root, line));
    screen!("requests-again", run(&root, line));
}

#[test]
fn users() {
    let Some(root) = prepared("certs::users") else { return };
    screen!("user-mistakes", run(&root, "kubeconfig user --client-name= --validity-period=-1h --token="));
    let admin = root.path().join("etc/kubernetes/admin.conf");
    let text = fs::read_to_string(&admin)
        .expect("there")
        .replace("192.0.2.10", "192.0.2.77")
        .replace("kubernetes\n", "shop\n");
    fs::write(&admin, text.replace("kubernetes-admin@kubernetes", "kubernetes-admin@shop")).expect("written");
    // Where the cluster is, its administrator's file knows better than defaults.
    let outcome = run(&root, "kubeconfig user --client-name alice --token secret --org dev --validity-period 9000h");
    outcome.expect_code(0);
    for word in ["server: https://192.0.2.77:6443", "current-context: alice@shop", "token: secret"] {
        assert!(outcome.out().contains(word), "{outcome}");
    }
    assert!(outcome.err().contains("--org") && outcome.err().contains("--validity-period"), "{outcome}");
}

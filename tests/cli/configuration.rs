//! Configuration files and flags together, and `--strict`.

use std::fs;

use crate::screen;
use crate::support::program::{Outcome, Program};

const HEAD: &str = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: 192.0.2.10
nodeRegistration:
  name: node-1
  criSocket: unix:///var/run/containerd/containerd.sock
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: ECDSA-P256
";

/// Runs with `HEAD` and more as `config.yaml`; returns what was said and what is left in the scratch directory.
fn run(more: &str, args: &str) -> (Outcome, Option<Vec<String>>) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::write(folder.path().join("config.yaml"), format!("{HEAD}{more}")).expect("the configuration");
    let outcome = Program::kubephase().within(folder.path()).run(args.split_whitespace());
    let scratch = folder.path().join("scratch");
    let left = scratch.exists().then(|| crate::support::tree::read(&scratch).into_keys().collect());
    (outcome, left)
}

#[test]
fn flags_and_file_do_not_mix() {
    let (outcome, left) =
        run("", "init --config config.yaml --dry-run --dry-run-dir scratch --pod-network-cidr 10.0.0.0/16");
    outcome.expect_code(2);
    assert_eq!(left, None);
    screen!("flags-and-file", outcome);
}

#[test]
fn some_flags_do_mix() {
    let args = "init phase certs apiserver-kubelet-client --config config.yaml --dry-run --dry-run-dir scratch --node-name other";
    let (outcome, _) = run("", args);
    // The phase signs with a CA that is not there: the machine says no, the flags are right.
    outcome.expect_code(1);
}

#[test]
fn unknown_fields_warn_and_with_strict_stop() {
    let typo = "networking:\n  podSubnets: 10.1.0.0/16\n";
    let command = "init phase certs ca --config config.yaml --dry-run --dry-run-dir scratch";
    let (outcome, left) = run(typo, command);
    outcome.expect_code(0);
    for word in ["warning", "podSubnets", "podSubnet", "config.yaml:14:"] {
        assert!(outcome.err().contains(word), "{word}: {outcome}");
    }
    assert!(left.is_some());
    let (outcome, left) = run(typo, &format!("{command} --strict"));
    outcome.expect_code(2);
    assert_eq!(left, None);
    screen!("unknown-field-strict", outcome);
}

#[test]
fn every_problem_at_once() {
    let (outcome, _) = run(
        "networking:\n  dnsDomain: A_B\n  serviceSubnet: 10.96.0.0/30\ncertificatesDir: here\nfoo: bar\n",
        "config validate --config config.yaml",
    );
    outcome.expect_code(2);
    screen!("every-problem-at-once", outcome);
}

#[test]
fn problems_for_programs() {
    let (outcome, _) = run("networking:\n  dnsDomain: A_B\n", "config validate --config config.yaml -o json");
    outcome.expect_code(2);
    let problem: serde_json::Value = serde_json::from_slice(&outcome.stdout).expect("one JSON object");
    assert_eq!(problem["path"], "networking.dnsDomain");
    assert_eq!((&problem["line"], &problem["column"]), (&14.into(), &14.into()));
    assert_eq!(problem["severity"], "error");
}

#[test]
fn validate_says_ok() {
    let (outcome, _) = run("", "config validate --config config.yaml");
    outcome.expect_code(0);
    assert_eq!((outcome.out().as_str(), outcome.err().as_str()), ("ok\n", ""));
}

/// `-` is not a file that kubeadm knows; a file of that name would be read.
#[test]
fn a_directory_is_no_configuration() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let outcome = Program::kubephase().within(folder.path()).run(["config", "validate", "--config", "."]);
    outcome.expect_code(2);
    assert!(!outcome.err().contains("panicked"), "{outcome}");
}

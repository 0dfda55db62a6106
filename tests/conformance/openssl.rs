//! Certificates and keys in the eyes of openssl: chains hold, keys fit, purposes are allowed.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use serde_json::Value;

use crate::support::program::{Outcome, Program};
use crate::support::skipped;

fn openssl(args: &[&str]) -> Outcome {
    Program::at(Path::new("openssl")).run(args)
}

/// Certificates below the PKI directory, their CA, and what they are for.
const CERTIFICATES: [(&str, &str, &str); 7] = [
    ("apiserver", "ca", "sslserver"),
    ("apiserver-kubelet-client", "ca", "sslclient"),
    ("front-proxy-client", "front-proxy-ca", "sslclient"),
    ("apiserver-etcd-client", "etcd/ca", "sslclient"),
    ("etcd/server", "etcd/ca", "sslserver"),
    ("etcd/peer", "etcd/ca", "sslclient"),
    ("etcd/healthcheck-client", "etcd/ca", "sslclient"),
];

#[test]
fn rsa() {
    // The others are slow to make without optimisation; the kinds of keys are compared elsewhere.
    judge("RSA-2048");
    judge("RSA-3072");
}

#[test]
fn ecdsa() {
    judge("ECDSA-P256");
    judge("ECDSA-P384");
}

fn judge(algorithm: &str) {
    if std::process::Command::new("openssl").arg("version").output().is_err() {
        return skipped("openssl", "there is no openssl here");
    }
    let folder = tempfile::tempdir().expect("a temporary directory");
    let config = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {{advertiseAddress: 192.0.2.10}}\n\
         nodeRegistration: {{name: node-1, criSocket: \"unix:///run/none.sock\"}}\n---\n\
         apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n\
         encryptionAlgorithm: {algorithm}\ncertificatesDir: /srv/made-for-a-test/pki\n"
    );
    fs::write(folder.path().join("config.yaml"), config).expect("the configuration");
    let line = "init --config config.yaml --dry-run --dry-run-dir scratch --kubeconfig-dir /srv/made-for-a-test --skip-phases \
                preflight,etcd,control-plane,kubelet-start,wait-control-plane,upload-config,mark-control-plane,\
                bootstrap-token,addon";
    let outcome = Program::kubephase().within(folder.path()).run(line.split_whitespace());
    outcome.expect_code(0);
    let made = folder.path().join("scratch/srv/made-for-a-test");
    let pki = made.join("pki");
    let file = |name: &str, extension: &str| pki.join(format!("{name}.{extension}")).display().to_string();

    for ca in ["ca", "front-proxy-ca", "etcd/ca"] {
        verified(&file(ca, "crt"), &file(ca, "crt"), &[]);
        fits(&file(ca, "crt"), &file(ca, "key"));
    }
    for (name, ca, purpose) in CERTIFICATES {
        verified(&file(ca, "crt"), &file(name, "crt"), &["-purpose", purpose]);
        fits(&file(name, "crt"), &file(name, "key"));
    }
    // A serving certificate for a host that it names, and for no other.
    let named = ["-verify_hostname", "kubernetes.default.svc.cluster.local", "-verify_ip", "10.96.0.1"];
    verified(&file("ca", "crt"), &file("apiserver", "crt"), &named);
    let other = ["verify", "-CAfile", &file("ca", "crt"), "-verify_hostname", "example.com", &file("apiserver", "crt")];
    assert_ne!(openssl(&other).code, Some(0));
    // Another CA has not signed it.
    assert_ne!(openssl(&["verify", "-CAfile", &file("etcd/ca", "crt"), &file("apiserver", "crt")]).code, Some(0));

    let public = openssl(&["pkey", "-in", &file("sa", "key"), "-pubout"]);
    public.expect_code(0);
    assert_eq!(public.stdout, fs::read(pki.join("sa.pub")).expect("sa.pub"), "sa.pub is not the public part of sa.key");

    for name in ["admin", "super-admin", "kubelet", "controller-manager", "scheduler"] {
        let (ca, certificate, key) = unpack(&made.join(format!("{name}.conf")));
        verified(&ca, &certificate, &["-purpose", "sslclient"]);
        fits(&certificate, &key);
    }
}

#[track_caller]
fn verified(ca: &str, certificate: &str, how: &[&str]) {
    let args: Vec<_> =
        ["verify", "-x509_strict", "-CAfile", ca].iter().chain(how).copied().chain([certificate]).collect();
    openssl(&args).expect_code(0);
}

/// The key is sound and the certificate is about it.
#[track_caller]
fn fits(certificate: &str, key: &str) {
    openssl(&["pkey", "-in", key, "-check", "-noout"]).expect_code(0);
    let of_key = openssl(&["pkey", "-in", key, "-pubout"]);
    let of_certificate = openssl(&["x509", "-in", certificate, "-noout", "-pubkey"]);
    assert_eq!(of_key.out(), of_certificate.out(), "{certificate} and {key}");
}

/// Writes what is embedded in a kubeconfig beside it: CA, certificate, key.
fn unpack(kubeconfig: &Path) -> (String, String, String) {
    let text = fs::read(kubeconfig).unwrap_or_else(|e| panic!("{}: {e}", kubeconfig.display()));
    let config: Value = serde_yaml::from_slice(&text).expect("YAML");
    let write = |pointer: &str, extension: &str| {
        let data = config.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer}"));
        let bytes = base64::engine::general_purpose::STANDARD.decode(data).expect("base64");
        let path: PathBuf = kubeconfig.with_extension(extension);
        fs::write(&path, bytes).expect("a file");
        path.display().to_string()
    };
    (
        write("/clusters/0/cluster/certificate-authority-data", "ca"),
        write("/users/0/user/client-certificate-data", "crt"),
        write("/users/0/user/client-key-data", "key"),
    )
}

//! `certs` and `kubeconfig`: tables, objects, requests and renewed certificates compared with kubeadm's.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509CertificationRequest};

use crate::live::{kubeadm, phases};
use crate::support::case::golden;
use crate::support::certificate::blocks;
use crate::support::difference::{between, report};
use crate::support::meaning::{self, yaml};
use crate::support::program::{Outcome, Program};
use crate::support::rootfs::Rootfs;
use crate::support::skipped;
use crate::support::tree::{self, Body, Entry, Tree};

fn recorded(file: &str) -> Vec<u8> {
    fs::read(golden().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn text(file: &str) -> String {
    String::from_utf8(recorded(file)).expect("text")
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_string).collect()
}

/// A root with the recorded node's certificates. Its keys were not recorded: that those of the authorities are there is
/// all that is looked at.
fn node() -> Rootfs {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).expect("a directory");
        for entry in fs::read_dir(from).expect("the recording") {
            let (from, to) = (entry.as_ref().expect("an entry").path(), to.join(entry.expect("an entry").file_name()));
            if from.is_dir() {
                copy(&from, &to);
            } else {
                fs::copy(&from, &to).expect("copied");
            }
        }
    }
    Rootfs::with(|root| {
        copy(&golden().join("live/cp1/etc/kubernetes"), &root.join("etc/kubernetes"));
        for authority in ["ca", "front-proxy-ca", "etcd/ca"] {
            fs::write(root.join(format!("etc/kubernetes/pki/{authority}.key")), "").expect("written");
        }
        fs::write(root.join("config.yaml"), text("csr/config.yaml")).expect("written");
    })
}

/// Rows of a table: cells that are two blanks apart.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cells =
        |line: &str| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_string).collect();
    text.lines().map(cells).collect()
}

#[test]
fn expiration_tables() {
    if let Some(why) = Rootfs::unavailable() {
        return skipped("certs::expiration_tables", &why);
    }
    let recorded = text("live/cmd/certs-check-expiration.out");
    // Before it stands where the configuration came from.
    let recorded = &recorded[recorded.find("CERTIFICATE  ").expect("a table")..];
    let outcome = node().run(&Program::kubephase(), &words("certs check-expiration --config /config.yaml"));
    outcome.expect_code(0);
    // Columns begin where kubeadm's begin; it pads the last one.
    let heads =
        |text: &str| text.lines().filter(|line| line.contains("EXPIRES")).map(str::to_string).collect::<Vec<_>>();
    assert_eq!(heads(&outcome.out()), heads(recorded));
    let (ours, theirs) = (rows(&outcome.out()), rows(recorded));
    assert_eq!(ours.len(), theirs.len(), "{outcome}");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        // The recorded table is of certificates that were made later, and time goes on.
        let kept = |row: &[String]| -> Vec<String> {
            row.iter()
                .enumerate()
                .filter(|(column, _)| !(1..=2).contains(column))
                .map(|(_, cell)| cell.clone())
                .collect()
        };
        assert_eq!(kept(ours), kept(theirs), "{outcome}");
        if let (Some(ours), Some(theirs)) = (ours.get(1), theirs.get(1)) {
            let form = |date: &str| date.replace(|c: char| c.is_ascii_digit(), "0");
            assert_eq!(form(ours), form(theirs));
        }
    }
}

/// Without what differs from day to day.
fn timeless(mut object: Value) -> Value {
    for list in ["certificates", "certificateAuthorities"] {
        for row in object[list].as_array_mut().expect("a list") {
            assert!(row["expirationDate"].as_str().is_some_and(|time| time.len() == 20), "{row}");
            assert!(row["residualTime"].is_i64(), "{row}");
            row["expirationDate"] = json!(null);
            row["residualTime"] = json!(0);
        }
    }
    object
}

#[test]
fn expiration_objects() {
    if let Some(why) = Rootfs::unavailable() {
        return skipped("certs::expiration_objects", &why);
    }
    for (format, expected) in [
        ("json", serde_json::from_slice(&recorded("live/cmd/certs-check-expiration-json.out")).expect("JSON")),
        ("yaml", yaml(&recorded("live/cmd/certs-check-expiration-yaml.out")).expect("YAML")),
    ] {
        let line = format!("certs check-expiration --config /config.yaml -o {format}");
        let outcome = node().run(&Program::kubephase(), &words(&line));
        outcome.expect_code(0);
        let object = if format == "json" {
            serde_json::from_slice(&outcome.stdout).expect("JSON")
        } else {
            yaml(&outcome.stdout).expect("YAML")
        };
        assert_eq!(timeless(object), timeless(expected), "{outcome}");
    }
}

/// Everything of a request but its key and what depends on it.
fn request(pem: &[u8]) -> Value {
    let block = blocks(pem).into_iter().next().expect("a block");
    assert_eq!(block.label, "CERTIFICATE REQUEST");
    let (rest, request) = X509CertificationRequest::from_der(&block.contents).expect("a request");
    assert!(rest.is_empty());
    request.verify_signature().expect("signed by its own key");
    let info = &request.certification_request_info;
    let attributes: Vec<(String, &[u8])> =
        info.attributes().iter().map(|attribute| (attribute.oid.to_id_string(), attribute.value)).collect();
    json!({
        "version": info.version.0,
        "subject": info.subject.as_raw(),
        "key": info.subject_pki.algorithm.algorithm.to_id_string(),
        "attributes": attributes,
        "signature": request.signature_algorithm.algorithm.to_id_string(),
    })
}

#[test]
fn signing_requests() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let config = golden().join("csr/config.yaml").display().to_string();
    let (pki, directory) = (path("files/pki"), path("files"));
    let args = ["certs", "generate-csr", "--config", &config, "--cert-dir", &pki, "--kubeconfig-dir", &directory];
    let outcome = Program::kubephase().run(args);
    outcome.expect_code(0);
    let theirs = tree::read(&golden().join("csr/files"));
    let ours = tree::read(&folder.path().join("files"));
    // Keys are left out of recordings.
    let names = |tree: &Tree| tree.keys().filter(|path| !path.ends_with(".key")).cloned().collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&theirs));
    let bytes = |entry: &Entry| if let Body::File(bytes) = &entry.body { Some(bytes.clone()) } else { None };
    for (path, entry) in &theirs {
        let (Some(theirs), Some(ours)) = (bytes(entry), bytes(&ours[path])) else { continue };
        if path.ends_with(".csr") {
            assert_eq!(request(&ours), request(&theirs), "{path}");
        } else {
            let mut files = [yaml(&ours).expect("YAML"), yaml(&theirs).expect("YAML")];
            for file in &mut files {
                assert!(file["users"][0]["user"]["client-key-data"].is_string(), "{path}");
                file["users"][0]["user"]["client-key-data"] = json!("");
            }
            assert_eq!(files[0], files[1], "{path}");
        }
    }
    // The list is kubeadm's, in an order that is always the same.
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().filter(|line| line.starts_with("  ")).map(str::to_string).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&outcome.out()), lines(&text("live/cmd/certs-generate-csr.out")));
}

#[test]
fn certificate_keys() {
    let form =
        |key: &str| (key.len(), key.ends_with('\n'), key.trim().bytes().all(|b| b"0123456789abcdef".contains(&b)));
    let outcome = Program::kubephase().run(["certs", "certificate-key"]);
    outcome.expect_code(0);
    assert_eq!(form(&outcome.out()), form(&text("live/cmd/certs-certificate-key.out")));
    assert_ne!(outcome.out(), Program::kubephase().run(["certs", "certificate-key"]).out());
}

/// A root with certificates that were made in it.
fn made(config: &str) -> Rootfs {
    let root = Rootfs::with(|root| {
        fs::create_dir(root.join("case")).expect("a folder");
        fs::write(root.join("case/config.yaml"), config).expect("the configuration");
    });
    let (outcome, _) = phases(&Program::kubephase(), &root);
    outcome.expect_code(0);
    root
}

#[test]
fn what_renewing_says() {
    if let Some(why) = Rootfs::unavailable() {
        return skipped("certs::what_renewing_says", &why);
    }
    let root = made(&text("csr/config.yaml"));
    let outcome = root.run(&Program::kubephase(), &words("certs renew all --config /case/config.yaml"));
    outcome.expect_code(0);
    let renewed =
        |text: &str| text.lines().filter(|line| line.ends_with(" renewed")).map(str::to_string).collect::<Vec<_>>();
    let theirs: Vec<String> = renewed(&text("live/cmd/certs-renew-all.out"))
        .into_iter()
        // We have our own name, and the scheduler manages nothing.
        .map(|line| {
            line.replace("for kubeadm itself", "for kubephase itself").replace("scheduler manager", "scheduler")
        })
        .collect();
    assert_eq!(renewed(&outcome.out()), theirs);
    for component in ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
        assert!(outcome.out().contains(component), "{outcome}");
    }
}

#[test]
fn other_users() {
    if let Some(why) = Rootfs::unavailable() {
        return skipped("certs::other_users", &why);
    }
    let root = made(
        &text("csr/config.yaml").replace("clusterName: shop", "").replace("lb.example.com:8443", "10.77.0.11:6443"),
    );
    let line = "kubeconfig user --client-name alice --org dev --config /case/config.yaml";
    let outcome = root.run(&Program::kubephase(), &words(line));
    outcome.expect_code(0);
    let tree = |user: &[u8], ca: Vec<u8>| -> Tree {
        let entry = |bytes: &[u8]| Entry { mode: 0o600, owner: None, body: Body::File(bytes.to_vec()) };
        BTreeMap::from([("user.conf".to_string(), entry(user)), ("ca.crt".to_string(), entry(&ca))])
    };
    let authority = |config: &[u8]| {
        use base64::Engine as _;
        let config = yaml(config).expect("YAML");
        let data = config["clusters"][0]["cluster"]["certificate-authority-data"].as_str().expect("a CA").to_string();
        base64::engine::general_purpose::STANDARD.decode(data).expect("base64")
    };
    let theirs = recorded("live/cmd/kubeconfig-user.out");
    let expected = meaning::of(&tree(&theirs, authority(&theirs)));
    let found = meaning::of(&tree(&outcome.stdout, authority(&outcome.stdout)));
    let mut differences = between(&expected, &found);
    // How long before the user the authority was made.
    differences.retain(|difference| !difference.at.ends_with(".valid"));
    assert!(differences.is_empty(), "{}\n{outcome}", report(&differences));
}

/// Both renew the same files, and ask for the same certificates.
#[test]
fn live() {
    let Some(kubeadm) = kubeadm("certs::live") else { return };
    for config in [
        text("csr/config.yaml"),
        text("csr/config.yaml") + "encryptionAlgorithm: ECDSA-P256\ncertificateValidityPeriod: 100h\n",
        text("csr/config.yaml")
            + "etcd: {external: {endpoints: ['https://192.0.2.1:2379'], caFile: /ca, certFile: /c, keyFile: /k}}\n",
    ] {
        let run = |program: &Program| -> (Outcome, meaning::Meaning) {
            let root = made(&config);
            // A renewed certificate begins later than its authority, but not if that was made within the same second.
            std::thread::sleep(std::time::Duration::from_millis(1100));
            let outcome = root.run(program, &words("certs renew all --config /case/config.yaml"));
            outcome.expect_code(0);
            let line = "certs generate-csr --config /case/config.yaml --cert-dir /csr/pki --kubeconfig-dir /csr";
            root.run(program, &words(line)).expect_code(0);
            let mut left = tree::read(&root.path());
            let is_request = |path: &str| path.ends_with(".csr");
            let requests: BTreeMap<String, Value> = left
                .iter()
                .filter(|(path, _)| is_request(path))
                .filter_map(|(path, entry)| match &entry.body {
                    Body::File(bytes) => Some((path.clone(), request(bytes))),
                    _ => None,
                })
                .collect();
            left.retain(|path, _| path.starts_with("etc/kubernetes") || path.starts_with("csr"));
            left.retain(|path, _| !is_request(path));
            let mut meaning = meaning::of(&left);
            meaning.extend(requests);
            (outcome, meaning)
        };
        let ((theirs, mut expected), (ours, found)) = (run(&kubeadm), run(&Program::kubephase()));
        // Nobody would use what kubeadm asks for on behalf of an etcd that somebody else runs.
        let of_etcd =
            |path: &str| ["csr/pki/etcd", "csr/pki/apiserver-etcd"].iter().any(|start| path.starts_with(start));
        expected.retain(|path, _| !config.contains("external:") || !of_etcd(path));
        let differences = between(&expected, &found);
        assert!(differences.is_empty(), "{}\n{theirs}\n{ours}", report(&differences));
    }
}

//! The comparison proves itself: equal is equal, and whatever is doctored is found, at its place.

use crate::support::case::Case;
use crate::support::difference::{Difference, between, report};
use crate::support::host::Host;
use crate::support::meaning;
use crate::support::tree::{Body, Entry, Tree};

/// Differences after doctoring a copy of case 02.
fn doctored(change: impl FnOnce(&mut Tree)) -> Vec<Difference> {
    let original = Case::named("02-image-repo").files();
    let mut copy = original.clone();
    change(&mut copy);
    between(&meaning::of(&original), &meaning::of(&copy))
}

/// Fails unless the differences are exactly those at `places` (`file` + `at`, by prefix), each met at least once.
#[track_caller]
fn found(differences: &[Difference], places: &[&str]) {
    let full: Vec<_> = differences.iter().map(|d| format!("{}{}", d.file, d.at)).collect();
    let shown = report(differences);
    for place in places {
        assert!(full.iter().any(|f| f.starts_with(place)), "not found: {place}; {shown}");
    }
    for (place, shown) in full.iter().zip(differences) {
        assert!(places.iter().any(|p| place.starts_with(p)), "unexpected: {shown}");
    }
}

fn bytes<'a>(tree: &'a mut Tree, path: &str) -> &'a mut Vec<u8> {
    match &mut tree.get_mut(path).unwrap_or_else(|| panic!("no {path}")).body {
        Body::File(bytes) => bytes,
        other => panic!("{path} is {other:?}"),
    }
}

/// Replaces one text by another that must be there.
#[track_caller]
fn edit(tree: &mut Tree, path: &str, from: &str, to: &str) {
    let bytes = bytes(tree, path);
    let text = String::from_utf8(bytes.clone()).expect("text");
    assert!(text.contains(from), "{path} has no {from:?}");
    *bytes = text.replacen(from, to, 1).into_bytes();
}

/// Takes a file from another case.
fn transplant(tree: &mut Tree, case: &str, from: &str, to: &str) {
    let entry = Case::named(case).files()[from].clone();
    tree.insert(to.to_string(), entry);
}

const APISERVER: &str = "etc/kubernetes/manifests/kube-apiserver.yaml";
const PKI: &str = "etc/kubernetes/pki";

#[test]
fn every_recording_equals_itself() {
    let here = Host::recorded();
    for case in Case::all() {
        for tree in [case.files(), case.dry_run()] {
            assert!(tree.len() > 20, "{}: only {} entries", case.name, tree.len());
            let meaning = meaning::of(&tree);
            let expected = here.expect(&Host::recorded(), meaning.clone());
            let differences = between(&expected, &meaning);
            assert!(differences.is_empty(), "{}: {}", case.name, report(&differences));
        }
    }
}

/// Guards against a meaning that has lost what it should tell.
#[test]
fn the_meaning_is_rich() {
    let meaning = meaning::of(&Case::named("09-control-plane-endpoint").files());
    let text = serde_json::to_string_pretty(&meaning["etc/kubernetes/pki/apiserver.crt"]).expect("JSON");
    insta::assert_snapshot!("apiserver.crt", text);
    let text = serde_json::to_string_pretty(&meaning["etc/kubernetes/super-admin.conf"]).expect("JSON");
    insta::assert_snapshot!("super-admin.conf", text);
    assert_eq!(meaning["etc/kubernetes/pki/apiserver.key"]["contents"], serde_json::json!(["RSA PRIVATE KEY"]));
    assert_eq!(meaning["etc/kubernetes/pki/sa.pub"]["contents"][0]["key"], "RSA-2048 e=65537");
}

#[test]
fn every_certificate_knows_its_signer() {
    for case in Case::all() {
        for (path, item) in meaning::of(&case.files()) {
            for certificate in item["contents"].as_array().into_iter().flatten().filter(|c| c.get("subject").is_some())
            {
                assert!(certificate["signed by"].is_string(), "{} {path}: {certificate}", case.name);
            }
        }
    }
}

#[test]
fn order_of_yaml_keys_is_nothing() {
    let differences = doctored(|tree| {
        let value: serde_json::Value = serde_yaml::from_slice(bytes(tree, APISERVER)).expect("YAML");
        *bytes(tree, APISERVER) = serde_json::to_vec_pretty(&value).expect("JSON");
        edit(tree, "var/lib/kubelet/config.yaml", "clusterDomain: cluster.local\n", "");
        let config = String::from_utf8(bytes(tree, "var/lib/kubelet/config.yaml").clone()).expect("text");
        *bytes(tree, "var/lib/kubelet/config.yaml") =
            format!("clusterDomain: \"cluster.local\"\n{config}").into_bytes();
    });
    found(&differences, &[]);
}

#[test]
fn swapped_arguments() {
    let differences = doctored(|tree| {
        let (a, b) = ("    - --allow-privileged=true\n", "    - --authorization-mode=Node,RBAC\n");
        edit(tree, APISERVER, &format!("{a}{b}"), &format!("{b}{a}"));
    });
    found(&differences, &["etc/kubernetes/manifests/kube-apiserver.yaml.contents.spec.containers[0].command["]);
    assert_eq!(differences.len(), 2);
}

#[test]
fn a_missing_and_an_added_argument() {
    let place = "etc/kubernetes/manifests/kube-apiserver.yaml.contents.spec.containers[0].command";
    let differences = doctored(|tree| edit(tree, APISERVER, "    - --allow-privileged=true\n", ""));
    found(&differences, &[place]);
    let differences =
        doctored(|tree| edit(tree, APISERVER, "    - kube-apiserver\n", "    - kube-apiserver\n    - --v=1\n"));
    found(&differences, &[place]);
}

#[test]
fn a_changed_field_of_a_manifest() {
    let differences = doctored(|tree| edit(tree, APISERVER, "failureThreshold: 24", "failureThreshold: 25"));
    found(
        &differences,
        &["etc/kubernetes/manifests/kube-apiserver.yaml.contents.spec.containers[0].startupProbe.failureThreshold"],
    );
}

#[test]
fn a_number_that_became_a_string() {
    let differences =
        doctored(|tree| edit(tree, "var/lib/kubelet/config.yaml", "healthzPort: 10248", "healthzPort: \"10248\""));
    found(&differences, &["var/lib/kubelet/config.yaml.contents.healthzPort"]);
}

#[test]
fn a_field_more_and_a_field_less_in_the_kubelet_configuration() {
    let differences = doctored(|tree| edit(tree, "var/lib/kubelet/config.yaml", "syncFrequency: 0s\n", ""));
    found(&differences, &["var/lib/kubelet/config.yaml.contents.syncFrequency"]);
    let differences = doctored(|tree| {
        edit(tree, "var/lib/kubelet/config.yaml", "syncFrequency: 0s\n", "syncFrequency: 0s\nmaxPods: 1\n")
    });
    found(&differences, &["var/lib/kubelet/config.yaml.contents.maxPods"]);
}

#[test]
fn kubelet_flags() {
    let differences = doctored(|tree| edit(tree, "var/lib/kubelet/kubeadm-flags.env", "=", "=--v=2 "));
    found(&differences, &["var/lib/kubelet/kubeadm-flags.env.contents"]);
}

#[test]
fn modes_of_files_and_directories() {
    for path in ["etc/kubernetes/admin.conf", "etc/kubernetes/pki/ca.key", "etc/kubernetes/pki/ca.crt", "var/lib/etcd"]
    {
        let differences = doctored(|tree| tree.get_mut(path).expect("an entry").mode ^= 0o004);
        found(&differences, &[&format!("{path}.mode")]);
    }
}

#[test]
fn an_owner() {
    let differences = doctored(|tree| {
        tree.get_mut("etc/kubernetes/scheduler.conf").expect("an entry").owner =
            Some("kubeadm-ks:kubeadm-ks".to_string());
    });
    found(&differences, &["etc/kubernetes/scheduler.conf.owner"]);
}

#[test]
fn an_extra_and_a_missing_file() {
    let differences = doctored(|tree| {
        let entry = Entry { mode: 0o600, owner: None, body: Body::File(b"x".to_vec()) };
        tree.insert("etc/kubernetes/pki/.ca.key.tmp".to_string(), entry);
    });
    found(&differences, &["etc/kubernetes/pki/.ca.key.tmp"]);
    let differences = doctored(|tree| {
        tree.remove("var/lib/kubelet/instance-config.yaml");
    });
    found(&differences, &["var/lib/kubelet/instance-config.yaml"]);
}

#[test]
fn a_link_or_a_directory_in_place_of_a_file() {
    let differences = doctored(|tree| {
        tree.get_mut("etc/kubernetes/manifests/etcd.yaml").expect("an entry").body =
            Body::Link("/tmp/etcd.yaml".to_string());
    });
    found(&differences, &["etc/kubernetes/manifests/etcd.yaml"]);
}

#[test]
fn another_order_of_sans() {
    let path = format!("{PKI}/apiserver.crt");
    let differences = doctored(|tree| swap_first_sans(bytes(tree, &path)));
    // The signature no longer fits either.
    found(
        &differences,
        &[
            "etc/kubernetes/pki/apiserver.crt.contents[0].extensions.sans.is[0]",
            "etc/kubernetes/pki/apiserver.crt.contents[0].extensions.sans.is[1]",
            "etc/kubernetes/pki/apiserver.crt.contents[0].signed by",
            "etc/kubernetes/pki/apiserver.crt.contents[0].starts with its signer",
        ],
    );
}

/// Swaps `kubernetes` and `kubernetes.default`, which stand first and second.
fn swap_first_sans(pem: &mut Vec<u8>) {
    use base64::Engine as _;
    let mut der = x509_parser::pem::Pem::iter_from_buffer(pem).next().expect("a block").expect("PEM").contents;
    let name = |text: &str| [&[0x82, u8::try_from(text.len()).expect("short")], text.as_bytes()].concat();
    let (a, b) = (name("kubernetes"), name("kubernetes.default"));
    let at = der.windows(a.len() + b.len()).position(|w| w == [a.clone(), b.clone()].concat()).expect("both names");
    der.splice(at..at + a.len() + b.len(), [b, a].concat());
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    *pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n").into_bytes();
}

#[test]
fn sans_usage_and_subject_of_another_certificate() {
    let differences = doctored(|tree| {
        let other = tree[&format!("{PKI}/apiserver-kubelet-client.crt")].clone();
        tree.insert(format!("{PKI}/apiserver.crt"), other);
    });
    found(
        &differences,
        &[
            "etc/kubernetes/pki/apiserver.crt.contents[0].subject",
            "etc/kubernetes/pki/apiserver.crt.contents[0].extensions.sans",
            "etc/kubernetes/pki/apiserver.crt.contents[0].extensions.extended usage",
        ],
    );
}

#[test]
fn another_kind_of_key() {
    let path = format!("{PKI}/ca.key");
    let differences = doctored(|tree| transplant(tree, "06-ecdsa-p256", &path, &path));
    found(&differences, &["etc/kubernetes/pki/ca.key.contents[0]"]);
    let path = format!("{PKI}/sa.pub");
    let differences = doctored(|tree| transplant(tree, "06-ecdsa-p256", &path, &path));
    found(&differences, &["etc/kubernetes/pki/sa.pub.contents[0].key"]);
    // A self-signed one, so that only the key, its signature and what hangs on it differ.
    let path = format!("{PKI}/front-proxy-ca.crt");
    let differences = doctored(|tree| transplant(tree, "06-ecdsa-p256", &path, &path));
    found(
        &differences,
        &[
            "etc/kubernetes/pki/front-proxy-ca.crt.contents[0].key",
            "etc/kubernetes/pki/front-proxy-ca.crt.contents[0].signature",
            "etc/kubernetes/pki/front-proxy-client.crt.contents[0].signed by",
            "etc/kubernetes/pki/front-proxy-client.crt.contents[0].starts with its signer",
        ],
    );
}

#[test]
fn a_chain_that_does_not_hold() {
    let path = format!("{PKI}/etcd/ca.crt");
    let differences = doctored(|tree| transplant(tree, "03-extra-args", &path, &path));
    let signed = |name: &str| format!("{PKI}/{name}.crt.contents[0].s"); // "signed by", "starts with its signer"
    let names = ["etcd/server", "etcd/peer", "etcd/healthcheck-client", "apiserver-etcd-client"].map(signed);
    found(&differences, &names.each_ref().map(String::as_str));
}

#[test]
fn another_validity() {
    let path = format!("{PKI}/front-proxy-ca.crt");
    let differences = doctored(|tree| transplant(tree, "07-cert-validity", &path, &path));
    assert!(
        differences
            .iter()
            .any(|d| d.file == path && d.at == ".contents[0].valid" && d.actual == Some(serde_json::json!("20000h5m"))),
        "{}",
        report(&differences)
    );
}

#[test]
fn the_server_of_a_kubeconfig() {
    let differences = doctored(|tree| {
        edit(tree, "etc/kubernetes/kubelet.conf", "https://192.0.2.10:6443", "https://192.0.2.10:6444")
    });
    found(&differences, &["etc/kubernetes/kubelet.conf.contents.clusters[0].cluster.server"]);
}

#[test]
fn the_certificates_of_a_kubeconfig() {
    let differences = doctored(|tree| {
        let other = tree["etc/kubernetes/scheduler.conf"].clone();
        tree.insert("etc/kubernetes/controller-manager.conf".to_string(), other);
    });
    found(&differences, &["etc/kubernetes/controller-manager.conf.contents"]);
    let at = ".contents.users[0].user.client-certificate-data[0].subject";
    assert!(differences.iter().any(|d| d.at == at), "{}", report(&differences));
    // The CA inside must be the one beside it.
    let differences =
        doctored(|tree| transplant(tree, "03-extra-args", "etc/kubernetes/admin.conf", "etc/kubernetes/admin.conf"));
    let at = ".contents.clusters[0].cluster.certificate-authority-data.same as";
    assert!(
        differences.iter().any(|d| d.at == at && d.actual == Some(serde_json::Value::Null)),
        "{}",
        report(&differences)
    );
}

#[test]
fn a_host_with_another_name_address_and_directories() {
    let case = Case::named("01-defaults");
    let host = Host {
        name: "alpha".into(),
        address: "203.0.113.9".into(),
        ca_dirs: vec!["/etc/pki/tls/certs"],
        resolved: true,
        ..Host::recorded()
    };
    let expected = host.expect(&Host::recorded(), meaning::of(&case.files()));
    let text = serde_json::to_string(&expected).expect("JSON");
    assert!(!text.contains("cp3") && !text.contains("10.77.0.13"), "{text}");
    let sans = &expected["etc/kubernetes/pki/apiserver.crt"]["contents"][0]["extensions"]["sans"]["is"];
    assert_eq!((&sans[0], &sans[5], &sans[6]), (&"DNS:alpha".into(), &"IP:10.96.0.1".into(), &"IP:203.0.113.9".into()));
    let spec = &expected[APISERVER]["contents"]["spec"];
    assert_eq!(spec["volumes"][1]["name"], "etc-pki-tls-certs");
    assert_eq!(spec["volumes"].as_array().map(Vec::len), Some(3));
    assert_eq!(spec["containers"][0]["volumeMounts"][1]["mountPath"], "/etc/pki/tls/certs");
    assert_eq!(expected["var/lib/kubelet/config.yaml"]["contents"]["resolvConf"], "/run/systemd/resolve/resolv.conf");
}

//! The embedded API server beside a real one: the same phases, then the same objects.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::clients::{kubectl, run};
use crate::place::{CONFIG, Place};
use crate::support::skipped;

const TEST: &str = "both_servers_hold_the_same_objects";

/// What the phases make, by resource. Secrets have random names, Nodes are made by kubelets.
const RESOURCES: &str = "clusterroles,clusterrolebindings,configmaps,daemonsets,deployments,roles,rolebindings,services,\
                         serviceaccounts";
/// What API servers and controllers make by themselves; how far the embedded one goes there is its own affair.
const THEIRS: [&str; 4] = [
    "extension-apiserver-authentication",
    "kube-apiserver-legacy-service-account-token-tracking",
    "kube-root-ca.crt",
    "default",
];

/// Default roles that a bootstrap relies on, as the release has them whose defaults the embedded server knows.
const RELIED_ON: [&str; 9] = [
    "cluster-admin",
    "system:basic-user",
    "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
    "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
    "system:discovery",
    "system:kubelet-api-admin",
    "system:node-bootstrapper",
    "system:node-proxier",
    "system:public-info-viewer",
];
const RELEASE: u64 = 36;

/// Kind, namespace and name.
type Name = (String, String, String);

fn objects(kubectl: &str, kubeconfig: &Path, relied_on: &[&str]) -> BTreeMap<Name, Value> {
    let text = run(kubectl, kubeconfig, &format!("get {RESOURCES} --all-namespaces -o json"));
    let list: Value = serde_json::from_str(&text).expect("JSON");
    let mut objects = BTreeMap::new();
    for mut object in list["items"].as_array().expect("items").iter().cloned() {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = (text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
        let ours = ["kubeadm", "kube-", "coredns", "system:coredns", "cluster-info", "kubelet-config"];
        let is_ours = ours.iter().any(|start| name.2.starts_with(start)) || relied_on.contains(&name.2.as_str());
        let is_theirs = THEIRS.contains(&name.2.as_str()) || name.2 == "kube-dns" && name.0 == "ServiceAccount";
        if !is_ours || is_theirs {
            continue;
        }
        for random in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "selfLink"] {
            object["metadata"].as_object_mut().expect("metadata").remove(random);
        }
        let fields = object.as_object_mut().expect("an object");
        fields.remove("status");
        // What controllers write.
        if let Some(annotations) = object["metadata"].get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("deployment.kubernetes.io/revision");
            annotations.remove("deprecated.daemonset.template.generation");
        }
        objects.insert(name, object);
    }
    objects
}

/// Where they differ. What a real server of an older release does not know yet is no difference.
fn compare(at: &str, real: &Value, embedded: &Value, older: bool, found: &mut Vec<String>) {
    match (real, embedded) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let at = format!("{at}.{key}");
                let there = |value: Option<&Value>| value.is_some_and(|value| !value.is_null() && *value != json!({}));
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => compare(&at, a, b, older, found),
                    (None, Some(_)) if older => {}
                    // Go writes some empty fields, others it does not.
                    (a, b) if !there(a) && !there(b) => {}
                    (a, b) => found.push(format!("{at}: real {a:?}, embedded {b:?}")),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().for_each(|(i, (a, b))| compare(&format!("{at}[{i}]"), a, b, older, found));
        }
        // Certificates, keys and signatures are made anew by every run.
        (Value::String(a), Value::String(b)) if without_random(a) == without_random(b) => {}
        (a, b) if a == b => {}
        (a, b) => found.push(format!("{at}: real {a}, embedded {b}")),
    }
}

fn without_random(text: &str) -> String {
    text.lines().filter(|line| !line.contains("certificate-authority-data")).collect::<Vec<_>>().join("\n")
}

#[test]
fn both_servers_hold_the_same_objects() {
    let Ok(programs) = std::env::var("KUBERNETES_BIN_DIR") else {
        return skipped(TEST, "KUBERNETES_BIN_DIR does not name a directory with kube-apiserver and etcd");
    };
    let Some(kubectl) = kubectl() else {
        return skipped(TEST, "there is no kubectl: name one by KUBECTL, or install kubernetes-client");
    };
    let version = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let word = text
            .split_whitespace()
            .find(|word| word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit()))?;
        Some(word.trim_start_matches('v').split(['+', '-']).next()?.to_owned())
    };
    let own = Path::new(&programs).join("etcd");
    let etcd = if own.is_file() { own.display().to_string() } else { "etcd".to_owned() };
    let kubernetes = version(&format!("{programs}/kube-apiserver"), &["--version"]);
    let (Some(_), Some(kubernetes)) = (version(&etcd, &["--version"]), kubernetes) else {
        return skipped(
            TEST,
            "there is no etcd in KUBERNETES_BIN_DIR or PATH, or no kube-apiserver in KUBERNETES_BIN_DIR",
        );
    };
    let minor: u64 = kubernetes.split('.').nth(1).and_then(|minor| minor.parse().ok()).expect("a version");
    let config = match minor {
        ..31 => format!(
            "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nkubernetesVersion: v{kubernetes}\n"
        ),
        _ => CONFIG.replace("v1.36.2", &format!("v{kubernetes}")),
    };
    let place = Place::with(&config);
    let look = |args: &[&str]| {
        let served = place.serve(args);
        let relied_on: &[&str] = if minor == RELEASE { &RELIED_ON } else { &[] };
        let found = objects(&kubectl, &served.kubeconfig, relied_on);
        assert_eq!(served.end("-TERM"), Some(0));
        found
    };
    let (embedded, real) = (look(&[]), look(&["--real-api"]));
    assert_eq!(place.left(), Vec::<String>::new());

    let names = |objects: &BTreeMap<Name, Value>| objects.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&real), names(&embedded));
    assert!(real.len() >= 20, "{:?}", names(&real));
    let mut found = Vec::new();
    for (name, real) in &real {
        let older = minor < RELEASE;
        compare(&format!("{} {}/{}", name.0, name.1, name.2), real, &embedded[name], older, &mut found);
    }
    // Signatures are made where there is a controller manager, and with another authority in each run.
    found.retain(|line| !line.contains(".data.jws-kubeconfig-"));
    assert_eq!(found, Vec::<String>::new());
}

//! What a rehearsal makes: the objects that a real kubeadm's cluster has, and the files that `init` writes.

use serde_json::Value;

use crate::place::Place;
use crate::support::fixtures;

/// Objects that events say were written, as `Kind namespace/name`.
fn written(events: &str) -> Vec<String> {
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).expect("a JSON line"));
    let mut objects = Vec::new();
    for event in events.filter(|event| event["event"] == "finished") {
        for change in event["changes"].as_array().expect("changes") {
            let object = &change["object"];
            if object.is_object() {
                let text = |field: &str| object[field].as_str().unwrap_or_default();
                objects.push(format!("{} {}/{}", text("kind"), text("namespace"), text("name")));
            }
        }
    }
    objects
}

/// Objects that were recorded in a cluster that kubeadm 1.36 had made.
fn recorded() -> Vec<String> {
    let directory = fixtures().join("golden/v1.36/live/api");
    let mut objects = Vec::new();
    for entry in std::fs::read_dir(directory).expect("recordings") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("readable");
        for document in text.split("\n---\n") {
            let value = serde_yaml::from_str::<Value>(document);
            let value = value.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let items = value["items"].as_array().cloned().unwrap_or_else(|| vec![value]);
            objects.extend(items.iter().map(|object| {
                let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                format!("{} {}/{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
            }));
        }
    }
    objects
}

/// Sorted, each once, with names of tokens that are random made equal.
fn sorted(mut objects: Vec<String>) -> Vec<String> {
    for name in &mut objects {
        if name.starts_with("Secret kube-system/bootstrap-token-") && !name.ends_with("abcdef") {
            *name = "Secret kube-system/bootstrap-token-RANDOM".to_owned();
        }
    }
    objects.sort();
    objects.dedup();
    objects
}

#[test]
fn the_objects_are_those_of_a_real_cluster() {
    let place = Place::new();
    let outcome = place.rehearse(&["--upload-certs", "-o", "json"]);
    outcome.expect_code(0);
    let objects = sorted(written(&outcome.out()));
    let mut expected = recorded();
    // Left out of the recording: the Node, which the phases label, and what comes with --upload-certs.
    expected.extend(["Node /cp-a", "Role kube-system/kubeadm:kubeadm-certs"].map(str::to_owned));
    expected.push("RoleBinding kube-system/kubeadm:kubeadm-certs".to_owned());
    assert_eq!(objects, sorted(expected));
}

#[test]
fn nothing_is_left_and_it_takes_seconds() {
    let place = Place::new();
    let outcome = place.rehearse(&[]);
    outcome.expect_code(0);
    assert_eq!(place.left(), Vec::<String>::new());
    assert!(outcome.took.as_secs() < 30, "it took {:?}", outcome.took);
    for text in ["Rehearsed in ", "38 files", "To do it for real", "kubephase join 192.0.2.10:6443 --token abcdef."] {
        assert!(outcome.out().contains(text), "{text} is missing\n{outcome}");
    }
    assert!(outcome.err().contains("✓ addon/kube-proxy"), "{outcome}");
}

#[test]
fn a_kept_tree_is_that_of_a_node_and_may_be_made_again() {
    let place = Place::new();
    for _ in 0..2 {
        place.rehearse(&["--keep", "kept"]).expect_code(0);
        let tree = place.path().join("kept");
        for file in [
            "etc/kubernetes/admin.conf",
            "etc/kubernetes/pki/etcd/ca.key",
            "etc/kubernetes/manifests/kube-apiserver.yaml",
            "var/lib/kubelet/config.yaml",
            "var/lib/kubephase/journal.json",
        ] {
            assert!(tree.join(file).is_file(), "{file}");
        }
        let kubelet = std::fs::read_to_string(tree.join("etc/kubernetes/kubelet.conf")).expect("a kubeconfig");
        assert!(kubelet.contains("kubelet-client-current.pem"), "its certificate is the rotated one");
        assert!(!tree.join("run/containerd/containerd.sock").exists(), "nobody would answer there");
    }
    assert_eq!(place.left(), ["kept"]);
}

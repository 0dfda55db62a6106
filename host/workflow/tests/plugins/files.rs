//! Files, documents and undoing, on a directory that stands for a node.

use std::sync::Arc;

use kubephase_node::Node;
use kubephase_workflow::extension::ExtensionFailure;
use kubephase_workflow::undo::Undo;
use serde_json::json;

use crate::double::{Double, Guest, add_flag};
use crate::runs::{Ran, WITHOUT_CLUSTER, run, runtime, tree};

const AUDIT: &str = "/etc/kubernetes/audit/policy.yaml";

/// A policy file, a flag that names it, and a key that is drawn once.
fn audit() -> Guest {
    let beside = json!({ "files": [
        { "path": AUDIT, "mode": 0o600, "contents": "rules: []\n" },
        { "path": "/etc/kubernetes/enc/key.yaml", "mode": 0o600, "contents": "secret: @@KEY-1@@\n",
          "fill": [{ "placeholder": "@@KEY-1@@", "length": 32, "encoding": "base64" }] },
    ] });
    Guest::new("audit").mutate(&["kube-apiserver"], beside, |_, pod| {
        add_flag(pod, "--audit-policy-file=/etc/kubernetes/audit/policy.yaml");
        "audit every request"
    })
}

fn go(node: &Node, double: &Arc<Double>) -> Ran {
    run(node, double, |_, selection| selection.skip = WITHOUT_CLUSTER.map(str::to_owned).to_vec())
}

fn double(guests: impl IntoIterator<Item = Guest>) -> Arc<Double> {
    Arc::new(Double::new(guests))
}

#[test]
fn a_mutator_changes_its_document_and_has_its_files_in_place_before() {
    let root = tempfile::tempdir().expect("a root");
    let ran = go(&Node::at(root.path()), &double([audit()])).ok();
    let manifest = std::fs::read_to_string(root.path().join("etc/kubernetes/manifests/kube-apiserver.yaml"));
    assert!(manifest.expect("written").contains("--audit-policy-file=/etc/kubernetes/audit/policy.yaml"));
    ran.noticed("plugin `audit` has changed kube-apiserver: audit every request");
    let changes = ran.changes("control-plane/apiserver");
    let at = |path: &str| changes.iter().position(|change| change == path).unwrap_or_else(|| panic!("{changes:?}"));
    assert!(at(&format!("created {AUDIT}")) < at("created /etc/kubernetes/manifests/kube-apiserver.yaml"));
    let key = || std::fs::read_to_string(root.path().join("etc/kubernetes/enc/key.yaml")).expect("written");
    let first = key();
    assert!(first.starts_with("secret: ") && first.len() == 8 + 44 + 1, "{first}");
    let told = serde_json::to_string(&ran.did).expect("JSON") + &ran.notices.join("\n");
    assert!(!told.contains(&first[8..30]));
    // Again: nothing changes, and the key stays.
    let again = go(&Node::at(root.path()), &double([audit()])).ok();
    for phase in again.did.keys() {
        assert!(again.changes(phase).is_empty(), "{phase}: {:?}", again.changes(phase));
    }
    assert_eq!(key(), first);
}

#[test]
fn plans_and_dry_runs_tell_what_runs_do() {
    let (root, scratch) = (tempfile::tempdir().expect("a root"), tempfile::tempdir().expect("a scratch"));
    let phase = || {
        let files = json!({ "files": [{ "path": "/etc/modules-load.d/x.conf", "mode": 0o644, "contents": "x\n" }] });
        Guest::new("modules").phase(files).entry(|entry| entry.before = vec!["kubelet-start".into()])
    };
    // Where our own state goes: whoever makes it first tells it.
    std::fs::create_dir_all(root.path().join("var/lib")).expect("a directory");
    let before = tree(root.path());
    let dry = go(&Node::dry_run_of(root.path(), scratch.path()), &double([audit(), phase()])).ok();
    assert_eq!(tree(root.path()), before);
    let real = go(&Node::at(root.path()), &double([audit(), phase()])).ok();
    assert_eq!(dry.order, real.order);
    let at = |name: &str| real.order.iter().position(|path| path == name).expect("it ran");
    assert!(at("modules") < at("kubelet-start") && at("control-plane/scheduler") < at("modules"), "{:?}", real.order);
    for phase in &real.order {
        if phase != "kubelet-start" {
            assert_eq!(dry.changes(phase), real.changes(phase), "{phase}");
        }
    }
    let written = |path: &std::path::Path| {
        let mut files = tree(path);
        // Keys differ from run to run.
        files.retain(|name, _| !name.contains("/pki") && !name.ends_with(".conf") && !name.contains("/enc/key"));
        files.retain(|name, _| !name.starts_with("var/lib/kubephase"));
        files
    };
    assert_eq!(written(scratch.path()), written(root.path()));
}

#[test]
fn after_undoing_the_tree_is_as_before() {
    let root = tempfile::tempdir().expect("a root");
    let at = |path: &str| root.path().join(path);
    for (path, text) in [("etc/containerd/hosts.toml", "theirs"), ("var/lib/kubelet/config.yaml", "kind: Theirs\n")] {
        std::fs::create_dir_all(at(path).parent().expect("a directory")).expect("made");
        std::fs::write(at(path), text).expect("written");
    }
    let before = tree(root.path());
    let mirror = || {
        let files = json!({ "files": [
            { "path": "/etc/containerd/hosts.toml", "mode": 0o640, "contents": "ours" },
            { "path": "/etc/containerd/certs.d/a/hosts.toml", "mode": 0o644, "contents": "ours" },
        ] });
        Guest::new("mirror").mutate(&["kubeletconfiguration"], files, |_, document| {
            document["serializeImagePulls"] = json!(false);
            "pull at once"
        })
    };
    let node = Node::at(root.path());
    go(&node, &double([audit(), mirror()])).ok();
    let kubelet = std::fs::read_to_string(at("var/lib/kubelet/config.yaml")).expect("written");
    assert!(kubelet.contains("serializeImagePulls: false"), "{kubelet}");
    assert_eq!(
        std::fs::read_to_string(at("var/lib/kubephase/backup/etc/containerd/hosts.toml")).expect("kept"),
        "theirs"
    );
    let backup = tree(root.path())["var/lib/kubephase/backup/etc/containerd/hosts.toml"].0;
    assert_eq!(backup, 0o600);
    // A second run knows what is its own.
    go(&node, &double([audit(), mirror()])).ok();

    let node = Node::at(root.path());
    let undo = Undo::of(&node).expect("readable").expect("a journal");
    let told = std::sync::Mutex::new(Vec::new());
    runtime().block_on(undo.run(&node, &|_, text| told.lock().expect("alone").push(text))).expect("undone");
    let after = tree(root.path());
    let left: Vec<_> = after.keys().filter(|name| !before.contains_key(*name)).collect();
    assert!(left.is_empty(), "{left:?} {:?}", told.lock());
    assert_eq!(after, before);
    assert!(told.lock().expect("alone").is_empty(), "{told:?}");
}

#[test]
fn two_plugins_that_want_a_field_to_be_otherwise_are_refused_by_name() {
    let profiling = |name: &str, value: &'static str| {
        Guest::new(name).mutate(&["kube-scheduler"], json!({}), move |_, pod| {
            add_flag(pod, value);
            "because"
        })
    };
    let root = tempfile::tempdir().expect("a root");
    let replace = Guest::new("b").mutate(&["kube-scheduler"], json!({}), |_, pod| {
        let command = pod["spec"]["containers"][0]["command"].as_array_mut().expect("a command");
        *command.last_mut().expect("a flag") = json!("--profiling=true");
        "because not"
    });
    let ran = go(&Node::at(root.path()), &double([profiling("a", "--profiling=false"), replace]));
    assert_eq!(
        ran.failed(),
        "plugin `b` changes /spec/containers[kube-scheduler]/command[--profiling] of kube-scheduler to \"true\", which \
         plugin `a` has set to \"false\""
    );
    assert!(!root.path().join("etc/kubernetes/manifests/kube-scheduler.yaml").exists());
    // Different flags are no disagreement.
    let root = tempfile::tempdir().expect("a root");
    go(&Node::at(root.path()), &double([profiling("a", "--profiling=false"), profiling("b", "--v=4")])).ok();
}

#[test]
fn a_file_belongs_to_one() {
    let phase = |name: &str, path: &str, contents: &str| {
        Guest::new(name).phase(json!({ "files": [{ "path": path, "mode": 0o644, "contents": contents }] }))
    };
    let refused = |guests: Vec<Guest>| {
        let root = tempfile::tempdir().expect("a root");
        go(&Node::at(root.path()), &double(guests)).failed()
    };
    assert_eq!(
        refused(vec![phase("a", "/etc/x", "1"), phase("b", "/etc/x", "2")]),
        "plugin `b` wants the file /etc/x, which belongs to plugin `a`"
    );
    for path in ["/etc/kubernetes/manifests/etcd.yaml", "/etc/kubernetes/pki/ca.crt", "/var/lib/kubephase/journal.json"]
    {
        assert_eq!(
            refused(vec![phase("a", path, "1")]),
            format!("plugin `a` wants the file {path}, which belongs to kubephase itself")
        );
    }
}

#[test]
fn a_broken_plugin_stops_the_run_or_is_told() {
    let root = tempfile::tempdir().expect("a root");
    let broken = || audit().failing(ExtensionFailure::Trap);
    let ran = go(&Node::at(root.path()), &double([broken()]));
    assert_eq!(ran.failed(), "plugin `audit`: mutator.mutate: it broke");
    let error = ran.result.as_ref().expect_err("it broke");
    assert!(error.is_fault());
    let trace = std::error::Error::source(error).expect("where").to_string();
    assert_eq!(trace, "in guest::deep, called by guest::shallow; it logged: about to break");

    let root = tempfile::tempdir().expect("a root");
    let warned = broken().entry(|entry| entry.on_failure = "warn".into());
    let ran = go(&Node::at(root.path()), &double([warned])).ok();
    ran.noticed("plugin `audit`: mutator.mutate: it broke");
    ran.noticed("going on without it (onFailure: warn)");
    assert!(!root.path().join("etc/kubernetes/audit").exists());
    let manifest = std::fs::read_to_string(root.path().join("etc/kubernetes/manifests/kube-apiserver.yaml"));
    assert!(!manifest.expect("written").contains("audit"));
}

#[test]
fn an_error_stops_a_phase_unless_it_is_ignored() {
    let guest = || {
        Guest::new("p").phase(json!({
            "findings": [
                { "id": "Bad", "severity": "error", "message": "it is bad" },
                { "id": "Odd", "severity": "warning", "message": "it is odd" },
                { "id": "So", "severity": "info", "message": "it is so" },
            ],
            "files": [{ "path": "/etc/p", "mode": 0o644, "contents": "p" }],
        }))
    };
    let root = tempfile::tempdir().expect("a root");
    let ran = go(&Node::at(root.path()), &double([guest()]));
    assert_eq!(ran.failed(), "plugin `p` does not go on: p/Bad");
    assert_eq!(ran.findings, ["p/Bad error it is bad", "p/Odd warning it is odd"]);
    ran.noticed("p/So: it is so");
    assert!(!root.path().join("etc/p").exists());
    let ran = run(&Node::at(root.path()), &double([guest()]), |options, selection| {
        selection.skip = WITHOUT_CLUSTER.map(str::to_owned).to_vec();
        options.ignore = crate::runs::ignoring(&["p/bad"]);
    })
    .ok();
    assert_eq!(ran.findings[0], "p/Bad warning (ignored) it is bad");
    assert!(root.path().join("etc/p").exists());
}

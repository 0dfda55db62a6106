//! `status` on the tree of a rehearsed machine: what it says of it, and what when somebody has changed something.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::program::Program;
use crate::support::{is_root, skipped};

const CONFIG: &str = "
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration: {name: cp-1}
skipPhases: [addon/coredns, show-join-command]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: ECDSA-P256
";

#[test]
fn of_a_machine_as_it_was_made_and_as_it_was_changed() {
    if !is_root() {
        return skipped("of_a_machine_as_it_was_made", "needs root (chroot)");
    }
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::write(folder.path().join("c.yaml"), CONFIG).expect("a configuration");
    let program = Program::kubephase().within(folder.path()).env("TMPDIR", &folder.path().display().to_string());
    program.run(["rehearse", "init", "--config", "c.yaml", "--keep", "kept"]).expect_code(0);
    let root = folder.path().join("kept");
    let status = |args: &[&str]| {
        let outcome = program.run(["status", "--rootfs", &root.display().to_string()].iter().chain(args));
        outcome.expect_code(0);
        outcome
    };
    let made = status(&[]).out();
    for line in [
        "node:       control-plane",
        "workflow:   init, complete, ",
        "left out:   addon/coredns, show-join-command",
        "are ours, 0 not as they were written",
        "everything is as it was written: it would change nothing",
    ] {
        assert!(made.contains(line), "{line} is missing:\n{made}");
    }

    let config = root.join("var/lib/kubelet/config.yaml");
    let text = fs::read_to_string(&config).expect("a configuration");
    fs::write(&config, format!("{text}edited: true\n")).expect("written");
    fs::write(root.join("etc/kubernetes/admin.conf"), "not to be shown").expect("written");
    fs::remove_file(root.join("etc/kubernetes/scheduler.conf")).expect("removed");
    let ca = root.join("etc/kubernetes/pki/ca.crt");
    fs::set_permissions(&ca, fs::Permissions::from_mode(0o600)).expect("a mode");
    let changed = status(&["--diff"]).out();
    for line in [
        "4 files are not as they were: `init --plan` shows what it would do",
        "! /etc/kubernetes/admin.conf has changed\n    what it was is a secret, or not kept",
        "! /etc/kubernetes/pki/ca.crt had mode 0644 and has 0600",
        "! /etc/kubernetes/scheduler.conf is missing",
        "    +edited: true",
    ] {
        assert!(changed.contains(line), "{line} is missing:\n{changed}");
    }
    assert!(!changed.contains("not to be shown"), "{changed}");

    let told: Value = serde_json::from_slice(&status(&["-o", "json"]).stdout).expect("JSON");
    assert_eq!(
        (&told["madeBy"], &told["role"], &told["complete"]),
        (&json!("kubephase"), &json!("control-plane"), &json!(true))
    );
    assert_eq!(told["skipped"], json!(["addon/coredns", "show-join-command"]));
    assert_eq!(
        told["drift"][1],
        json!({ "path": "/etc/kubernetes/pki/ca.crt", "what": "mode", "modes": ["0644", "0600"] })
    );
    assert_eq!(told["drift"].as_array().map(Vec::len), Some(4));
}

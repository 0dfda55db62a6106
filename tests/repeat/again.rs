//! The same command twice, and after the configuration has changed.

use crate::sandbox::{CONFIG, Sandbox};
use crate::support::{is_root, skipped};
use crate::whole;

#[test]
fn everything_is_unchanged() {
    let Some(sandbox) = Sandbox::new("again::everything_is_unchanged", CONFIG) else { return };
    let first = sandbox.complete();
    assert!(first.iter().filter(|(kind, _)| kind == "created").count() > 30, "{first:?}");
    let before = sandbox.files();
    before.iter().filter_map(|(path, (_, _, contents))| Some((path, contents.as_ref()?))).for_each(
        |(path, contents)| {
            whole::check(path, contents);
        },
    );
    for _ in 0..2 {
        let again = sandbox.complete();
        let changed: Vec<_> = again.iter().filter(|(kind, _)| kind != "unchanged").collect();
        assert!(again.len() > 30 && changed.is_empty(), "{changed:?}");
        assert!(sandbox.files() == before, "something was written");
    }
}

/// Keys keep their users.
#[test]
fn a_rootless_control_plane_is_unchanged() {
    if !is_root() {
        return skipped("again::a_rootless_control_plane_is_unchanged", "needs root, to give files to other users");
    }
    let config = format!("{CONFIG}featureGates: {{RootlessControlPlane: true}}\n");
    let Some(sandbox) = Sandbox::new("again::a_rootless_control_plane_is_unchanged", &config) else { return };
    sandbox.complete();
    let before = sandbox.files();
    let (mode, owner, _) = before["etc/kubernetes/pki/sa.key"];
    assert_eq!((mode, owner), (0o640, (0, 104)), "root:kubeadm-sa-key-readers");
    assert_eq!(before["etc/kubernetes/pki/apiserver.key"].1, (101, 101), "kubeadm-kas");
    let again = sandbox.complete();
    let changed: Vec<_> = again.iter().filter(|(kind, _)| kind != "unchanged").collect();
    assert!(changed.is_empty(), "{changed:?}");
    assert!(sandbox.files() == before, "something was written, or given to somebody else");
}

#[test]
fn a_changed_configuration_replaces_what_it_must_and_says_so() {
    let Some(sandbox) = Sandbox::new("again::a_changed_configuration", CONFIG) else { return };
    sandbox.complete();
    let before = sandbox.files();
    sandbox.configure(&CONFIG.replace("v1.36.2", "v1.36.1"));
    let output = sandbox.run(&[]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("an earlier run had another configuration"), "{text}");
    let after = sandbox.files();
    let differ: Vec<_> = after.iter().filter(|(path, file)| before.get(*path) != Some(file)).map(|(p, _)| p).collect();
    let expected = [
        "etc/kubernetes/manifests/kube-apiserver.yaml",
        "etc/kubernetes/manifests/kube-controller-manager.yaml",
        "etc/kubernetes/manifests/kube-scheduler.yaml",
        "var/lib/kubephase/journal.json",
    ];
    assert_eq!(differ, expected);
}

/// What exists is not written over, as with kubeadm; that it does not fit is said.
#[test]
fn a_certificate_that_lacks_a_new_name_is_told() {
    let Some(sandbox) = Sandbox::new("again::a_certificate_that_lacks_a_new_name", CONFIG) else { return };
    sandbox.complete();
    let before = sandbox.files();
    sandbox.configure(&format!("{CONFIG}apiServer: {{certSANs: [new.example.com]}}\n"));
    let output = sandbox.run(&[]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("apiserver.crt does not cover new.example.com"), "{text}");
    assert!(sandbox.files() == before, "something was written");
}

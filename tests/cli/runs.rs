//! Runs of init in a root directory of their own, as a user sees them: dry run, plan, single phases, a second run.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::screen;

use crate::support::case::Case;
use crate::support::program::Program;
use crate::support::rootfs::Rootfs;
use crate::support::{skipped, tree};

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_string).collect()
}

/// A root directory with an ECDSA case in it; None, said aloud, where there can be none.
fn root(test: &str) -> Option<Rootfs> {
    if let Some(why) = Rootfs::unavailable() {
        skipped(test, &why);
        return None;
    }
    Some(Rootfs::of(&Case::named("06-ecdsa-p256")))
}

#[test]
fn dry_run() {
    let Some(root) = root("runs::dry_run") else { return };
    let args = words("init --config /case/config.yaml --dry-run --dry-run-dir /scratch --skip-phases preflight");
    let outcome = root.run(&Program::kubephase(), &args);
    outcome.expect_code(0);
    screen!(text "dry-run", screen::outline(&outcome));
}

#[test]
fn dry_run_into_kubeadms_directory() {
    let Some(root) = root("runs::dry_run_into_kubeadms_directory") else { return };
    let args = words("init --config /case/config.yaml --dry-run --skip-phases preflight");
    let outcome = root.run(&Program::kubephase().env("KUBEADM_INIT_DRYRUN_DIR", "/elsewhere"), &args);
    outcome.expect_code(0);
    assert!(root.path().join("elsewhere/etc/kubernetes/admin.conf").exists(), "{outcome}");
    assert!(!root.path().join("etc/kubernetes/admin.conf").exists(), "{outcome}");
}

#[test]
fn plan() {
    let Some(root) = root("runs::plan") else { return };
    let before = tree::read(&root.path());
    let outcome =
        root.run(&Program::kubephase(), &words("init --config /case/config.yaml --plan --skip-phases preflight"));
    outcome.expect_code(0);
    assert_eq!(tree::changes(&before, &tree::read(&root.path())), tree::Tree::new(), "a plan wrote something");
    screen!(text "plan", screen::outline(&outcome));
}

#[test]
fn one_phase_and_again() {
    let Some(root) = root("runs::one_phase_and_again") else { return };
    let args = words("init phase certs all --config /case/config.yaml");
    screen!("certs", root.run(&Program::kubephase(), &args));
    let before = tree::read(&root.path());
    screen!("certs-again", root.run(&Program::kubephase(), &args));
    let changed: Vec<_> = tree::changes(&before, &tree::read(&root.path())).into_keys().collect();
    let own = |path: &String| path.starts_with("var/lib/kubephase");
    assert!(changed.iter().all(own), "the second run changed {changed:?}");
}

#[test]
fn events_for_programs() {
    let Some(root) = root("runs::events_for_programs") else { return };
    let args = words("init phase certs all --config /case/config.yaml -o json");
    let outcome = root.run(&Program::kubephase(), &args);
    outcome.expect_code(0);
    let mut kinds = Vec::new();
    for line in outcome.out().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let kind = event["event"].as_str().unwrap_or_else(|| panic!("no kind: {line}")).to_string();
        assert!(!line.contains("PRIVATE KEY"), "a key in an event");
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    assert!(kinds.len() >= 2, "{kinds:?}");
}

/// Whatever the shell's umask is, keys are private and certificates are not.
#[test]
fn umask_changes_nothing() {
    let Some(strict) = root("runs::umask_changes_nothing") else { return };
    let loose = Rootfs::of(&Case::named("06-ecdsa-p256"));
    let modes = |root: &Rootfs, umask: &str| {
        let program = format!("{}/with-umask", root.path().display());
        let script = format!("#!/bin/sh\numask {umask}\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_kubephase"));
        fs::write(&program, script).expect("a script");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
        for phase in ["certs all", "kubeconfig all", "etcd local", "control-plane all", "kubelet-start"] {
            let args = words(&format!("init phase {phase} --config /case/config.yaml"));
            root.run(&Program::at(program.as_ref()), &args).expect_code(0);
        }
        let own = |path: &str| path.starts_with("with-umask") || path.starts_with("var/lib/kubephase");
        let changes = root.changes().into_iter().filter(|(path, _)| !own(path));
        changes.map(|(path, entry)| (path, format!("{:04o}", entry.mode))).collect::<Vec<_>>()
    };
    assert_eq!(modes(&strict, "077"), modes(&loose, "000"));
}

//! `join` as a whole, on a pretended machine beside one on which `init` has run: the phases, the wire, the kubelet's
//! bootstrap and the certificates are real.
#![allow(clippy::disallowed_methods, reason = "tests look at what was written")]

#[path = "../support/support.rs"]
mod support;

mod attacks;
mod leave;
mod order;
mod recorded;
mod resets;
mod secrets;
mod served;
mod stage;
mod verdicts;

use std::collections::BTreeMap;

use kubephase_model::config::flags::JoinFlags;
use kubephase_node::ChangeKind;
use kubephase_pki::Cert;
use kubephase_render::kubeconfig::{Kubeconfig, Material};
use kubephase_workflow::{Journal, PhaseError, join_command};
use stage::{Ran, Stage, TOKEN};

const KUBELET_CONF: &str = "/etc/kubernetes/kubelet.conf";
const BOOTSTRAP_CONF: &str = "/etc/kubernetes/bootstrap-kubelet.conf";

/// Who the kubelet is to the cluster.
fn kubelet_user(machine: &kubephase_rehearsal::Rehearsal) -> String {
    let node = machine.node();
    let text = node.read(KUBELET_CONF).expect("readable").expect("a kubeconfig");
    let kubeconfig = Kubeconfig::parse(&text).expect("a kubeconfig");
    let Ok(Some(Material::Path(path))) = kubeconfig.client_certificate() else { panic!("no certificate named") };
    let pem = node.read(&path).expect("readable").expect("a certificate");
    Cert::from_pem(&path, &pem).expect("a certificate").common_name
}

/// What of the machine's files is not different in every run by nature.
fn lasting(ran: &Ran) -> BTreeMap<String, Vec<u8>> {
    let files = ran.files();
    files.into_iter().filter(|(path, _)| !path.contains("/var/lib/kubelet/pki/") && !path.contains("journal")).collect()
}

#[test]
fn a_worker_joins_and_joining_again_changes_nothing() {
    let stage = Stage::new("");
    let worker = stage.machine("w-1", "192.0.2.11");
    let ran = stage.join(&worker, &stage.flags()).expect_done();
    assert_eq!(
        ran.finished,
        ["preflight", "kubelet-start", "kubelet-wait-bootstrap"],
        "what only control-plane nodes do is left out"
    );
    assert_eq!(kubelet_user(&worker), "system:node:w-1");
    assert!(!worker.node().exists(BOOTSTRAP_CONF), "the token does not stay");
    assert!(stage.wait_for("Node", "w-1"), "the cluster knows it");
    let journal = Journal::read(worker.node()).expect("readable").expect("a journal");
    assert_eq!(journal.workflow, "join");
    assert!(journal.files.contains_key("/etc/kubernetes/pki/ca.crt") && journal.services.contains_key("kubelet"));
    for (path, contents) in ran.files() {
        assert!(!String::from_utf8_lossy(&contents).contains(TOKEN), "{path} holds the token");
    }
    assert!(!ran.told.contains(TOKEN), "{}", ran.told);

    let again = stage.join(&worker, &stage.flags()).expect_done();
    let changed: Vec<_> = again.changes.iter().filter(|change| change.kind != ChangeKind::Unchanged).collect();
    assert!(changed.is_empty(), "{changed:?}");
    assert_eq!(lasting(&ran), lasting(&again));
}

#[test]
fn a_run_that_was_cut_off_behind_a_phase_is_gone_on_with() {
    let stage = Stage::new("");
    let whole = stage.machine("w-0", "192.0.2.20");
    let whole = stage.join(&whole, &stage.flags()).expect_done();
    // Behind the last one that a worker has there is nothing to cut off.
    for (i, phase) in ["preflight", "kubelet-start"].into_iter().enumerate() {
        let worker = stage.machine(&format!("w-{}", 1 + i), &format!("192.0.2.{}", 21 + i));
        let cut = stage.join_until(&worker, &stage.flags(), phase);
        assert!(cut.result.is_none(), "cut off behind {phase}");
        let ran = stage.join(&worker, &stage.flags()).expect_done();
        assert!(!worker.node().exists(BOOTSTRAP_CONF), "{phase}");
        assert_eq!(lasting(&ran).keys().collect::<Vec<_>>(), lasting(&whole).keys().collect::<Vec<_>>(), "{phase}");
    }
}

#[test]
fn the_name_of_a_node_that_works_is_not_taken_over() {
    let stage = Stage::new("");
    let worker = stage.machine("w-1", "192.0.2.11");
    stage.join(&worker, &stage.flags()).expect_done();
    assert!(stage.wait_for_ready("w-1"));
    let other = stage.machine("w-1", "192.0.2.12");
    let ran = stage.join(&other, &stage.flags());
    let Some(Err(error)) = &ran.result else { panic!("{}", ran.told) };
    assert_eq!(error.to_string(), "joining as w-1: the cluster has a node of that name already, and it is ready");
    assert!(!other.node().exists(BOOTSTRAP_CONF), "nothing was begun");
}

#[test]
fn a_control_plane_node_joins_with_what_was_uploaded() {
    let stage = Stage::new("etcd: {external: {endpoints: ['http://192.0.2.99:2379']}}\n");
    let second = stage.machine("cp-2", "192.0.2.12");
    let flags = JoinFlags { control_plane: true, certificate_key: Some(stage.key.clone()), ..stage.flags() };
    let ran = stage.join(&second, &flags).expect_done();
    assert_eq!(
        ran.finished,
        [
            "preflight",
            "control-plane-prepare/download-certs",
            "control-plane-prepare/certs",
            "control-plane-prepare/kubeconfig",
            "control-plane-prepare/control-plane",
            "kubelet-start",
            "kubelet-wait-bootstrap",
            "control-plane-join/mark-control-plane",
            "wait-control-plane",
        ]
    );
    for shared in ["ca.crt", "ca.key", "sa.key", "sa.pub", "front-proxy-ca.crt", "front-proxy-ca.key"] {
        let path = format!("/etc/kubernetes/pki/{shared}");
        let [theirs, ours] = [stage.first(), &second].map(|machine| machine.node().read(&path).expect("readable"));
        assert!(theirs.is_some() && theirs == ours, "{shared} is the cluster's");
    }
    for own in ["apiserver.crt", "apiserver-kubelet-client.crt", "front-proxy-client.crt"] {
        let path = format!("/etc/kubernetes/pki/{own}");
        let [theirs, ours] = [stage.first(), &second].map(|machine| machine.node().read(&path).expect("readable"));
        assert!(ours.is_some() && theirs != ours, "{own} is its own");
    }
    assert!(second.node().exists("/etc/kubernetes/admin.conf"));
    assert!(!second.node().exists("/etc/kubernetes/super-admin.conf"), "nobody needs a second one");
    assert!(!second.node().exists("/etc/kubernetes/manifests/etcd.yaml"));
    assert_eq!(kubelet_user(&second), "system:node:cp-2");
}

#[test]
fn a_key_of_another_cluster_writes_nothing() {
    let stage = Stage::new("etcd: {external: {endpoints: ['http://192.0.2.99:2379']}}\n");
    let second = stage.machine("cp-2", "192.0.2.12");
    let key = "ab".repeat(32);
    let flags = JoinFlags { control_plane: true, certificate_key: Some(key.clone()), ..stage.flags() };
    let ran = stage.join(&second, &flags);
    let Some(Err(error)) = &ran.result else { panic!("it was accepted") };
    assert!(matches!(error, PhaseError::Join(_)), "{error}");
    assert!(error.to_string().contains("downloading certificates: ca.crt"), "{error}");
    assert!(!ran.told.contains(&key) && !second.node().exists("/etc/kubernetes/pki/ca.crt"));
}

#[test]
fn without_shared_certificates_nothing_is_begun() {
    let stage = Stage::new("etcd: {external: {endpoints: ['http://192.0.2.99:2379']}}\n");
    let second = stage.machine("cp-2", "192.0.2.12");
    let ran = stage.join(&second, &JoinFlags { control_plane: true, ..stage.flags() });
    let Some(Err(PhaseError::NotReady(error))) = &ran.result else { panic!("{}", ran.told) };
    assert!(error.to_string().contains("/etc/kubernetes/pki/sa.key does not exist"), "{error}");
    assert!(ran.finished.is_empty(), "{:?}", ran.finished);
}

#[test]
fn a_control_plane_node_with_an_etcd_of_its_own_joins_in_all_phases() {
    let stage = Stage::new("");
    let second = stage.machine("cp-2", "192.0.2.12");
    let flags = JoinFlags { control_plane: true, certificate_key: Some(stage.key.clone()), ..stage.flags() };
    let ran = stage.join(&second, &flags).expect_done();
    assert_eq!(
        ran.finished,
        [
            "preflight",
            "control-plane-prepare/download-certs",
            "control-plane-prepare/certs",
            "control-plane-prepare/kubeconfig",
            "control-plane-prepare/control-plane",
            "check-etcd",
            "kubelet-start",
            "etcd-join",
            "kubelet-wait-bootstrap",
            "control-plane-join/mark-control-plane",
            "wait-control-plane",
        ]
    );
    for step in ["learner ", " % synced", "learner has its vote"] {
        assert!(ran.told.contains(step), "{step}: {}", ran.told);
    }
    let manifest = second.node().read("/etc/kubernetes/manifests/etcd.yaml").expect("readable").expect("a manifest");
    let manifest = String::from_utf8_lossy(&manifest).into_owned();
    let members = "--initial-cluster=cp-1=https://192.0.2.10:2380,cp-2=https://192.0.2.12:2380";
    assert!(manifest.contains(members) && manifest.contains("--initial-cluster-state=existing"), "{manifest}");
    assert_eq!(kubelet_user(&second), "system:node:cp-2");
    assert!(stage.wait_for_ready("cp-2"));

    let again = stage.join(&second, &flags).expect_done();
    let changed: Vec<_> = again.changes.iter().filter(|change| change.kind != ChangeKind::Unchanged).collect();
    assert!(changed.is_empty(), "{changed:?}");
    // A third one finds two members, one of whom was a newcomer itself.
    let third = stage.machine("cp-3", "192.0.2.13");
    let ran = stage.join(&third, &flags).expect_done();
    assert!(ran.told.contains("members of etcd: cp-1, cp-2"), "{}", ran.told);
}
